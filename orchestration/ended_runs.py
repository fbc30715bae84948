"""Runs that have ended, newest first."""

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import takewhile

import dagster as dg

from orchestration.jobs import JOBS, OTHERS

BUILDS = tuple(job.name for job in JOBS if job not in OTHERS)
_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]


def ended_runs(instance: dg.DagsterInstance, jobs: Iterable[str], most: int = 1) -> list[dg.RunRecord]:
    """The runs of these jobs that ended last, newest first. Cancelled runs are left out: they tell nothing."""
    filters = [dg.RunsFilter(job_name=job, statuses=_ENDED) for job in jobs]
    records = [record for one in filters for record in instance.get_run_records(one, limit=most)]
    return sorted(records, key=ended_at, reverse=True)[:most]


def ended_at(record: dg.RunRecord) -> datetime:
    """When a run ended (aware, UTC)."""
    return datetime.fromtimestamp(record.end_time, UTC) if record.end_time else record.update_timestamp


def failed_in_a_row(records: Iterable[dg.RunRecord]) -> int:
    """How many of these runs, newest first, failed since the last that went well."""
    return len(list(takewhile(lambda r: r.dagster_run.status is dg.DagsterRunStatus.FAILURE, records)))
