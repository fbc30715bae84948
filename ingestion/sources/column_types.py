"""Types of a file's columns: how text becomes a value, exactly or not at all."""

import re
from dataclasses import dataclass, replace

from ingestion.sources.currency_marks import in_words, marks_in, marks_of

MONEY = "decimal(18,4)"
_DECIMAL = re.compile(r"decimal\(\s*(\d{1,2})\s*,\s*(\d{1,2})\s*\)")
_ISO_DATE = r"\d{4}-\d{2}-\d{2}"
_ISO_TIME = _ISO_DATE + r"[ T]\d{2}:\d{2}(:\d{2}([.]\d{1,6})?)?"
EPOCHS = {"epoch": 1, "epoch_ms": 1000}
_YEAR_10000 = 253_402_300_800  # in seconds since 1970
_OFFSET = r" ?(Z|[+-]\d{2}(:?\d{2})?)"


@dataclass(frozen=True)
class ColumnType:
    """A column's type: its SQL type, the test that text must pass beside the cast, and how people call it."""

    sql: str
    words: str
    pattern: str | None = None
    format: str | None = None
    decimal: str | None = None  # of numbers written for people: the sign before the decimals
    ignored: bool = False
    digits: int = 0  # of exact numbers: how many may stand before the decimals
    currency: str | None = None  # the only one that may stand beside numbers written for people; None for any

    def cast(self, text: str) -> str:
        """SQL: the value of the SQL text expression `text`, null if it has none."""
        if self.sql == "varchar":
            return text
        if self.format in EPOCHS:
            seconds = f"try_cast(trim({text}) as decimal(28,6)) / {EPOCHS[self.format]}"
            return f"case when abs({seconds}) < {_YEAR_10000} then to_timestamp({seconds}) end"
        if self.decimal is not None:
            return f"try_cast({self._plain(text)} as {self.sql})"
        if self.format is not None:
            return f"try_cast(try_strptime(trim({text}), {quoted(self.format)}) as {self.sql})"
        return f"try_cast(trim({text}) as {self.sql})"

    def is_bad(self, text: str) -> str:
        """SQL: whether the SQL text expression `text` holds something that the type cannot take exactly."""
        if self.sql == "varchar":
            return "false"
        bad = f"{self.cast(text)} is null"
        if self.decimal is not None:
            # As people write it, and then exactly as without signs.
            bad = f"({bad} or not regexp_full_match(trim({text}), {quoted(_grouped(self.decimal, self.currency))}))"
            text = self._plain(text)
        if self.pattern is not None and self.format is None:
            bad = f"({bad} or not regexp_full_match(trim({text}), {quoted(self.pattern)}))"
        if self.sql == "double":
            bad = f"({bad} or not isfinite({self.cast(text)}))"
        return f"({text} is not null and {bad})"

    def misfit(self, value: str) -> tuple[str, str]:
        """Why a value that is bad does not fit, and what to do about it, in words."""
        number = _unmarked(value.strip()) if self.decimal is not None else value.strip()
        if self.decimal is not None:
            if not re.fullmatch(_number(self.decimal), number):
                return f"is not {self.words}", "correct the file, or the mapping"
            foreign = [mark for mark in marks_in(value) if self.currency and mark not in marks_of(self.currency)]
            if foreign:
                what = f"is {in_words(foreign[0])}, but amounts of this source are in {self.currency}"
                return what, "convert it first, or deliver it as a source of another tenant"
            number = re.sub("[^0-9+-]", "", number.split(self.decimal)[0])
        elif self.pattern is None or not re.fullmatch(self.pattern, number, re.ASCII):
            number = ""
        if self.digits and len(number.split(".")[0].lstrip("+-0")) > self.digits:
            return f"is too large: at most {self.digits} digits may stand before the decimals", "correct the file"
        return f"is not {self.words}", "correct the file, or the mapping"

    def _plain(self, text: str) -> str:
        """SQL: a number without currency signs and thousands, its decimals behind a point."""
        digits = f"regexp_replace({text}, '[^0-9.,+-]', '', 'g')"
        if self.decimal == ",":
            return f"replace(replace({digits}, '.', ''), ',', '.')"
        return f"replace({digits}, ',', '')"


