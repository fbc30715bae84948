"""Runs whose process is gone: after a crash of the machine Dagster would show them as running for ever.

Every run carries the process that it lives in as a tag; a run whose process does not exist any more is closed. And a
run that Dagster ended at its time limit failed, even if its process had the last word and called it cancelled.
"""

import os
import socket
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

PROCESS = "almanac/process"
ALIVE = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


def mark() -> dict[str, str]:
    """The tag that names this process: its host, the host's start, the process id and its start time."""
    return {PROCESS: " ".join((socket.gethostname(), _boot(), str(os.getpid()), _started(os.getpid())))}


def is_lost(tags: Mapping[str, str]) -> bool:
    """Whether the process that the tag names is gone for certain (a process of another host never is)."""
    host, *rest = tags.get(PROCESS, "").split(" ")
    if host != socket.gethostname() or len(rest) != 3:
        return False
    boot, pid, started = rest
    return boot != _boot() or not pid.isdigit() or _started(int(pid)) != started


def close_lost_runs(instance: dg.DagsterInstance) -> list[str]:
    """End every run whose process is gone as failed, and return their ids."""
    lost = [run for run in instance.get_runs(dg.RunsFilter(statuses=ALIVE)) if is_lost(run.tags)]
    for run in lost:
        instance.report_run_failed(run, "The process of this run is gone: it was killed, or the machine restarted.")
    return [run.run_id for run in lost]


def fail_timed_out_runs(instance: dg.DagsterInstance) -> list[str]:
    """Make failures of the runs that are shown as cancelled because their time was up, and return their ids."""
    recent = dg.RunsFilter(
        statuses=[dg.DagsterRunStatus.CANCELED], updated_after=datetime.now(UTC) - timedelta(hours=1)
    )
    timed_out = [run for run in instance.get_runs(recent) if _is_timed_out(instance, run.run_id)]
    for run in timed_out:
        instance.report_run_failed(run, "Its time limit ended this run.")
    return [run.run_id for run in timed_out]


def _is_timed_out(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether it was Dagster, and not a person, that cancelled it."""
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.PIPELINE_CANCELING).records
    events = [record.event_log_entry.dagster_event for record in records]
    return any(event and "exceeding maximum runtime" in (event.message or "") for event in events)


def _boot() -> str:
    """An id that changes with every start of the machine; empty where the system offers none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _started(pid: int) -> str:
    """When a process started, in ticks since the boot: ids are used again. "gone" if there is none, "" if unknown."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return _exists(pid)
    state, *fields = stat.rpartition(")")[2].split()
    return "gone" if state in "ZX" else fields[18]


def _exists(pid: int) -> str:
    """The same where there is no /proc to ask."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return "gone"
    except PermissionError:
        return ""
    return ""
