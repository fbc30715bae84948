"""The one place that turns numbers, dates and times into the text people read.

A KPI's `unit`, its `format` and the tenant's currency decide; nothing else in the project formats a number for people.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal
from zoneinfo import ZoneInfo

Number = Decimal | float | int
NONE = "-"  # no value is never 0 and never NaN
MINUS = "\u2212"
SPACE = "\u00a0"  # between a number and what belongs to it, so that no line breaks there
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
SCALES = ((Decimal(10) ** 12, "T"), (Decimal(10) ** 9, "B"), (Decimal(10) ** 6, "M"), (Decimal(10) ** 3, "K"))
EXACT_BELOW = Decimal(10_000)  # shorter than its scaled form, so it is shown whole

SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "INR": "₹", "JPY": "¥", "KRW": "₩", "BRL": "R$", "NGN": "₦", "ILS": "₪"}
NO_MINOR_UNIT = frozenset({"JPY", "KRW", "VND", "CLP", "ISK", "PYG", "UGX", "XAF", "XOF", "XPF", "RWF", "KMF", "GNF"})
THREE_DECIMALS = frozenset({"BHD", "KWD", "OMR", "TND", "JOD", "IQD", "LYD"})
GROUPED_IN_LAKHS = frozenset({"INR", "NPR", "PKR", "BDT", "LKR"})  # 12,34,567: thousands, then pairs

Tone = Literal["good", "bad", "warn", "neutral"]


@dataclass(frozen=True)
class Style:
    """How the numbers of one KPI look.

    `unit` is `count`, `money`, `ratio` (0-1, in percent unless `format` says otherwise) or a unit's name (`hours`),
    `currency` an ISO code where the unit is money, `decimals` fixes their number (a column has the same in every row).
    """

    unit: str
    format: str | None = None
    currency: str | None = None
    decimals: int | None = None

    @property
    def is_percent(self) -> bool:
        """Whether values (0-1) are shown in percent."""
        return self.format == "percent" or (self.unit == "ratio" and self.format in (None, "", "percent"))

    @property
    def unit_label(self) -> str:
        """The unit as a table header or a chart title names it; empty for plain counts and quotients."""
        if self.unit == "money":
            return self.currency or ""
        return "%" if self.is_percent else "" if self.unit in ("count", "ratio") else self.unit


@dataclass(frozen=True)
class Change:
    """A change against the compared period: its text, whether it is good, and why there is none if `text` is `n/a`."""

    text: str
    tone: Tone
    reason: str = ""


def exact(value: Number | None, style: Style) -> str:
    """The whole number with its unit: `1,240,512`, `€1,240,512.30`, `12.4 %`, `-` for none."""
    if value is None:
        return NONE
    number = _decimal(value)
    if style.is_percent:
        return f"{bare(number, style)}{SPACE}%"
    if style.unit == "money":
        return _with_currency(bare(abs(number), style), number, style.currency)
    return bare(number, style)


def bare(value: Number | None, style: Style) -> str:
    """The whole number without its unit, as a table shows whose header names the unit."""
    if value is None:
        return NONE
    number = _decimal(value) * (100 if style.is_percent else 1)
    return _grouped(number, decimals_of(value, style), style.currency if style.unit == "money" else None)


def compact(value: Number | None, style: Style) -> str:
    """Three figures and a scale from 10,000 on: `9,876`, `12.4 K`, `€1.24 M`; percentages as `exact` shows them."""
    if value is None:
        return NONE
    number = _decimal(value)
    if style.is_percent or abs(number) < EXACT_BELOW:
        return exact(number, style)
    return _with_currency(_scaled(abs(number)), number, style.currency if style.unit == "money" else None)


def ticks(values: Sequence[Number], style: Style) -> list[str]:
    """Labels of an axis, short but with all digits of its round numbers, in one scale alike: `€1.0 K`, `€1.5 K`."""
    scaled = [_scale_of(_decimal(v), style) for v in values]
    decimals: dict[str, int] = {}
    for number, name in scaled:
        decimals[name] = max(decimals.get(name, 0), _decimals_needed(number))
    currency = style.currency if style.unit == "money" else None
    return [
        _with_currency(f"{abs(number):,.{decimals[name] if number else 0}f}{name}", number, currency)
        for number, name in scaled
    ]


def for_column(values: Sequence[Number | None], style: Style) -> Style:
    """The style with the decimals that a whole column of `values` needs."""
    known = [v for v in values if v is not None]
    if not style.is_percent or not known:
        return style
    small = [v for v in known if v != 0]
    return replace(style, decimals=2 if small and all(abs(v) < _ONE_PERCENT for v in map(_decimal, small)) else 1)


def decimals_of(value: Number, style: Style) -> int:
    """How many decimals a value is shown with."""
    if style.decimals is not None:
        return style.decimals
    if style.is_percent:
        return 2 if value != 0 and abs(_decimal(value)) < _ONE_PERCENT else 1
    if style.unit == "money":
        return minor_units(style.currency)
    # 500 requests of a day are 0.0058 per second.
    return 4 if style.unit == "per second" else 2 if style.unit == "ratio" or style.format == "decimal" else 0


def minor_units(currency: str | None) -> int:
    """Decimals of a currency's minor unit: 2 for EUR and INR, 0 for JPY, 3 for KWD."""
    if currency in NO_MINOR_UNIT:
        return 0
    return 3 if currency in THREE_DECIMALS else 2


