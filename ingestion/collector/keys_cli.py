"""`almanac keys`: who may send to the collector, how much, and what."""

import re
from collections.abc import Collection
from pathlib import Path

import click

from almanac.errors import AlmanacError
from almanac.settings import Settings
from almanac.state import WriteKey, create_key, limit_key, list_keys, open_state, revoke_key, scope_key
from ingestion.tracking_plan import load_plan
from ingestion.tracking_plan.model import MESSAGE_TYPES

_UNITS = {"": 1, "kb": 1_000, "mb": 1_000_000, "kib": 1 << 10, "mib": 1 << 20}


class _Bytes(click.ParamType[int]):
    """A number of bytes, with or without a unit: 512000, 500KB, 4MB, 4MiB."""

    name = "size"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        found = re.fullmatch(r"(\d{1,12})\s*([a-z]*)", str(value).strip().lower())
        if found is None or found[2] not in _UNITS:
            self.fail(f"{value!r} is no number of bytes: write 512000, 500KB or 4MB", param, ctx)
        return int(found[1]) * _UNITS[found[2]]


_RATE = click.option(
    "--rate", type=float, help="Events per second it may send over time; more is answered 429. Default: no limit."
)
_MAX_BODY = click.option(
    "--max-body",
    type=_Bytes(),
    help="Largest request it may send, such as 4MB for RudderStack's libraries. Default: 500 KiB, as Segment has it.",
)
_ONLY = click.option(
    "--only",
    multiple=True,
    metavar="NAME",
    help="What it may send: a type of message (track, identify, page, ...) or an event of the tracking plan, such as "
    "search_performed; may be repeated. Default: everything.",
)


@click.group()
def keys() -> None:
    """Create, list and revoke write keys."""


@keys.command()
@click.option("--tenant", required=True, help="A tenant of the tracking plan.")
@click.option("--source", required=True, help="A source of that tenant.")
@click.option("--name", default="", help="What it is for, in words.")
@_RATE
@_MAX_BODY
@_ONLY
def create(
    tenant: str, source: str, name: str, rate: float | None, max_body: int | None, only: tuple[str, ...]
) -> None:
    """Create a write key and print it, this once.

    Anybody can read a key that stands in a web page or an app: let it send only what pages and apps have to tell.
    """
    settings = Settings.from_env()
    tenants = load_plan(settings.root).tenants
    if tenant not in tenants:
        raise AlmanacError(
            f"there is no tenant {tenant!r} in the tracking plan: use one of {', '.join(sorted(tenants))}"
        )
    if source not in tenants[tenant].sources:
        known = ", ".join(sorted(tenants[tenant].sources))
        raise AlmanacError(f"tenant {tenant} has no source {source!r}: use one of {known}, or add it to its file")
    scope = _scope(settings.root, only)
    key, plaintext = create_key(
        open_state(settings), tenant, source, name, events_per_second=rate, body_bytes=max_body, scope=scope
    )
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
    head = ("PREFIX", "TENANT", "SOURCE", "CREATED (UTC)", "STATUS", "EVENTS/S", "MAX BODY", "MAY SEND", "NAME", "ID")
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


@keys.command()
@click.argument("key")
@_RATE
@_MAX_BODY
def limit(key: str, rate: float | None, max_body: int | None) -> None:
    """Set what the write key with this prefix or id may send; a limit that is not given is taken away."""
    limited = limit_key(open_state(Settings.from_env()), key, events_per_second=rate, body_bytes=max_body)
    rate_text = "any number of" if rate is None else f"{rate:,.6g}"
    size_text = "the usual size" if max_body is None else f"at most {max_body:,} bytes"
    click.echo(
        f"{limited.prefix}... of {limited.tenant}/{limited.source} may send {rate_text} events a second, "
        f"in requests of {size_text}; collectors know it within 5 seconds"
    )


@keys.command()
@click.argument("key")
@_ONLY
def scope(key: str, only: tuple[str, ...]) -> None:
    """Set what the write key with this prefix or id may send; without --only everything again.

    What else it sends is answered 403 insufficient_scope and set aside in quarantine.
    """
    settings = Settings.from_env()
    scoped = scope_key(open_state(settings), key, _scope(settings.root, only))
    click.echo(
        f"{scoped.prefix}... of {scoped.tenant}/{scoped.source} may send {_words(scoped.scope)}; "
        "collectors know it within 5 seconds"
    )


def _scope(root: Path, only: Collection[str]) -> Collection[str] | None:
    """What `--only` says, None if nothing. Raises AlmanacError for a name that the tracking plan does not know."""
    events = load_plan(root).events if only else {}
    for name in only:
        if name not in MESSAGE_TYPES and name not in events:
            types = ", ".join(MESSAGE_TYPES)
            raise AlmanacError(
                f"{name!r} is neither a type of message ({types}) nor an event of the tracking plan: see "
                "`almanac events list`"
            )
    return only or None


def _words(scope: Collection[str] | None) -> str:
    return "everything" if scope is None else ", ".join(sorted(scope))


def _row(key: WriteKey) -> tuple[str, ...]:
    status = "active" if key.revoked_at is None else f"revoked {key.revoked_at:%Y-%m-%d %H:%M}"
    rate = "-" if key.events_per_second is None else f"{key.events_per_second:,.6g}"
    size = "-" if key.body_bytes is None else f"{key.body_bytes:,}"
    created = f"{key.created_at:%Y-%m-%d %H:%M}"
    return (key.prefix, key.tenant, key.source, created, status, rate, size, _words(key.scope), key.name, key.id)
