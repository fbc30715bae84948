"""What stands beside an amount and says its currency: a sign, which several currencies may share, or three letters."""

import re
import unicodedata
from collections.abc import Iterable

from ingestion.tracking_plan.currencies import CURRENCIES

# The first currency of a sign is the one that is meant where nothing else says which.
_SHARED = {
    "$": "USD AUD CAD NZD SGD HKD TWD MXN ARS CLP COP BRL BBD BMD BND BSD BZD CVE CUP DOP FJD GYD JMD KYD LRD MOP NAD "
    "NIO SBD SRD SVC TOP TTD UYU WST XCD ZWL",
    "¥": "JPY CNY",
    "£": "GBP EGP FKP GIP LBP SDG SHP SSP SYP",
    "€": "EUR",
    "₹": "INR",
    "₨": "INR LKR MUR NPR PKR SCR",
    "₩": "KRW KPW",
    "₽": "RUB",
    "₺": "TRY",
    "₴": "UAH",
    "₫": "VND",
    "₪": "ILS",
    "₱": "PHP CUP",
    "฿": "THB",
    "₦": "NGN",
    "₡": "CRC SVC",
    "₲": "PYG",
    "₵": "GHS",
    "₸": "KZT",
    "₭": "LAK",
    "₮": "MNT",
    "₼": "AZN",
    "₾": "GEL",
    "֏": "AMD",
    "৳": "BDT",
    "៛": "KHR",
    "؋": "AFN",
    "⃀": "KGS",
    "﷼": "IRR OMR QAR SAR YER",
}
_WIDE = {"\uff04": "$", "\uffe5": "¥", "\uffe1": "£", "\uffe6": "₩"}  # as East Asian keyboards write them
SIGNS = {sign: tuple(codes.split()) for sign, codes in _SHARED.items()}
SIGNS |= {wide: SIGNS[sign] for wide, sign in _WIDE.items()}


def marks_of(code: str) -> tuple[str, ...]:
    """What may stand beside amounts of a currency: its three letters and its signs."""
    return code, *(sign for sign, codes in SIGNS.items() if code in codes)


def marks_in(text: str) -> tuple[str, ...]:
    """The signs and groups of three letters that stand in an amount."""
    signs = [c for c in text if unicodedata.category(c) == "Sc"]
    return *re.findall(r"[A-Z]{3}", text), *signs


def currencies_of(mark: str) -> tuple[str, ...]:
    """The currencies that a mark may stand for, the likeliest first; none for what is no currency's."""
    return SIGNS.get(mark) or ((mark,) if mark in CURRENCIES else ())


def in_words(mark: str) -> str:
    """A mark's currency as errors name it; the mark itself where it is no currency's."""
    codes = currencies_of(mark)
    if not codes:
        return f"in {mark!r}, which is no currency"
    return f"in {codes[0]}" if len(codes) == 1 else f"in {codes[0]} or another currency that is written {mark}"


def common(marks: Iterable[str]) -> tuple[str, ...]:
    """The currencies that all the marks may stand for, the likeliest of the first mark first."""
    found: tuple[str, ...] | None = None
    for mark in sorted(marks):
        codes = currencies_of(mark)
        found = codes if found is None else tuple(code for code in found if code in codes)
    return found or ()
