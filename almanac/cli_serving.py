"""`almanac serving status | publish | grant | revoke`: the published numbers in PostgreSQL, and who reads them."""

import click

from almanac.errors import AlmanacError
from almanac.settings import Settings
from almanac.tables import text_table


@click.group()
def serving() -> None:
    """PostgreSQL for BI tools: what it serves, and which role reads which tenant's rows."""


@serving.command()
def status() -> None:
    """Show what PostgreSQL serves, who may read it, and whether the walls between tenants hold.

    Exit 1 if it is behind the portal or a wall has a hole.
    """
    from almanac.serving_store.status import look
    from almanac.versions import current

    settings = Settings.from_env()
    seen, shown = look(settings), current(settings)
    click.echo(f"database: {seen.database}")
    click.echo(f"portal shows: {shown.id if shown else 'nothing yet'}")
    click.echo(f"PostgreSQL serves: {seen.served or 'nothing yet'}")
    if seen.versions:
        rows = [(one.id, one.schema, f"{one.filled_at:%Y-%m-%d %H:%M}") for one in seen.versions]
        click.echo("\n" + text_table(("version", "schema", "copied (UTC)"), rows))
    if seen.readers:
        readers = [
            (r.role, "every tenant" if r.reads_everything else ", ".join(r.tenants), r.problem or "ok")
            for r in seen.readers
        ]
        click.echo("\n" + text_table(("role", "reads", "walls"), readers))
    if seen.problems:
        raise AlmanacError("; ".join(seen.problems))
    if shown and shown.id != seen.served:
        raise AlmanacError("PostgreSQL is behind the portal: `almanac serving publish` brings it up")


@serving.command()
def publish() -> None:
    """Bring PostgreSQL to the version that the portal shows; without a difference it does nothing."""
    from almanac.cli_build import say_served
    from almanac.serving_store.follow import follow

    settings = Settings.from_env()
    followed = follow(settings)
    if followed is None:
        raise AlmanacError("no serving database is configured: set ALMANAC_SERVING_POSTGRES_DSN (docs/production.md)")
    say_served(followed)


@serving.command()
@click.option("--role", required=True, help="A role of PostgreSQL; one that does not exist is created.")
@click.option("--tenant", "tenants", multiple=True, help="A tenant of the tracking plan; may be given several times.")
@click.option("--all-tenants", is_flag=True, help="Every tenant, and what belongs to none, such as check results.")
def grant(role: str, tenants: tuple[str, ...], all_tenants: bool) -> None:
    """Let a role read a tenant's rows, at once and in every later version; granting twice changes nothing."""
    from almanac.serving_store import EVERY_TENANT
    from almanac.serving_store.granting import grant as let_read
    from ingestion.tracking_plan import load_plan

    if bool(tenants) == all_tenants:
        raise click.UsageError("give --tenant, once or more often, or --all-tenants")
    settings = Settings.from_env()
    plan = load_plan(settings.root)
    for tenant in tenants:
        plan.tenant(tenant)  # says which there are
    created = let_read(settings, role, [EVERY_TENANT] if all_tenants else list(tenants))
    click.echo(f"role {role} reads {'every tenant' if all_tenants else ', '.join(tenants)}")
    if created:
        click.echo(f"it was created without a password: set one in psql with \\password {role}")


@serving.command()
@click.option("--role", required=True, help="A role that was granted tenants.")
@click.option("--tenant", "tenants", multiple=True, help="Only this tenant; may be given several times.")
def revoke(role: str, tenants: tuple[str, ...]) -> None:
    """Take a tenant's rows, or all that it reads, away from a role; it holds at once, and the role stays."""
    from almanac.serving_store.granting import revoke as take_back

    take_back(Settings.from_env(), role, list(tenants) or None)
    click.echo(f"role {role} does not read {', '.join(tenants) or 'anything'} any more")


COMMANDS: dict[str, click.Command] = {"serving": serving}
