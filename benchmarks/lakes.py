"""The lakes that the benchmarks build: simulated, the same for the same arguments, kept for the next run.

They lie in `.almanac/bench`, beside each other: one of a year, and a copy of it that goes on for one more day.
"""

import shutil
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path

from almanac.settings import ROOT, Settings
from ingestion.simulator.run import simulate

LAST_DAY = date(2026, 10, 31)
DAYS = 365
SEED = 11
# Tenant, its share of the events, and events of one of its users over these days (measured).
TENANTS = (("rentals", 0.95, 320.0), ("advisory", 0.05, 253.0))


@dataclass(frozen=True)
class Lakes:
    """Settings of two homes: a year of history, and a copy of its lake with the day after it."""

    history: Settings
    next_day: Settings


def lakes_of(events: int) -> Lakes:
    """Lakes of about `events` events; made when they are not there yet, or were made by other code."""
    folder = ROOT / ".almanac" / "bench" / f"{events}-{_made_by()}"
    history, next_day = (Settings.for_home(folder / name) for name in ("history", "next-day"))
    made = folder / "MADE"
    if not made.exists():
        for older in folder.parent.glob(f"{events}-*"):
            shutil.rmtree(older)
        _simulate(history, events, LAST_DAY)
        shutil.copytree(history.home, next_day.home)
        _simulate(next_day, events, LAST_DAY + timedelta(days=1))
        made.touch()
    return Lakes(history, next_day)


def _simulate(settings: Settings, events: int, last_day: date) -> None:
    for tenant, share, events_of_user in TENANTS:
        users = max(round(events * share / events_of_user), 10)
        days = DAYS + (last_day - LAST_DAY).days
        simulate(settings, tenant, seed=SEED, users=users, days=days, last_day=last_day)


def _made_by() -> str:
    """A hash of everything that decides what lies in a lake: the simulator, the lake's rows, the tracking plan."""
    package = ROOT / "ingestion"
    files = [*package.glob("*.py"), *package.glob("simulator/**/*.py"), *package.glob("tracking_plan/**/*")]
    digest = sha256(Path(__file__).read_bytes())
    for file in sorted(f for f in files if f.suffix in (".py", ".yml")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]
