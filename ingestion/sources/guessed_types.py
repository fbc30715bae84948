"""What the columns of an unknown CSV file hold: delimiter, encoding, and each column's type, judged by every row."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import duckdb

from almanac.errors import AlmanacError
from ingestion.sources.column_types import EPOCHS, ColumnType, column_type, identifier, quoted
from ingestion.sources.csv_rows import read_rows
from ingestion.sources.delivered import Delivered, delivered
from ingestion.sources.guessed_shape import encoding_of, shape
from ingestion.sources.mapping import ColumnFormat
from ingestion.sources.problems import FileProblem

NULL_WORDS = ("", "NULL", "null", "NA", "N/A", "n/a", "NaN", "nan", "None", "\\N", "-")
QUOTE = '"'
MARK = r"\p{Sc}|[A-Z]{3}"  # what may stand beside a number and say its currency
_FIRST = 50  # values by which a type is ruled out
_DATES = ("%d{s}%m{s}%Y", "%m{s}%d{s}%Y", "%d{s}%m{s}%y", "%m{s}%d{s}%y", "%Y{s}%m{s}%d", "%y{s}%m{s}%d")
_WORDS = ("%d-%b-%Y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%Y%m%d")
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")


@dataclass(frozen=True)
class Column:
    """One column: how the mapping would declare it, and what its values are like."""

    name: str
    declared: str | ColumnFormat
    distinct: int
    filled: int  # rows that have a value
    lowest: str  # of the text; of times the earliest
    other_formats: tuple[str, ...] = ()  # ways of writing dates, or the sign before decimals, that fit as well
    marks: tuple[str, ...] = ()  # currencies' signs or letters beside numbers
    nulls: tuple[str, ...] = ()  # words for nothing that the type needs
    has_decimals: bool = False

    @property
    def type(self) -> str:
        """The type's name."""
        return self.declared if isinstance(self.declared, str) else self.declared.type

    @property
    def is_time(self) -> bool:
        """Whether its values are dates or times."""
        return self.type in ("timestamp", "instant", "date")

    @property
    def is_number(self) -> bool:
        """Whether its values are numbers."""
        return self.type in ("integer", "money")


@dataclass(frozen=True)
class Written:
    """What the user says of how values are written, and whether this is the column that is named as the time."""

    date_format: str | None = None
    decimal: str | None = None
    is_time: bool = False


@dataclass(frozen=True)
class Looked:
    """An unknown file as it was found to be."""

    encoding: str
    delimiter: str
    rows: int
    columns: tuple[Column, ...]

    def column(self, name: str) -> Column:
        """The column of this name. Raises AlmanacError if there is none."""
        found = next((column for column in self.columns if column.name == name), None)
        if found is None:
            raise AlmanacError(f"the file has no column {name!r}: it has {', '.join(c.name for c in self.columns)}")
        return found


@dataclass(frozen=True)
class Opened:
    """An unknown file whose rows are the table `looked` of a database."""

    file: Delivered
    db: duckdb.DuckDBPyConnection
    encoding: str
    delimiter: str
    header: list[str]


@contextmanager
def opened(path: Path) -> Iterator[Opened]:
    """Read the whole file as text. Raises FileProblem if it is no CSV file with a header."""
    encoding = encoding_of(path)
    with delivered(path, encoding) as file, duckdb.connect(":memory:") as db:
        delimiter, header = shape(file)
        db.execute("set timezone = 'UTC'")
        read_rows(db, "table looked", file, header, delimiter, QUOTE, ("",))
        yield Opened(file, db, encoding, delimiter, header)


def look(path: Path, date_format: str | None = None, decimal: str | None = None, time: str | None = None) -> Looked:
    """Say what the whole file holds; `date_format`, `decimal` and the column `time` are what the user says of it.

    Raises FileProblem if it is no CSV file with a header.
    """
    with opened(path) as read:
        ((rows,),) = read.db.execute("select count(*) from looked").fetchall()
        if not rows:
            raise FileProblem(path, "has a header and no rows: nothing can be guessed from it")
        said = {name: Written(date_format, decimal, is_time=name == time) for name in read.header}
        found = tuple(_Guesser(read.db, name, said[name]).column() for name in read.header)
    return Looked(read.encoding, read.delimiter, int(rows), found)


def text_of(name: str) -> str:
    """SQL: a column's text, null where it is one of the words for nothing."""
    words = ", ".join(quoted(word) for word in NULL_WORDS)
    return f"case when trim({identifier(name)}) in ({words}) then null else {identifier(name)} end"


def all_formats() -> list[str]:
    """All ways of writing dates that are tried."""
    dates = [date.format(s=sign) for sign, date in product("/-.", _DATES)] + list(_WORDS)
    return [date + clock for date, clock in product(dates, _CLOCKS)]


