"""A file without a mapping: guess one, show what its rows would be, and write it once the user agrees."""

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click

from almanac.errors import AlmanacError
from almanac.settings import Settings
from almanac.tables import text_table
from ingestion.lake import Lake
from ingestion.privacy.suppression import load_suppression
from ingestion.sources.column_types import EPOCHS, is_format
from ingestion.sources.file_source import FileSource
from ingestion.sources.guessed_misfits import nearest
from ingestion.sources.guessed_roles import NoColumn, Roles, roles
from ingestion.sources.guessed_types import Column, Looked, look
from ingestion.sources.mapping import FOLDER, load_mapping, mapping_names
from ingestion.sources.new_mapping import NewSource, new_source, source_name, write
from ingestion.sources.problems import FileProblem
from ingestion.tracking_plan import load_plan
from ingestion.tracking_plan.currencies import CURRENCIES
from ingestion.tracking_plan.model import time_zones
from ingestion.tracking_plan.names import SLUG

OPTIONS = {"booking": "id"}  # what is not called as it is kept
SHOWN = 5  # rows that are shown as events
TENANT = "mine"
CSV = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".txt.gz")


@dataclass(frozen=True)
class Said:
    """What the user said about the file; None is for the guess."""

    yes: bool = False
    tenant: str | None = None
    time: str | None = None
    amount: str | None = None
    booking: str | None = None
    date_format: str | None = None
    decimal: str | None = None
    currency: str | None = None
    time_zone: str | None = None


def adopt(settings: Settings, path: Path, said: Said) -> str:
    """The name of the source of a file without one: an existing mapping of its name, or a guessed one that is written.

    Raises AlmanacError, and writes nothing, where something cannot be guessed or the user does not agree.
    """
    if not path.is_file():
        raise AlmanacError(f"{path} is no file: without --source name one file, for example `almanac ingest my.csv`")
    name = source_name(path)
    if name in mapping_names(settings.root):
        return _mapped(settings, name, said)
    if not path.name.lower().endswith(CSV):
        raise AlmanacError(f"{path}: only CSV files are guessed; write a mapping for it, see docs/sources.md")
    plan = load_plan(settings.root)
    _refuse_options(said)
    looked, found = _look(path, said)
    looked, found, said = _unambiguous(path, looked, found, said)
    new = new_source(path, looked, found, plan, said.tenant or TENANT, said.currency, said.time_zone)
    with FileSource(
        new.mapping, new.plan, Lake.open(settings, new.plan), partial(load_suppression, settings)
    ) as source:
        # Every row is read and evaluated, so that what is written below fits the whole file.
        _show(new, looked, found, source.preview(path, SHOWN))
    _agree(said)
    for written in write(settings.root, new):
        click.echo(f"Wrote {written.relative_to(settings.root)}", err=True)
    return name


def _mapped(settings: Settings, name: str, said: Said) -> str:
    """The source that has a mapping already. What was said about a guess would be ignored, so it is refused."""
    place = f"{FOLDER}/{name}.yml"
    tenant = load_mapping(settings.root, name, load_plan(settings.root)).tenant
    given = {option: value for option, value in said.__dict__.items() if option != "yes" and value is not None}
    if given.get("tenant") == tenant:
        del given["tenant"]
    if given:
        options = ", ".join(f"--{OPTIONS.get(option, option).replace('_', '-')}" for option in given)
        raise AlmanacError(
            f"{place} (tenant {tenant}) says already what a file of this name is, so {options} would be ignored: "
            "change it there, or give the file another name"
        )
    click.echo(f"Using the mapping {place} (tenant {tenant})", err=True)
    return name


def _refuse_options(said: Said) -> None:
    """Refuse what no file can make right, before anything is read."""
    if said.tenant is not None and not SLUG.fullmatch(said.tenant):
        raise AlmanacError(f"--tenant {said.tenant!r} is no name: use small letters, digits, - and _, such as my_shop")
    if said.currency is not None and said.currency not in CURRENCIES:
        raise AlmanacError(f"--currency {said.currency!r} is no currency: use three letters of ISO 4217, such as EUR")
    if said.time_zone is not None and said.time_zone not in time_zones():
        raise AlmanacError(
            f"--time-zone {said.time_zone!r} is no IANA time zone: use a name such as Europe/Berlin or UTC"
        )
    if said.date_format in EPOCHS and said.time is None:
        raise AlmanacError(f"--date-format {said.date_format} needs --time COLUMN: any integer may be one")
    if said.date_format is not None and said.date_format not in EPOCHS and not is_format(said.date_format):
        raise AlmanacError(
            f"--date-format {said.date_format!r} is no format: use strptime's letters, such as '%d/%m/%Y %H:%M', or "
            + ", ".join(EPOCHS)
        )


def _look(path: Path, said: Said) -> tuple[Looked, Roles]:
    """What the file holds, and which column is what. Raises FileProblem for the row that keeps a column from it."""
    looked = look(path, said.date_format, said.decimal, said.time)
    try:
        return looked, roles(looked, said.time, said.amount, said.booking, said.date_format, said.decimal)
    except NoColumn as missing:
        near = nearest(path, looked, missing, said.date_format, said.decimal)
        raise near or FileProblem(path, str(missing)) from missing


def _unambiguous(path: Path, looked: Looked, found: Roles, said: Said) -> tuple[Looked, Roles, Said]:
    """Ask how dates and decimals are written where the file leaves it open; refuse where nobody can be asked."""
    for column, option in ((found.time, "date_format"), (found.amount, "decimal")):
        if not column.other_formats:
            continue
        ways = " or ".join(repr(way) for way in column.other_formats)
        example = f"{path}, column {column.name}: {_example(column)} can be read as {ways}"
        if not _is_interactive():
            raise AlmanacError(f"{example}: declare {option}, with --{option.replace('_', '-')}")
        click.echo(example, err=True)
        answer = click.prompt("Which is it?", type=click.Choice(list(column.other_formats)), err=True)
        said = Said(**{**said.__dict__, option: answer})
        looked, found = _look(path, said)
    return looked, found, said


def _example(column: Column) -> str:
    return f"a date such as {column.lowest}" if column.is_time else "a number such as 1.234 or 1,234"


def _show(new: NewSource, looked: Looked, found: Roles, messages: list[dict[str, object]]) -> None:
    parts = [f"time {found.time.name}", f"amount {found.amount.name}"]
    if found.quantity is not None:
        parts[-1] += f" x {found.quantity.name}"
    parts += [
        f"{what} {column.name}"
        for what, column in (("booking", found.booking), ("buyer", found.buyer), ("listing", found.listing))
        if column is not None
    ]
    mapping = new.mapping
    click.echo(f"{looked.rows:,} rows ({mapping.encoding}, separated by {mapping.delimiter!r}): {', '.join(parts)}")
    names = ["event", "timestamp", "booking_id", "amount", "currency", "userId", "listing_id"]
    rows = []
    for message in messages:
        properties = message.get("properties")
        values = {**message, **(properties if isinstance(properties, dict) else {})}
        rows.append([str(values.get(name, "")) for name in names])
    click.echo(text_table(names, rows))
    for note in new.notes:
        click.echo(f"Note: {note}")


def _agree(said: Said) -> None:
    if said.yes:
        return
    if not _is_interactive():
        raise AlmanacError(
            "nobody can be asked whether this is right: pass --yes, or correct it with --time, --id, ..."
        )
    click.confirm("Land these rows, and write a mapping that says so?", abort=True, err=True)


def _is_interactive() -> bool:
    return sys.stdin.isatty()
