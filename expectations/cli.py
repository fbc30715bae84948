"""`almanac quality`: what the checks of a quarter said, as a page, and how the promises about freshness stand."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from almanac.errors import AlmanacError
from almanac.settings import Settings

if TYPE_CHECKING:
    from expectations.promises import Standing

_DAY = click.DateTime(["%Y-%m-%d"])


@click.group()
def quality() -> None:
    """Look back at data quality: a review of what checks said, and how the promises about freshness stand."""


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


@quality.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def promises(as_json: bool) -> None:
    """Say how each promise of expectations/promises.yml stands: how often it was kept, what is left of its budget."""
    from almanac.tables import text_table
    from expectations.promises_now import standings

    found = standings(Settings.from_env(), datetime.now(UTC))
    if as_json:
        rows = [
            {
                **one.promise.model_dump(),
                "measured_since": one.since.isoformat() if one.since else None,
                "share": one.share,
                "budget_left": one.budget_left,
                "broken_since": one.broken_since.isoformat() if one.broken_since else None,
                "burning": one.burning,
            }
            for one in found
        ]
        click.echo(json.dumps(rows, indent=2))
        return
    if not found:
        click.echo("nothing is promised: expectations/promises.yml declares it")
        return
    headers = ("promise", "at most", "target", "kept", "budget left", "now", "measured since")
    click.echo(text_table(headers, [_standing(one) for one in found]))


def _standing(one: "Standing") -> list[str]:
    own = one.promise
    promised = [own.name, f"{own.max_wait_minutes} min", f"{own.target:.1%} of {own.window_days} days"]
    if one.share is None or one.budget_left is None or one.since is None:
        return [*promised, "-", "-", "not measured: nothing was published yet", "-"]
    now = f"broken since {one.broken_since:%Y-%m-%d %H:%M} UTC" if one.broken_since else "kept"
    burning = f", budget burns {one.burning[0]}" if one.burning else ""
    return [*promised, f"{one.share:.2%}", f"{one.budget_left:.0%}", now + burning, f"{one.since:%Y-%m-%d %H:%M} UTC"]


COMMANDS: dict[str, click.Command] = {"quality": quality}
