"""Reading a CSV file into typed rows; whatever does not fit is named with its line and column."""

import csv
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from ingestion.sources.column_types import identifier, quoted
from ingestion.sources.delivered import Delivered
from ingestion.sources.mapping import Mapping
from ingestion.sources.problems import FileProblem, line_of_row, shown

ROW = "#row"  # column of the rows' numbers (from 1, header not counted)
REJECTS = 1_000  # of a file that fits nowhere, so many bad rows are enough
_ADVICE = {
    "TOO MANY COLUMNS": "too many values for the header: quote values that hold the delimiter",
    "MISSING COLUMNS": "too few values for the header: the row is cut off, or a line break stands in it unquoted",
    "UNQUOTED VALUE": "a quote is not closed, or stands inside a quoted value without being doubled",
}


@dataclass(frozen=True)
class Rows:
    """Typed rows in the file's order: the declared columns that are not ignored, `key_columns` and `ROW`."""

    table: pa.Table
    count: int  # rows as the CSV reader counts them


def key_columns(mapping: Mapping) -> tuple[str, ...]:
    """The columns that hold the texts of the natural key as they stand in the file."""
    return tuple(f"#key {name}" for name in mapping.natural_key)


class CsvReader:
    """Reads files of one mapping. Holds a database in memory; close it."""

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
        header = self._header(file)
        try:
            self._load(file, header)
            self._refuse_bad_values(file)
            return self._typed()
        finally:
            for name in ("raw_rows", "rejects", "reject_scans"):
                self._db.execute(f"drop table if exists {name}")

    def _header(self, file: Delivered) -> list[str]:
        """The names of the first line, which must be the declared ones in any order."""
        mapping = self._mapping
        with file.text.open(encoding="utf-8", newline="") as f:
            try:
                header = next(csv.reader(f, delimiter=mapping.delimiter, quotechar=mapping.quote), None)
            except csv.Error as error:
                raise FileProblem(file.origin, f"the header cannot be read: {error}", line=1) from error
        if not header:
            raise FileProblem(file.origin, "is empty or begins with an empty line: the header is missing", line=1)
        expected = ", ".join(mapping.columns)
        declared = set(mapping.columns)
        if not declared & set(header):
            raise FileProblem(file.origin, f"is not the header: it must name {expected}", line=1)
        for name in mapping.columns:
            if name not in header:
                raise FileProblem(file.origin, "the header lacks this column", line=1, column=name)
        for name in header:
            if name not in declared:
                what = "is not declared: add it to the mapping's columns (as `ignore` if nobody needs it)"
                raise FileProblem(file.origin, what, line=1, column=name or "without a name")
            if header.count(name) > 1:
                raise FileProblem(file.origin, "stands twice in the header", line=1, column=name)
        return header

    def _load(self, file: Delivered, header: list[str]) -> None:
        """All rows as text into `raw_rows`; raises for the first row that has not the header's shape."""
        mapping = self._mapping
        columns = ", ".join(f"{quoted(name)}: 'varchar'" for name in header)
        quote = quoted(mapping.quote)
        nulls = ", ".join(quoted(text) for text in mapping.null_values)
        try:
            self._db.execute(
                f"""
                create temp table raw_rows as
                select * from read_csv(
                    {quoted(str(file.text))}, auto_detect = false, header = true, columns = {{{columns}}},
                    delim = {quoted(mapping.delimiter)}, quote = {quote}, escape = {quote},
                    nullstr = [{nulls}], store_rejects = true, rejects_table = 'rejects',
                    rejects_scan = 'reject_scans', rejects_limit = {REJECTS})
                """
            )
        except duckdb.Error as error:
            first = str(error).splitlines()[0]
            what = f"cannot be read as CSV ({first}): line endings must be alike and values no longer than 2 MB"
            raise FileProblem(file.origin, what) from error
        rejected = self._db.execute(
            "select line, column_name, error_type, error_message from rejects order by line limit 1"
        ).fetchall()
        if rejected:
            line, column, kind, message = rejected[0]
            advice = _ADVICE.get(str(kind), "the row is not CSV")
            raise FileProblem(file.origin, f"{advice} ({message})", line=int(line), column=column)

    def _refuse_bad_values(self, file: Delivered) -> None:
        """Raise for the first value (by row, then by column) that its column's type cannot take."""
        checks = [(name, kind.is_bad(identifier(name))) for name, kind in self._types.items() if kind.sql != "varchar"]
        checks += [(name, f"{identifier(name)} is null") for name in self._mapping.natural_key]
        if not checks:
            return
        firsts = ", ".join(f"min(rowid) filter (where {bad}), count(*) filter (where {bad})" for _, bad in checks)
        (found,) = self._db.execute(f"select {firsts} from raw_rows").fetchall()
        bad = [(found[2 * n], n) for n in range(len(checks)) if found[2 * n] is not None]
        if not bad:
            return
        rowid, n = min(bad)
        name = checks[n][0]
        ((value,),) = self._db.execute(f"select {identifier(name)} from raw_rows where rowid = {rowid}").fetchall()
        if value is None:
            what = "is empty, but belongs to the natural key"
        else:
            what = f"{shown(value)} is not {self._types[name].words}"
        others = found[2 * n + 1] - 1
        also = f" (and {others:,} more in this column)" if others else ""
        line = line_of_row(file.text, self._mapping.delimiter, self._mapping.quote, rowid + 1)
        what += f"{also}: correct the file, or the mapping"
        raise FileProblem(file.origin, what if line else f"row {rowid + 1:,}: {what}", line=line, column=name)

    def _typed(self) -> Rows:
        selected = [
            f"{kind.cast(identifier(name))} as {identifier(name)}"
            for name, kind in self._types.items()
            if not kind.ignored
        ]
        keys = zip(self._mapping.natural_key, key_columns(self._mapping), strict=True)
        selected += [f"{identifier(name)} as {identifier(key)}" for name, key in keys]
        selected.append(f"rowid + 1 as {identifier(ROW)}")
        table = self._db.execute(f"select {', '.join(selected)} from raw_rows order by rowid").to_arrow_table()
        ((count,),) = self._db.execute("select count(*) from raw_rows").fetchall()
        return Rows(table, int(count))