def change(now: Number | None, before: Number | None, style: Style, *, up_is_good: bool) -> Change:
    """The change from `before` to `now`: relative, but in points of a share, and of a score, whose 0 means nothing."""
    if now is None:
        return Change("n/a", "neutral", "no value in this period")
    if before is None:
        return Change("n/a", "neutral", "no value in the compared period")
    new, old = _decimal(now), _decimal(before)
    if style.is_percent:
        difference, unit = (new - old) * 100, "pp"
    elif style.unit == "points":
        difference, unit = new - old, "points"
    elif old == 0:
        return Change("n/a", "neutral", "the compared period is zero")
    else:
        difference, unit = (new - old) / abs(old) * 100, "%"
    size = abs(difference)
    text = _grouped(size, 0 if size >= 1000 else 1 if size >= 1 or size == 0 else 2)
    if not any(c in text for c in "123456789"):
        return Change(f"{text}{SPACE}{unit}", "neutral")
    tone: Tone = "good" if (difference > 0) == up_is_good else "bad"
    return Change(f"{'+' if difference > 0 else MINUS}{text}{SPACE}{unit}", tone)


def share(part: int, whole: int) -> str:
    """A part of a count in percent; `-` of nothing."""
    return exact(Decimal(part) / Decimal(whole), Style("ratio")) if whole else NONE


def count(value: int | None) -> str:
    """A plain count with thousands separated."""
    return exact(value, Style("count"))


def day(value: date) -> str:
    """`21 Nov 2026`."""
    return f"{value.day}{SPACE}{MONTHS[value.month - 1]}{SPACE}{value.year}"


def day_short(value: date) -> str:
    """`21 Nov`, where the year is clear."""
    return f"{value.day}{SPACE}{MONTHS[value.month - 1]}"


def month(value: date) -> str:
    """`Nov 2026`."""
    return f"{MONTHS[value.month - 1]}{SPACE}{value.year}"


def period(start: date, time_grain: str) -> str:
    """A period by its grain: `21 Nov 2026`, `week of 9 Nov 2026`, `Nov 2026`, `Q4 2026`."""
    return f"week of {day(start)}" if time_grain == "week" else period_start(start, time_grain)


def period_start(start: date, time_grain: str) -> str:
    """The same under a heading that names the grain: a week is its first day."""
    quarter = f"Q{(start.month + 2) // 3}{SPACE}{start.year}"
    return {"quarter": quarter, "month": month(start)}.get(time_grain, day(start))


def span(first: date, last: date) -> str:
    """A range of days, both included: `1–7 Nov 2026`, `24 Oct – 20 Nov 2026`."""
    if first == last:
        return day(first)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}–{day(last)}"
    return f"{day_short(first) if first.year == last.year else day(first)} – {day(last)}"


