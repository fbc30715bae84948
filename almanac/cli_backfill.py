"""`almanac backfill`: take some days from the lake once more, in chunks that are recorded."""

from datetime import date, datetime
from typing import TYPE_CHECKING

import click

from almanac.cli_build import publish_and_say
from almanac.errors import AlmanacError
from almanac.progress import progress
from almanac.settings import TARGETS, Settings

if TYPE_CHECKING:
    from almanac.backfill import Backfill, Chunk, Span
    from almanac.build import BuildResult

_DAY = click.DateTime(["%Y-%m-%d"])


@click.command()
@click.option("--from", "first", type=_DAY, help="First day of arrival (UTC).")
@click.option("--to", "last", type=_DAY, help="Last day of arrival (UTC); the first one by default.")
@click.option("--tenant", help="Only what this tenant sent.")
@click.option(
    "--chunk-days",
    type=click.IntRange(1, 3650),
    help="How many days are one build, a week by default. A backfill that is not finished keeps its own.",
)
@click.option(
    "--target", type=click.Choice(TARGETS), default=None, help="Engine to build on (default: ALMANAC_TARGET)."
)
@click.option("--list", "is_list", is_flag=True, help="Show all backfills of this warehouse and how far they are.")
def backfill(
    first: datetime | None,
    last: datetime | None,
    tenant: str | None,
    chunk_days: int | None,
    target: str | None,
    is_list: bool,
) -> None:
    """Build what arrived in some days once more from the lake, check it and publish it.

    It can be stopped at any time: the same command goes on with the first chunk that is not finished.
    """
    settings = Settings.from_env()
    if target:
        settings = settings.with_target(target)
    if is_list:
        _list(settings)
        return
    if first is None:
        raise click.UsageError("--from is missing: the first day to build once more, such as 2026-03-01")
    _run(settings, first.date(), (last or first).date(), tenant, chunk_days)


def _run(settings: Settings, first: date, last: date, tenant: str | None, chunk_days: int | None) -> None:
    from almanac.backfill import CHUNK_DAYS, Span, run_backfill

    def say(made: "Backfill", chunk: "Chunk", result: "BuildResult") -> None:
        done = len(made.chunks) - len(made.waiting)
        said = f"{result.pending} landings built once more" if result.built else "nothing arrived"
        click.echo(f"{done} of {len(made.chunks)}: {_days(chunk.span)}: {said}")

    with progress("building models and tests", unit="nodes") as nodes:
        run_backfill(
            settings,
            Span(first, last, tenant),
            chunk_days=chunk_days or CHUNK_DAYS,
            on_event=lambda _: nodes.advance(),
            on_chunk=say,
        )
    publish_and_say(settings)


def _list(settings: Settings) -> None:
    from almanac.backfill import backfills
    from almanac.tables import text_table

    rows = [
        (
            f"{one.started_at:%Y-%m-%d %H:%M}",
            one.span.tenant or "all",
            _days(one.span),
            f"{len(one.chunks) - len(one.waiting)} of {len(one.chunks)}",
            f"{one.finished_at:%Y-%m-%d %H:%M}" if one.finished_at else "not finished",
        )
        for one in backfills(settings)
    ]
    if not rows:
        raise AlmanacError("there was no backfill in this warehouse yet: `almanac backfill --from DAY` makes one")
    click.echo(text_table(("started (UTC)", "tenant", "days of arrival", "chunks", "finished (UTC)"), rows))


def _days(span: "Span") -> str:
    return str(span.first) if span.first == span.last else f"{span.first} to {span.last}"


COMMANDS: dict[str, click.Command] = {"backfill": backfill}
