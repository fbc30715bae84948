"""How the promises about freshness of an installation stand now: what was published, and what waits in its lake."""

from collections.abc import Iterable
from datetime import UTC, datetime

from almanac.settings import Settings
from almanac.state import Shown, has_state, open_state, shown_since
from expectations.promises import Standing, load_promises, standing
from ingestion.lake import Lake
from ingestion.lake_entries import Entry


def standings(settings: Settings, now: datetime) -> list[Standing]:
    """How each declared promise stands; looking changes nothing. `now` is aware."""
    promises = load_promises(settings.root)
    if not promises or not has_state(settings):
        return [standing(promise, [], None, now) for promise in promises]
    state = open_state(settings)
    try:
        shown = shown_since(state)
    finally:
        state.close()
    waiting = waiting_since(Lake.open(settings).entries("events"), shown[-1]) if shown else None
    return [standing(promise, shown, waiting, now) for promise in promises]


def waiting_since(entries: Iterable[Entry], newest: Shown) -> datetime | None:
    """The oldest arrival that the newest version does not have; None if nothing waits.

    A file that holds both what is published and what is not counts from the newest published arrival on.
    """
    spans = ((_time(e.received_min), _time(e.received_max)) for e in entries if e.received_min and e.received_max)
    return min((max(first, newest.arrived_until) for first, last in spans if last > newest.arrived_until), default=None)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
