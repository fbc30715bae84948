"""`almanac ingest`."""

import signal
import threading
from pathlib import Path
from typing import Any

import click

from almanac.errors import AlmanacError
from almanac.object_store import SCHEME
from almanac.settings import Settings
from ingestion.lake import Lake
from ingestion.sources.adopt import Said, adopt
from ingestion.sources.fetched_source import load_fetched
from ingestion.sources.fetching import fetch_all
from ingestion.sources.file_source import FileResult, FileSource, Ingested
from ingestion.sources.inbox import Watch, open_inbox
from ingestion.sources.mapping import mapping_names
from ingestion.sources.outbox import Taken, take_outbox
from ingestion.sources.readers import find_files
from ingestion.tracking_plan import load_plan


@click.command("ingest")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH]...")
@click.option(
    "--source", metavar="NAME", help="The source: a file in ingestion/sources/files or ingestion/sources/fetched."
)
@click.option("--watch", is_flag=True, help="Stay, and take files as they are delivered into one folder or bucket.")
@click.option(
    "--every", type=click.FloatRange(0.01, 3600), default=5.0, show_default=True, help="Seconds between looks."
)
@click.option("--yes", is_flag=True, help="Take the guess without a question.")
@click.option("--tenant", help="The tenant of a guessed source.  [default: mine]")
@click.option("--time", metavar="COLUMN", help="The column that says when.")
@click.option("--amount", metavar="COLUMN", help="The column that says how much.")
@click.option("--id", "booking", metavar="COLUMN", help="The column that names the booking or order.")
@click.option("--date-format", metavar="FORMAT", help="How dates are written, such as %d/%m/%Y.")
@click.option("--decimal", type=click.Choice([".", ","]), help="The sign before decimals.")
@click.option("--currency", metavar="CODE", help="The currency of the amounts, such as EUR.")
@click.option("--time-zone", metavar="ZONE", help="The zone of times that say none, such as Europe/Berlin.")
def ingest_command(paths: tuple[Path, ...], source: str | None, watch: bool, every: float, **said: Any) -> None:
    """Land files (CSV, JSON Lines, Parquet, access logs), or fetch from a database, an API or an outbox.

    A file lands whole or not at all, and once: its content is known however it is delivered again. A malformed file is
    named and the others land all the same; the exit code is 1 then.

    s3://bucket/prefix takes what lies there; --watch stays and takes files as they come, each content once.

    With --source alone: fetch what is new from a database, an API or an outbox (ingestion/sources/fetched).

    One CSV file without --source is guessed: `almanac ingest my.csv` shows its first rows as events, asks, and writes
    the mapping that it then uses.
    """
    settings = Settings.from_env()
    if not paths:
        if source is None:
            raise click.UsageError("name files or folders, for example `almanac ingest my.csv`, or --source NAME")
        _fetch(settings, source)
        return
    places = [_address(path) for path in paths]
    if watch or places[0].startswith(SCHEME):
        if source is None or len(paths) > 1:
            raise click.UsageError("a place of deliveries needs --source NAME, and is one folder or s3://bucket/prefix")
        _take(settings, source, places[0], every if watch else None)
        return
    if source is None:
        if len(paths) > 1:
            raise click.UsageError("without --source name one file: the mapping is guessed from it")
        source = adopt(settings, paths[0], Said(**said))
    with FileSource.open(settings, source) as files_of:
        files = find_files(paths, files_of.format)
        ingested = files_of.ingest(files)
    for failure in ingested.failures:
        click.echo(f"Error: {failure}", err=True)
    click.echo(summary(source, ingested))
    if ingested.note is not None:
        click.echo(f"Note: {ingested.note}", err=True)
    if ingested.failures:
        raise AlmanacError(f"{len(ingested.failures)} of {_many(len(files), 'file')} did not land: see above")


def _address(path: Path) -> str:
    """A path as it was written: pathlib makes one slash of the two in s3://."""
    text = str(path)
    return text.replace("s3:/", SCHEME, 1) if text.startswith("s3:/") and not text.startswith(SCHEME) else text


def _take(settings: Settings, name: str, place: str, every: float | None) -> None:
    """Take what lies in a folder or bucket prefix, once or, every so many seconds, for as long as the process runs."""
    inbox = open_inbox(settings, place)
    noted: set[str] = set()

    def landed(file: str, result: FileResult) -> None:
        what = f"{_many(result.received, 'row')} received {_parts(result)}" if result.is_new else "known"
        click.echo(f"{file}: {what}")
        if result.note is not None and result.note not in noted:  # once: it holds for every later file
            noted.add(result.note)
            click.echo(f"Note: {result.note}", err=True)

    with FileSource.open(settings, name) as source:
        watch = Watch(source, inbox, landed)
        if every is None:
            problems = watch.take(settled=True)
            for problem in problems:
                click.echo(f"Error: {problem}", err=True)
            if problems:
                raise AlmanacError(f"{_many(len(problems), 'file')} did not land: see above")
            return
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        click.echo(f"watching {place} for {name}; end with Ctrl-C")
        watch.run(stop, every, lambda problem: click.echo(f"Error: {problem}", err=True))


def _fetch(settings: Settings, name: str) -> None:
    """Bring a fetched source up to date and say what came."""
    plan = load_plan(settings.root)
    if name in mapping_names(settings.root):
        raise AlmanacError(f"source {name} is delivered in files: name them, or a folder of them")
    source = load_fetched(settings.root, name, plan)
    lake = Lake.open(settings, plan)
    if source.kind == "outbox":
        taken = take_outbox(settings, source, lake)
        click.echo(f"{name}: {_many(taken.received, 'event')} received {_parts(taken)}")
        return
    for found in fetch_all(settings, source, lake):
        more = f", {found.masked:,} masked" if found.masked else ""
        more += f", {found.suppressed:,} of suppressed people dropped" if found.suppressed else ""
        click.echo(f"{name}: {found.table}: {_many(found.read, 'row')} read, {found.landed:,} new or changed{more}")


def summary(source: str, ingested: Ingested) -> str:
    """One line about a call: files and rows."""
    new = [result for result in ingested.results if result.is_new]
    received = sum(result.received for result in new)
    line = f"{source}: {_many(len(new), 'file')} landed, {_many(received, 'row')} received {_parts(*new)}"
    if known := len(ingested.results) - len(new):
        line += f"; {_many(known, 'file')} had landed before"
    return line + (f"; {_many(len(ingested.failures), 'file')} failed" if ingested.failures else "")


def _parts(*results: FileResult | Taken) -> str:
    """What became of the rows that were received; together they are all of them."""
    accepted, quarantined, suppressed = (
        sum(getattr(result, name) for result in results) for name in ("accepted", "quarantined", "suppressed")
    )
    more = f", {suppressed:,} suppressed" if suppressed else ""
    return f"({accepted:,} accepted, {quarantined:,} quarantined{more})"


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


COMMANDS: dict[str, click.Command] = {"ingest": ingest_command}
