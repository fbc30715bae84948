"""The lakes that the benchmarks build: simulated, the same for the same arguments, kept for the next run.

They lie in `.almanac/bench`, beside each other: one of a year (or of its last days), and a copy of it that goes on for
one more day.
"""

import shutil
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path

from almanac.settings import ROOT, Settings
from ingestion.simulator.run import simulate

LAST_DAY = date(2026, 10, 31)
DAYS, RECENT = 365, 92
SEED, HASH = 11, 12
# Tenant, its share of the events, and events of one of its users over these days (measured).
TENANTS = (("rentals", 0.95, 320.0), ("advisory", 0.05, 253.0))
# A world takes about a gigabyte of memory per million events: a larger lake has five of them.
LARGE = 20_000_000
LARGE_TENANTS = (
    ("rentals", 0.2, 320.0),
    ("advisory", 0.2, 252.0),
    ("community", 0.2, 366.0),
    ("equipment", 0.2, 237.0),
    ("travel", 0.2, 294.0),
)


@dataclass(frozen=True)
class Lakes:
    """Settings of two homes: some days of history, and a copy of its lake with the day after it."""

    history: Settings
    next_day: Settings


def lakes_of(events: int, days: int = DAYS) -> Lakes:
    """Lakes of a business with about `events` events a year; made when they are not there, or were made by other code.

    With fewer `days` it is the same business, of the same size, of which no more is known.
    """
    kept = ROOT / ".almanac" / "bench"
    name = f"{events}-" if days == DAYS else f"{events}-{days}-days-"
    folder = kept / f"{name}{_made_by()}"
    history, next_day = (Settings.for_home(folder / name) for name in ("history", "next-day"))
    made = folder / "MADE"
    if not made.exists():
        for older in kept.glob(f"{name}{'[0-9a-f]' * HASH}"):
            shutil.rmtree(older)
        _simulate(history, events, days, LAST_DAY)
        shutil.copytree(history.home, next_day.home)
        _simulate(next_day, events, days + 1, LAST_DAY + timedelta(days=1))
        made.touch()
    return Lakes(history, next_day)


def _simulate(settings: Settings, events: int, days: int, last_day: date) -> None:
    for tenant, share, events_of_user in TENANTS if events <= LARGE else LARGE_TENANTS:
        users = max(round(events * share / events_of_user), 10)
        simulate(settings, tenant, seed=SEED, users=users, days=days, last_day=last_day, is_whole=False)


def _made_by() -> str:
    """A hash of everything that decides what lies in a lake: the simulator, the lake's rows, the tracking plan."""
    package = ROOT / "ingestion"
    files = [*package.glob("*.py"), *package.glob("simulator/**/*.py"), *package.glob("tracking_plan/**/*")]
    digest = sha256(Path(__file__).read_bytes())
    for file in sorted(f for f in files if f.suffix in (".py", ".yml")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:HASH]
