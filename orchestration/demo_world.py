"""What the demo puts into the lake: five simulated businesses, the newest events through the running collector."""

import json
import time
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from almanac.errors import AlmanacError
from almanac.settings import Settings
from almanac.state import create_key, find_key, open_state
from ingestion.simulator import Simulation, send_newest, simulate
from ingestion.simulator.tenants import BUSINESSES, business_of
from ingestion.tracking_plan import load_plan

THROUGH_COLLECTOR = "rentals"
DEFAULT_USERS = 3_600  # of that tenant; the others have their own numbers
EVENTS_PER_USER_AND_DAY = 1.5
LANDING_SECONDS = 60


@dataclass(frozen=True)
class Size:
    """How large the demo is: days of history, and persons of each tenant."""

    days: int
    users: dict[str, int]

    @property
    def events(self) -> int:
        """About how many events that makes."""
        return round(self.days * sum(self.users.values()) * EVENTS_PER_USER_AND_DAY)


def size_of(days: int, users: int | None) -> Size:
    """The size for `users` persons of the largest tenant (default: `DEFAULT_USERS`); a small one never gets smaller.

    A business of a handful of persons has days without any event, and rows are expected from each source every day.
    """
    largest = DEFAULT_USERS if users is None else users
    return Size(days, {b.tenant: max(round(b.share * largest), min(largest, b.users)) for b in BUSINESSES.values()})


def is_there(settings: Settings) -> bool:
    """Whether something was simulated before, so that this run only continues it."""
    return (settings.truth / f"{THROUGH_COLLECTOR}.json").exists()


def simulate_history(settings: Settings, size: Size) -> int:
    """Land everything up to the end of yesterday (UTC) and return how many events that were.

    Whole days are landed in bulk, so that what goes through the collector is always a part of today.
    """
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    return sum(
        simulate(settings, tenant, users=users, days=size.days, last_day=yesterday, is_whole=True).landed
        for tenant, users in size.users.items()
    )


def simulate_today(settings: Settings, size: Size) -> tuple[int, Simulation]:
    """Land today up to now, except the newest events of one tenant.

    Returns how many events were landed, and the simulation that holds the others, for the collector.
    """
    now = datetime.now(UTC)
    today = {
        tenant: simulate(
            settings,
            tenant,
            users=users,
            days=size.days,
            now=now,
            hold_newest=tenant == THROUGH_COLLECTOR,
            is_whole=True,
        )
        for tenant, users in size.users.items()
    }
    return sum(simulation.landed for simulation in today.values()), today[THROUGH_COLLECTOR]


def write_key(settings: Settings) -> tuple[str, bool]:
    """The demo's write key, and whether it is a new one: an earlier one is used again as long as it is valid."""
    path = key_file(settings)
    state = open_state(settings)
    try:
        if path.exists():
            known = path.read_text(encoding="utf-8").strip()
            if find_key(state, known):
                return known, False
        source = business_of(THROUGH_COLLECTOR).source
        if source not in load_plan(settings.root).tenants[THROUGH_COLLECTOR].sources:
            raise AlmanacError(f"tenant {THROUGH_COLLECTOR} has no source {source!r}: add it to its file")
        _, plaintext = create_key(state, THROUGH_COLLECTOR, source, "demo")
    finally:
        state.close()
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(plaintext + "\n", encoding="utf-8")
    return plaintext, True


def key_file(settings: Settings) -> Path:
    """Where the demo keeps its write key, readable by its owner alone."""
    return settings.home / "demo-key"


def send(settings: Settings, held: Simulation, collector: str, key: str) -> int:
    """Send the held events with Segment's Python library, wait until they have landed, and return how many they were.

    Raises AlmanacError if the collector refuses them or does not land them in time.
    """
    before = _landed(collector)
    sent = send_newest(settings, held, collector, key)
    deadline = time.monotonic() + LANDING_SECONDS
    while _landed(collector) < before + sent:
        if time.monotonic() > deadline:
            raise AlmanacError(f"the collector at {collector} has not landed {sent} events within {LANDING_SECONDS} s")
        time.sleep(0.2)
    return sent


def _landed(collector: str) -> int:
    """How many events the collector has brought into the lake since it started."""
    with urllib.request.urlopen(f"{collector}/health/ready", timeout=10) as answer:
        status = json.load(answer)
    return int(status["accepted_events"]) + int(status["quarantined_events"])
