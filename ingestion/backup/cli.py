"""`almanac backup` and `almanac restore`."""

from contextlib import ExitStack

import click

from almanac.progress import Progress, progress
from almanac.settings import Settings
from ingestion.backup.contents import LOG, Contents, make_private, place


@click.command("backup")
@click.argument("destination")
@click.option("--reread", is_flag=True, help="Read again what the backup holds already, and replace what is damaged.")
def backup(destination: str, reread: bool) -> None:
    """Copy the lake, the application state and the collector's log to a folder or a bucket.

    DESTINATION is a path or s3://bucket/prefix.

    Safe beside everything that runs. The next time only what is new is copied, and what was erased from the lake is
    erased from the backup. The warehouse is not in it: `almanac rebuild` makes it from the lake. Protect the place as
    you protect the lake: it holds the events, and the secret by which suppressed ids are known.
    """
    from ingestion.backup.taking import take

    settings = Settings.from_env()
    make_private(destination)
    with ExitStack() as stack:
        bar = _Bar(stack, "backup")
        contents = take(settings, place(settings, destination), reread=reread, begin=bar.begin, advance=bar.advance)
    click.echo(_said("backup of", contents))


@click.command("restore")
@click.argument("source")
def restore(source: str) -> None:
    """Restore a backup into an installation that holds nothing yet.

    SOURCE is a path or s3://bucket/prefix.

    Where to is what the settings name (ALMANAC_HOME, ALMANAC_LAKE, ALMANAC_STATE_URL). Can be run again if it was
    interrupted. Afterwards `almanac rebuild` makes the warehouse and publishes the same numbers.
    """
    from ingestion.backup.restoring import restore as put_back

    settings = Settings.from_env()
    with ExitStack() as stack:
        bar = _Bar(stack, "restore")
        contents = put_back(settings, place(settings, source), begin=bar.begin, advance=bar.advance)
    click.echo(_said("restored what was backed up at", contents))
    click.echo("next: `almanac rebuild`, then start the collector, which lands what its log holds")


class _Bar:
    """Progress in MB, from when the work is known."""

    def __init__(self, stack: ExitStack, label: str) -> None:
        self._stack, self._label = stack, label
        self._shown: Progress | None = None
        self._bytes = 0

    def begin(self, size: int) -> None:
        self._shown = self._stack.enter_context(progress(self._label, size // 1_000_000, "MB"))

    def advance(self, size: int) -> None:
        assert self._shown is not None
        self._bytes += size
        self._shown.advance(self._bytes // 1_000_000 - self._shown.done)


def _said(what: str, contents: Contents) -> str:
    waiting = len(contents.below(LOG))
    return (
        f"{what} {contents.made_at[:16].replace('T', ' ')} UTC: {contents.events:,} events in the lake, {waiting:,} "
        f"log files, {len(contents.files):,} files, {contents.bytes / 1e6:,.1f} MB"
    )


COMMANDS: dict[str, click.Command] = {"backup": backup, "restore": restore}
