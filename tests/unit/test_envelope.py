"""From a message at the door to a row: identity, message ids, times, and what no store can hold."""

import json
import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from hashlib import md5
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.envelope import Arrival, EventRow, QuarantineRow, to_row
from ingestion.scrub import scrub
from ingestion.tracking_plan import Plan, Reason, load_plan
from ingestion.tracking_plan.names import ENVELOPE

PLAN = load_plan()
RECEIVED = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
MESSAGE_ID = "022bb90c-bbac-11e4-8dfc-aa07a5b093db"


def message(**fields: Any) -> dict[str, Any]:
    whole = {
        "type": "track",
        "event": "search_performed",
        "messageId": MESSAGE_ID,
        "userId": "u1",
        "anonymousId": "a1",
        "timestamp": "2026-03-01T11:59:58Z",
        "properties": {"query": "berlin"},
        "context": {"campaign": {"source": "news", "medium": "email"}},
        **fields,
    }
    return {key: value for key, value in whole.items() if value is not ...}


def row_of(plan: Plan = PLAN, history_from: date | None = None, **fields: Any) -> EventRow:
    row = to_row(plan, "rentals", "web", Arrival(RECEIVED, message(**fields)), history_from, origin="f/0")
    assert isinstance(row, EventRow), row
    return row


def refusal_of(**fields: Any) -> QuarantineRow:
    row = to_row(PLAN, "rentals", "web", Arrival(RECEIVED, message(**fields)), origin="f/0")
    assert isinstance(row, QuarantineRow), row
    return row


def warnings_of(row: EventRow) -> list[str]:
    return json.loads(row.warnings) if row.warnings else []


def test_a_row_holds_the_envelope_in_the_lakes_order_then_the_typed_columns() -> None:
    assert (*ENVELOPE, "typed") == EventRow._fields
    row = row_of(sessionId="s1")
    assert row == EventRow(
        tenant="rentals",
        source="web",
        message_id=UUID(MESSAGE_ID).bytes,
        original_message_id=None,
        type="track",
        event="search_performed",
        original_event=None,
        user_id="u1",
        anonymous_id="a1",
        session_id="s1",
        event_at=datetime(2026, 3, 1, 11, 59, 58),
        original_at=datetime(2026, 3, 1, 11, 59, 58),
        sent_at=None,
        received_at=datetime(2026, 3, 1, 12),
        time_quality="ok",
        warnings=None,
        context='{"campaign":{"source":"news","medium":"email"}}',
        properties='{"query":"berlin"}',
        typed={"context_campaign_source": "news", "context_campaign_medium": "email", "query": "berlin"},
    )


# Times


def at(moment: datetime) -> str:
    return moment.isoformat()


@pytest.mark.parametrize("seconds", [-60, -1, 0, 30, 60])
def test_a_clock_that_is_right_within_a_minute_is_believed(seconds: int) -> None:
    row = row_of(sentAt=at(RECEIVED + timedelta(seconds=seconds)))
    assert (row.time_quality, row.event_at) == ("ok", row.original_at)


@pytest.mark.parametrize("skew", [timedelta(days=3), timedelta(days=-3), timedelta(seconds=61), timedelta(days=20000)])
def test_a_wrong_clock_is_corrected_by_when_it_says_it_sent(skew: timedelta) -> None:
    """The event happened ten seconds before it was sent, whatever the client's clock says."""
    sent = RECEIVED.replace(tzinfo=None) - skew
    row = row_of(timestamp=f"{(sent - timedelta(seconds=10)).isoformat()}Z", sentAt=f"{sent.isoformat()}Z")
    assert row.time_quality == "skew_corrected"
    assert row.event_at == datetime(2026, 3, 1, 11, 59, 50)
    assert row.original_at == sent - timedelta(seconds=10)
    assert row.sent_at == sent


@pytest.mark.parametrize("given_time", [..., None, ""])
def test_a_missing_time_is_the_arrivals(given_time: object) -> None:
    row = row_of(timestamp=given_time)
    assert (row.time_quality, row.event_at, row.original_at) == ("missing", datetime(2026, 3, 1, 12), None)


@pytest.mark.parametrize("given_time", ["yesterday", "2026-02-30T00:00:00Z", "2026-03-01T10:00:00", 1772359200, {}])
def test_a_time_that_cannot_be_read_is_the_arrivals(given_time: object) -> None:
    row = row_of(timestamp=given_time)
    assert (row.time_quality, row.event_at, row.original_at) == ("invalid", datetime(2026, 3, 1, 12), None)
    assert warnings_of(row) == [f"invalid_timestamp:{given_time if given_time != {} else '??'}"]


