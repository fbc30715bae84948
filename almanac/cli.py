"""The command line: one group that mounts each package's own commands.

A package offers `COMMANDS`, its commands by name. They are imported when they are called or asked for help, so that
`almanac --help` answers at once; this file therefore repeats their names and first lines (a test keeps them equal).
"""

import errno
import importlib
from dataclasses import dataclass
from typing import Any

import click

from almanac.errors import AlmanacError

# What a person can mend about a place of the machine; all else that the system refuses is a mistake in a program.
_PLACES = frozenset(
    (
        errno.EACCES,
        errno.EPERM,
        errno.EROFS,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.EEXIST,
        errno.ENOSPC,
        errno.EDQUOT,
        errno.ELOOP,
        errno.ENAMETOOLONG,
    )
)


@dataclass(frozen=True)
class Mount:
    """Where a command is defined, and the line that the list of commands shows for it."""

    module: str
    line: str


MOUNTS = {
    "simulate": Mount("ingestion.simulator.cli", "Simulate businesses with a known truth and land their events."),
    "ingest": Mount(
        "ingestion.sources.cli",
        "Land files (CSV, JSON Lines, Parquet, access logs), or fetch from a database, an API or an outbox.",
    ),
    "collect": Mount("ingestion.collector.cli", "Run the collector that SDKs send events to."),
    "build": Mount("almanac.cli_build", "Build what arrived, check it and publish it (target postgres is only built)."),
    "rebuild": Mount("almanac.cli_build", "Build everything anew from the lake, check it and publish it."),
    "backfill": Mount(
        "almanac.cli_backfill", "Build what arrived in some days once more from the lake, check it and publish it."
    ),
    "rollback": Mount("almanac.cli_build", "Show readers an earlier version; the next publication goes forward again."),
    "serving": Mount(
        "almanac.cli_serving", "PostgreSQL for BI tools: what it serves, and which role reads which tenant's rows."
    ),
    "query": Mount("almanac.cli_query", "Ask the published version a question in SQL; without one, list its tables."),
    "serve": Mount("serving.cli", "Run the portal on the published version."),
    "check": Mount("almanac.cli_check", "Check the tracking plan, KPIs, dashboards and SQL for mistakes."),
    "kpis": Mount(
        "almanac.cli_kpis",
        "List the KPIs, show one with its latest values, sum them up over days, or write the dictionary of all.",
    ),
    "models": Mount("almanac.cli_models", "The models of the warehouse: list them, or write the map of all."),
    "events": Mount(
        "ingestion.events_cli",
        "Events of the tracking plan: list them, document them, see them arrive, what drifts and what changed.",
    ),
    "keys": Mount("ingestion.collector.cli", "Create, list and revoke write keys."),
    "suppress": Mount(
        "ingestion.privacy.cli",
        "Say of whom nothing may be stored: their events are counted and dropped before they reach the disk.",
    ),
    "erase": Mount(
        "ingestion.privacy.cli",
        "Erase a person from the lake: say what would go, erase it, go on with what was interrupted, show the log.",
    ),
    "quarantine": Mount(
        "ingestion.quarantine_cli",
        "List, explain, export and replay events that were rejected; list requests that were refused whole.",
    ),
    "queues": Mount("orchestration.queues_cli", "Queues of background work: see them, pause and resume them."),
    "quality": Mount(
        "expectations.cli",
        "Look back at data quality: a review of what checks said, and how the promises about freshness stand.",
    ),
    "alerts": Mount("alerts.cli", "Tell people what failed: look now, list incidents, try the channels."),
    "lake": Mount("ingestion.lake_cli", "Verify, compact and measure the lake."),
    "backup": Mount(
        "ingestion.backup.cli", "Copy the lake, the application state and the collector's log to a folder or a bucket."
    ),
    "restore": Mount("ingestion.backup.cli", "Restore a backup into an installation that holds nothing yet."),
    "doctor": Mount("almanac.cli_doctor", "Look at this installation and say what to do about it."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are needed.

    An AlmanacError of any of them is one line and exit 1, and so is a place that cannot be read or written.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names in the order in which work flows, which is the order of `MOUNTS`."""
        return list(MOUNTS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the package that owns the command and return it; None if there is no such command."""
        mount = MOUNTS.get(cmd_name)
        if mount is None:
            return None
        command: click.Command = importlib.import_module(mount.module).COMMANDS[cmd_name]
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, mount.line) for name, mount in MOUNTS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what the user can act on becomes one line on standard error."""
        try:
            return super().invoke(ctx)
        except AlmanacError as error:
            raise click.ClickException(" ".join(str(error).split())) from error
        except OSError as error:
            if error.errno not in _PLACES:
                raise
            where = f"{error.filename} cannot be used" if error.filename else "a file cannot be written"
            advice = "check the place and who may write there (ALMANAC_HOME says where data lies)"
            raise click.ClickException(f"{where}: {error.strerror}; {advice}") from error


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="almanac", message="almanac %(version)s")
def cli() -> None:
    """From events to the numbers of a marketplace or booking business."""


def main() -> None:
    """Run the command line with the arguments of this process; exit 0, 1 (failed) or 2 (wrong usage)."""
    cli(prog_name="almanac")
