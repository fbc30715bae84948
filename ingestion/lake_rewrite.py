"""Dropping rows from a file: what erasure needs. The file is written anew as its next version."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple
from uuid import UUID

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from almanac.errors import AlmanacError
from ingestion.lake_manifest import Entry

_VERSION = re.compile(r"^(?P<stem>.*?)(?:-v(?P<version>[0-9]+))?\.parquet$")


class Dropped(NamedTuple):
    """Rows that one landing lost."""

    source: str
    received_date: date
    file_id: UUID
    places: tuple[int, ...]  # their `ingest_row`, in order


def split_rows(table: pa.Table, drop: str) -> tuple[pa.Table, list[Dropped]]:
    """The rows that stay, in their order, and how many each landing loses, by the SQL condition `drop`.

    A condition that is neither true nor false for a row keeps it. Raises AlmanacError if DuckDB cannot understand it.
    """
    with duckdb.connect(":memory:", config={"enable_external_access": "false", "threads": "1"}) as connection:
        connection.execute("set python_enable_replacements = false")
        connection.register("rows", table)
        try:
            mask = connection.execute(f"select coalesce(({drop}), false) as drop_it from rows").to_arrow_table()
            connection.register("masked", table.append_column("drop_it", mask["drop_it"]))
            counts = connection.execute(
                "select source, cast(received_at as date), file_id, list(ingest_row order by ingest_row)"
                " from masked where drop_it group by 1, 2, 3 order by 1, 2, 3"
            ).fetchall()
        except duckdb.Error as error:
            reason = str(error).splitlines()[0]
            raise AlmanacError(f"the condition {drop!r} cannot be applied to events: {reason}") from error
    keep = pc.invert(mask["drop_it"])
    return table.filter(keep), [Dropped(source, day, file_id, tuple(places)) for source, day, file_id, places in counts]


def next_versions(entry: Entry, dropped: Sequence[Dropped]) -> Mapping[str, int]:
    """The entry's landings with a new version for each that loses rows."""
    lost = {str(row.file_id): row.places for row in dropped}
    return {
        file_id: next_version(version, lost[file_id]) if file_id in lost else version
        for file_id, version in entry.parts.items()
    }


def next_version(version: int, places: Iterable[int]) -> int:
    """The version of a landing that loses the rows at `places` (their `ingest_row`).

    It follows from what the landing then holds, so that it never stands for two contents: a lake that is restored
    from a back-up and erased differently would count to the same number again. Always above 1, the landed version.
    """
    content = f"{version}\n{','.join(map(str, sorted(places)))}"
    return int.from_bytes(hashlib.sha256(content.encode()).digest()[:8]) >> 2 | 1 << 62


def next_name(path: str) -> str:
    """The stem of the file's next version: `<name>-v2`, then `-v3`."""
    match = _VERSION.match(path.rsplit("/", 1)[-1])
    if match is None:
        raise AlmanacError(f"{path!r} is not a file of the lake: it must end in .parquet")
    return f"{match['stem']}-v{int(match['version'] or 1) + 1}"
