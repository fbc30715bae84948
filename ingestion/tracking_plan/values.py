"""From a JSON value to a typed value: one parser per type of the tracking plan.

A parser takes what a JSON decoder gives (or the exact Python value a file source already has) and returns the typed
value, or raises `Unfit` with words that name types only: a value may be personal and reasons are shown to people.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Context, Decimal, Inexact, InvalidOperation
from math import isfinite
from typing import Any, Literal

from ingestion.tracking_plan.currencies import CURRENCIES

PropertyType = Literal["string", "integer", "number", "money", "currency", "boolean", "timestamp", "date"]
Parser = Callable[[Any], Any]

MONEY_DIGITS, MONEY_SCALE = 18, 4
_CENT_OF_A_CENT = Decimal((0, (1,), -MONEY_SCALE))
# `quantize` in this context is one call that is exact or raises: Inexact for a fifth decimal, InvalidOperation for
# more than 18 digits, which are 14 before the point once four stand behind it.
_MONEY = Context(prec=MONEY_DIGITS, traps=[Inexact, InvalidOperation])
_DECIMAL_TEXT = re.compile(r"[+-]?[0-9]{1,20}(?:\.[0-9]{1,20})?")
_INTEGER_TEXT = re.compile(r"[+-]?[0-9]+")
_LONGEST_INTEGER = 20  # characters of the text of an integer that may be within 64 bits
_EXACT_MONEY = 1e10
_NO_MONEY = "invalid_money"
_BIGINT_MIN, _BIGINT_MAX = -(2**63), 2**63 - 1
_EXACT_FLOAT = 2.0**53
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive UTC, as the lake stores it
_AWARE_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_DATE = 11  # characters of a date alone, with Z


class Unfit(ValueError):
    """A value that its declared type cannot hold; the text says what was expected and what kind of value came.

    `code` is the reason's stable code.
    """

    def __init__(self, message: str, code: str = "wrong_type") -> None:
        super().__init__(message)
        self.code = code


def _kind(value: object) -> str:
    """What people call the type of a JSON value."""
    if isinstance(value, bool):
        return "a boolean"
    for types, word in (
        ((str,), "text"),
        ((int,), "an integer"),
        ((float, Decimal), "a number"),
        ((dict,), "an object"),
        ((list, tuple), "a list"),
        ((datetime, date), "a time"),
    ):
        if isinstance(value, types):
            return word
    return "nothing" if value is None else type(value).__name__


def parse_string(value: Any) -> str:
    """Text as it is; an integer as its digits (many platforms number their listings)."""
    if type(value) is str:
        return value
    if type(value) is int:
        return str(value)
    raise Unfit(f"expected text, got {_kind(value)}")


def parse_integer(value: Any) -> int:
    """A whole number within 64 bits: an integer, a float without fraction, or its decimal text."""
    if type(value) is int:
        number = value
    elif type(value) is str and _INTEGER_TEXT.fullmatch(value):
        # Refused events are kept with their large integers as text: the words must be those for the number.
        number = int(value) if len(value) <= _LONGEST_INTEGER else _BIGINT_MAX + 1
    elif type(value) is float and value.is_integer() and abs(value) <= _EXACT_FLOAT:
        number = int(value)
    else:
        kind = _kind(value)
        raise Unfit(f"expected an integer, got {kind}{' that is not one' if type(value) in (str, float) else ''}")
    if not _BIGINT_MIN <= number <= _BIGINT_MAX:
        raise Unfit("expected an integer within 64 bits, got a larger one")
    return number


def parse_number(value: Any) -> float:
    """A finite double: a number or its decimal text."""
    kind = type(value)
    if kind is float or kind is int or kind is Decimal or (kind is str and _DECIMAL_TEXT.fullmatch(value)):
        try:
            number = float(value)
        except OverflowError:
            number = float("inf")
        if isfinite(number):
            return number
        raise Unfit("expected a finite number, got one beyond a double's range")
    raise Unfit(f"expected a number, got {_kind(value)}{' that is not one' if kind is str else ''}")


def parse_money(value: Any) -> Decimal:
    """An exact decimal with four decimals: a number, or its decimal text (the way that loses nothing on any client).

    A JSON number arrives as the float nearest to what was written, and the shortest text that gives this float again
    is what was written; so money goes through text and never through binary arithmetic.
    """
    kind = type(value)
    if kind is float:
        if not isfinite(value):
            raise Unfit("expected money, got a number that is not finite", _NO_MONEY)
        number = Decimal(repr(value))
    elif kind is int or (kind is str and len(value) <= 40 and _DECIMAL_TEXT.fullmatch(value)):
        number = Decimal(value)
    elif kind is Decimal and value.is_finite():
        number = value
    elif kind is str and _INTEGER_TEXT.fullmatch(value):
        number = Decimal("Infinity")  # 21 digits and more, and no need to read them
    else:
        odd = " that is not a decimal number (write 1234.56)" if kind is str else ""
        raise Unfit(f"expected money, got {_kind(value)}{odd}", _NO_MONEY)
    try:
        return _MONEY.quantize(number, _CENT_OF_A_CENT)
    except Inexact:
        raise Unfit(f"expected money, got a number with more than {MONEY_SCALE} decimals", _NO_MONEY) from None
    except InvalidOperation:
        digits = MONEY_DIGITS - MONEY_SCALE
        code = "number_out_of_range" if abs(number) > _BIGINT_MAX else _NO_MONEY
        raise Unfit(f"expected money, got a number with more than {digits} digits before the point", code) from None


def is_surely_money(value: float) -> bool:
    """Whether `parse_money` takes a finite number, found without decimal arithmetic; False says nothing.

    A double is money if it is the one nearest to a decimal of at most four places, and then the division, which is
    rounded correctly, gives it again: with less than 15 digits no two such decimals share a double.
    """
    return -_EXACT_MONEY < value < _EXACT_MONEY and round(value * 10_000) / 10_000 == value


def parse_currency(value: Any) -> str:
    """A currency by its three letters (ISO 4217), in capitals."""
    if type(value) is str and value in CURRENCIES:
        return value
    if type(value) is not str:
        raise Unfit(f"expected a currency (three letters, ISO 4217), got {_kind(value)}", "unknown_currency")
    near = value.strip().upper()
    hint = f"; did you mean {near}?" if near in CURRENCIES else ""
    raise Unfit(f"expected a currency (three letters, ISO 4217), got text that is none{hint}", "unknown_currency")


def parse_boolean(value: Any) -> bool:
    """True or false, or just these words as text."""
    if value is True or value is False:
        return bool(value)
    if value == "true" or value == "false":
        return bool(value == "true")
    raise Unfit(f"expected true or false, got {_kind(value)}")


def parse_time(value: Any) -> datetime:
    """An instant as a naive datetime in UTC, from ISO 8601 text with an offset or from a datetime (naive means UTC).

    Text without an offset names no instant, and is refused rather than guessed.
    """
    if type(value) is str:
        return _time_of_text(value)
    if isinstance(value, datetime):
        return to_utc(value)
    raise Unfit(f"expected a time (ISO 8601 with an offset), got {_kind(value)}")


def _time_of_text(text: str) -> datetime:
    # Nearly every client ends its times with Z: read without it they are naive and in UTC at once.
    is_utc = text[-1:] == "Z" and len(text) > _LONGEST_DATE
    try:
        moment = datetime.fromisoformat(text[:-1] if is_utc else text)
    except ValueError:
        raise Unfit("expected a time (ISO 8601 with an offset), got text that is none") from None
    if is_utc:
        if moment.tzinfo is not None:
            raise Unfit("expected a time with one offset, got two")
        return moment
    if moment.tzinfo is None:
        raise Unfit("expected a time with an offset such as Z, got one without")
    return to_utc(moment)


def to_utc(moment: datetime) -> datetime:
    """The same instant as a naive datetime in UTC; a naive one is in UTC already.

    Raises Unfit if the instant lies outside of the years 1 to 9999.
    """
    if moment.tzinfo is None:
        return moment
    try:
        # A fifth of the time of `astimezone` and `replace`, and this stands on the path of every event.
        return _EPOCH + (moment - _AWARE_EPOCH)
    except OverflowError:
        raise Unfit("expected a time within the years 1 to 9999") from None


def parse_date(value: Any) -> date:
    """A calendar date from `YYYY-MM-DD`."""
    if type(value) is str and len(value) == 10:
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    elif type(value) is date:
        return value
    raise Unfit(f"expected a date (YYYY-MM-DD), got {_kind(value)}{' that is none' if type(value) is str else ''}")


PARSERS: dict[str, Parser] = {
    "string": parse_string,
    "integer": parse_integer,
    "number": parse_number,
    "money": parse_money,
    "currency": parse_currency,
    "boolean": parse_boolean,
    "timestamp": parse_time,
    "date": parse_date,
}
