"""The state of an installation for who watches over it: its parts, and what failed lately."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict

from almanac import doctor, doctor_services
from almanac.errors import AlmanacError
from almanac.settings import Settings
from almanac.state import Incident, Undelivered, has_state, incidents, open_state, undelivered
from almanac.versions import read_status
from expectations.promises_now import standings

Condition = Literal["ok", "warn", "fail"]
_MOST = 200  # newest incidents that are looked at
_WORST: tuple[Condition, ...] = ("fail", "warn", "ok")
_PARTS = {
    "published": doctor.versions,
    "disk": doctor.disk,
    "state": doctor.state,
    "locks": doctor.locks,
    "alerts": doctor.channels,
    "collector": doctor_services.collectors,
    "daemon": doctor_services.daemon,
    "serving": doctor_services.serving,
}


class Part(BaseModel):
    """One part of the installation. `since` is when it came into its state, where that is known."""

    model_config = ConfigDict(frozen=True)

    part: str
    state: Condition
    seen: str
    todo: str
    since: datetime | None


class Health(BaseModel):
    """All parts, and the worst of their states."""

    state: Condition
    checked_at: datetime
    parts: list[Part]


class Failure(BaseModel):
    """Incidents with the same cause, the newest of them open or over."""

    subject: str
    title: str
    cause: str
    runbook: str
    times: int
    first_at: datetime
    last_at: datetime
    is_open: bool


def health(settings: Settings, now: datetime) -> Health:
    """Look at every part; nothing is changed. `now` is aware."""
    known, missing = _told(settings)
    parts = [
        Part(part=name, state=line.verdict, seen=line.seen, todo=line.todo, since=_since(settings, name, line))
        for name, examine in _PARTS.items()
        for line in examine(settings)
    ]
    parts += _promises(settings, now)
    parts.append(_incidents([i for i in known if i.closed_at is None]))
    parts += _channels(missing)
    worst = next(state for state in _WORST if state == "ok" or any(p.state == state for p in parts))
    return Health(state=worst, checked_at=now, parts=parts)


def failures(settings: Settings, now: datetime, days: int) -> list[Failure]:
    """What failed in the last `days` days, grouped by cause, newest first."""
    groups: dict[tuple[str, str], list[Incident]] = {}
    for incident in _told(settings)[0]:
        if incident.closed_at is None or incident.closed_at >= now - timedelta(days=days):
            groups.setdefault((incident.problem.subject, incident.problem.cause), []).append(incident)
    found = [_failure(group) for group in groups.values()]
    return sorted(found, key=lambda failure: (not failure.is_open, -failure.last_at.timestamp()))


def _told(settings: Settings) -> tuple[list[Incident], list[Undelivered]]:
    """The newest incidents and undelivered messages; none without an application state (looking makes none)."""
    if not has_state(settings):
        return [], []
    state = open_state(settings)
    try:
        return incidents(state, _MOST), undelivered(state)
    finally:
        state.close()


def _since(settings: Settings, part: str, line: doctor.Line) -> datetime | None:
    """When readers' numbers were published, or when publishing failed; for other parts what the line knows."""
    if part != "published":
        return line.since
    status = read_status(settings)
    moment = status.published_at if line.verdict == "ok" or status.succeeded else status.attempted_at
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)


def _incidents(open_ones: list[Incident]) -> Part:
    if not open_ones:
        return Part(part="incidents", state="ok", seen="none is open", todo="", since=None)
    oldest = min(open_ones, key=lambda incident: incident.opened_at)
    names = ", ".join(sorted({incident.problem.title for incident in open_ones})[:3])
    return Part(
        part="incidents",
        state="warn",
        seen=f"{len(open_ones)} open: {names}",
        todo=f"docs/runbooks/{oldest.problem.runbook}",
        since=oldest.opened_at,
    )


def _promises(settings: Settings, now: datetime) -> Iterable[Part]:
    """What readers are promised about freshness: kept, or broken since when."""
    try:
        found = standings(settings, now)
    except AlmanacError as error:
        yield Part(part="promises", state="fail", seen=str(error), todo="almanac check promises", since=None)
        return
    for one in found:
        if one.share is None or one.budget_left is None:
            continue
        seen = f"kept {one.share:.2%} of the time, {one.budget_left:.0%} of the error budget is left"
        broken = one.broken_since is not None
        state: Condition = "fail" if one.burning else "warn" if broken or one.budget_left < 0 else "ok"
        todo = f"docs/runbooks/{one.promise.runbook}" if state != "ok" else ""
        yield Part(part=f"promise {one.promise.name}", state=state, seen=seen, todo=todo, since=one.broken_since)


def _channels(missing: list[Undelivered]) -> Iterable[Part]:
    """Channels on which a message was not delivered; they say nothing themselves."""
    for channel in sorted({one.message.channel for one in missing}):
        newest = max((o for o in missing if o.message.channel == channel), key=lambda o: o.message.incident.opened_at)
        yield Part(
            part=f"channel {channel}",
            state="warn",
            seen=newest.error,
            todo="almanac alerts test",
            since=newest.message.incident.opened_at,
        )


def _failure(group: list[Incident]) -> Failure:
    newest = max(group, key=lambda incident: incident.opened_at)
    return Failure(
        subject=newest.problem.subject,
        title=newest.problem.title,
        cause=newest.problem.cause,
        runbook=f"docs/runbooks/{newest.problem.runbook}",
        times=len(group),
        first_at=min(incident.opened_at for incident in group),
        last_at=newest.opened_at,
        is_open=newest.closed_at is None,
    )
