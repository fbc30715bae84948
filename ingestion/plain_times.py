"""Recognising, for many events at once, times that need no thought.

Those are the ones that `judge_times` calls ok, with no other word than that an event is late.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.event_times import NEWEST_YEAR, OLDEST_YEAR
from ingestion.letters import letters
from ingestion.tracking_plan.model import Windows
from ingestion.tracking_plan.values import Unfit, parse_time

_TIME = pa.timestamp("us")
# What nearly every client writes.
_USUAL = "0000-00-00T00:00:00.000Z"  # and most of them this
_PLACES = [place for place, mark in enumerate(_USUAL) if mark != "0"]
_MARKS = np.frombuffer(_USUAL.encode(), np.uint8)[_PLACES]
_PLAIN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{3}(?:[0-9]{3})?)?Z$"

Micros = npt.NDArray[np.int64]
Values: TypeAlias = Sequence[Any] | pa.Array


class PlainTimes(NamedTuple):
    """Which events have plain times, and for these (as naive UTC): when they happened and when they were sent."""

    is_plain: npt.NDArray[np.bool_]
    is_late: npt.NDArray[np.bool_]
    event_at: pa.Array
    sent_at: pa.Array
    received_at: pa.Array


def plain_times(
    given: Values, sent: Values, received: Values, windows: Windows, *, has_history: bool = False
) -> PlainTimes:
    """Look at the times of many events: the client's text, its `sentAt`, and the instants of arrival (aware).

    Plain is a time within the windows, sent by a clock that agrees with ours. With history no late time is plain:
    whether that is said depends on when the history begins.
    """
    received_at = as_array(received, pa.timestamp("us", "UTC")).cast(_TIME)
    given, sent = as_array(given, pa.string()), as_array(sent, pa.string())
    event_at, sent_at = instants(given), instants(sent)
    arrived = _micros(received_at)
    age = arrived - _micros(event_at)
    skew = np.abs(arrived - _micros(sent_at))
    says_when_sent = _known(sent)
    oldest = windows.late if has_history else windows.too_old
    is_plain = (
        _known(event_at)
        & (age >= -_us(windows.future))
        & (age <= _us(oldest))
        & (arrived >= _EARLIEST + _us(oldest))
        & (arrived <= _LATEST - _us(windows.future))
        & (~says_when_sent | (_known(sent_at) & (skew <= _us(windows.skew))))
    )
    return PlainTimes(is_plain, age > _us(windows.late), event_at, sent_at, received_at)


def as_array(values: Values, type_: pa.DataType) -> pa.Array:
    """Values as an array of a type; an array is of it already."""
    return values if isinstance(values, pa.Array) else pa.array(values, type_)


def instants(texts: pa.Array) -> pa.Array:
    """Instants (naive UTC) where the text is plain, null elsewhere."""
    if _is_usual(texts):
        with suppress(pa.ArrowInvalid):  # where the marks are right, to read it says whether the rest are digits
            return _read(texts)
    plain = pc.if_else(pc.match_substring_regex(texts, _PLAIN), texts, None)
    try:
        return _read(plain)
    except pa.ArrowInvalid:  # one of them is none: all are looked at one by one
        return pa.array(map(_instant, plain.to_pylist()), _TIME)


def _read(texts: pa.Array) -> pa.Array:
    return texts.cast(pa.timestamp("us", "UTC")).cast(_TIME)


def _is_usual(texts: pa.Array) -> bool:
    written = letters(texts, len(_USUAL))
    return written is not None and bool(np.all(written[:, _PLACES] == _MARKS))


def _instant(text: str | None) -> datetime | None:
    try:
        return None if text is None else parse_time(text)
    except Unfit:
        return None


def _micros(times: pa.Array) -> Micros:
    found: Micros = pc.fill_null(times.cast(pa.int64()), 0).to_numpy(zero_copy_only=False)
    return found


def _known(times: pa.Array) -> npt.NDArray[np.bool_]:
    known: npt.NDArray[np.bool_] = times.is_valid().to_numpy(zero_copy_only=False)
    return known


def _us(duration: timedelta) -> int:
    return duration // timedelta(microseconds=1)


def _year(year: int) -> int:
    return (datetime(year, 1, 1) - datetime(1970, 1, 1)) // timedelta(microseconds=1)  # noqa: DTZ001 - naive UTC


_EARLIEST, _LATEST = _year(OLDEST_YEAR), _year(NEWEST_YEAR + 1)
