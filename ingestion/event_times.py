"""When an event happened: by the message's own times, and by how far the client's clock is off."""

import re
from datetime import date, datetime, time
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from ingestion.tracking_plan.model import Windows
from ingestion.tracking_plan.values import Unfit, parse_time, to_utc

SHOWN = 40  # characters of a time that is none
_NO_TIME = re.compile(r"[^0-9A-Za-z:+. /-]")
OLDEST_YEAR, NEWEST_YEAR = 2000, 2100


class Times(NamedTuple):
    """When an event happened, and how well that is known."""

    event_at: datetime
    original_at: datetime | None
    sent_at: datetime | None
    quality: str


def judge_times(
    message: dict[str, Any],
    received_at: datetime,
    windows: Windows,
    history: datetime | None,
    warnings: list[str],
) -> Times:
    """When the event happened, by the message's own times and by how far its clock is off (all naive UTC).

    From `history` on, no event is too old and no year is unbelievable.
    """
    sent_at = _sent_at(message, warnings)
    given = message.get("originalTimestamp")
    if given is None or given == "":
        given = message.get("timestamp")
    if given is None or given == "":
        return Times(received_at, None, sent_at, "missing")
    try:
        original_at = parse_time(given)
    except Unfit:
        warnings.append(_invalid(given))
        return Times(received_at, None, sent_at, "invalid")
    event_at = _corrected(original_at, sent_at, received_at, windows)
    is_history = event_at is not None and history is not None and event_at >= history
    if event_at is None or event_at.year > NEWEST_YEAR or (event_at.year < OLDEST_YEAR and not is_history):
        warnings.append(_invalid(given))
        return Times(received_at, original_at, sent_at, "invalid")
    age = received_at - event_at
    if -age > windows.future:
        return Times(received_at, original_at, sent_at, "future")
    quality = "ok" if event_at is original_at else "skew_corrected"
    if age > windows.late and not is_history:
        warnings.append("late")
        if age > windows.too_old:
            if quality != "ok":
                warnings.append(quality)
            quality = "too_old"
    return Times(event_at, original_at, sent_at, quality)


def _invalid(given: object) -> str:
    """The warning for a time that is none; it keeps what came, as far as it could be part of one."""
    return f"invalid_timestamp:{_NO_TIME.sub('?', str(given)[:SHOWN])}"


def _corrected(
    original_at: datetime, sent_at: datetime | None, received_at: datetime, windows: Windows
) -> datetime | None:
    """The client's time put right by how far its clock was off when it sent; None beyond the years 1 to 9999."""
    if sent_at is None:
        return original_at
    skew = received_at - sent_at
    if abs(skew) <= windows.skew:
        return original_at
    try:
        return original_at + skew
    except OverflowError:
        return None


def _sent_at(message: dict[str, Any], warnings: list[str]) -> datetime | None:
    given = message.get("sentAt")
    if given is None:
        return None
    try:
        return parse_time(given)
    except Unfit:
        warnings.append("invalid:sentAt")
        return None


# One source's rows share both arguments.
@lru_cache(maxsize=64)
def start_of(day: date, zone: ZoneInfo) -> datetime:
    """The instant (naive UTC) at which a local day begins."""
    return to_utc(datetime.combine(day, time(), tzinfo=zone))
