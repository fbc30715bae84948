"""How the promises about freshness of an installation stand now: what was published, and what waits in its lake."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from almanac.settings import Settings
from almanac.state import Shown, has_state, open_state, shown_since
from expectations.promises import Standing, load_promises, standing
from ingestion.lake import Lake
from ingestion.lake_entries import Entry


@dataclass(frozen=True)
class Freshness:
    """How each declared promise stands, and the oldest arrival that waits for being published, by tenant (aware)."""

    standings: list[Standing]
    waiting: dict[str, datetime]


def freshness(settings: Settings, now: datetime) -> Freshness:
    """How fresh what readers see is; looking changes nothing. `now` is aware."""
    promises = load_promises(settings.root)
    if not has_state(settings):
        return Freshness([standing(promise, [], None, now) for promise in promises], {})
    shown = _shown(settings)
    waiting: dict[str, datetime] = {}
    if shown:
        by_tenant: dict[str, list[Entry]] = {}
        for entry in Lake.open(settings).entries("events"):
            by_tenant.setdefault(entry.tenant, []).append(entry)
        found = {tenant: waiting_since(entries, shown[-1]) for tenant, entries in by_tenant.items()}
        waiting = {tenant: since for tenant, since in found.items() if since}
    oldest = min(waiting.values(), default=None)
    return Freshness([standing(promise, shown, oldest, now) for promise in promises], waiting)


def first_shown(settings: Settings, arrival: datetime) -> datetime | None:
    """When the first version that held an arrival (aware) was published; None if none is known that did."""
    if not has_state(settings):
        return None
    return min((one.shown_at for one in _shown(settings) if one.arrived_until >= arrival), default=None)


def standings(settings: Settings, now: datetime) -> list[Standing]:
    """How each declared promise stands; looking changes nothing. `now` is aware."""
    return freshness(settings, now).standings if load_promises(settings.root) else []


def waiting_since(entries: Iterable[Entry], newest: Shown) -> datetime | None:
    """The oldest arrival that the newest version does not have; None if nothing waits.

    A file that holds both what is published and what is not counts from the newest published arrival on.
    """
    spans = ((_time(e.received_min), _time(e.received_max)) for e in entries if e.received_min and e.received_max)
    return min((max(first, newest.arrived_until) for first, last in spans if last > newest.arrived_until), default=None)


def _shown(settings: Settings) -> list[Shown]:
    state = open_state(settings)
    try:
        return shown_since(state)
    finally:
        state.close()


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
