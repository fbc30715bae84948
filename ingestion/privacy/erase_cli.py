"""`almanac erase`: the rows about a person go from the lake, and a log says so without naming anybody."""

from collections.abc import Iterable

import click

from almanac.errors import AlmanacError
from almanac.locks import exclusive
from almanac.progress import progress
from almanac.settings import Settings
from almanac.state import (
    Erasure,
    OtherSecret,
    StateDB,
    begin_erasure,
    close_erasure,
    erasure_secret,
    finish_erasure,
    list_erasures,
    open_state,
    suppress,
)
from almanac.state.erasures import SHOWN
from almanac.tables import text_table
from ingestion.lake import Lake
from ingestion.privacy import erasing
from ingestion.privacy.erasing import Found, counted_for, known_by
from ingestion.privacy.named_people import Named, known_tenant, named_ids, person_options
from ingestion.privacy.rows_about import rows_about
from ingestion.privacy.suppression import SuppressedPeople
from ingestion.sources.fetched_privacy import PeopleColumns, people_columns

LOCK = "erasing.lock"  # in the home: one erasure at a time
_NEXT = "next: `almanac build` takes them out of every number; the next `almanac backup` out of the backup"


@click.group()
def erase() -> None:
    """Erase a person from the lake: say what would go, erase it, go on with what was interrupted, show the log."""