@pytest.mark.parametrize("year", [1, 1970, 1999, 2101, 9999])
def test_a_time_that_cannot_be_true_is_the_arrivals_but_kept(year: int) -> None:
    row = row_of(timestamp=f"{year:04}-06-01T00:00:00Z")
    assert (row.time_quality, row.event_at) == ("invalid", datetime(2026, 3, 1, 12))
    assert row.original_at == datetime(year, 6, 1)


def test_a_correction_beyond_the_calendar_is_invalid() -> None:
    row = row_of(timestamp="9999-12-31T00:00:00Z", sentAt="0001-01-02T00:00:00Z")
    assert (row.time_quality, row.event_at) == ("invalid", datetime(2026, 3, 1, 12))


def test_the_future_begins_ten_minutes_after_arrival() -> None:
    row = row_of(timestamp=at(RECEIVED + timedelta(minutes=10)))
    assert (row.time_quality, row.event_at) == ("ok", datetime(2026, 3, 1, 12, 10))
    row = row_of(timestamp=at(RECEIVED + timedelta(minutes=10, microseconds=1)))
    assert (row.time_quality, row.event_at) == ("future", datetime(2026, 3, 1, 12))
    assert row.original_at == datetime(2026, 3, 1, 12, 10, 0, 1)


def test_an_event_is_late_after_a_day_and_too_old_after_thirty_but_keeps_its_time() -> None:
    for age, quality, warnings in (
        (timedelta(hours=24), "ok", []),
        (timedelta(hours=24, seconds=1), "ok", ["late"]),
        (timedelta(days=30), "ok", ["late"]),
        (timedelta(days=30, seconds=1), "too_old", ["late"]),
    ):
        row = row_of(timestamp=at(RECEIVED - age))
        assert (row.time_quality, warnings_of(row)) == (quality, warnings)
        assert row.event_at == datetime(2026, 3, 1, 12) - age


def test_what_is_both_corrected_and_too_old_says_both() -> None:
    row = row_of(timestamp="2025-06-01T00:00:00Z", sentAt="2025-12-01T00:00:00Z")
    assert row.time_quality == "too_old"
    assert warnings_of(row) == ["late", "skew_corrected"]


def test_history_is_neither_late_nor_too_old_nor_unbelievable() -> None:
    for text in ("2010-12-01T08:26:00Z", "1995-01-01T00:00:00Z"):
        row = row_of(history_from=date(1995, 1, 1), timestamp=text)
        assert (row.time_quality, warnings_of(row)) == ("ok", [])
        assert row.event_at == row.original_at


def test_history_begins_with_the_tenants_own_day() -> None:
    """In Berlin the first of December begins at 23:00 UTC of the day before."""
    inside = row_of(history_from=date(2010, 12, 1), timestamp="2010-11-30T23:00:00Z")
    before = row_of(history_from=date(2010, 12, 1), timestamp="2010-11-30T22:59:59Z")
    assert (inside.time_quality, before.time_quality) == ("ok", "too_old")


def test_the_original_timestamp_goes_before_the_timestamp() -> None:
    row = row_of(originalTimestamp="2026-03-01T11:00:00Z", timestamp="2026-03-01T11:59:00Z")
    assert row.event_at == datetime(2026, 3, 1, 11)


@pytest.mark.parametrize("nothing", [None, ""])
def test_an_empty_original_timestamp_is_none(nothing: str | None) -> None:
    row = row_of(originalTimestamp=nothing, timestamp="2026-03-01T11:59:00Z")
    assert (row.time_quality, row.event_at) == ("ok", datetime(2026, 3, 1, 11, 59))


def test_a_sent_at_that_cannot_be_read_corrects_nothing() -> None:
    row = row_of(sentAt="now")
    assert (row.time_quality, row.sent_at, warnings_of(row)) == ("ok", None, ["invalid:sentAt"])


@given(
    st.datetimes(min_value=datetime(2026, 2, 20), max_value=datetime(2026, 2, 28)),
    st.integers(-10_000_000, 10_000_000),
    st.integers(0, 3600),
    st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-9))]),
)
def test_correction_gives_the_true_time_whatever_the_clock_and_zone(
    true: datetime, off: int, delay: int, zone: timezone
) -> None:
    """A client whose clock is off by `off` seconds sends after `delay`; only the difference of its two times counts."""
    true, clock = true.replace(tzinfo=UTC), timedelta(seconds=off)
    sent = true + timedelta(seconds=delay)
    wire = {"timestamp": (true + clock).astimezone(zone).isoformat(), "sentAt": (sent + clock).isoformat()}
    row = to_row(PLAN, "rentals", "web", Arrival(sent, message(**wire)))
    assert isinstance(row, EventRow)
    expected = true if abs(off) > 60 else true + clock
    assert row.event_at == expected.replace(tzinfo=None)


