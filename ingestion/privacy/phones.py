"""National phone numbers, as people write them in the country of a tenant.

A rule must not take ids, amounts, dates or times for phone numbers, so a number counts where it is grouped as that
country's numbers are, has their length and one of their prefixes, or where a word such as "tel" or "call me at" stands
before it. Bare digits alone are none.
"""

import re
from functools import cache
from importlib.resources import files
from typing import NamedTuple

S = "[ \u00a0]"  # what separates groups


class _Country(NamedTuple):
    """How a country's numbers are written in groups, how many digits those have, and what digits follow a word."""

    written: str
    least: int
    most: int
    digits: str


_GERMAN = rf"\(?0{{area}}(?:\){S}?|{S}?/{S}?|{S})[1-9][0-9]{{{{1,7}}}}(?:[ \u00a0\-][0-9]{{{{1,6}}}}){{{{0,4}}}}"
_COUNTRIES = {
    "AT": _Country(_GERMAN.format(area="(?:1|[2-9][0-9]{2,3})"), 9, 13, "0[1-9][0-9]{7,11}"),
    "BE": _Country(
        rf"0[1-9][0-9]{{0,2}}(?:{S}|/)[0-9]{{2,3}}(?:[ .\u00a0][0-9]{{2}}){{2,3}}", 9, 10, "0[1-9][0-9]{7,8}"
    ),
    "CH": _Country(rf"0[1-9][0-9]{S}[0-9]{{3}}{S}[0-9]{{2}}{S}[0-9]{{2}}", 10, 10, "0[1-9][0-9]{8}"),
    "DE": _Country(
        _GERMAN.format(area="(?:[2-9][0-9]{1,4}|1[5-7][0-9]{1,2})"), 9, 12, "0(?:[2-9][0-9]{7,10}|1[5-7][0-9]{8,9})"
    ),
    "ES": _Country(rf"[679][0-9]{{2}}(?:{S}[0-9]{{2}}){{3}}", 9, 9, "[679][0-9]{8}"),
    "FR": _Country(rf"0[1-9](?:(?:{S}[0-9]{{2}}){{4}}|(?:\.[0-9]{{2}}){{4}})", 10, 10, "0[1-9][0-9]{8}"),
    "GB": _Country(
        rf"\(?02[0-9]\)?{S}[0-9]{{4}}{S}[0-9]{{4}}|\(?0[138][0-9]{{2}}\)?{S}[0-9]{{3}}{S}[0-9]{{4}}"
        rf"|\(?01[0-9]{{3}}\)?{S}[0-9]{{5,6}}|07[0-9]{{3}}{S}[0-9]{{3}}{S}?[0-9]{{3}}",
        10, 11, "0[1-9][0-9]{8,9}",
    ),
    "IE": _Country(rf"\(?0(?:1|[2-9][0-9])\)?{S}[0-9]{{3}}{S}[0-9]{{4}}", 9, 10, "0[1-9][0-9]{7,8}"),
    "IN": _Country(
        rf"(?:0[ \-]?)?[6-9][0-9]{{4}}{S}[0-9]{{5}}|0[1-9][0-9]{{1,3}}{S}[2-7][0-9]{{5,7}}"
        rf"|0[1-9][0-9]{S}[0-9]{{4}}{S}[0-9]{{4}}",
        10, 11, "0?[6-9][0-9]{9}|0[1-5][0-9]{9}",
    ),
    "IT": _Country(
        rf"0[1-9][0-9]{{0,3}}(?:{S}|/)[0-9]{{5,8}}|3[2-9][0-9]{S}(?:[0-9]{{7}}|[0-9]{{3}}{S}[0-9]{{4}})",
        9, 11, "0[1-9][0-9]{7,9}|3[2-9][0-9]{8}",
    ),
    "NL": _Country(
        rf"06[ \u00a0\-](?:[0-9]{{8}}|[0-9]{{4}}{S}[0-9]{{4}}|[0-9]{{2}}(?:{S}[0-9]{{2}}){{3}})"
        rf"|0[1-9][0-9]{S}[0-9]{{3}}{S}?[0-9]{{4}}|0[1-9][0-9]{{2}}{S}[0-9]{{6}}",
        10, 10, "0[1-9][0-9]{8}",
    ),
}  # fmt: skip

# Not within a longer token or row of groups: an identifier, an account number (after its bank's letters), a path.
_BEFORE = r"(?<![\w+.,/#%\-])(?<![0-9][ \u00a0])(?<![A-Z]{4}[ \u00a0])"
_AFTER = r"(?!\w|[.,:/\-][0-9]|[ \u00a0][0-9])"
_WORD = (
    r"(?:tel|telefon|telephone|phone|mobile|mobil|handy|cell|fon|whatsapp|call|ring|anrufen|appelez"
    r"|t\u00e9l|t\u00e9l\u00e9phone|telefono|tel\u00e9fono|m\u00f3vil)"
    r"\.?(?: (?:me|us|mich|uns|moi|no|nr|number|nummer)\.?)?(?: (?:at|on|under|unter|auf|au))?:?[ \u00a0]{0,2}"
)
_CALLED = re.compile(rf"(?i:(?<![^\W_]){_WORD})(\(?[0-9][0-9 ()/.\-\u00a0]{{7,20}}[0-9]){_AFTER}")

# In the syntax of RE2, for columns of JSON text: every text in which a number of some country could be found.
_START = r"(?:^|[^\w+.,/#%\-]|\\[nrtbf]|\\u00[0-9a-f]{2})"
SUSPECT = (
    rf"{_START}\(?0[1-9][0-9]{{0,4}}\)?[ /.\-\x{{a0}}]|{_START}[36-9][0-9]{{2,4}}[ \x{{a0}}][0-9]{{2}}"
    rf"|(?i:(?:^|[^a-z0-9]|\\[nrtbf]|\\u00[0-9a-f]{{2}}){_WORD.replace(chr(92) + 'u00', chr(92) + 'x')})\(?[0-9]"
)


def masked(text: str, country: str, mask: str) -> str:
    """The text with a mask in place of every phone number as they are written in a country (ISO 3166, two letters).

    A country whose numbers are not known here changes nothing.
    """
    patterns = _compiled(country)
    if patterns is None:
        return text
    written, digits = patterns
    known = _COUNTRIES[country]

    def grouped(match: re.Match[str]) -> str:
        return mask if known.least <= len(_digits(match[0])) <= known.most else match[0]

    def called(match: re.Match[str]) -> str:
        if not digits.fullmatch(_digits(match[1])):
            return match[0]
        return match[0][: match.start(1) - match.start()] + mask

    return _CALLED.sub(called, written.sub(grouped, text))


@cache
def country_of(time_zone: str) -> str:
    """The country (ISO 3166, two letters) in which a time zone lies; empty for one that lies in none."""
    table = files("tzdata").joinpath("zoneinfo", "zone.tab").read_text(encoding="utf-8")
    lines = (line.split("\t") for line in table.splitlines() if not line.startswith("#"))
    return next((columns[0] for columns in lines if columns[2] == time_zone), "")


@cache
def _compiled(country: str) -> tuple[re.Pattern[str], re.Pattern[str]] | None:
    known = _COUNTRIES.get(country)
    if known is None:
        return None
    return re.compile(rf"{_BEFORE}(?:{known.written}){_AFTER}"), re.compile(known.digits)


def _digits(text: str) -> str:
    return "".join(character for character in text if character.isdigit())
