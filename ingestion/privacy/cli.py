"""`almanac suppress`: of whom nothing may be stored any more."""

from collections.abc import Iterable
from pathlib import Path

import click

from almanac.errors import AlmanacError
from almanac.settings import Settings
from almanac.state import IdKind, SuppressedId, list_suppressed, open_state, unsuppress
from almanac.state import suppress as suppress_id
from ingestion.tracking_plan import load_plan

SHOWN_HASH = 12  # characters of a hash by which people recognise an entry
Named = list[tuple[IdKind, str]]

_TENANT = click.option("--tenant", required=True, help="A tenant of the tracking plan.")


@click.group()
def suppress() -> None:
    """Say of whom nothing may be stored: their events are counted and dropped before they reach the disk."""


def _ids(command: click.decorators.FC) -> click.decorators.FC:
    """The options that name people."""
    for option in (
        click.option(
            "--file", type=click.File(encoding="utf-8"), help="Ids, one a line, from a file or - for standard input."
        ),
        click.option("--email", multiple=True, metavar="ADDRESS", help="An e-mail address; may be repeated."),
        click.option("--anonymous-id", multiple=True, metavar="ID", help="The id of a visitor; may be repeated."),
        click.option(
            "--user-id", multiple=True, metavar="ID", help="What the platform calls its user; may be repeated."
        ),
    ):
        command = option(command)
    return command


def _named(
    user_id: Iterable[str], anonymous_id: Iterable[str], email: Iterable[str], file: Iterable[str] | None
) -> Named:
    named: Named = [("user", text) for text in user_id]
    named += [("anonymous", text) for text in anonymous_id]
    named += [("email", text) for text in email]
    lines = (line.strip() for line in file or ())
    named += [("email" if "@" in line else "user", line) for line in lines if line]
    if not named:
        raise click.UsageError("name somebody: --user-id, --anonymous-id, --email or --file")
    return named


@suppress.command()
@_TENANT
@_ids
@click.option("--note", default="", help="Why, in words; do not name the person.")
def add(
    tenant: str,
    user_id: tuple[str, ...],
    anonymous_id: tuple[str, ...],
    email: tuple[str, ...],
    file: Iterable[str] | None,
    note: str,
) -> None:
    """Suppress people by their ids; an id counts wherever an event names who it is about.

    Only a keyed hash of an id is stored. Ids given as options stay in the shell's history: --file - avoids that.
    """
    settings = Settings.from_env()
    _known_tenant(settings.root, tenant)
    named = _named(user_id, anonymous_id, email, file)
    state = open_state(settings)
    done = [
        suppress_id(state, tenant, kind, text, note=note, secret=settings.suppression_secret) for kind, text in named
    ]
    for found, is_new in done:
        click.echo(
            f"{found.id_hash[:SHOWN_HASH]}  {found.kind:<9}  {'suppressed' if is_new else 'was suppressed already'}"
        )
    click.echo("Collectors drop their events within 5 seconds. What was stored before is not touched.", err=True)


@suppress.command()
@_TENANT
@_ids
@click.option("--hash", "hashes", multiple=True, help="The beginning of a hash that the list shows; may be repeated.")
def remove(
    tenant: str,
    user_id: tuple[str, ...],
    anonymous_id: tuple[str, ...],
    email: tuple[str, ...],
    file: Iterable[str] | None,
    hashes: tuple[str, ...],
) -> None:
    """Suppress people no longer: their coming events are stored again."""
    settings = Settings.from_env()
    texts = list(hashes)
    if not texts or user_id or anonymous_id or email or file:
        texts += [text for _, text in _named(user_id, anonymous_id, email, file)]
    state = open_state(settings)
    found = [unsuppress(state, tenant, text, secret=settings.suppression_secret) for text in texts]
    for known in found:
        if known is not None:
            click.echo(f"{known.id_hash[:SHOWN_HASH]}  {known.kind:<9}  suppressed no longer")
    absent = sum(known is None for known in found)
    if absent:
        raise AlmanacError(
            f"{absent} of {len(texts)} ids were not suppressed for {tenant}: see `almanac suppress list`"
        )


@suppress.command("list")
@click.option("--tenant", help="Only this tenant's.")
def list_(tenant: str | None) -> None:
    """List what is suppressed: hashes, kinds and notes, never the ids."""
    rows = [_row(found) for found in list_suppressed(open_state(Settings.from_env()), tenant)]
    if not rows:
        click.echo("Nobody is suppressed: almanac suppress add --tenant ... --user-id ...", err=True)
        return
    head = ("HASH", "TENANT", "KIND", "SINCE (UTC)", "NOTE")
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for row in (head, *rows):
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _row(found: SuppressedId) -> tuple[str, ...]:
    return (found.id_hash[:SHOWN_HASH], found.tenant, found.kind, f"{found.created_at:%Y-%m-%d %H:%M}", found.note)


def _known_tenant(root: Path, tenant: str) -> None:
    tenants = load_plan(root).tenants
    if tenant not in tenants:
        known = ", ".join(sorted(tenants))
        raise AlmanacError(f"there is no tenant {tenant!r} in the tracking plan: use one of {known}")


COMMANDS: dict[str, click.Command] = {"suppress": suppress}
