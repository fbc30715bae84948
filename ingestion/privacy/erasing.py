"""Erasing a person from the lake: the rows about them, of accepted and of refused events, whatever day they came.

A row is about a person by the same ids by which the door recognises a suppressed one (`rows_about.py`), so what would
be dropped if it came today is what is erased. Each row is counted as erased on the day on which it came: a refused
event that was replayed arrived twice, and is erased twice.

Of a fetched table all versions of a row go if any of them names the person in a column that names people: the current
one alone would leave the name in those before it, and one before it would become the current one.
"""

import json
import secrets
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, NamedTuple

import pyarrow as pa

from almanac.errors import AlmanacError
from almanac.state import Erasure, StateDB, add_to_erasure, hash_id
from ingestion.lake import Lake
from ingestion.lake_manifest import Entry, Kind
from ingestion.privacy.rows_about import ABOUT, COLUMNS, About, events_of, refused_of, which
from ingestion.privacy.suppression import SuppressedPeople

Columns = Callable[[str, str], Collection[str]]  # that name people, by source and table
Dropped = Callable[[Kind, int], None]  # hears how many rows of a kind a file lost
_COUNTED: dict[Kind, str] = {"events": "events", "quarantine": "refused", "tables": "fetched"}  # in the log


class Erased(NamedTuple):
    """How many rows of a person were erased."""

    events: int
    refused: int
    fetched: int = 0


class Found(NamedTuple):
    """Rows about a person that stand in the lake: accepted and refused events, fetched rows, and in how many files.

    `fetched` and `elsewhere` are counts by `<source>/<table>`; `elsewhere` those of other rows that hold one of the ids
    in a column that names nobody: erasing leaves these.
    """

    events: int
    refused: int
    files: int
    fetched: Mapping[str, int]
    elsewhere: Mapping[str, int]


def known_by(tenant: str, ids: Collection[str]) -> SuppressedPeople:
    """The person of a tenant who is known by any of these ids (users, visitors, e-mail addresses)."""
    secret = secrets.token_bytes(32)
    return SuppressedPeople(tenant, secret, frozenset(hash_id(secret, tenant, text) for text in ids))


def _silent() -> None:
    pass


def _any(entry: Entry) -> bool:
    return True


def _unheard(kind: Kind, count: int) -> None:
    pass


def look(
    lake: Lake, tenant: str, people: SuppressedPeople, columns: Columns, each: Callable[[], None] = _silent
) -> Found:
    """What of these people stands in the lake now; changes nothing. `each` hears of every file.

    Raises AlmanacError if a file is damaged, or was replaced and deleted by another process meanwhile.
    """
    counts: Counter[Kind] = Counter()
    fetched: Counter[str] = Counter()
    elsewhere: Counter[str] = Counter()
    files = 0
    is_fetched_of, _ = _fetched(lake, tenant, columns, people)
    about = ABOUT | {"tables": is_fetched_of}

    def holds_only(row: Mapping[str, Any]) -> bool:
        return _holds(people, row) and not is_fetched_of(people, row)

    for entry in of_tenant(lake, tenant):
        found = count_rows(lake, entry, partial(about[entry.kind], people))
        counts[entry.kind], files = counts[entry.kind] + found, files + bool(found)
        if entry.kind == "tables":
            table = "/".join(entry.path.split("/")[1:3])
            fetched[table] += found
            elsewhere[table] += count_rows(lake, entry, holds_only)
        each()
    return Found(counts["events"], counts["quarantine"], files, +fetched, +elsewhere)


def counted_for(state: StateDB, erasure: Erasure) -> Dropped:
    """What adds the rows that a file loses to the log of an erasure."""

    def dropped(kind: Kind, count: int) -> None:
        add_to_erasure(state, erasure, **{_COUNTED[kind]: count})

    return dropped


