"""`almanac ingest`."""

from pathlib import Path

import click

from almanac.errors import AlmanacError
from almanac.settings import Settings
from ingestion.sources.file_source import FileSource, Ingested
from ingestion.sources.readers import find_files


@click.command("ingest")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@click.option("--source", required=True, metavar="NAME", help="The file source: a mapping in ingestion/sources/files.")
def ingest_command(paths: tuple[Path, ...], source: str) -> None:
    """Land delivered files: CSV, JSON Lines, Parquet or access logs, compressed or not, or folders of them.

    A file lands whole or not at all, and once: its content is known however it is delivered again. A malformed file is
    named and the others land all the same; the exit code is 1 then.
    """
    settings = Settings.from_env()
    with FileSource.open(settings, source) as files_of:
        files = find_files(paths, files_of.format)
        ingested = files_of.ingest(files)
    for failure in ingested.failures:
        click.echo(f"Error: {failure}", err=True)
    click.echo(summary(source, ingested))
    if ingested.failures:
        raise AlmanacError(f"{len(ingested.failures)} of {_many(len(files), 'file')} did not land: see above")


def summary(source: str, ingested: Ingested) -> str:
    """One line about a call: files and rows."""
    new = [result for result in ingested.results if result.is_new]
    received, accepted, quarantined = (
        sum(getattr(result, name) for result in new) for name in ("received", "accepted", "quarantined")
    )
    line = f"{source}: {_many(len(new), 'file')} landed, {_many(received, 'row')} received"
    line += f" ({accepted:,} accepted, {quarantined:,} quarantined)"
    if known := len(ingested.results) - len(new):
        line += f"; {_many(known, 'file')} had landed before"
    return line + (f"; {_many(len(ingested.failures), 'file')} failed" if ingested.failures else "")


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


COMMANDS: dict[str, click.Command] = {"ingest": ingest_command}
