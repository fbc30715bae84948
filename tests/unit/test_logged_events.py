"""The events of a log: each comes out as the door put it in, in its order, however it is kept."""

import struct
from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.collector import records
from ingestion.collector.door import Verdict
from ingestion.logged_events import LoggedEvents
from ingestion.settling import with_context
from ingestion.tracking_plan import Reason

NOW = datetime(2026, 5, 1, 23, 59, 59, 999_999, tzinfo=UTC)
REASON = Reason("event", "missing", "no name")

contexts = st.sampled_from([b"", b'{"a":1}', b'{"b":"\xc3\xa9"}', b'{"c":{"d":null}}'])


@st.composite
def verdicts(draw: st.DrawFn) -> Verdict:
    """A settled event, with a context or without, one that is not settled, or a suppressed one."""
    kind = draw(st.integers(0, 5))
    number = draw(st.integers(0, 99))
    if kind == 0:
        return Verdict(b"", is_suppressed=True)
    if kind < 3:
        raw = draw(st.sampled_from([b"", b"\xff", b"[]", b'{"n":%d}' % number]))
        return Verdict(raw, (REASON,), draw(st.sampled_from([(), (REASON,)])), draw(st.sampled_from([(), ("w",)])))
    start = b'{"n":%d,"context":' % number
    context = draw(contexts)
    raw = start + b"0}" if context else b'{"n":%d}' % number
    return Verdict(raw, is_settled=True, context=context, hole=len(start) if context else 0)


requests = st.lists(
    st.tuples(st.integers(0, 4), st.lists(verdicts(), max_size=6), st.sampled_from(["", "these", "those"])), max_size=6
)


def read(given: list[tuple[int, list[Verdict], str]]) -> LoggedEvents:
    """What the log gives of requests, each so many seconds after `NOW`."""
    return LoggedEvents.of(
        [
            records.decode(records.encode("a", "web", NOW + timedelta(seconds=late), len(sent), sent, rules))
            for late, sent, rules in given
        ]
    )


@settings(deadline=None, max_examples=300)
@given(requests, st.integers(0, 20), st.integers(0, 20))
def test_events_are_read_as_they_were_written_and_in_their_order(
    given: list[tuple[int, list[Verdict], str]], start: int, stop: int
) -> None:
    events = read(given)
    written = [
        (NOW + timedelta(seconds=late), verdict, rules)
        for late, sent, rules in given
        for verdict in sent
        if not verdict.is_suppressed
    ]
    assert len(events) == len(written)
    for event, (moment, verdict, _) in zip(events, written, strict=True):
        assert (event.received_at, event.raw) == (moment, verdict.whole)
        assert (event.reasons, event.warnings) == (verdict.own, verdict.warnings)
    assert [e.raw for e in events[start:stop]] == [verdict.whole for _, verdict, _ in written[start:stop]]
    by_day: dict[date, list[bytes]] = {}
    for moment, verdict, _ in written:
        by_day.setdefault(moment.date(), []).append(verdict.whole)
    assert {day: [e.raw for e in of_day] for day, of_day in events.by_day().items()} == by_day
    # The settled ones of a slice, in columns.
    settled = events[start:stop].settled("these")
    expected = [
        (number, verdict.raw, moment, verdict.context)
        for number, (moment, verdict, rules) in enumerate(written[start:stop])
        if verdict.is_settled and rules == "these"
    ]
    texts = [None if number is None else settled.contexts[number].as_py() for number in settled.context.to_pylist()]
    assert [
        (place, raw.encode(), moment, (text or "").encode())
        for place, raw, moment, text in zip(
            settled.places.tolist(), settled.texts.to_pylist(), settled.received_at.to_pylist(), texts, strict=True
        )
    ] == expected
    assert len(set(settled.contexts.to_pylist())) == len(settled.contexts)  # each once


def test_what_other_rules_settled_in_between_is_left_out() -> None:
    first, between, last = (Verdict(b'{"n":%d}' % n, is_settled=True) for n in range(3))
    settled = read([(0, [first], "these"), (0, [between], "those"), (0, [last], "these")]).settled("these")
    assert (settled.places.tolist(), settled.texts.to_pylist()) == ([0, 2], ['{"n":0}', '{"n":2}'])


def test_nothing_is_settled_by_no_rules() -> None:
    assert len(read([(0, [Verdict(b"{}", is_settled=True)], "")]).settled("").places) == 0


def test_a_context_is_kept_once_for_the_events_of_a_request() -> None:
    sent = [Verdict(b'{"context":0}', is_settled=True, context=b'{"n":%d}' % (n % 2), hole=11) for n in range(6)]
    record = records.decode(records.encode("a", "web", NOW, 6, sent, "rules"))
    assert (record.contexts, record.context_sizes) == (b'{"n":0}{"n":1}', struct.pack("<2I", 7, 7))


def test_records_of_former_formats_are_still_read() -> None:
    reasons = [["event", "missing", "no name"]]
    first = [1, "a", "web", NOW, 2, [[b"{}", [], []], [b"x", reasons, ["w"]]], 3]
    settled = [[b'{"context":0}', [], [], 0, 11], [b'{"n":1}', [], [], -1, 0], [b"x", reasons, ["w"]]]
    second = [2, "a", "web", NOW, 3, settled, 0, "rules", [b'{"a":1}']]
    for old, raws in ((first, [b"{}", b"x"]), (second, [b'{"context":{"a":1}}', b'{"n":1}', b"x"])):
        record = records.decode(records._encode(old))
        events = LoggedEvents.of([record])
        assert [event.raw for event in events] == raws
        assert (events[-1].reasons, events[-1].warnings) == ((REASON,), ("w",))
        assert (record.found, record.suppressed) == (old[4], old[6])
        assert len(events.settled("rules").places) == 0


def test_a_record_of_another_format_is_not_guessed_at() -> None:
    record = records.encode("a", "web", NOW, 0, [])
    with pytest.raises(ValueError, match="format 4"):
        records.decode(record.replace(bytes([records.FORMAT]), b"\x04", 1))


RIGHT = Verdict(b'{"context":0}', is_settled=True, context=b'{"a":1}', hole=11)


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("layout", struct.pack("<3I", 12, 0, 11), "not as long"),
        ("layout", struct.pack("<3I", 13, 1, 11), "context it does not have"),
        ("layout", struct.pack("<3I", 13, 0, 13), "context it does not have"),
        ("layout", b"\x00", "cut off"),
        ("context_sizes", struct.pack("<I", 6), "not as long"),
        ("texts", b'{"context":\xff}', "text that is none"),
        ("events", [[2, b"{}"]], "place that it does not have"),
        ("events", [[0, b"{}"], [0, b"{}"]], "two events in one place"),
    ],
)
def test_a_record_that_does_not_hold_what_it_says_is_refused(field: str, value: object, why: str) -> None:
    record = msgspec.msgpack.decode(records.encode("a", "web", NOW, 1, [RIGHT], "rules"))
    record[records.Record.__struct_fields__.index(field)] = value
    with pytest.raises(ValueError, match=why):
        LoggedEvents.of([records.decode(records._encode(record))])


def test_a_settled_event_is_whole_again_with_its_context() -> None:
    (event,) = read([(0, [RIGHT], "these")])
    assert event.raw == with_context(RIGHT.raw, RIGHT.context, RIGHT.hole) == b'{"context":{"a":1}}'
