"""`almanac suppress`: of whom nothing may be stored any more; `almanac erase` (`erase_cli.py`) is mounted beside it."""

from collections.abc import Iterable

import click

from almanac.errors import AlmanacError
from almanac.settings import Settings
from almanac.state import SuppressedId, list_suppressed, open_state, unsuppress
from almanac.state import suppress as suppress_id
from ingestion.privacy.erase_cli import erase
from ingestion.privacy.named_people import known_tenant, named_ids, person_options

SHOWN_HASH = 12  # characters of a hash by which people recognise an entry

_TENANT = click.option("--tenant", required=True, help="A tenant of the tracking plan.")


@click.group()
def suppress() -> None:
    """Say of whom nothing may be stored: their events are counted and dropped before they reach the disk."""


@suppress.command()
@_TENANT
@person_options
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
    known_tenant(settings.root, tenant)
    named = named_ids(user_id, anonymous_id, email, file)
    state = open_state(settings)
    done = [
        suppress_id(state, tenant, kind, text, note=note, secret=settings.suppression_secret) for kind, text in named
    ]
    for found, is_new in done:
        click.echo(
            f"{found.id_hash[:SHOWN_HASH]}  {found.kind:<9}  {'suppressed' if is_new else 'was suppressed already'}"
        )
    click.echo(
        "Collectors drop their events within 5 seconds. What was stored before stays: `almanac erase`.", err=True
    )


@suppress.command()
@_TENANT
@person_options
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
        texts += [text for _, text in named_ids(user_id, anonymous_id, email, file)]
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


COMMANDS: dict[str, click.Command] = {"suppress": suppress, "erase": erase}