# Message ids


def test_a_uuid_is_its_own_id_in_any_case() -> None:
    assert row_of(messageId=MESSAGE_ID.upper()).message_id == row_of().message_id == UUID(MESSAGE_ID).bytes


@pytest.mark.parametrize("text", ["ajs-next-1", MESSAGE_ID[:-1], MESSAGE_ID + " ", f"{{{MESSAGE_ID}}}", "ünïcode", "0"])
def test_other_text_is_hashed_and_kept(text: str) -> None:
    row = row_of(messageId=text)
    assert (row.message_id, row.original_message_id) == (md5(text.encode()).digest(), text)


@pytest.mark.parametrize("missing", [..., None, ""])
def test_a_missing_id_is_derived_from_where_the_event_lies(missing: object) -> None:
    row = row_of(messageId=missing)
    assert (row.message_id, row.original_message_id) == (md5(b"f/0").digest(), None)
    assert warnings_of(row) == ["generated:messageId"]


def test_an_object_is_no_id() -> None:
    for given_id in ({"id": 1}, 17, True, ["m"]):
        refused = refusal_of(messageId=given_id)
        assert (refused.field, refused.code) == ("messageId", "invalid_message_id")
    refused = refusal_of(userId={"id": 1}, anonymousId=...)
    assert (refused.field, refused.code) == ("userId", "invalid_identity")


# Identity


@pytest.mark.parametrize(
    "text", ["", None, "undefined", "NULL", "NaN", "[object Object]", "0", "anonymous", " ", "\t\n", " null ", "\u00a0"]
)
def test_an_id_that_is_a_clients_mistake_identifies_nobody(text: object) -> None:
    assert row_of(userId=text).user_id is None
    refused = refusal_of(userId=text, anonymousId=...)
    assert (refused.field, refused.code) == ("userId", "illegal_identity" if text else "missing_identity")


def test_a_numbers_digits_are_an_id() -> None:
    row = row_of(userId=507)
    assert (row.user_id, warnings_of(row)) == ("507", ["converted:userId"])


def test_a_long_id_is_refused_rather_than_cut() -> None:
    assert row_of(userId="x" * 256).user_id == "x" * 256
    assert refusal_of(userId="x" * 257).code == "identity_too_long"


def test_rows_of_files_need_no_identity() -> None:
    nobody = message(userId=..., anonymousId=...)
    row = to_row(PLAN, "rentals", "file", Arrival(RECEIVED, nobody, identity_required=False))
    assert isinstance(row, EventRow)
    assert (row.user_id, row.anonymous_id) == (None, None)


def test_the_session_may_stand_in_the_message_or_its_context() -> None:
    assert row_of(sessionId="s").session_id == "s"
    assert row_of(context={"sessionId": 1772359200}).session_id == "1772359200"
    row = row_of(sessionId=["s"])
    assert (row.session_id, warnings_of(row)) == (None, ["invalid:sessionId"])


# Refusals


def test_a_refusal_keeps_everything_and_every_reason() -> None:
    refused = refusal_of(event="booking_confirmed", properties={"amount": "x"}, userId=..., anonymousId=...)
    assert [(r["field"], r["code"]) for r in json.loads(refused.reasons)] == [
        ("amount", "invalid_money"),
        ("booking_id", "missing"),
        ("userId", "missing_identity"),
    ]
    assert (refused.field, refused.code, refused.event) == ("amount", "invalid_money", "booking_confirmed")
    assert refused.message == json.loads(refused.reasons)[0]["message"]
    assert refused.message_id == UUID(MESSAGE_ID).bytes
    assert json.loads(refused.payload)["properties"] == {"amount": "x"}


def test_what_the_door_refused_is_not_judged_again() -> None:
    reason = Reason("properties.x", "too_large", "the event is larger than 32 KB")
    row = to_row(PLAN, "rentals", "web", Arrival(RECEIVED, message(), (reason,)))
    assert isinstance(row, QuarantineRow)
    assert (row.field, row.code, row.event) == ("properties.x", "too_large", "search_performed")


