"""Errors about a delivered file: which file, which row, which column, what to do."""

import csv
from pathlib import Path

from almanac.errors import AlmanacError
from ingestion.privacy.patterns import mask

SHOWN = 40  # characters of a value that a message repeats
_LONGEST_FIELD = 100_000_000


class FileProblem(AlmanacError):
    """One file cannot be taken; nothing of it has landed. The place is the line, or the row where there are no lines.

    Lines and rows count from 1; a header is no row.
    """

    code = "source_parse_error"

    def __init__(
        self, path: Path, what: str, *, line: int | None = None, row: int | None = None, column: str | None = None
    ) -> None:
        place = f", line {line:,}" if line else f", row {row:,}" if row else ""
        place += f", column {column}" if column else ""
        super().__init__(f"{path}{place}: {what}")
        self.path, self.line, self.row, self.column = path, line, row, column


def shown(value: object) -> str:
    """A value as messages repeat it: cut, and without card numbers and addresses."""
    text, _ = mask(str(value), frozenset({"card", "email", "phone"}))
    return repr(text if len(text) <= SHOWN else text[: SHOWN - 1] + "…")


def longest_fields() -> None:
    """Let Python's CSV reader take fields as long as ours does."""
    csv.field_size_limit(_LONGEST_FIELD)
