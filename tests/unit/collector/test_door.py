"""The door: what the log keeps of an event, what is refused there, and that the landing judges just the same."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.collector import records
from ingestion.collector.answers import answer
from ingestion.collector.dialects import Found, Request, segment
from ingestion.collector.door import Door, Verdict
from ingestion.collector.problems import Problem
from ingestion.envelope import EventRow, QuarantineRow, to_row
from ingestion.logged_events import LoggedEvents
from ingestion.tracking_plan import Reason, load_plan

PLAN = load_plan()
DOOR = Door(PLAN)
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
SEARCH = {"type": "track", "event": "Property Searched", "userId": "u1", "properties": {"q": "berlin"}}
IP = "203.0.113.77"


def read_batch(body: bytes) -> Found:
    return segment.read_batch(Request("POST", "", body))


def judge(found: Found) -> list[Verdict]:
    return DOOR.judge(found, "rentals", "web", NOW)


def batch(*events: Any, **beside: Any) -> list[Verdict]:
    return judge(read_batch(json.dumps({"batch": events, **beside}).encode()))


def single(message: dict[str, Any], type_: str | None = "track") -> Verdict:
    request = Request("POST", "", json.dumps(message).encode())
    return judge(segment.read_single(request, type_))[0]


def codes(verdict: Verdict) -> list[str]:
    return [reason.code for reason in verdict.reasons]


def test_an_event_that_needs_nothing_is_kept_byte_for_byte() -> None:
    raw = b'{"type": "track",   "event":"Property Searched","userId":"u1", "properties":{"n":1.50}}'
    (verdict,) = judge(read_batch(b'{"batch":[' + raw + b"]}"))
    assert verdict == Verdict(raw)


def test_what_the_batch_says_once_is_put_into_every_event_that_does_not_say_it() -> None:
    context = {"library": {"name": "x", "version": "1"}, "locale": "de"}
    own = {"library": {"version": "2"}, "page": {"path": "/"}}
    verdicts = batch(
        SEARCH,
        {**SEARCH, "sentAt": "2026-05-01T11:00:00Z", "context": own},
        {**SEARCH, "context": "none"},
        {},
        sentAt="2026-05-01T12:00:00Z",
        context=context,
    )
    events = [json.loads(verdict.raw) for verdict in verdicts]
    assert events[0] == {**SEARCH, "sentAt": "2026-05-01T12:00:00Z", "context": context}
    assert events[1]["sentAt"] == "2026-05-01T11:00:00Z"
    assert events[1]["context"] == {"library": {"name": "x", "version": "2"}, "locale": "de", "page": {"path": "/"}}
    assert events[2]["context"] == "none"
    assert events[3] == {"sentAt": "2026-05-01T12:00:00Z", "context": context}
    assert [bool(verdict.reasons) for verdict in verdicts] == [False, False, True, True]


@pytest.mark.parametrize(
    ("given_type", "address", "becomes"),
    [
        (None, "page", "page"),
        ("page", "page", "page"),
        ("track", "page", "page"),
        (None, None, "track"),
        ("page", None, "page"),
    ],
)
def test_the_address_says_the_type(given_type: str | None, address: str | None, becomes: str) -> None:
    message = {"anonymousId": "a", **({"type": given_type} if given_type else {})}
    assert json.loads(single(message, address).raw) == {**message, "type": becomes}


def test_credentials_and_whole_addresses_never_reach_the_log() -> None:
    key = "alm_" + "k" * 43
    dirty = {"writeKey": key, "ip": IP, "context": {"ip": IP, "locale": "de"}}
    hidden = {"properties": {"q": f"?writeKey={key}", "password": "hunter2", "clientIp": IP, "a": [{"ip": IP}]}}
    verdicts = [
        single({**SEARCH, **dirty}),
        *batch({**SEARCH, **dirty}, SEARCH, writeKey=key, context={"ip": IP, "Authorization": key}),
        *judge(read_batch(b'{"batch":[[{"writeKey":"' + key.encode() + b'","ip":"' + IP.encode() + b'"}]]}')),
        *judge(read_batch(b'{"batch":[{"writeKey":"' + key.encode() + b'","a":"\xff"}]}')),
        *judge(read_batch(b'{"batch":[{"writeKey":"' + key.encode() + b'","a":NaN}]}')),
        single({**SEARCH, **dirty, "properties": {"q": "x" * 40_000}}),
        *judge(read_batch(b'{"batch":[{"writeKey":"' + key.encode() + b'","writeKey":null}]}')),
        *judge(read_batch(b'{"batch":[{"context":{"ip":"' + IP.encode() + b'","ip":null}}]}')),
        single({**SEARCH, **hidden}),
    ]
    kept = b"".join(verdict.raw for verdict in verdicts)
    assert not [trace for trace in (key, IP, "hunter2") if trace.encode() in kept]
    truncated = {"ip": "203.0.113.0", "locale": "de"}
    assert json.loads(verdicts[0].raw) == {**SEARCH, "ip": "203.0.113.0", "context": truncated}
    assert json.loads(verdicts[2].raw)["context"] == {"ip": "203.0.113.0"}
    properties = {"q": "?writeKey=[removed]", "clientIp": "203.0.113.0", "a": [{"ip": "203.0.113.0"}]}
    assert json.loads(verdicts[-1].raw)["properties"] == properties
    assert verdicts[-1].reasons == ()


def test_a_name_that_stands_twice_counts_by_its_last_value_and_is_noted() -> None:
    raw = b'{"type":"track","event":"Property Searched","userId":"hidden","userId":"u1","properties":{"q":"a","q":"b"}}'
    spaced = b'{"type" : "track", "event" : "Property Searched", "userId" : "u1", "properties": {"q": "x\\":"}}'
    twice, once = judge(read_batch(b'{"batch":[' + raw + b"," + spaced + b"]}"))
    assert json.loads(twice.raw) == {**SEARCH, "properties": {"q": "b"}}
    assert (twice.warnings, b"hidden" in twice.raw) == (("duplicate_key",), False)
    assert (once.raw, once.warnings) == (spaced, ())
    record = records.decode(records.encode("rentals", "web", NOW, 2, [twice, once]))
    row = to_row(PLAN, "rentals", "web", LoggedEvents.of([record])[0].arrival())
    assert isinstance(row, EventRow)
    assert "duplicate_key" in json.loads(row.warnings or "[]")


@pytest.mark.parametrize(
    ("event", "code", "field"),
    [
        ({**SEARCH, "properties": {"q": "x" * 33_000}}, "event_too_large", ""),
        ({**SEARCH, "properties": {f"p{n}": n for n in range(1001)}}, "too_many_properties", "properties"),
        ({**SEARCH, "properties": {"": 1}}, "empty_property_name", "properties"),
        ({**SEARCH, "properties": {"p" * 257: 1}}, "property_name_too_long", "properties"),
        ({"type": "identify", "userId": "u", "traits": {"": 1}}, "empty_property_name", "traits"),
        ({**SEARCH, "messageId": "m" * 101}, "invalid_message_id", "messageId"),
        ({**SEARCH, "properties": json.loads("[" * 32 + "]" * 32)}, "too_deep", ""),
        ({**SEARCH, "type": "trak"}, "unknown_type", "type"),
        ({**SEARCH, "event": "Unheard Of"}, "unknown_event", "event"),
        ({**SEARCH, "event": None}, "missing_event_name", "event"),
        ({**SEARCH, "userId": None}, "missing_identity", "userId"),
        ({**SEARCH, "userId": "undefined"}, "illegal_identity", "userId"),
        ({**SEARCH, "properties": "x"}, "wrong_type", "properties"),
        (17, "not_an_object", ""),
        ([], "not_an_object", ""),
        (None, "not_an_object", ""),
    ],
)
def test_an_event_that_is_unfit_is_refused_by_name_and_its_neighbours_are_not(
    event: Any, code: str, field: str
) -> None:
    before, refused, after = batch(SEARCH, event, SEARCH)
    assert (before.reasons, after.reasons) == ((), ())
    assert (refused.reasons[0].code, refused.reasons[0].field) == (code, field)


def test_an_event_of_the_largest_size_is_taken() -> None:
    empty = len(json.dumps({**SEARCH, "properties": {"q": ""}}))
    fits = {**SEARCH, "properties": {"q": "x" * (32_768 - empty)}}
    assert len(json.dumps(fits)) == 32_768
    assert single(fits).reasons == ()
    assert codes(single({**fits, "properties": {"q": "x" * (32_769 - empty)}})) == ["event_too_large"]


messages = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["track", "page", "identify", "trak", 3, None]),
        "event": st.sampled_from(["Property Searched", "Booking Confirmed", "nothing", "", 7, None]),
        "userId": st.sampled_from(["u1", "", "null", 5, None, "x" * 300]),
        "messageId": st.sampled_from(["m1", "m" * 101, 3, None, {}]),
        "timestamp": st.sampled_from(["2026-05-01T11:00:00Z", "nonsense", 3, None]),
        "properties": st.sampled_from(
            [{"q": "x"}, {"booking_id": "b", "total": 1.5}, [], {"hits": "many"}, {"q": "\ud800"}]
        ),
        "context": st.sampled_from([{"ip": IP}, {"page": {"path": "/"}}, 3, None]),
        "sentAt": st.sampled_from(["2026-05-01T11:00:00Z", "nonsense", 3, None]),
    },
)


contexts = st.sampled_from([{"ip": IP, "locale": "de"}, {"os": {"name": "\ud800"}}, {"n": 2**80}, {}, "x", 3, None])
numbers = st.sampled_from([1, 2.5, 2**70, float("nan"), float("inf")])


@given(
    st.lists(
        messages | st.sampled_from([None, 3, "x", []]) | st.builds(lambda n: {**SEARCH, "n": n}, numbers), min_size=1
    ),
    contexts,
    st.sampled_from(["2026-05-01T12:00:00Z", "nonsense", 3, {}, None]),
)
def test_the_landing_accepts_what_the_door_accepted_and_refuses_what_it_refused(
    events: list[Any], context: Any, sent_at: Any
) -> None:
    verdicts = batch(*events, sentAt=sent_at, context=context)
    record = records.decode(records.encode("rentals", "web", NOW, len(events), verdicts))
    assert (record.tenant, record.source, record.received_at, record.found) == ("rentals", "web", NOW, len(events))
    for verdict, arrival in zip(verdicts, (event.arrival() for event in LoggedEvents.of([record])), strict=True):
        row = to_row(PLAN, "rentals", "web", arrival)
        assert isinstance(row, QuarantineRow) is bool(verdict.reasons)
        if isinstance(row, QuarantineRow):
            assert [reason["code"] for reason in json.loads(row.reasons)] == codes(verdict)


def test_success_says_how_many_and_what_was_refused() -> None:
    good, bad = (
        Verdict(b"{}"),
        Verdict(b"{}", (Reason("event", "missing", "no name"), Reason("userId", "missing_identity", "who?"))),
    )
    assert json.loads(answer([good], False)) == {"success": True, "accepted": 1, "rejected": 0}
    assert json.loads(answer([good, bad, good], True)) == {
        "success": True,
        "accepted": 2,
        "rejected": 1,
        "errors": [
            {"index": 1, "code": "missing", "field": "event", "message": "no name"},
            {"index": 1, "code": "missing_identity", "field": "userId", "message": "who?"},
        ],
    }


@pytest.mark.parametrize(
    ("code", "is_batch", "status", "answered"),
    [
        ("missing", False, 400, "missing"),
        ("event_too_large", False, 413, "event_too_large"),
        ("insufficient_scope", False, 403, "insufficient_scope"),
        ("missing", True, 400, "all_rejected"),
        ("event_too_large", True, 400, "all_rejected"),
    ],
)
def test_nothing_accepted_is_no_success(code: str, is_batch: bool, status: int, answered: str) -> None:
    with pytest.raises(Problem) as caught:
        answer([Verdict(b"{}", (Reason("event", code, "why"),))], is_batch)
    problem = caught.value
    assert (problem.status, problem.code, problem.kept) == (status, answered, True)
    document = json.loads(problem.body())
    assert document["errors"] == [{"index": 0, "code": code, "field": "event", "message": "why"}]
    assert {"type", "title", "status", "detail", "code", "message"} <= document.keys()
    # The libraries of the Segment family show this and nothing else of the answer.
    assert "why" in document["message"]


def test_a_batch_of_which_nothing_is_accepted_says_what_is_wrong_with_its_first_event() -> None:
    bad = [Verdict(b"{}", (Reason("total", "invalid_money", f"{n} is no money"),)) for n in range(3)]
    with pytest.raises(Problem) as caught:
        answer(bad, True)
    assert caught.value.message == "None of the 3 events was accepted. The first one: 0 is no money."
    with pytest.raises(Problem) as caught:
        answer(bad[:1], True)
    assert caught.value.message == "The one event of the batch was not accepted: 0 is no money."


@pytest.mark.parametrize(
    ("scope", "refused"),
    [
        (None, []),
        ({"search_performed", "page"}, [1, 3]),  # by the names of the tracking plan, whatever the client calls them
        ({"track"}, [1, 2]),
        ({"identify"}, [0, 2, 3]),
    ],
)
def test_a_key_sends_what_is_in_its_scope_and_nothing_else(scope: set[str] | None, refused: list[int]) -> None:
    events = [
        SEARCH,
        {"type": "identify", "userId": "u1"},
        {"type": "page", "userId": "u1", "name": "Home", "properties": {"path": "/"}},
        {**SEARCH, "event": "Signed Up", "properties": {}},
        {**SEARCH, "event": "Unheard Of"},
    ]
    found = read_batch(json.dumps({"batch": events}).encode())
    verdicts = DOOR.judge(found, "rentals", "web", NOW, None if scope is None else frozenset(scope))
    assert [n for n, verdict in enumerate(verdicts) if codes(verdict) == ["insufficient_scope"]] == refused
    assert codes(verdicts[4]) == ["unknown_event"], "what no key could send is refused for what it is"
    for n in refused:
        assert verdicts[n].own == verdicts[n].reasons, "the landing cannot find it again"
