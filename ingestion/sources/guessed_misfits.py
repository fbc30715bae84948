"""Why no column of an unknown file is a time or an amount: the nearest one, and its first row that is none."""

from collections.abc import Sequence
from pathlib import Path

from ingestion.sources.csv_rows import line_of
from ingestion.sources.guessed_roles import NoColumn, Role, candidates
from ingestion.sources.guessed_types import QUOTE, Looked, Opened, all_formats, dated, opened, text_of, type_of
from ingestion.sources.mapping import ColumnFormat
from ingestion.sources.problems import FileProblem, shown

_SAMPLE = 1_000  # rows by which the nearest column is told: there are some three hundred ways of writing dates
_COLUMNS = 50
_BY_NAME = 0.5  # of a column whose name says what it is, this share of fitting rows less is enough


def nearest(
    path: Path, looked: Looked, missing: NoColumn, date_format: str | None, decimal: str | None
) -> FileProblem | None:
    """The first row that keeps the nearest column, or the named one, from its role; None where no column is near."""
    column = missing.column
    names = [(column, True)] if column else candidates(looked, missing.role)[:_COLUMNS]
    kinds = _kinds(missing.role, date_format, decimal)
    with opened(path) as read:
        best: tuple[float, str, str | ColumnFormat] | None = None
        for name, is_named in names:
            for kind, share in zip(kinds, _shares(read, name, kinds), strict=True):
                rank = share + (_BY_NAME if is_named else 0.0)
                if share and rank > _BY_NAME and (best is None or rank > best[0]):
                    best = rank, name, kind
        # Without a time there is no event; whoever names the column himself has those rows quarantined.
        needs_all = missing.role == "time" and column is None
        if best is None and column is not None:
            best = 0.0, column, kinds[0]
            needs_all = not looked.column(column).filled  # else its first value says more than an empty row
        return None if best is None else _first(read, best[1], best[2], missing, needs_all)


def _kinds(role: Role, date_format: str | None, decimal: str | None) -> list[str | ColumnFormat]:
    if role == "amount":
        written = [ColumnFormat(type="money", decimal=sign) for sign in (".", ",") if decimal in (None, sign)]
        return [*written] if decimal == "," else ["money", *written]
    if date_format is not None:
        return [dated(date_format)]
    return ["date", "instant", "timestamp", *(dated(form) for form in all_formats())]


def _shares(read: Opened, name: str, kinds: Sequence[str | ColumnFormat]) -> list[float]:
    """Of the values of a column the share that fits each kind."""
    fits = ", ".join(f"count(value) filter (where not {type_of(kind).is_bad('value')})" for kind in kinds)
    rows = f"(select {text_of(name)} as value from looked limit {_SAMPLE})"
    ((filled, *good),) = read.db.execute(f"select count(value), {fits} from {rows}").fetchall()
    return [count / max(filled, 1) for count in good]


def _first(read: Opened, name: str, kind: str | ColumnFormat, missing: NoColumn, needs_all: bool) -> FileProblem | None:
    text, of_kind = text_of(name), type_of(kind)
    bad = of_kind.is_bad(text)
    if needs_all:
        bad = f"({bad} or {text} is null)"
    found = read.db.execute(
        f"select rowid + 1, {text}, count(*) over () from looked where {bad} order by rowid limit 1"
    ).fetchall()
    if not found:
        return None
    row, value, count = found[0]
    why = "is empty" if value is None else f"{shown(value)} {of_kind.misfit(value)[0]}"
    others = f" (and {count - 1:,} more in this column)" if count > 1 else ""
    what = f"{why}{others}, so {missing.what}: correct the file, or {missing.advice}"
    line = line_of(read.file.content, read.delimiter, QUOTE, row)
    return FileProblem(read.file.origin, what, line=line, row=row, column=name)
