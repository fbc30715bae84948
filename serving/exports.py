"""CSV of what a card or a page shows: plain numbers, ISO dates, and no text that a spreadsheet would run."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

# A cell that begins so is a formula to a spreadsheet (the list of OWASP, and the full-width forms).
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Rows as CSV (RFC 4180); numbers stay numbers, None is empty, times are UTC."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(header)
    writer.writerows([_plain(cell) for cell in row] for row in rows)
    return out.getvalue()


def file_name(*parts: str) -> str:
    """A file name of safe characters from names and dates."""
    return "-".join(re.sub(r"[^A-Za-z0-9_]+", "-", part).strip("-") for part in parts if part) + ".csv"


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
