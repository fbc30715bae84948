"""`almanac lake`: is it whole, make few files of many, what does it hold."""

import json
from dataclasses import asdict
from datetime import timedelta

import click

from almanac.errors import AlmanacError
from almanac.locks import any_held
from almanac.progress import progress
from almanac.settings import Settings
from almanac.tables import text_table
from ingestion.lake import Lake
from ingestion.lake_replaced import KEEP
from ingestion.lake_stats import TenantStats, stats


@click.group("lake")
def lake() -> None:
    """Verify, compact and measure the lake."""


@lake.command("verify")
@click.option("--quick", is_flag=True, help="Compare existence and size only, do not read the files.")
def verify(quick: bool) -> None:
    """Compare every file with the manifest: its size, every byte, and that no file lies there that nobody knows.

    Prints one line per problem and ends with 1 if there is any. A build that has something to build looks as well: at
    the existence and size of every file, at every byte of those that it reads, and for files that nobody knows; it
    stops at a problem. One that finds nothing new does not look: what is published stays right without the lake.
    """
    own = Lake.open(Settings.from_env())
    entries = own.entries()
    with progress("verify", len(entries), "files") as p:
        problems = own.verify(deep=not quick, advance=p.advance)
    for problem in problems:
        click.echo(str(problem))
    if problems:
        raise click.exceptions.Exit(1)
    how = "is there with its size" if quick else "is what was written"
    click.echo(f"{len(entries):,} files, {_size(sum(e.bytes for e in entries))}: every one {how}")


@lake.command("compact")
@click.option("--tenant", help="Only this tenant's files.")
@click.option(
    "--keep-hours",
    default=KEEP / timedelta(hours=1),
    show_default=True,
    type=click.FloatRange(0, 24 * 365),
    help="How long replaced files stay for builds that read their names before.",
)
def compact(tenant: str | None, keep_hours: float) -> None:
    """Make few files of the many that a tenant's day collects; no row changes, and it is no work for a build.

    A closed day (UTC) keeps one file of each kind, today at most 60 in all. Safe to run at any time, also beside the
    collector and a build; deletes nothing while a build runs here.
    """
    settings = Settings.from_env()
    own = Lake.open(settings)
    if tenant is not None and tenant not in {entry.tenant for entry in own.entries()}:
        raise AlmanacError(f"the lake holds no tenant {tenant!r}: `almanac lake stats` lists them")
    building = any_held(settings.home / "warehouse")
    with progress("compact", sum(map(len, own.compactable(tenant=tenant))), "files") as p:
        done = own.compact(tenant=tenant, keep=None if building else timedelta(hours=keep_hours), advance=p.advance)
    waiting = len(own.waiting())
    click.echo(f"{done.replaced:,} files became {done.written:,}; {done.deleted:,} old ones deleted, {waiting:,} wait")


@lake.command("stats")
@click.option("--tenant", help="Only this tenant.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line and tenant.")
def show_stats(tenant: str | None, as_json: bool) -> None:
    """Show what the lake holds, by tenant."""
    own = Lake.open(Settings.from_env())
    rows = [
        one for one in stats(own.entries(), own.compactable(), own.waiting()) if tenant is None or one.tenant == tenant
    ]
    if tenant is not None and not rows:
        raise AlmanacError(f"the lake holds no tenant {tenant!r}: leave --tenant out to see all")
    if as_json:
        for one in rows:
            click.echo(json.dumps({name: value for name, value in asdict(one).items() if not name.startswith("_")}))
        return
    if not rows:
        click.echo("the lake is empty")
        return
    click.echo(text_table(list(_HEAD), [_cells(one) for one in rows], right=_HEAD[1:7] + _HEAD[9:]))


_HEAD = (
    "tenant", "days", "files", "events", "quarantined", "size", "small files", "oldest", "newest", "pending deletes",
)  # fmt: skip


def _cells(one: TenantStats) -> tuple[str, ...]:
    return (
        one.tenant,
        f"{one.days:,}",
        f"{one.files:,}",
        f"{one.rows:,}",
        f"{one.quarantined:,}",
        _size(one.bytes),
        f"{one.small_files:,}",
        (one.oldest or "-")[:16].replace("T", " "),
        (one.newest or "-")[:16].replace("T", " "),
        f"{one.pending_deletes:,}",
    )


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"


COMMANDS: dict[str, click.Command] = {"lake": lake}
