"""What card numbers, e-mail addresses and phone numbers look like in text.

Everything here is bounded: no text makes a search take longer than its length times a constant.
"""

import re
from collections.abc import Callable
from typing import Literal

from ingestion.privacy import phones

Kind = Literal["card", "email", "phone", "big_integer"]  # the last one is no pattern, but part of the same walk
MASKS: dict[Kind, str] = {"card": "[card]", "email": "[email]", "phone": "[phone]"}

_SPACE = r"[ .\-\u00a0]"
# As it is printed on cards (4-4-4-4, and 1 to 3 digits more; 4-6-5 and 4-6-4; 4-3-3-3), or without any space. A number
# that is part of a longer token (an identifier, a path, a decimal number) is none.
_CARD = re.compile(
    rf"(?<![\w+.,/\-])(?:[0-9]{{13,19}}|[0-9]{{4}}({_SPACE})(?:[0-9]{{4}}\1[0-9]{{4}}\1[0-9]{{4}}(?:\1[0-9]{{1,3}})?"
    rf"|[0-9]{{6}}\1[0-9]{{4,5}}|[0-9]{{3}}\1[0-9]{{3}}\1[0-9]{{3}}))(?![\w]|[.,\-][0-9])"
)
_EMAIL = re.compile(
    r"[^\s\"'<>(),;:=&?/\\@\[\]{}|]{1,64}(?:@|%40)(?:[\w\-]{1,63}\.){1,8}[^\W\d_]{2,24}(?![\w\-])", re.IGNORECASE
)
_PHONE = re.compile(
    r"(?:(?<![\w+.%])\+|(?<!\w)%2B)(?:[1-9](?:[ \-/()\u00a0]{0,2}[0-9]){7,14}"
    r"|[1-9][0-9]{0,2}(?:\.[0-9]{2,5}){2,4})(?!\w)"
    r"|(?<![\w.+\-])(?:\([0-9]{3}\) ?|[0-9]{3}[\-.])[0-9]{3}[\-.][0-9]{4}(?![\w\-]|\.[0-9])"
)
# A property of such a name holds a phone number however it is written. It is matched against the key as JSON has it.
_PHONE_NAME = r'(?i:(?:phone|mobile|msisdn)[a-z0-9_ \-]*|["_](?:tel|fax)(?:_[a-z]{1,20})?)"\s*:'
_PHONE_VALUE = re.compile(r"\s*\+?[0-9 ()./\-\u00a0]{7,30}\s*")
_named_phone = re.compile(_PHONE_NAME).search

# In the syntax of RE2, for whole columns of JSON text at once: finds every text in which the above could find
# something, and few others. (RE2 reads each byte once; Python's engine would take twenty times as long.)
SUSPECT = (
    r"@|%40|\\u0040|\+\(?[1-9]|%2[Bb][1-9]|\\u002[Bb]|[0-9]{3}(?:\) ?|[\-.])[0-9]{3}[\-.][0-9]{4}"
    r"|(?:^|[^0-9])[2-689][0-9]{12}|[0-9]{4}(?: |-|\.|\x{a0})[0-9]{3,6}(?: |-|\.|\x{a0})[0-9]{3}"
    r"|[:\[,]\s*-?[0-9]{19}"
    rf"|{_PHONE_NAME}|{phones.SUSPECT}"
)

_ID_WORDS = frozenset(
    "id ids uuid guid sku ean gtin isbn upc ref reference order timestamp ts time at ms".split()  # noqa: SIM905 - readable
)
_NUMBER_WORDS = frozenset({"number", "no", "nr", "code"})
_NUMBERED = frozenset({"order", "booking", "invoice", "ticket", "reservation", "tracking", "shipment", "customer"})
_CARD_WORDS = frozenset({"card", "pan", "cc", "credit", "debit", "payment", "visa"})
_words = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+").findall


def mask(
    text: str, kinds: frozenset[Kind] | set[Kind], key: str = "", country: str = ""
) -> tuple[str, tuple[Kind, ...]]:
    """The text with what was found masked, and which kinds that were. `key` is the name of the value, if it has one.

    National phone numbers are found if `country` (ISO 3166, two letters) says whose.
    """
    found: list[Kind] = []

    def masked(kind: Kind, pattern: re.Pattern[str], is_real: Callable[[str], bool] = bool) -> str:
        def replace(match: re.Match[str]) -> str:
            if not is_real(match[0]):
                return match[0]
            found.append(kind)
            return MASKS[kind]

        return pattern.sub(replace, text)

    words = _lower_words(key)
    if "card" in kinds and not (text.isdigit() and _is_id(words)):
        is_named = not _CARD_WORDS.isdisjoint(words)
        text = masked("card", _CARD, lambda number: _is_card(number, is_named))
    if "email" in kinds and ("@" in text or "%40" in text):
        text = masked("email", _EMAIL)
    if "phone" in kinds:
        if key and _named_phone(f'"{key}":') and _PHONE_VALUE.fullmatch(text) and _digits(text) >= 7:
            return MASKS["phone"], (*dict.fromkeys(found), "phone")
        text = masked("phone", _PHONE, lambda number: 8 <= _digits(number.replace("%2B", "")) <= 15)
        if country and not _is_id(words):
            before, text = text, phones.masked(text, country, MASKS["phone"])
            found += ["phone"] if text != before else []
    return text, tuple(dict.fromkeys(found))


def _is_card(written: str, is_named: bool) -> bool:
    digits = re.sub(r"[^0-9]", "", written)
    if len(digits) == 13 and len(written) == 13 and not is_named:
        return False  # trade item numbers (EAN) look like this; cards have not had 13 digits for decades
    return _issued(digits) and _luhn(digits)


def _issued(digits: str) -> bool:
    """Whether a card issuer gives out numbers that begin like this and have this length."""
    size, two, three, four = len(digits), int(digits[:2]), int(digits[:3]), int(digits[:4])
    if digits[0] == "4":
        return size in (13, 16, 19)
    if 51 <= two <= 55 or 2221 <= four <= 2720:
        return size == 16
    if two in (34, 37):
        return size == 15
    if two in (36, 38, 39) or 300 <= three <= 305:
        return size in (14, 16)
    is_long = four == 6011 or 644 <= three <= 649 or two in (62, 65, 81, 82) or 3528 <= four <= 3589
    if is_long or 2200 <= four <= 2204 or three == 508:
        return 16 <= size <= 19
    return four in (5018, 5020, 5038, 5893, 6304, 6759, 6761, 6762, 6763) and size in (16, 18, 19)


def _luhn(digits: str) -> bool:
    doubled = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
    numbers = [int(digit) for digit in reversed(digits)]
    return (sum(numbers[::2]) + sum(doubled[n] for n in numbers[1::2])) % 10 == 0


def _digits(text: str) -> int:
    return sum(character.isdigit() for character in text)


def _lower_words(key: str) -> list[str]:
    return [word.lower() for word in _words(key)]


def _is_id(words: list[str]) -> bool:
    """Whether a property of such a name holds an identifier or a time: its bare digits are no card."""
    if not words or not _CARD_WORDS.isdisjoint(words):
        return False
    return words[-1] in _ID_WORDS or (words[-1] in _NUMBER_WORDS and not _NUMBERED.isdisjoint(words))
