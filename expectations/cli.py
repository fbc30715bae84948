"""`almanac quality review`: what the checks of a quarter said, as a page."""

from datetime import UTC, datetime
from pathlib import Path

import click

from almanac.errors import AlmanacError
from almanac.settings import Settings

_DAY = click.DateTime(["%Y-%m-%d"])


@click.group()
def quality() -> None:
    """Look back at data quality: scores, failed checks, and what they never found."""


@quality.command()
@click.option("--from", "first", type=_DAY, help="First UTC day (default: of the last quarter that is over).")
@click.option("--to", "last", type=_DAY, help="Last UTC day (default: of the last quarter that is over).")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write (default: reports/quality/<period>.md in ALMANAC_HOME).",
)
def review(first: datetime | None, last: datetime | None, out: Path | None) -> None:
    """Write the review of a quarter, or of other days, as a Markdown page."""
    from expectations.review import Period, last_quarter, write_review

    usual = last_quarter(datetime.now(UTC).date())
    if first and not last:
        raise click.UsageError("--from needs --to: give both days, or neither for the last quarter")
    if last and not first:
        raise click.UsageError("--to needs --from: give both days, or neither for the last quarter")
    period = Period(first.date(), last.date()) if first and last else usual
    if period.first > period.last:
        raise AlmanacError(f"--from ({period.first}) lies after --to ({period.last}): swap them")
    click.echo(f"written: {write_review(Settings.from_env(), period, out)}")


COMMANDS: dict[str, click.Command] = {"quality": quality}
