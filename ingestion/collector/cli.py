"""The commands of the collector: `collect` runs it, `keys` says who may send to it."""

import click

from almanac.settings import Settings
from almanac.without_pandas import leave_pandas_out
from ingestion.collector.keys_cli import keys
from ingestion.collector.landing_process import LandingProcess
from ingestion.collector.log_lines import LOG_FORMATS, LogFormat, log_to_stderr
from ingestion.collector.server_names import SERVERS, ServerName

DEFAULT_PORT = 8088
DEFAULT_FLUSH_SECONDS = 60.0


@click.command()
@click.option("--host", help="Address to listen on (default: ALMANAC_HOST, else 127.0.0.1).")
@click.option("--port", type=click.IntRange(0, 65535), default=DEFAULT_PORT, show_default=True, help="0: any free one.")
@click.option(
    "--flush-seconds",
    type=click.FloatRange(0.1, 3600),
    default=DEFAULT_FLUSH_SECONDS,
    show_default=True,
    help="How often what arrived is landed in the lake; earlier if it is much.",
)
@click.option(
    "--server",
    type=click.Choice(SERVERS),
    default="httptools",
    show_default=True,
    help="What speaks HTTP: our own on httptools (fastest), granian (RSGI) or uvicorn (ASGI).",
)
@click.option(
    "--log-format",
    type=click.Choice(LOG_FORMATS),
    default="text",
    show_default=True,
    help="What log lines on standard error look like: for people, or one JSON object a line.",
)
def collect(host: str | None, port: int, flush_seconds: float, server: ServerName, log_format: LogFormat) -> None:
    """Run the collector that SDKs send events to.

    SDKs of the Segment family send to it when they are given its address and a write key (`almanac keys create`).
    An event that was answered with success is on the disk; it is in the lake a minute later,
    and until then `almanac events tail` shows it.
    """
    log_to_stderr(log_format)
    settings = Settings.from_env()
    leave_pandas_out()
    # What both processes need is loaded once, before the one becomes two.
    from ingestion.collector import flusher  # noqa: F401
    from ingestion.collector.server import run_collector
    from ingestion.tracking_plan import load_plan

    load_plan(settings.root)
    with LandingProcess(settings, log_format) as landing:
        run_collector(
            settings,
            host or settings.host,
            port,
            lambda address: click.echo(f"collecting on {address} (log in {settings.log_dir})"),
            landing,
            flush_seconds=flush_seconds,
            server=server,
        )


COMMANDS: dict[str, click.Command] = {"collect": collect, "keys": keys}
