"""Rows of a delivered file, whatever its format: every value is first text, then exactly its declared type."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from collections.abc import Mapping as Map
from dataclasses import dataclass, field
from typing import NamedTuple

import duckdb
import pyarrow as pa

from ingestion.sources.column_types import identifier
from ingestion.sources.delivered import Delivered
from ingestion.sources.mapping import Mapping
from ingestion.sources.problems import FileProblem, shown

ROW = "#row"  # column of the rows' numbers (from 1, a header not counted)
LINE = "#line"  # column of what names a line of a log
_OTHER_DATE = re.compile(r"\d{1,2}[./-]\d{1,2}[./-]\d{2,4}.*")
PART = 20_000  # rows that exist as Python objects at one time


class Unreadable(NamedTuple):
    """A row that could not be read, in a format that lets such rows pass: the text that is kept of it, where, why."""

    text: str
    line: int
    why: str


@dataclass(frozen=True)
class Rows:
    """Typed rows in the file's order: the declared columns that are not ignored, `key_columns` and `ROW`."""

    table: pa.Table
    count: int  # rows as the reader counts them, unreadable ones included
    unreadable: Map[int, Unreadable] = field(default_factory=dict)  # by row


def key_columns(mapping: Mapping) -> tuple[str, ...]:
    """The columns that hold what names a row in whatever file it comes; none where its file and place name it.

    They are the texts of the natural key as they stand in the file, or else what the format itself offers.
    """
    if mapping.format == "access_log" and not mapping.natural_key:
        return (LINE,)
    return tuple(f"#key {name}" for name in mapping.natural_key)


class RowReader(ABC):
    """Reads files of one mapping. Holds a database in memory; close it.

    A format says how its rows become text in the table `raw_rows` and on which line a row stands; the rest is common.
    """

    decoding_errors = "strict"  # what becomes of bytes that are no text, in Python's words

    def __init__(self, mapping: Mapping) -> None:
        self._mapping = mapping
        self._types = mapping.types()
        self._db = duckdb.connect(":memory:")
        self._db.execute("set timezone = 'UTC'")

    def close(self) -> None:
        """Give the memory back."""
        self._db.close()

    def read(self, file: Delivered) -> Rows:
        """The rows of a delivered file. Raises FileProblem for the first thing that is wrong with it."""
        try:
            unreadable = self._load(file)
            self._refuse_bad_values(file)
            table = self._typed()
            return Rows(table, table.num_rows + len(unreadable), unreadable)
        finally:
            for (name,) in self._db.execute("select table_name from duckdb_tables() where temporary").fetchall():
                self._db.execute(f"drop table {identifier(name)}")

    @abstractmethod
    def _load(self, file: Delivered) -> Map[int, Unreadable]:
        """All rows as text into the temporary table `raw_rows` (a column `ROW` and one of varchar for each declared).

        Returns the rows that could not be read and shall be quarantined. Raises FileProblem for the first row that
        has not the format's shape.
        """

    @abstractmethod
    def line_of(self, file: Delivered, row: int) -> int | None:
        """The line (from 1) on which a row begins; None where the format has no lines."""

    def _keys(self) -> list[str]:
        """SQL: the texts of `key_columns`."""
        return [identifier(name) for name in self._mapping.natural_key]

    def _create(self) -> None:
        columns = ", ".join(f"{identifier(name)} varchar" for name in self._types)
        self._db.execute(f"create temp table raw_rows ({identifier(ROW)} bigint, {columns})")

    def _insert(self, rows: Iterable[Sequence[int | str | None]]) -> None:
        """Append rows: each its number and a text (or None) for each declared column."""
        columns = list(zip(*rows, strict=True))
        if not columns:
            return
        names = [ROW, *self._types]
        arrays = [pa.array(values, pa.string() if n else pa.int64()) for n, values in enumerate(columns)]
        self._db.register("part", pa.table(arrays, names=names))
        self._db.execute("insert into raw_rows select * from part")
        self._db.unregister("part")

    def _refuse_bad_values(self, file: Delivered) -> None:
        """Raise for the first value (by row, then by column) that its column's type cannot take."""
        checks = [(name, kind.is_bad(identifier(name))) for name, kind in self._types.items() if kind.sql != "varchar"]
        checks += [(name, f"{identifier(name)} is null") for name in self._mapping.natural_key]
        if not checks:
            return
        row = identifier(ROW)
        firsts = ", ".join(f"min({row}) filter (where {bad}), count(*) filter (where {bad})" for _, bad in checks)
        (found,) = self._db.execute(f"select {firsts} from raw_rows").fetchall()
        bad = [(found[2 * n], n) for n in range(len(checks)) if found[2 * n] is not None]
        if not bad:
            return
        first, n = min(bad)
        name = checks[n][0]
        ((value,),) = self._db.execute(f"select {identifier(name)} from raw_rows where {row} = {first}").fetchall()
        what, advice = "is empty, but belongs to the natural key", "correct the file, or the mapping"
        if value is not None:
            why, advice = self._types[name].misfit(str(value))
            what = f"{shown(value)} {why}"
        others = found[2 * n + 1] - 1
        also = f" (and {others:,} more in this column)" if others else ""
        if value is not None and self._types[name].format is None and _OTHER_DATE.fullmatch(str(value).strip()):
            also += "; for such dates declare date_format, as in {type: date, format: '%d/%m/%Y'} or '%m/%d/%Y'"
        what += f"{also}: {advice}"
        raise FileProblem(file.origin, what, line=self.line_of(file, first), row=first, column=name)

    def _typed(self) -> pa.Table:
        selected = [
            f"{kind.cast(identifier(name))} as {identifier(name)}"
            for name, kind in self._types.items()
            if not kind.ignored
        ]
        keys = zip(self._keys(), key_columns(self._mapping), strict=True)
        selected += [f"{text} as {identifier(key)}" for text, key in keys]
        selected.append(identifier(ROW))
        query = f"select {', '.join(selected)} from raw_rows order by {identifier(ROW)}"
        return self._db.execute(query).to_arrow_table()
