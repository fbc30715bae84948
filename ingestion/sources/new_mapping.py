"""From guessed roles to files of the repository: a mapping that can be read and changed, and its tenant."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from almanac.durable import write_text
from almanac.errors import AlmanacError
from ingestion.sources.column_types import identifier, quoted
from ingestion.sources.guessed_currency import currency_of
from ingestion.sources.guessed_roles import Roles
from ingestion.sources.guessed_types import NULL_WORDS, Looked
from ingestion.sources.mapping import FOLDER, ColumnFormat, Mapping
from ingestion.sources.problems import FileProblem
from ingestion.tracking_plan import Plan
from ingestion.tracking_plan.load import FOLDER as PLAN
from ingestion.tracking_plan.model import Source, Tenant


@dataclass(frozen=True)
class NewSource:
    """A source that exists in memory only: what would be written, and the plan as it would be then."""

    mapping: Mapping
    tenant: Tenant
    plan: Plan
    notes: tuple[str, ...]


def source_name(path: Path) -> str:
    """The source's name for a file: its own, as far as a name allows."""
    stem = path.name.lower().removesuffix(".gz").rsplit(".", 1)[0]
    return re.sub(r"[^a-z0-9]+", "_", stem).strip("_")[:63] or "file"


def new_source(
    path: Path, looked: Looked, found: Roles, plan: Plan, tenant: str, currency: str | None, zone: str | None
) -> NewSource:
    """The mapping of a file and its tenant. Raises FileProblem where the tenant contradicts, or currencies mix."""
    name = source_name(path)
    standing = plan.tenants.get(tenant)
    notes = []
    kept = standing.currency if standing else None
    code = currency_of(path, found, currency or kept) or currency or kept
    said_by = (found.currency or found.amount).name
    if currency is not None and code != currency:
        what = f"the file's amounts are in {code}, not in {currency} as --currency says"
        raise FileProblem(path, f"{what}: convert them first, or leave the option out", column=said_by)
    if code is None:
        code = "USD"
        notes.append("nothing says which currency the amounts are in: USD is assumed (--currency)")
    zone = zone or (standing.time_zone if standing else "UTC")
    if found.time.type != "instant":
        notes.append(f"times say no zone: {zone} is assumed (--time-zone)")
    if found.time.filled < looked.rows:
        count = looked.rows - found.time.filled
        notes.append(f"{found.time.name} is empty in {count:,} of {looked.rows:,} rows: these go to quarantine")
    if standing is not None and standing.currency != code:
        what = f"tenant {tenant!r} keeps its amounts in {standing.currency}, the file has {code}"
        raise FileProblem(
            path, f"{what}: choose another tenant with --tenant NAME, or convert the amounts first", column=said_by
        )
    if found.booking is None:
        notes.append("no column names the booking: each row is one of its own (--id)")
    key = (found.booking.name,) if found.booking and found.booking.distinct == looked.rows else ()
    if not key:
        notes.append("nothing names a row: in another version of this file every row would count again (natural_key)")
    mapping = Mapping(
        source=name,
        tenant=tenant,
        title=f"Rows of {name}",
        delimiter=looked.delimiter,
        encoding=looked.encoding,
        null_values=("", *_nulls(found)),
        time_zone=zone,
        currency=code,
        history_from=f"{min(int(found.time.lowest[:4]), 2000):04d}-01-01",
        columns={column.name: _declared(column.name, looked, found) for column in looked.columns},
        natural_key=key,
        **_expressions(name, found),
    )
    own = Source(expected="never")
    made = (
        standing.model_copy(update={"sources": {**standing.sources, name: own}})
        if standing
        else Tenant(
            tenant=tenant,
            title=tenant.replace("_", " ").capitalize(),
            business="Data that was ingested from a file",
            time_zone=zone,
            currency=code,
            sources={name: own},
        )
    )
    return NewSource(mapping, made, replace(plan, tenants={**plan.tenants, tenant: made}), tuple(notes))


