"""`almanac simulate`."""

from datetime import UTC, date, datetime

import click

from almanac.settings import Settings
from ingestion.simulator.newest import send_newest
from ingestion.simulator.run import DEFAULT_DAYS, DEFAULT_SEED, Simulation, simulate
from ingestion.simulator.tenants import BUSINESSES, VISITED, business_of

DATE = click.DateTime(formats=["%Y-%m-%d"])


@click.command("simulate")
@click.option(
    "--tenant",
    "tenants",
    multiple=True,
    type=click.Choice(list(BUSINESSES)),
    help=f"May be repeated; default: {' and '.join(VISITED)}.",
)
@click.option(
    "--users", type=click.IntRange(min=1), help="Persons of the largest tenant; the others follow in proportion."
)
@click.option("--days", type=click.IntRange(min=1), default=DEFAULT_DAYS, show_default=True, help="Days to simulate.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=DEFAULT_SEED, show_default=True, help="Same seed, same world."
)
@click.option(
    "--whole/--visits-only",
    "is_whole",
    default=None,
    help="With or without what happens around the visits (payments, tickets, telemetry, ...);"
    f" default: without for {' and '.join(VISITED)}, with for the others.",
)
@click.option("--last-day", type=DATE, help="UTC date, e.g. 2026-03-31; default: today, up to now.")
@click.option("--collector", metavar="URL", help="Send the newest events there instead of landing them.")
@click.option("--write-key", help="Write key of the tenant, with --collector.")
def simulate_command(
    tenants: tuple[str, ...],
    users: int | None,
    days: int,
    seed: int,
    is_whole: bool | None,
    last_day: datetime | None,
    collector: str | None,
    write_key: str | None,
) -> None:
    """Simulate businesses with a known truth and land their events.

    The same arguments give the same events; a second run lands nothing twice, a later one continues. The truth is
    written beside the lake, where the warehouse never reads it.
    """
    tenants = tenants or tuple(VISITED)
    if bool(collector) != bool(write_key):
        raise click.UsageError("--collector and --write-key belong together")
    if collector and len(tenants) != 1:
        raise click.UsageError("a write key belongs to one tenant: name it with --tenant")
    settings = Settings.from_env()
    until: date | None = last_day.date() if last_day else None
    now = datetime.now(UTC)
    for tenant in tenants:
        simulation = simulate(
            settings,
            tenant,
            seed=seed,
            users=users_of(tenant, users, len(tenants)),
            days=days,
            last_day=until,
            now=now,
            hold_newest=bool(collector),
            is_whole=is_whole,
        )
        sent = send_newest(settings, simulation, collector, write_key) if collector and write_key else 0
        click.echo(_summary(simulation, sent))


def users_of(tenant: str, users: int | None, tenants: int) -> int | None:
    """Persons of one tenant: its share where several are simulated; None stands for its own default."""
    if users is None or tenants == 1:
        return users
    return max(1, round(users * business_of(tenant).share))


def _summary(simulation: Simulation, sent: int) -> str:
    what = f"{simulation.tenant}: {simulation.users:,} users, {simulation.first_day} to {simulation.last_day}"
    if not simulation.is_new:
        return f"{what}: nothing new, everything up to {simulation.until:%Y-%m-%d %H:%M} UTC is there"
    also = f", {sent:,} sent to the collector" if sent else ""
    landed = f"{simulation.landed:,} events landed in {simulation.landings} landings"
    return f"{what}: {landed}{also}; truth in {simulation.truth}"


COMMANDS: dict[str, click.Command] = {"simulate": simulate_command}