def _number(decimal: str) -> str:
    """Numbers as people write them: groups of three digits."""
    thousands = "[.' \u00a0\u202f]" if decimal == "," else "[,' \u00a0\u202f]"
    return rf"[+-]?((\d{{1,3}}({thousands}\d{{3}})+|\d+)([{decimal}]\d*)?)"


def _grouped(decimal: str, currency: str | None) -> str:
    """Numbers as people write them, with a currency's sign or letters (of any, or of one) on either side."""
    marks = r"\p{Sc}|[A-Z]{3}" if currency is None else "|".join(re.escape(mark) for mark in marks_of(currency))
    return rf"[+-]?({marks})? ?{_number(decimal)} ?({marks})?"


def _unmarked(text: str) -> str:
    """An amount without what says its currency."""
    for mark in marks_in(text):
        text = text.replace(mark, "", 1)
    return text.replace("- ", "-").replace("+ ", "+").strip()


def column_type(
    name: str, time_format: str | None = None, decimal: str | None = None, currency: str | None = None
) -> ColumnType:
    """The type called `name` in a mapping, of amounts in `currency`.

    Raises ValueError if there is none, or none that takes what is declared.
    """
    found = _TYPES.get(name) or _decimal(name)
    if found is None:
        raise ValueError(f"{name!r} is no type: use {', '.join(_TYPES)} or decimal(digits,decimals)")
    if decimal is not None:
        if time_format is not None or not found.sql.startswith(("decimal", "bigint", "double")):
            raise ValueError(f"decimal belongs to money, decimal, number and integer, not to {name}")
        words = f"{found.words}, written with {decimal!r} before the decimals"
        return replace(found, decimal=decimal, currency=currency, words=words)
    if time_format is None:
        return found
    if time_format in EPOCHS:
        if found.sql != "timestamptz":
            raise ValueError(f"format {time_format} belongs to instant, not to {name}")
        return replace(found, words="a number of seconds or milliseconds since 1970", format=time_format)
    if found.sql not in ("timestamp", "date"):
        raise ValueError(f"format belongs to timestamp and date, not to {name}")
    return ColumnType(found.sql, f"a {name} like {time_format}", format=time_format)


def is_format(text: str) -> bool:
    """Whether `text` says how a day is written, in letters of strptime."""
    import duckdb  # large, and only a format that people type needs it

    try:
        duckdb.connect(":memory:").execute(f"select try_strptime('', {quoted(text)})").fetchall()
    except duckdb.Error:
        return False
    return "%" in text.replace("%%", "")


def quoted(text: str) -> str:
    """A string literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A quoted name of SQL."""
    return '"' + name.replace('"', '""') + '"'


def _decimal(name: str) -> ColumnType | None:
    match = _DECIMAL.fullmatch(MONEY if name == "money" else name)
    if match is None:
        return None
    digits, decimals = int(match[1]), int(match[2])
    if not 1 <= digits <= 38 or decimals > digits:
        raise ValueError(f"{name} is no decimal: 1 to 38 digits, of which at most all are decimals")
    # The cast would round what has more decimals; the pattern refuses it.
    pattern = rf"[+-]?(\d+([.]\d{{0,{decimals}}}0*)?|[.]\d{{1,{max(decimals, 1)}}}0*)"
    words = f"a decimal number with at most {decimals} decimals"
    return ColumnType(f"decimal({digits},{decimals})", words, pattern, digits=digits - decimals)


_TYPES: dict[str, ColumnType] = {
    "string": ColumnType("varchar", "text"),
    "integer": ColumnType("bigint", "an integer", r"[+-]?\d+", digits=18),
    "number": ColumnType("double", "a number"),
    "boolean": ColumnType("boolean", "true or false"),
    "timestamp": ColumnType("timestamp", "a local time like 2026-03-31 14:05:00", rf"{_ISO_DATE}|{_ISO_TIME}"),
    "instant": ColumnType("timestamptz", "a time with an offset like 2026-03-31T14:05:00Z", _ISO_TIME + _OFFSET),
    "date": ColumnType("date", "a date like 2026-03-31", _ISO_DATE),
    "ignore": ColumnType("varchar", "anything", ignored=True),
}
_TYPES["money"] = _decimal("money") or _TYPES["number"]
