"""What is wrong with an installation now, read from what readers see and from how the last attempt to publish ended."""

from datetime import UTC, datetime, timedelta

import duckdb

from almanac.errors import AlmanacError
from almanac.settings import Settings
from almanac.state import Incident, Problem
from almanac.versions import Status, Version, current, hold, read_status
from expectations.promises_now import standings

PIPELINE_FAILURE, LATE_DATA = "pipeline-failure.md", "late-data.md"
PUBLICATION = "publication"  # the subject of whatever keeps numbers from being published
LATE = "late data"  # the subject of nothing being judged or published any more
PROMISE = "promise "  # what the subject of a promise whose budget burns begins with
CHECK = "check "  # what the subject of a check that warns begins with
_SHOWN_CHECKS = 10


def problems_now(settings: Settings, now: datetime) -> list[Problem]:
    """Failed and late publications, and warnings of the version that readers see. `now` is aware."""
    status = read_status(settings)
    version = current(settings)
    seen = readers_see(version)
    found = [p for p in (_failed(status, seen), _late(status, settings.late_after, now, seen)) if p]
    return [*found[:1], *(_warnings(version, seen) if version else []), *_burning(settings, now, seen)]


def is_over(settings: Settings, incident: Incident) -> bool:
    """Whether an incident without a problem is over, for who sees what readers are told but no runs of Dagster.

    What keeps numbers from being published is over with an attempt that went well after it was noticed.
    """
    if incident.problem.subject == PUBLICATION:
        status = read_status(settings)
        return status.succeeded and status.attempted_at is not None and status.attempted_at >= incident.opened_at
    return incident.problem.subject == LATE or incident.problem.subject.startswith((CHECK, PROMISE))


def readers_see(version: Version | None) -> str:
    """What readers see meanwhile, in words: the last good version, and up to when its data goes (UTC)."""
    if version is None:
        return "no numbers: nothing has been published yet"
    with hold(version), duckdb.connect(str(version.path), read_only=True) as con:
        row = con.execute("select data_as_of, published_at from publication").fetchone()
    assert row is not None
    data_as_of, published_at = row
    return (
        f"version {version.id}, with data up to {data_as_of:%Y-%m-%d %H:%M} UTC, "
        f"published {published_at:%Y-%m-%d %H:%M} UTC"
    )


def _failed(status: Status, seen: str) -> Problem | None:
    if status.attempted_at is None or status.succeeded:
        return None
    shown = ", ".join(status.failed_checks[:_SHOWN_CHECKS])
    more = len(status.failed_checks) - _SHOWN_CHECKS
    cause = status.reason + (f": {shown}" if shown else "") + (f" and {more} more" if more > 0 else "")
    return Problem(PUBLICATION, "Numbers are not published", cause, seen, PIPELINE_FAILURE)


def _late(status: Status, late_after: timedelta, now: datetime, seen: str) -> Problem | None:
    if status.attempted_at is None:  # a new installation: nobody waits for anything
        return None
    last = status.attempted_at if status.attempted_at.tzinfo else status.attempted_at.replace(tzinfo=UTC)
    if now - last <= late_after:
        return None
    hours = late_after / timedelta(hours=1)
    cause = f"nothing was judged or published since {last:%Y-%m-%d %H:%M} UTC; expected is a run every {hours:g} hours"
    return Problem(LATE, "Numbers are late", cause, seen, LATE_DATA)


def _burning(settings: Settings, now: datetime, seen: str) -> list[Problem]:
    """Promises about freshness whose error budget is used up too fast; a wrong declaration is told as one, too."""
    try:
        found = standings(settings, now)
    except AlmanacError as error:
        return [Problem(f"{PROMISE}file", "Promises cannot be read", str(error), seen, LATE_DATA)]
    return [
        Problem(
            subject=f"{PROMISE}{one.promise.name}",
            title=f"A promise is being broken: {one.promise.title}",
            # Nothing that changes from look to look: the same incident is told once.
            cause=f"what arrived waits longer than {one.promise.max_wait_minutes} minutes for being published, and the "
            f"error budget of {one.promise.window_days} days is used up too fast",
            readers_see=seen,
            runbook=one.promise.runbook,
        )
        for one in found
        if one.burning
    ]


def _warnings(version: Version, seen: str) -> list[Problem]:
    with hold(version), duckdb.connect(str(version.path), read_only=True) as con:
        rows = con.execute(
            "select name, subject, kind, message from check_results where not passed and severity = 'warn' order by all"
        ).fetchall()
    return [
        Problem(
            subject=f"{CHECK}{name} of {subject}",
            title=f"A check warns: {name} of {subject}",
            cause=message or "it did not pass",
            readers_see=seen,
            runbook=LATE_DATA if kind == "expectation" else PIPELINE_FAILURE,
        )
        for name, subject, kind, message in rows
    ]