def erase(
    lake: Lake,
    tenant: str,
    people: SuppressedPeople,
    columns: Columns,
    each: Callable[[], None] = _silent,
    dropped: Dropped = _unheard,
) -> Erased:
    """Erase these people of a tenant; `each` hears of every file, `dropped` of every one that lost rows.

    Nothing says that no more of them comes in: suppress them first. Raises AlmanacError if a file is damaged or cannot
    be written; then the same can be done again.
    """

    def drop(kind: Kind, about: Callable[[Mapping[str, Any]], bool], each: Callable[[], None] = each) -> int:
        return drop_rows(lake, tenant, kind, about, each=each, dropped=dropped)

    # What was refused first: a replay that comes in between leaves an event, and that is looked for afterwards.
    refused = drop("quarantine", partial(refused_of, people))
    events = drop("events", partial(events_of, people))
    is_of, is_named = _fetched(lake, tenant, columns, people)
    # First the versions that name nobody: what is interrupted still finds by the others which rows they belong to.
    unnamed = drop("tables", lambda row: is_of(people, row) and not is_named(people, row), _silent)
    return Erased(events, refused, unnamed + drop("tables", partial(is_of, people)))


def of_tenant(lake: Lake, tenant: str) -> list[Entry]:
    """The files in which people of a tenant may stand."""
    return [e for e in lake.entries() if e.tenant == tenant and e.kind in COLUMNS]


def drop_rows(
    lake: Lake,
    tenant: str,
    kind: Kind,
    about: Callable[[Mapping[str, Any]], bool],
    *,
    among: Callable[[Entry], bool] = _any,
    each: Callable[[], None] = _silent,
    dropped: Dropped = _unheard,
) -> int:
    """Rewrite the files `among` those of a kind without the rows that are `about` somebody; how many these were."""

    def drop(batch: pa.RecordBatch) -> pa.Array:
        return pa.array(which(kind, batch, about), pa.bool_())

    count = 0
    seen: set[str] = set()
    # Asked for again after each file that was rewritten: what is compacted or landed meanwhile lies elsewhere.
    while left := [e for e in lake.entries(kind) if e.tenant == tenant and e.path not in seen and among(e)]:
        for entry in left:
            seen.add(entry.path)
            each()
            try:
                # Looked for beside whoever writes; only what holds something is rewritten under the lock.
                standing = lake.rewrite(entry.path, drop) if count_rows(lake, entry, about) else entry
            except AlmanacError:
                if entry in lake.entries(kind):
                    raise
                break  # another process replaced it: its rows lie elsewhere now
            if standing is not entry:
                seen.add(standing.path)
                dropped(kind, entry.rows - standing.rows)
                count += entry.rows - standing.rows
                break
    return count


def count_rows(lake: Lake, entry: Entry, about: Callable[[Mapping[str, Any]], bool]) -> int:
    """How many rows of a file are `about` somebody."""
    return sum(sum(which(entry.kind, batch, about)) for batch in lake.batches(entry))


def _fetched(lake: Lake, tenant: str, columns: Columns, people: SuppressedPeople) -> tuple[About, About]:
    """What says of a fetched row whether it is about the people, by any version of it, and whether it names them."""
    keys: dict[tuple[str, str], set[str]] = defaultdict(set)

    def is_named(people: SuppressedPeople, row: Mapping[str, Any]) -> bool:
        values = json.loads(row["data"])
        return any(values.get(column) in people for column in columns(row["source"], row["table_name"]))

    for entry in lake.entries("tables"):
        if entry.tenant == tenant:
            for batch in lake.batches(entry):
                for row in batch.select(COLUMNS["tables"]).to_pylist():
                    if is_named(people, row):
                        keys[row["source"], row["table_name"]].add(row["row_key"])

    # What was fetched after that is known by its own columns.
    def is_of(people: SuppressedPeople, row: Mapping[str, Any]) -> bool:
        return row["row_key"] in keys[row["source"], row["table_name"]] or is_named(people, row)

    return is_of, is_named


def _holds(people: SuppressedPeople, row: Mapping[str, Any]) -> bool:
    """Whether a fetched row has one of the ids in any column, whatever that column says."""
    return any(value in people for value in json.loads(row["data"]).values())
