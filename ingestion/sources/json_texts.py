"""JSON that stands in texts of fetched rows: cleaned and masked as if it were nested in the row, and text again."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from ingestion.collector.limits import MAX_DEPTH
from ingestion.collector.messages import deeper_than
from ingestion.privacy.cleaning import clean
from ingestion.privacy.masking import CARDS, Masker
from ingestion.privacy.patterns import Kind
from ingestion.repeated_names import RepeatedNames

# In the syntax of RE2: where in a row's JSON a text may be JSON itself.
MAY_BE_JSON = r'"(?:\s|\\[nrt])*[\[{]'
_encode = msgspec.json.Encoder(decimal_format="number").encode


class Inside(NamedTuple):
    """The object or array that a text is; `repeats` where a name stands twice in one object (the last value counts)."""

    value: dict[str, Any] | list[Any]
    repeats: bool


def inside_of(text: str) -> Inside | None:
    """What a text is in JSON; None if that is no object or array, or one that is nested deeper than events may be.

    Numbers are exact: an amount beside a password stays what it was.
    """
    if text.lstrip(" \t\r\n")[:1] not in ("{", "["):
        return None
    repeated = RepeatedNames()
    try:
        value = json.loads(text, parse_float=Decimal, parse_constant=_refuse, object_pairs_hook=repeated)
    except (ValueError, RecursionError):
        return None
    return None if deeper_than(value, MAX_DEPTH) else Inside(value, repeated.found)


def clean_texts(value: dict[str, Any] | list[Any]) -> None:
    """Take credentials out of the JSON in a value's texts and truncate addresses there, in place."""
    holder: Any = value
    for place, item in list(value.items()) if isinstance(value, dict) else enumerate(value):
        if isinstance(item, dict | list):
            clean_texts(item)
        elif isinstance(item, str) and (inside := inside_of(item)) is not None:
            before = _text(inside.value)
            clean_texts(inside.value)
            clean({"": inside.value}, deep=True)
            after = _text(inside.value)
            if after != before or inside.repeats:
                holder[place] = after


class RowMasker(Masker):
    """Masks rows of foreign tables by the policy of one tenant."""

    def mask_row(self, row: Mapping[str, Any], kept: frozenset[str], personal: frozenset[str]) -> dict[str, Any] | None:
        """A row as it may be stored; None where there was nothing to mask.

        Columns in `kept` are left alone, those in `personal` but for card numbers. A row is masked also where the
        policy is to quarantine: a foreign table has no quarantine.
        """
        found: dict[str, Kind] = {}
        masked: dict[str, Any] = {}
        for column, value in row.items():
            if column in kept:
                masked[column] = value
            else:
                self._put(masked, column, value, CARDS if column in personal else self._kinds, "", found)
        return masked if found else None

    def _value(self, value: Any, kinds: frozenset[Kind], key: str, path: str, found: dict[str, Kind]) -> Any:
        inside = inside_of(value) if isinstance(value, str) else None
        if inside is None:
            return super()._value(value, kinds, key, path, found)
        try:
            # What is text already may hold integers of any length.
            masked = super()._value(inside.value, kinds - {"big_integer"}, key, path, found)
        except RecursionError:  # texts within texts: what cannot be followed is masked as the text that it is
            return super()._value(value, kinds, key, path, found)
        return value if masked == inside.value else _text(masked)


def _text(value: dict[str, Any] | list[Any]) -> str:
    return _encode(value).decode()


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