@erase.command()
@click.option("--tenant", required=True, help="Whose person it is.")
@person_options
@click.option("--note", default="", help="Why, in words; do not name the person.")
@click.option("--suppress", "also_suppress", is_flag=True, help="Suppress the ids first, so that no more comes in.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def person(
    tenant: str,
    user_id: tuple[str, ...],
    anonymous_id: tuple[str, ...],
    email: tuple[str, ...],
    file: Iterable[str] | None,
    note: str,
    also_suppress: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Erase one person: events, accepted and rejected, and fetched rows, whatever day they came. It cannot be undone.

    A row is about the person if it names one of the ids as who it is about: give all that are known. Run again it finds
    nothing more. Ids given as options stay in the shell's history: --file - avoids that.
    """
    settings = Settings.from_env()
    named = named_ids(user_id, anonymous_id, email, file)
    if file is not None and not (yes or dry_run):
        raise click.UsageError("ids that are read from a file leave nobody to ask: add --dry-run, then --yes")
    lake = Lake.open(settings)
    if not any(entry.tenant == tenant for entry in lake.entries()):
        known_tenant(settings.root, tenant)  # one that left the plan may still have events
    people = known_by(tenant, [text for _, text in named])
    columns = people_columns(settings.root, lake.plan)
    found = _look(lake, tenant, people, columns)
    waiting = _waiting(settings, lake, tenant, people)
    for line in _told(found, waiting):
        click.echo(line)
    if dry_run:
        click.echo("nothing was changed: without --dry-run this is erased")
        return
    if found.files and not yes:
        rows = found.events + found.refused + sum(found.fetched.values())
        click.confirm(f"Erase {rows:,} rows of {tenant}? It cannot be undone", abort=True)
    _erase(settings, lake, tenant, named, found, columns, note, also_suppress, waiting)
    if not also_suppress:
        click.echo("what comes in of them from now on is stored, unless they are suppressed: `almanac suppress add`")


@erase.command()
def resume() -> None:
    """Go on with erasures that were interrupted; nobody has to be named again."""
    settings = Settings.from_env()
    state = open_state(settings)
    try:
        with exclusive(settings.home / LOCK, "an erasure"):
            waiting = list_erasures(state, unfinished=True)
            if not waiting:
                click.echo("no erasure was interrupted")
            lake = Lake.open(settings)
            columns = people_columns(settings.root, lake.plan)
            unknown: list[OtherSecret] = []
            for begun in waiting:
                try:
                    secret = erasure_secret(state, begun, settings.suppression_secret)
                except OtherSecret as error:  # the others go on
                    unknown.append(error)
                    continue
                people = SuppressedPeople(begun.tenant, secret, begun.id_hashes)
                _finish(state, lake, begun, people, columns, _waiting(settings, lake, begun.tenant, people))
            if unknown:
                raise unknown[0]
    finally:
        state.close()


@erase.command()
@click.argument("erasure", metavar="ID")
@click.option("--reason", required=True, help="Why, and what became of the person, in words; do not name the person.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def close(erasure: str, reason: str, yes: bool) -> None:
    """Close a pending erasure whose secret is lost: nobody can be recognised by it, so it can never be ended.

    It erases nothing. Erase whoever it was anew first; `almanac erase list` shows ID, and afterwards that it was closed
    and why. One whose secret is known is refused: resume it.
    """
    settings = Settings.from_env()
    if not yes:
        click.confirm("Rows about whoever it was may be left in the lake. Is that person erased anew?", abort=True)
    state = open_state(settings)
    try:
        with exclusive(settings.home / LOCK, "an erasure"):
            closed = close_erasure(state, erasure, reason, settings.suppression_secret)
    finally:
        state.close()
    click.echo(f"closed the erasure {closed.id[:SHOWN]} of {closed.tenant}, begun {closed.begun_at:%Y-%m-%d %H:%M} UTC")


@erase.command("list")
def list_() -> None:
    """List the erasures so far: when, how many ids and rows, why; never whom."""
    state = open_state(Settings.from_env())
    try:
        known = list_erasures(state)
    finally:
        state.close()
    if not known:
        click.echo("nobody was erased so far: almanac erase person --tenant ... --user-id ...", err=True)
        return
    rows = [
        (
            one.id[:SHOWN],
            f"{one.begun_at:%Y-%m-%d %H:%M}",
            _ended(one),
            one.tenant,
            f"{len(one.id_hashes):,}",
            f"{one.events:,}",
            f"{one.refused:,}",
            f"{one.fetched:,}",
            f"{one.files:,}",
            one.note,
        )
        for one in known
    ]
    head = ["id", "begun (UTC)", "ended", "tenant", "ids", "events", "rejected", "fetched", "files", "note"]
    click.echo(text_table(head, rows, right=("ids", "events", "rejected", "fetched", "files")))


def _ended(one: Erasure) -> str:
    if one.finished_at is None:
        return "not ended: almanac erase resume"
    closed = f", closed: {one.closed_reason}" if one.closed_reason else ""
    return f"{one.finished_at:%Y-%m-%d %H:%M}{closed}"


def _erase(
    settings: Settings,
    lake: Lake,
    tenant: str,
    named: Named,
    found: Found,
    columns: PeopleColumns,
    note: str,
    also_suppress: bool,
    waiting: int,
) -> None:
    """Suppress, write down what is going to be done, and do it."""
    secret = settings.suppression_secret
    state = open_state(settings)
    try:
        with exclusive(settings.home / LOCK, "an erasure"):
            for kind, text in named if also_suppress else ():
                suppress(state, tenant, kind, text, note=note, secret=secret)
            begun = begin_erasure(state, tenant, named, files=found.files, note=note, secret=secret)
            _finish(state, lake, begun, known_by(tenant, [text for _, text in named]), columns, waiting)
    finally:
        state.close()


def _look(lake: Lake, tenant: str, people: SuppressedPeople, columns: PeopleColumns) -> Found:
    with progress("Looking", len(erasing.of_tenant(lake, tenant)), "files") as said:
        return erasing.look(lake, tenant, people, columns, said.advance)


def _finish(
    state: StateDB, lake: Lake, begun: Erasure, people: SuppressedPeople, columns: PeopleColumns, waiting: int
) -> None:
    """Erase, and write down that it is done."""
    try:
        with progress("Erasing", len(erasing.of_tenant(lake, begun.tenant)), "files") as said:
            erasing.erase(lake, begun.tenant, people, columns, said.advance, counted_for(state, begun))
    except AlmanacError as error:
        raise AlmanacError(f"{error}; what is left is erased by `almanac erase resume`") from error
    done = finish_erasure(state, begun)
    fetched = f" and {done.fetched:,} fetched rows" if done.fetched else ""
    what = f"{done.events:,} events and {done.refused:,} rejected ones{fetched} of {done.tenant}"
    click.echo(f"erased {what}; nothing is left in the lake")
    if done.fetched:
        click.echo("what their source still has can be fetched again: erase it there, too, or suppress the ids")
    if waiting:
        click.echo(f"{waiting:,} rows in the log of this machine's collector go when they have landed")
    click.echo(_NEXT if done.events + done.refused + done.fetched + waiting else "no number changes by that")


def _waiting(settings: Settings, lake: Lake, tenant: str, people: SuppressedPeople) -> int:
    """How many rows about them the log of this machine's collector holds, which are not in the lake yet."""
    from ingestion.lake_tail import LakeTail  # the collector's parts take a while to import

    with LakeTail(lake, settings.log_dir, tenant) as tail:
        now = tail.read()
    return rows_about(people, "events", now.events) + rows_about(people, "quarantine", now.quarantine)


def _told(found: Found, waiting: int) -> Iterable[str]:
    yield f"events     {found.events:>9,} rows"
    yield f"rejected   {found.refused:>9,} rows in quarantine"
    for table, rows in sorted(found.fetched.items()):
        yield f"fetched    {rows:>9,} rows of the table {table}, all versions of each"
    yield f"files      {found.files:>9,} to be written anew without them, and deleted"
    for table, rows in sorted(found.elsewhere.items()):
        yield (
            f"not erased {rows:>9,} rows of the fetched table {table} that name them in another column than its "
            "`people` (docs/privacy.md)"
        )
    if waiting:
        yield f"waiting    {waiting:>9,} rows in the log of this machine's collector: they go when they have landed"