def test_bytes_that_are_no_event_are_kept_as_text() -> None:
    row = to_row(PLAN, "rentals", "web", Arrival(RECEIVED, b'{"a": \xff\x00'))
    assert isinstance(row, QuarantineRow)
    assert (row.code, row.message_id, row.event) == ("unreadable", None, None)
    assert row.payload == '{"a": \ufffd\ufffd'


# What no store can hold


@pytest.mark.parametrize(("bad", "warning"), [("a\0b", "replaced_nul"), ("a\ud800b", "replaced_surrogate")])
def test_characters_that_cannot_be_stored_are_replaced_but_not_in_ids(bad: str, warning: str) -> None:
    row = row_of(sessionId=bad, properties={"query": bad})
    assert (row.session_id, row.typed["query"]) == ("a\ufffdb", "a\ufffdb")
    assert warning in warnings_of(row)
    for place, kind in (("userId", "track"), ("anonymousId", "track"), ("messageId", "track"), ("previousId", "alias")):
        refused = refusal_of(type=kind, **{place: bad})
        assert (refused.field, refused.code) == (place, "invalid_character")
        assert "a\ufffdb" in refused.payload


@given(st.lists(st.sampled_from(["\\", "u0000", "\0", "x", '"']), min_size=1).map("".join))
def test_the_escape_of_nul_as_text_is_no_nul(text: str) -> None:
    row = row_of(properties={"query": text})
    assert row.typed["query"] == text.replace("\0", "\ufffd")
    assert json.loads(row.properties) == {"query": text.replace("\0", "\ufffd")}
    assert ("replaced_nul" in warnings_of(row)) == ("\0" in text)


def test_the_character_nul_in_a_name_is_refused() -> None:
    refused = refusal_of(properties={"a": {"x\0": 1}})
    assert (refused.field, refused.code) == ("", "invalid_character")


def test_replacing_reaches_keys_lists_and_the_context() -> None:
    row = row_of(properties={"query": "\0", "k\ud800": ["\udfff"]}, context={"page": {"title": "t\0"}})
    assert json.loads(row.properties) == {"query": "\ufffd", "k\ufffd": ["\ufffd"]}
    assert row.typed == {"query": "\ufffd", "context_page_title": "t\ufffd"}


def test_a_large_integer_is_kept_to_the_last_digit_and_an_endless_one_as_text() -> None:
    assert json.loads(row_of(properties={"big": 10**30}).properties) == {"big": 10**30}
    row = row_of(properties={"big": 10**5000})
    assert json.loads(row.properties) == {"big": "1" + "0" * 5000}
    assert "big_integer" in warnings_of(row)


def test_bottomless_nesting_is_cut() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"d": deep}
    row = row_of(properties={"query": "x", "deep": deep})
    assert "cut:nesting" in warnings_of(row)
    assert isinstance(refusal_of(event="nothing", properties=deep), QuarantineRow)


def test_money_in_the_json_text_is_the_number_that_came() -> None:
    row = row_of(event="booking_confirmed", properties={"booking_id": "b", "amount": Decimal("9747747.9340")})
    assert row.properties == '{"booking_id":"b","amount":9747747.9340}'
    assert row.typed["amount"] == Decimal("9747747.934")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=()), max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = (
    "type", "event", "name", "userId", "anonymousId", "messageId", "timestamp", "originalTimestamp", "sentAt",
    "sessionId", "context", "properties", "traits", "groupId", "previousId",
)  # fmt: skip


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, json_values)), st.booleans())
def test_no_message_makes_it_raise_and_every_row_can_be_stored(odd: dict[str, Any], is_whole: bool) -> None:
    given_message = {**message(), **odd} if is_whole else odd
    row = to_row(PLAN, "rentals", "web", Arrival(RECEIVED, given_message), origin="f/0")
    for cell in (*row, *(row.typed.values() if isinstance(row, EventRow) else ())):
        if isinstance(cell, str):
            cell.encode()
            assert "\0" not in cell
    if isinstance(row, EventRow):
        assert isinstance(json.loads(row.properties), dict)
        assert len(row.message_id) == 16
    else:
        json.loads(row.payload)
        assert json.loads(row.reasons)[0]["code"] == row.code


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(json_values)
def test_scrubbing_changes_only_what_it_must_and_is_done_once(value: Any) -> None:
    mended, warnings = scrub(value)
    assert scrub(mended) == (mended, []) or has_nan(mended)
    if not warnings and not has_nan(value):
        assert mended == value


def has_nan(value: Any) -> bool:
    if isinstance(value, float):
        return math.isnan(value)
    if isinstance(value, dict):
        return any(has_nan(item) for item in value.values())
    return isinstance(value, list) and any(has_nan(item) for item in value)
