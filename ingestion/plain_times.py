"""Recognising, for many events at once, times that need no thought: those that `judge_times` calls ok, silently."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.event_times import NEWEST_YEAR, OLDEST_YEAR
from ingestion.tracking_plan.model import Windows

_TIME = pa.timestamp("us")
# What nearly every client writes. Text in this shape that names no instant (a 30th of February) is not converted.
_PLAIN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{3}(?:[0-9]{3})?)?Z$"

Micros = npt.NDArray[np.int64]


class PlainTimes(NamedTuple):
    """Which events have plain times, and for these (as naive UTC): when they happened and when they were sent."""

    is_plain: npt.NDArray[np.bool_]
    event_at: pa.Array
    sent_at: pa.Array
    received_at: pa.Array


def plain_times(
    given: Sequence[str | None], sent: Sequence[str | None], received: Sequence[datetime], windows: Windows
) -> PlainTimes:
    """Look at the times of many events: the client's text, its `sentAt`, and the instants of arrival (aware).

    Plain is a time within the windows, sent by a clock that agrees with ours.
    """
    received_at = pa.array(received, pa.timestamp("us", "UTC")).cast(_TIME)
    event_at, sent_at = _instants(given), _instants(sent)
    arrived = _micros(received_at)
    age = arrived - _micros(event_at)
    skew = np.abs(arrived - _micros(sent_at))
    says_when_sent = np.array([text is not None for text in sent], np.bool_)
    is_plain = (
        _known(event_at)
        & (age >= -_us(windows.future))
        & (age <= _us(windows.late))
        & (arrived >= _EARLIEST + _us(windows.late))
        & (arrived <= _LATEST - _us(windows.future))
        & (~says_when_sent | (_known(sent_at) & (skew <= _us(windows.skew))))
    )
    return PlainTimes(is_plain, event_at, sent_at, received_at)


def _instants(texts: Sequence[str | None]) -> pa.Array:
    """Instants where the text is plain, null elsewhere."""
    texts_ = pa.array(texts, pa.string())
    plain = pc.if_else(pc.match_substring_regex(texts_, _PLAIN), texts_, None)
    try:
        return plain.cast(pa.timestamp("us", "UTC")).cast(_TIME)
    except pa.ArrowInvalid:
        return pa.nulls(len(texts), _TIME)


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
