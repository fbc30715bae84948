"""The commands of the collector: `collect` runs it, `keys` says who may send to it."""

from typing import Literal

import click

from almanac.errors import AlmanacError
from almanac.settings import Settings
from almanac.state import WriteKey, create_key, list_keys, open_state, revoke_key
from ingestion.collector.log_lines import LOG_FORMATS, LogFormat, log_to_stderr
from ingestion.tracking_plan import load_plan

DEFAULT_PORT = 8088
DEFAULT_FLUSH_SECONDS = 5.0


@click.command()
@click.option("--host", help="Address to listen on (default: ALMANAC_HOST, else 127.0.0.1).")
@click.option("--port", type=click.IntRange(0, 65535), default=DEFAULT_PORT, show_default=True, help="0: any free one.")
@click.option(
    "--flush-seconds",
    type=click.FloatRange(0.1, 3600),
    default=DEFAULT_FLUSH_SECONDS,
    show_default=True,
    help="How often what arrived is landed in the lake.",
)
@click.option(
    "--server",
    type=click.Choice(["granian", "uvicorn"]),
    default="granian",
    show_default=True,
    help="What speaks HTTP: granian (RSGI, faster) or uvicorn (ASGI).",
)
@click.option(
    "--log-format",
    type=click.Choice(LOG_FORMATS),
    default="text",
    show_default=True,
    help="What log lines on standard error look like: for people, or one JSON object a line.",
)
def collect(
    host: str | None, port: int, flush_seconds: float, server: Literal["granian", "uvicorn"], log_format: LogFormat
) -> None:
    """Run the collector that SDKs send events to.

    SDKs of the Segment family send to it when they are given its address and a write key (`almanac keys create`).
    An event that was answered with success is on the disk; it is in the lake some seconds later.
    """
    # Imported here: `keys` needs neither server nor lake.
    from ingestion.collector.server import run_collector

    log_to_stderr(log_format)
    settings = Settings.from_env()
    run_collector(
        settings,
        host or settings.host,
        port,
        lambda address: click.echo(f"collecting on {address} (log in {settings.log_dir})"),
        flush_seconds=flush_seconds,
        server=server,
        log_format=log_format,
    )


@click.group()
def keys() -> None:
    """Create, list and revoke write keys."""


@keys.command()
@click.option("--tenant", required=True, help="A tenant of the tracking plan.")
@click.option("--source", required=True, help="A source of that tenant.")
@click.option("--name", default="", help="What it is for, in words.")
def create(tenant: str, source: str, name: str) -> None:
    """Create a write key and print it, this once."""
    settings = Settings.from_env()
    tenants = load_plan(settings.root).tenants
    if tenant not in tenants:
        raise AlmanacError(
            f"there is no tenant {tenant!r} in the tracking plan: use one of {', '.join(sorted(tenants))}"
        )
    if source not in tenants[tenant].sources:
        known = ", ".join(sorted(tenants[tenant].sources))
        raise AlmanacError(f"tenant {tenant} has no source {source!r}: use one of {known}, or add it to its file")
    key, plaintext = create_key(open_state(settings), tenant, source, name)
    click.echo(plaintext)
    click.echo(
        f"Write key {key.prefix}... of {tenant}/{source}. It is not shown again: put it where it is used.", err=True
    )


@keys.command("list")
@click.option("--tenant", help="Only this tenant's keys.")
def list_(tenant: str | None) -> None:
    """List write keys by their prefixes."""
    rows = [_row(key) for key in list_keys(open_state(Settings.from_env()), tenant)]
    if not rows:
        click.echo("There is no write key yet: almanac keys create --tenant ... --source ...", err=True)
        return
    head = ("PREFIX", "TENANT", "SOURCE", "CREATED (UTC)", "STATUS", "NAME", "ID")
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for row in (head, *rows):
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@keys.command()
@click.argument("key")
def revoke(key: str) -> None:
    """Revoke the write key with this prefix or id."""
    revoked = revoke_key(open_state(Settings.from_env()), key)
    click.echo(
        f"revoked {revoked.prefix}... of {revoked.tenant}/{revoked.source}; collectors refuse it within 5 seconds"
    )


def _row(key: WriteKey) -> tuple[str, ...]:
    status = "active" if key.revoked_at is None else f"revoked {key.revoked_at:%Y-%m-%d %H:%M}"
    return (key.prefix, key.tenant, key.source, f"{key.created_at:%Y-%m-%d %H:%M}", status, key.name, key.id)


COMMANDS: dict[str, click.Command] = {"collect": collect, "keys": keys}
