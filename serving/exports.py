"""CSV of what a card or a page shows: plain numbers, ISO dates, and no text that a spreadsheet would run."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from serving.tables import Cell, TableView

# A cell that begins so is a formula to a spreadsheet (the list of OWASP, and the full-width forms).
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Rows as CSV (RFC 4180); numbers stay numbers, None is empty, times are UTC."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(header)
    writer.writerows([_plain(cell) for cell in row] for row in rows)
    return out.getvalue()


def table_csv(view: TableView) -> str:
    """All rows of a table without its totals, with the plain values that its cells stand for."""
    shown = [n for n, column in enumerate(view.columns) if not column.is_drawn]
    rows = [[_of_cell(row[n]) for n in shown] for row in view.rows]
    return csv_text([view.columns[n].name for n in shown], rows)


def file_name(*parts: str) -> str:
    """A file name of safe characters from names and dates."""
    return "-".join(re.sub(r"[^A-Za-z0-9_]+", "-", part).strip("-") for part in parts if part) + ".csv"


def _of_cell(cell: Cell) -> str | int | float | None:
    if not cell.is_number:
        return cell.plain
    return float(cell.plain) if "." in cell.plain or "E" in cell.plain else int(cell.plain) if cell.plain else None


def _plain(cell: Any) -> str | int | float:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, int | float):
        return cell
    if isinstance(cell, Decimal):
        return f"{cell.normalize():f}"
    if isinstance(cell, date):  # datetime is one too
        return cell.isoformat()
    text = str(cell)
    return f"'{text}" if text.startswith(_DANGEROUS) else text