class _Guesser:
    """The type of one column of the table `looked`."""

    def __init__(self, db: duckdb.DuckDBPyConnection, name: str, said: Written) -> None:
        self._db, self._name, self._said = db, name, said
        self._text = text_of(name)

    def column(self) -> Column:
        text, name = self._text, identifier(self._name)
        ((distinct, filled, lowest, decimals),) = self._db.execute(
            f"select count(distinct {text}), count({text}), coalesce(min({text}), ''), "
            f"coalesce(bool_or(regexp_matches({text}, '[.,][0-9]{{1,2}}\\D*$')), false) from looked"
        ).fetchall()
        declared, others = self._declared() if filled else ("ignore", ())
        nulls: list[str] = []
        if declared not in ("string", "ignore"):
            found = self._db.execute(f"select distinct trim({name}) from looked where {text} is null").fetchall()
            nulls = sorted(str(word) for (word,) in found if word)
            kind = type_of(declared)
            if kind.sql.startswith(("timestamp", "date")):
                ((lowest,),) = self._db.execute(
                    f"select cast(min({kind.cast(text)}) as varchar) from looked"
                ).fetchall()
        marks = self._marks() if isinstance(declared, ColumnFormat) and declared.decimal else ()
        return Column(self._name, declared, distinct, filled, str(lowest), others, marks, tuple(nulls), bool(decimals))

    def _marks(self) -> tuple[str, ...]:
        found = f"select unnest(regexp_extract_all({self._text}, {quoted(MARK)})) as mark from looked"
        return tuple(mark for (mark,) in self._db.execute(f"select distinct mark from ({found}) order by 1").fetchall())

    def _declared(self) -> tuple[str | ColumnFormat, tuple[str, ...]]:
        said = self._as_said()
        if said is not None:
            return said, ()
        if self._is_compact_date():
            return dated("%Y%m%d"), ()
        for plain in ("integer", "money", "instant", "date", "timestamp"):
            if self._fits(plain):
                return plain, ()
        if not self._has_digits():
            return "string", ()
        numbers = [sign for sign in ".," if self._fits(ColumnFormat(type="money", decimal=sign))]
        if numbers:
            is_unclear = len(numbers) > 1 and self._said.decimal is None and self._has_separators()
            written = ColumnFormat(type="money", decimal="," if numbers[0] == "," else ".")
            return written, tuple(numbers) if is_unclear else ()
        formats = [f for f in self._formats() if self._fits(dated(f))]
        if formats:
            # With a dot days always come first.
            first = [f for f in formats if not f.startswith("%m.")] or formats
            return dated(first[0]), tuple(first) if len(first) > 1 else ()
        return "string", ()

    def _as_said(self) -> ColumnFormat | None:
        """What the user says of the file, where it holds for this column; it comes before what ISO 8601 would say."""
        said = self._said
        # Numbers may be seconds, or days such as 20260331: they are in the column that is named as the time.
        may_be = said.is_time or (said.date_format not in (None, *EPOCHS) and not self._fits("money"))
        if said.date_format is not None and may_be and self._fits(dated(said.date_format)):
            return dated(said.date_format)
        # With a point, what is plain stays so: the mapping has less to say.
        comma = ColumnFormat(type="money", decimal=",")
        if said.decimal == "," and self._has_digits() and not self._fits("integer") and self._fits(comma):
            return comma
        return None

    def _formats(self) -> list[str]:
        found = self._possible(all_formats())
        # Python and DuckDB read a year of two digits from four: only one of both can be meant.
        return [f for f in found if "%y" not in f or not self._has_long_years()]

    def _possible(self, formats: list[str]) -> list[str]:
        """The formats that the first values do not rule out, in one query: there are many formats and many columns."""
        fits = ", ".join(f"not coalesce(bool_or({type_of(dated(f)).is_bad('value')}), false)" for f in formats)
        sql = f"select {fits} from (select {self._text} as value from looked where value is not null limit {_FIRST})"
        return [f for f, is_possible in zip(formats, self._db.execute(sql).fetchall()[0], strict=True) if is_possible]

    def _has_long_years(self) -> bool:
        sql = f"select bool_or(regexp_matches({self._text}, '[0-9]{{4}}')) from looked"
        return bool(self._db.execute(sql).fetchall()[0][0])

    def _has_digits(self) -> bool:
        sql = f"select bool_and(regexp_matches({self._text}, '[0-9]')) from looked"
        return bool(self._db.execute(sql).fetchall()[0][0])

    def _has_separators(self) -> bool:
        sql = f"select bool_or(regexp_matches({self._text}, '[0-9][.,][0-9]')) from looked"
        return bool(self._db.execute(sql).fetchall()[0][0])

    def _is_compact_date(self) -> bool:
        """Whether integers such as 19970101 are dates; eight digits alone may be anything, so the name must say so."""
        return "date" in self._name.lower() and self._fits(dated("%Y%m%d"))

    def _fits(self, declared: str | ColumnFormat) -> bool:
        """Whether every value is of a type; most types are ruled out by the first values already."""
        bad = type_of(declared).is_bad(self._text)
        sql = "select not coalesce(bool_or({}), false) from {}"
        first = f"(from looked where {self._text} is not null limit {_FIRST})"
        return all(self._db.execute(sql.format(bad, rows)).fetchall()[0][0] for rows in (first, "looked"))


def type_of(declared: str | ColumnFormat) -> ColumnType:
    """The type that a mapping would declare so."""
    if isinstance(declared, str):
        return column_type(declared)
    return column_type(declared.type, declared.format, declared.decimal)


def dated(text: str) -> ColumnFormat:
    """The column whose times are written in this format."""
    if text in EPOCHS:
        return ColumnFormat(type="instant", format=text)
    return ColumnFormat(type="timestamp" if "%H" in text or "%I" in text else "date", format=text)
