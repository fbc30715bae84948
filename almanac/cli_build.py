"""`almanac build | rebuild | rollback`: bring the warehouse up to the lake, check it, publish it."""

from typing import TYPE_CHECKING

import click

from almanac.errors import AlmanacError
from almanac.progress import progress
from almanac.settings import TARGETS, Settings

if TYPE_CHECKING:
    from almanac.build import BuildResult
    from almanac.serving_store.follow import Followed


@click.command()
@click.option(
    "--target", type=click.Choice(TARGETS), default=None, help="Engine to build on (default: ALMANAC_TARGET)."
)
@click.option("--full-refresh", is_flag=True, help="Build every model from the whole lake.")
def build(target: str | None, full_refresh: bool) -> None:
    """Build what arrived, check it and publish it (target postgres is only built)."""
    _build(target, full_refresh)


@click.command()
@click.option(
    "--target", type=click.Choice(TARGETS), default=None, help="Engine to build on (default: ALMANAC_TARGET)."
)
def rebuild(target: str | None) -> None:
    """Build everything anew from the lake, check it and publish it."""
    _build(target, full_refresh=True)


@click.command()
@click.option("--to", "to", default=None, help="Version to go back to (default: the one before the current one).")
def rollback(to: str | None) -> None:
    """Show readers an earlier version; the next publication goes forward again."""
    from almanac.publish import rollback as move_back

    settings = Settings.from_env()
    version = move_back(settings, to)
    where = "portal and PostgreSQL" if settings.serving_dsn else "readers"
    click.echo(f"{where} now {'show' if settings.serving_dsn else 'see'} version {version.id}")


def _build(target: str | None, full_refresh: bool) -> None:
    from almanac.spawned_dbt import started

    settings = Settings.from_env()
    if target:
        settings = settings.with_target(target)
    with started(settings) as dbt:
        import expectations
        from almanac.build import run_build
        from almanac.publish import record_failure

        if settings.target == "duckdb":
            expectations.load_ahead()  # it judges the arrivals next
        with progress("building models and tests", unit="nodes") as done:
            result = run_build(settings, full_refresh=full_refresh, runner=dbt, on_event=lambda _: done.advance())
    if not result.succeeded:
        failed = [n.name for n in result.failed]
        if settings.target == "duckdb":
            record_failure(settings, f"the build failed: {result.error or 'failed models or tests'}", failed)
        raise AlmanacError(_failure(result))
    click.echo(_summary(result))
    publish_and_say(settings)


def publish_and_say(settings: Settings) -> None:
    """Publish what is built, if this engine is the one that readers see. Raises AlmanacError if a check blocks it."""
    from almanac.publish import gate, publish

    if settings.target == "duckdb":
        publication = publish(settings, gate(settings))
        word = "published" if publication.is_new else "already published"
        click.echo(f"{word}: version {publication.version.id}")
        if publication.serving:
            say_served(publication.serving)


def say_served(followed: "Followed") -> None:
    """Say what PostgreSQL serves, and what its operator should know."""
    click.echo(f"PostgreSQL {'now serves' if followed.is_new else 'serves'} version {followed.version_id}")
    for note in followed.notes:
        click.echo(f"  {note}")


def _summary(result: "BuildResult") -> str:
    if not result.built:
        return "nothing new in the lake: no model had to run"
    models = sum(n.resource_type == "model" for n in result.nodes)
    how = "anew" if result.full_refresh else f"from {result.pending} new landings"
    warned = [n.name for n in result.nodes if n.status == "warn"]
    told = f", {len(warned)} warned: {', '.join(warned)}" if warned else ""
    return f"built {how}: {models} models, {len(result.nodes) - models - len(warned)} tests passed{told}"


def _failure(result: "BuildResult") -> str:
    if not result.failed:
        return f"the build failed: {' '.join(result.error.split())}"
    first = next((n for n in result.failed if n.status not in (None, "skipped")), result.failed[0])
    words = " ".join(first.message.split())[:300] or "did not run"
    return f"the build failed at {first.resource_type} {first.name}: {words} ({len(result.failed)} nodes did not pass)"


COMMANDS: dict[str, click.Command] = {"build": build, "rebuild": rebuild, "rollback": rollback}
