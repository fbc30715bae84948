"""Which currency the amounts of an unknown file are in, and the first row that speaks of another one."""

import re
from pathlib import Path

from ingestion.sources.column_types import quoted
from ingestion.sources.csv_rows import line_of
from ingestion.sources.currency_marks import common, currencies_of
from ingestion.sources.guessed_roles import Roles
from ingestion.sources.guessed_types import MARK, QUOTE, Opened, opened, text_of
from ingestion.sources.problems import FileProblem, shown

_ADVICE = "but a tenant's amounts are in one: convert them first, or split the file"


def currency_of(path: Path, found: Roles, wanted: str | None) -> str | None:
    """The currency that the file says its amounts are in; of several that share a sign the `wanted` one.

    Raises FileProblem, naming the first row with another one, if they are in several or in what is no currency.
    """
    if found.currency is not None:
        if found.currency.distinct > 1:
            raise _several_codes(path, found.currency.name)
        code = found.currency.lowest.upper()
        return code if re.fullmatch(r"[A-Z]{3}", code) else None
    name, marks = found.amount.name, found.amount.marks
    codes = common(marks)
    if marks and not codes:
        raise _several_marks(path, name)
    return wanted if wanted in codes else codes[0] if codes else None


def _several_codes(path: Path, name: str) -> FileProblem:
    text = text_of(name)
    with opened(path) as read:
        firsts = read.db.execute(
            f"select {text} as code, min(rowid) + 1 from looked where {text} is not null group by 1 order by 2 limit 2"
        ).fetchall()
        (before, _), (other, row) = firsts
        what = f"is {shown(other)} where rows before have {shown(before)}: it names several currencies, {_ADVICE}"
        return _problem(read, name, row, what)


def _several_marks(path: Path, name: str) -> FileProblem:
    """The first row beside whose amount something stands that is no currency, or none of those beside others."""
    with opened(path) as read:
        each = (
            f"select unnest(regexp_extract_all({text_of(name)}, {quoted(MARK)})) as mark, rowid + 1 as row from looked"
        )
        firsts = read.db.execute(f"select mark, min(row) from ({each}) group by 1 order by 2, 1").fetchall()
        marks = [mark for mark, _ in firsts]
        strange = ((row, _strange(mark, marks[:n])) for n, (mark, row) in enumerate(firsts))
        row, what = next((row, what) for row, what in strange if what is not None)
        return _problem(read, name, row, what)


def _strange(mark: str, others: list[str]) -> str | None:
    """Why a mark cannot stand beside an amount where these stand beside others; None if it can."""
    if not currencies_of(mark):
        return f"{mark!r} beside its number is no currency: name the column of amounts with --amount COLUMN"
    if common([*others, mark]):
        return None
    beside = ", ".join(others)
    return f"{mark} stands beside its number, {beside} beside others: it names several currencies, {_ADVICE}"


def _problem(read: Opened, column: str, row: int, what: str) -> FileProblem:
    line = line_of(read.file.content, read.delimiter, QUOTE, row)
    return FileProblem(read.file.origin, what, line=line, row=row, column=column)