def between(first: date, last: date) -> str:
    """A range of days inside a sentence: `between 1 and 7 Nov 2026`, `on 21 Nov 2026`."""
    if first == last:
        return f"on {day(first)}"
    return f"between {span(first, last).replace(' – ', '–').replace('–', ' and ')}"


def moment(at: datetime, time_zone: str = "UTC") -> str:
    """A point in time (UTC if naive) in a time zone: `21 Nov 2026, 06:00 CET`."""
    local = _local(at, time_zone)
    return f"{day(local.date())}, {clock(at, time_zone)}"


def clock(at: datetime, time_zone: str = "UTC") -> str:
    """The time of day of a point in time (UTC if naive) in a time zone: `06:00 CET`."""
    local = _local(at, time_zone)
    return f"{local:%H:%M}{SPACE}{local:%Z}"


def utc(at: datetime) -> datetime:
    """A point in time with its zone: stored times are UTC without saying so."""
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def duration(seconds: float) -> str:
    """A duration in its two largest units: `3 d 4 h`, `5 min 10 s`, `12 s`."""
    left = max(0, round(seconds))
    parts: list[str] = []
    for size, name in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        amount, left = divmod(left, size)
        if amount:
            parts.append(f"{amount}{SPACE}{name}")
    return " ".join(parts[:2]) or f"0{SPACE}s"


_ONE_PERCENT = Decimal("0.01")


def _decimal(value: Number) -> Decimal:
    # Through text: a float's shortest form is what its writer meant.
    return value if isinstance(value, Decimal) else Decimal(str(value))


def _local(at: datetime, time_zone: str) -> datetime:
    return utc(at).astimezone(ZoneInfo(time_zone))


def _rounded(number: Decimal, decimals: int) -> Decimal:
    return number.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)


def _grouped(number: Decimal, decimals: int, currency: str | None = None) -> str:
    rounded = _rounded(number, decimals)
    text = f"{abs(rounded):,.{decimals}f}"
    if currency in GROUPED_IN_LAKHS:
        text = _in_lakhs(text.replace(",", ""))
    return f"{MINUS}{text}" if rounded < 0 else text


def _in_lakhs(text: str) -> str:
    whole, dot, fraction = text.partition(".")
    head, tail = whole[:-3], whole[-3:]
    pairs = [head[max(0, end - 2) : end] for end in range(len(head), 0, -2)]
    return ",".join([*reversed(pairs), tail]) + dot + fraction


def _scaled(size: Decimal) -> str:
    """`size` (not negative) with three figures and its scale; a size that rounds up to the next scale takes that."""
    fitting = [(factor, name) for factor, name in reversed(SCALES) if _three_figures(size / factor) < 1000]
    factor, name = fitting[0] if fitting else SCALES[0]
    return f"{_three_figures(size / factor):,}{SPACE}{name}"


def _three_figures(number: Decimal) -> Decimal:
    rounded = _rounded(number, 2 if number < 10 else 1 if number < 100 else 0)
    # 9.996 rounds to 10.00, which has a figure too many.
    return _rounded(number, 2 if rounded < 10 else 1 if rounded < 100 else 0)


def _scale_of(number: Decimal, style: Style) -> tuple[Decimal, str]:
    """A number in the largest scale that it fills, and what follows it."""
    if style.is_percent:
        return number * 100, f"{SPACE}%"
    factor, name = next(((f, f"{SPACE}{n}") for f, n in SCALES if abs(number) >= f), (Decimal(1), ""))
    return number / factor, name


def _decimals_needed(number: Decimal) -> int:
    exponent = number.normalize().as_tuple().exponent
    return min(4, -exponent) if isinstance(exponent, int) and exponent < 0 else 0


def _with_currency(text: str, number: Decimal, currency: str | None) -> str:
    sign = MINUS if number < 0 and any(c in text for c in "123456789") else ""
    if not currency:
        return sign + text
    symbol = SYMBOLS.get(currency)
    return f"{sign}{symbol}{text}" if symbol else f"{sign}{currency}{SPACE}{text}"
