"""The world of the tests that need a whole one: two businesses over 45 days, simulated with their truth, and built."""

from datetime import UTC, date, datetime

from almanac.build import run_build
from almanac.dbt_worker import Runner
from almanac.settings import Settings
from ingestion.simulator.run import simulate

LAST_DAY = date(2026, 11, 2)  # the days before hold the end of summer time in Berlin
DAYS = 45
SEED = 7
USERS = {"rentals": 700, "advisory": 150}


def build_world(settings: Settings, runner: Runner) -> None:
    """Simulate both tenants and build in three steps: most of it, a week later, the rest."""
    for until in (date(2026, 10, 20), date(2026, 10, 27), LAST_DAY):
        days = DAYS - (LAST_DAY - until).days
        for tenant, users in USERS.items():
            now = datetime(until.year, until.month, until.day, 23, 59, tzinfo=UTC)
            simulate(settings, tenant, seed=SEED, users=users, days=days, last_day=until, now=now)
        result = run_build(settings, runner=runner)
        assert result.succeeded, [(n.name, n.message) for n in result.failed]
