"""The lake that the benchmarks build: simulated, the same for the same arguments, kept for the next run."""

from datetime import UTC, date, datetime

from almanac.settings import ROOT, Settings
from ingestion.lake import Lake
from ingestion.lake_manifest import Kind
from ingestion.simulator.run import simulate

LAST_DAY = date(2026, 10, 31)
EVENTS_PER_USER = 52.5  # measured with the simulator's defaults over 90 days
DAYS = 90


def lake_of(events: int) -> Settings:
    """Settings of a home whose lake holds about `events` events of two tenants over 90 days."""
    settings = Settings.for_home(ROOT / ".almanac" / "bench" / str(events))
    now = datetime(LAST_DAY.year, LAST_DAY.month, LAST_DAY.day, 23, 59, 59, tzinfo=UTC)
    for tenant, share in (("rentals", 0.95), ("advisory", 0.05)):
        users = max(int(events * share / EVENTS_PER_USER), 10)
        simulate(settings, tenant, seed=11, users=users, days=DAYS, last_day=LAST_DAY, now=now)
    return settings


def files_of(settings: Settings, kind: Kind) -> list[str]:
    """The files of one kind of the lake, its zero-row schema file first."""
    lake = Lake.open(settings)
    return [str(lake.schema_file(kind)), *(str(lake.absolute(e.path)) for e in lake.entries(kind))]