def write(root: Path, new: NewSource) -> tuple[Path, Path]:
    """Write mapping and tenant below the repository's root; returns their paths."""
    mapping = root / FOLDER / f"{new.mapping.source}.yml"
    tenant = root / PLAN / "tenants" / f"{new.tenant.tenant}.yml"
    mapping.parent.mkdir(parents=True, exist_ok=True)
    write_text(tenant, _tenant_text(tenant, new))
    write_text(mapping, _mapping_text(new))
    return mapping, tenant


def _nulls(found: Roles) -> list[str]:
    used = [c for c in (found.time, found.amount, found.quantity) if c is not None]
    return [word for word in NULL_WORDS if word and any(word in column.nulls for column in used)]


def _declared(name: str, looked: Looked, found: Roles) -> str | ColumnFormat:
    """Columns that an event uses have their type; all others are text, so that no later file fails by them."""
    typed = {c.name for c in (found.time, found.amount, found.quantity) if c is not None}
    keys = {c.name for c in (found.booking, found.buyer, found.listing) if c is not None}
    column = looked.column(name)
    if name in typed:
        # A file of whole amounts may be followed by one with cents.
        is_amount = found.quantity is None or name != found.quantity.name
        return "money" if column.declared == "integer" and is_amount else column.declared
    return "string" if name in keys else "ignore"


def _expressions(name: str, found: Roles) -> dict[str, Any]:
    amount = identifier(found.amount.name)
    if found.quantity is not None:
        amount = f"{amount} * {identifier(found.quantity.name)}"
    row = f'{quoted(name + "-")} || "#row"'
    # Integers are counted anew in every file: those of one must not be taken for those of another.
    booking = row if found.booking is None else identifier(found.booking.name)
    if found.booking is not None and found.booking.type == "integer":
        booking = f"{quoted(name + '-')} || {booking}"
    properties = {"booking_id": booking, "amount": f"abs({amount})"}
    if found.quantity is not None:
        properties["quantity"] = f"abs({identifier(found.quantity.name)})"
    if found.listing is not None:
        properties["listing_id"] = identifier(found.listing.name)
    expressions: dict[str, Any] = {
        "event": f"case when {amount} < 0 then 'booking_cancelled' else 'booking_confirmed' end",
        "event_at": identifier(found.time.name),
        "properties": properties,
    }
    if found.buyer is not None:
        expressions["user_id"] = identifier(found.buyer.name)
    return expressions


def _mapping_text(new: NewSource) -> str:
    given = new.mapping.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
    given = {"source": given.pop("source"), "tenant": given.pop("tenant"), "format": "csv", **given}
    given["null_values"] = list(new.mapping.null_values)
    head = (
        "# Guessed from the first file by `almanac ingest`. Change what is wrong; docs/sources.md says what it means.\n"
    )
    notes = "".join(f"# Note: {note}\n" for note in new.notes)
    return head + notes + yaml.safe_dump(given, sort_keys=False, allow_unicode=True, width=110)


def _tenant_text(path: Path, new: NewSource) -> str:
    """A new tenant's file, or the standing one with one more source, otherwise as people wrote it."""
    if not path.exists():
        return yaml.safe_dump(new.tenant.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=110)
    text = path.read_text(encoding="utf-8")
    # Dumped, because a name such as 2010_12_01 is a number in YAML until it is quoted.
    line = (
        "  " + yaml.safe_dump({new.mapping.source: {"expected": "never"}}, default_flow_style=None, width=200).strip()
    )
    if line.split(":")[0] in (standing.split(":")[0] for standing in text.splitlines()):
        return text
    changed, count = re.subn(
        r"^sources:[ \t]*(\{\})?[ \t]*$", lambda _: f"sources:\n{line}", text, count=1, flags=re.MULTILINE
    )
    if not count:
        raise AlmanacError(
            f"{path.name}: add the source {new.mapping.source!r} below `sources:` by hand, then try again"
        )
    return changed
