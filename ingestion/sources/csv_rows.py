"""CSV files: the header must be the declared one, and what is not CSV is named with its line and column."""

import csv
from collections.abc import Iterable
from pathlib import Path

import duckdb

from ingestion.sources.column_types import identifier, quoted
from ingestion.sources.delivered import Delivered
from ingestion.sources.file_rows import ROW, RowReader, Unreadable
from ingestion.sources.problems import FileProblem, longest_fields

NO_HEADER = "is empty or begins with an empty line: the header is missing"
REJECTS = 1_000  # of a file that fits nowhere, so many bad rows are enough
ADVICE = {
    "TOO MANY COLUMNS": "too many values for the header: quote values that hold the delimiter",
    "MISSING COLUMNS": "too few values for the header: the row is cut off, or a line break stands in it unquoted",
    "LINE SIZE OVER MAXIMUM": "the row is too long: values may have 2 MB at most, and quotes must be closed",
    "UNQUOTED VALUE": "a quote is not closed, or stands inside a quoted value without being doubled",
}


class CsvReader(RowReader):
    """Rows of a CSV file with a header."""

    def line_of(self, file: Delivered, row: int) -> int | None:
        """The line on which a row begins; None where that cannot be told.

        A row may span lines and empty lines are no rows, so the file is read anew.
        """
        return line_of(file.content, self._mapping.delimiter, self._mapping.quote, row)

    def _load(self, file: Delivered) -> dict[int, Unreadable]:
        self._read(file, self._header(file))
        return {}

    def _header(self, file: Delivered) -> list[str]:
        """The names of the first line, which must be the declared ones in any order."""
        mapping = self._mapping
        with file.content.open(encoding="utf-8", newline="") as f:
            try:
                header = next(csv.reader(f, delimiter=mapping.delimiter, quotechar=mapping.quote), None)
            except csv.Error as error:
                raise FileProblem(file.origin, f"the header cannot be read: {error}", line=1) from error
        if not header:
            raise FileProblem(file.origin, NO_HEADER, line=1)
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

    def _read(self, file: Delivered, header: list[str]) -> None:
        """All rows as text into `raw_rows`; raises for the first row that has not the header's shape."""
        mapping = self._mapping
        read_rows(self._db, "temp table csv_rows", file, header, mapping.delimiter, mapping.quote, mapping.null_values)
        # A view: the text is kept once.
        self._db.execute(
            f"create or replace temp view raw_rows as select rowid + 1 as {identifier(ROW)}, * from csv_rows"
        )


def read_rows(
    db: duckdb.DuckDBPyConnection,
    target: str,
    file: Delivered,
    header: list[str],
    delimiter: str,
    quote: str,
    null_values: Iterable[str],
) -> None:
    """Create `target` with all rows as text. Raises FileProblem for the first row that has not the header's shape."""
    columns = ", ".join(f"{quoted(name)}: 'varchar'" for name in header)
    nulls = ", ".join(quoted(text) for text in null_values)
    try:
        db.execute(
            f"""
            create {target} as
            select * from read_csv(
                {quoted(str(file.content))}, auto_detect = false, header = true, columns = {{{columns}}},
                delim = {quoted(delimiter)}, quote = {quoted(quote)}, escape = {quoted(quote)},
                nullstr = [{nulls}], store_rejects = true, rejects_table = 'rejects',
                rejects_scan = 'reject_scans', rejects_limit = {REJECTS})
            """
        )
    except duckdb.Error as error:
        first = str(error).splitlines()[0]
        what = f"cannot be read as CSV ({first}): line endings must be alike and values no longer than 2 MB"
        raise FileProblem(file.origin, what, line=_other_end(file.content)) from error
    rejected = db.execute(
        "select line, column_name, error_type, error_message from rejects order by line limit 1"
    ).fetchall()
    if rejected:
        line, column, kind, message = rejected[0]
        advice = ADVICE.get(str(kind), "the row is not CSV")
        raise FileProblem(file.origin, f"{advice} ({message})", line=int(line), column=column)


def line_of(content: Path, delimiter: str, quote: str, row: int) -> int | None:
    """The line on which a row of a CSV file begins; None where that cannot be told."""
    longest_fields()
    with content.open(encoding="utf-8", newline="") as f:
        reader = csv.reader(f, delimiter=delimiter, quotechar=quote)
        found = -1  # the header is row 0
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except (StopIteration, csv.Error):
                return None
            found += bool(cells)
            if cells and found == row:
                return line


def _other_end(content: Path) -> int | None:
    """The first line that ends otherwise than the first one; None if all end alike."""
    first = ""
    with content.open(encoding="utf-8", newline="") as f:
        for line, text in enumerate(f, start=1):
            end = text[len(text.rstrip("\r\n")) :]
            first = first or end
            if end not in ("", first):
                return line
    return None
