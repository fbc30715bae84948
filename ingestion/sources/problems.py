"""Errors about a delivered file: which file, which line, which column, what to do."""

import csv
from pathlib import Path

from almanac.errors import AlmanacError

SHOWN = 40  # characters of a value that a message repeats
_LONGEST_FIELD = 100_000_000


class FileProblem(AlmanacError):
    """One file cannot be taken; nothing of it has landed."""

    def __init__(self, path: Path, what: str, *, line: int | None = None, column: str | None = None) -> None:
        place = (f", line {line:,}" if line else "") + (f", column {column}" if column else "")
        super().__init__(f"{path}{place}: {what}")
        self.path, self.line, self.column = path, line, column


def shown(value: object) -> str:
    """A value as messages repeat it."""
    text = str(value)
    return repr(text if len(text) <= SHOWN else text[: SHOWN - 1] + "…")


def line_of_row(text: Path, delimiter: str, quote: str, row: int) -> int | None:
    """The line (from 1) of the UTF-8 file `text` on which data row `row` (from 1, header not counted) begins.

    A row may span lines and empty lines are no rows, so the file is read anew; None where that finds no such row.
    """
    csv.field_size_limit(_LONGEST_FIELD)
    with text.open(encoding="utf-8", newline="") as f:
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
