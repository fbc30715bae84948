"""Which column of an unknown file is the time, the amount, the booking, the buyer: by type, values and name."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from almanac.errors import AlmanacError
from ingestion.sources.guessed_types import Column, Looked, dated

_TIME = r"(order|invoice|book|creat|purchas|pay|rent|trans|event|sale|sold|issue|arriv|start)"
_LATER = r"(updat|sync|modif|return|cancel|birth|deliver|ship|due|end|expir|close|last)"
_AMOUNT = r"(amount|total|revenue|gmv|price|value|cost|charge|paid|sales|sum|turnover|dollar|adr|fare)"
_PART = r"(discount|tax|vat|shipping|tip|fee|refund|balance|weight|rating|score|_id$|rate$|limit|income|requests|count)"
_UNIT = r"(unit.?price|price.?per|^price$)"
_QUANTITY = r"(quantity|^qty|pieces|units|^count$)"
_BOOKING = r"(order|invoice|booking|reservation|transaction|payment|rental|sale|ticket)"
_ID = r"(^id$|.*[_ ]id$|.*Id$|.*ID$|.*[_ ]?(no|No|nr|number|Number|ref|code|key)$)"
_BUYER = r"(customer|user|buyer|client|member|guest|account|passenger|patient)"
_LISTING = r"(product|listing|item|sku|stock|property|room|film|inventory|service)"

Role = Literal["time", "amount"]


@dataclass(frozen=True)
class Roles:
    """The columns of an event; only time and amount must be there."""

    time: Column
    amount: Column
    booking: Column | None
    quantity: Column | None = None  # the amount is its price times this
    buyer: Column | None = None
    listing: Column | None = None
    currency: Column | None = None


class NoColumn(AlmanacError):
    """No column can be what an event needs: which role it is, what is missing, what to do.

    `column` is the one that was named, or that would be it if its values were written as it was said.
    """

    def __init__(self, role: Role, what: str, advice: str, column: str | None) -> None:
        super().__init__(f"{what}: {advice}")
        self.role, self.what, self.advice, self.column = role, what, advice, column


def candidates(looked: Looked, role: Role) -> list[tuple[str, bool]]:
    """The columns that may have been meant for a role, the likeliest first, and whether their names say so."""
    if role == "time":
        likely = [(_time_score(c), c.name, bool(_named(_TIME, c, 1.0))) for c in looked.columns]
    else:
        likely = [(_amount_score(c), c.name, bool(_named(_AMOUNT, c, 1.0))) for c in looked.columns]
    best = sorted((one for one in likely if one[0] > 0), key=lambda one: -one[0])
    return [(name, is_named) for _, name, is_named in best]


def roles(
    looked: Looked,
    time: str | None = None,
    amount: str | None = None,
    booking: str | None = None,
    date_format: str | None = None,
    decimal: str | None = None,
) -> Roles:
    """The roles of the columns; a name given is taken as it is, and so is how dates and decimals are written.

    Raises NoColumn for a role that no column can have, AlmanacError for a column that is not there.
    """

    def is_time_as_said(column: Column) -> bool:
        return column.is_time and (date_format is None or column.declared == dated(date_format))

    def times(fits: Callable[[Column], bool]) -> Column | None:
        return _best(looked, lambda c: fits(c) and _filled(c, looked), _time_score)

    at = looked.column(time) if time else times(is_time_as_said) or times(lambda c: c.is_time)
    if at is None or not is_time_as_said(at):
        raise NoColumn(
            "time",
            f"{'no column holds' if at is None else at.name + ' does not hold'} a time in every row",
            "name one with --time COLUMN, and say how it is written with --date-format (such as '%d/%m/%Y', or epoch)",
            None if at is None else at.name,
        )
    what = looked.column(amount) if amount else _best(looked, lambda c: c.is_number, _amount_score)
    if what is None or not _is_written(what, decimal):
        raise NoColumn(
            "amount",
            f"{'no column looks like' if what is None else what.name + ' does not hold'} amounts",
            "name one with --amount COLUMN, and say how decimals are written with --decimal , or --decimal .",
            None if what is None else what.name,
        )
    quantity = None
    if amount is None and re.search(_UNIT, what.name, re.IGNORECASE):
        quantity = _best(looked, lambda c: c.type == "integer", lambda c: _named(_QUANTITY, c, 2.0))
    taken = {at.name, what.name}
    buyer = _best(looked, lambda c: c.name not in taken and _is_key(c), lambda c: _id_score(_BUYER, c))
    listing = _best(looked, lambda c: c.name not in taken and _is_key(c), lambda c: _id_score(_LISTING, c))
    taken |= {c.name for c in (buyer, listing) if c is not None}
    own = (
        looked.column(booking)
        if booking
        else _best(looked, lambda c: c.name not in taken and _is_key(c), lambda c: _booking_score(c, looked))
    )
    currency = _best(looked, lambda c: c.type == "string", lambda c: _named(r"^currency(_?code)?$", c, 1.0))
    return Roles(at, what, own, quantity, buyer, listing, currency)


def _best(looked: Looked, fits: Callable[[Column], bool], score: Callable[[Column], float]) -> Column | None:
    """The fitting column with the highest score above zero; the first of equals."""
    scored = [(score(column), -place, column) for place, column in enumerate(looked.columns) if fits(column)]
    found = max((s for s in scored if s[0] > 0), default=None, key=lambda s: s[:2])
    return found[2] if found else None


def _named(pattern: str, column: Column, worth: float) -> float:
    return worth if re.search(pattern, column.name, re.IGNORECASE) else 0.0


def _is_written(column: Column, decimal: str | None) -> bool:
    """Whether a column holds numbers with this sign before the decimals (None: with any)."""
    own = "." if isinstance(column.declared, str) else column.declared.decimal
    return column.is_number and (decimal is None or column.type == "integer" or own == decimal)


def _filled(column: Column, looked: Looked) -> bool:
    return column.filled == looked.rows


def _is_key(column: Column) -> bool:
    return column.type in ("string", "integer") and column.filled > 0


def _time_score(column: Column) -> float:
    score = 1.0 + _named(_TIME, column, 1.0) - _named(_LATER, column, 0.8)
    return score + (0.2 if column.type != "date" else 0.0)


def _amount_score(column: Column) -> float:
    if re.search(_ID, column.name) or (
        column.type == "integer" and column.distinct <= 2 and column.lowest in ("0", "1")
    ):
        return 0.0
    score = _named(_AMOUNT, column, 2.0) + _named("(amount|total|revenue)", column, 0.5) - _named(_PART, column, 1.6)
    return score + (0.8 if column.has_decimals or column.marks else 0.0) + (0.5 if column.marks else 0.0)


def _id_score(pattern: str, column: Column) -> float:
    if not re.search(pattern, column.name, re.IGNORECASE):
        return 0.0
    # A key is called so; a name, a type or a country of the same thing is none.
    return 2.0 if re.search(_ID, column.name) else 1.0 if re.fullmatch(pattern, column.name, re.IGNORECASE) else 0.0


def _booking_score(column: Column, looked: Looked) -> float:
    if not _filled(column, looked):
        return 0.0
    is_unique = column.distinct == looked.rows
    score = _id_score(_BOOKING, column) + (1.0 if re.fullmatch("id", column.name, re.IGNORECASE) and is_unique else 0.0)
    return score + (0.5 if is_unique and score else 0.0) + (0.2 if is_unique and re.search(_ID, column.name) else 0.0)
