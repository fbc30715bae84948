"""What the door settled and DuckDB read against the careful way: value for value, for whatever a client may send."""

import json
from typing import Any
from uuid import UUID

import msgspec
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from almanac.settings import Settings
from ingestion import settled_rows, settling
from ingestion.collector import records
from ingestion.collector.dialects import Unread
from ingestion.collector.enrich import Enricher
from ingestion.collector.quick import QuickLane
from ingestion.enrichment import open_places
from ingestion.lake_rows import part_tables
from ingestion.logged_events import LoggedEvents
from ingestion.settled_types import contract_of
from tests.client_messages import NOW, PLAN, messages, written

FILE = UUID(int=7)
_typed = settled_rows._typed
DOOR = QuickLane(PLAN, Enricher(open_places(Settings.from_env({}))), lambda _: None)
SAFARI = (
    b"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
)
COMMON = {
    "type": "track",
    "userId": "u1",
    "timestamp": "2026-05-01T11:59:58.250Z",
    "sentAt": "2026-05-01T12:00:00Z",
    "context": {"locale": "de"},
}


@pytest.fixture(autouse=True)
def _few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settled_rows, "LEAST", 1)
    monkeypatch.setattr(settled_rows, "LEAST_OF_NAME", 1)
    monkeypatch.setattr(settled_rows, "WORTH", settled_rows.WORTH)  # tests change it


def logged(
    raws: list[bytes], tenant: str = "rentals", headers: dict[bytes, bytes] | None = None, rules: str | None = None
) -> LoggedEvents:
    """What the log has of a batch with these events, as far as the quick lane takes them."""
    verdicts = DOOR.judge(Unread(raws, b"\n".join(raws), is_batch=True), tenant, headers or {}, None)
    taken = [verdict for verdict in verdicts if verdict is not None]
    record = records.encode(tenant, "web", NOW, len(raws), taken, DOOR.settled_by if rules is None else rules)
    return LoggedEvents.of([records.decode(record)])


def settled_count(events: LoggedEvents) -> int:
    return len(events.settled(DOOR.settled_by).places)


def landed(events: LoggedEvents, tenant: str = "rentals") -> pa.Table:
    """The rows of the log's events; they must be those of the careful way."""
    accepted, refused = part_tables(PLAN, tenant, "web", events, FILE, None)
    carefully, carefully_refused = part_tables(PLAN, tenant, "web", [event.arrival() for event in events], FILE, None)
    assert accepted.sort_by("ingest_row").to_pylist() == carefully.to_pylist()
    assert refused.to_pylist() == carefully_refused.to_pylist()
    return accepted.cast(carefully.schema).sort_by("ingest_row")


def taken_by_duckdb(events: LoggedEvents, tenant: str = "rentals") -> int:
    maker = settled_rows.BatchMaker(PLAN, tenant, "web", FILE, None)
    return sum(batch.num_rows for batch in settled_rows.SettledRowMaker(PLAN, tenant, maker).rows(events, 0).batches)


def event(called: str, properties: Any, **more: Any) -> bytes:
    identified = {"messageId": "3e1a1f2e-0000-4000-8000-000000000001", "event": called, "properties": properties}
    return msgspec.json.encode({**COMMON, **identified, **more})


money = (
    st.integers(-(10**12), 10**12).map(lambda n: n / 10_000)
    | st.integers(0, 10**16).map(lambda n: n / 100)
    | st.integers(-(10**15), 10**15)
    | st.decimals(-(10**9), 10**9, places=4, allow_nan=False).map(str)
)
numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**63), 2**63 - 1)
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    [
        "ann@example.com",
        "4111 1111 1111 1111",
        '":',
        "{}",
        "null",
        "12",
        "true",
        "é",
        "😀",
        "a\\b",
        'a"b',
        "a\nb",
        "\x7f",
    ]
)
by_type = {
    "string": text.filter(lambda value: bool(value.strip())),
    "integer": st.integers(-(2**63), 2**63 - 1),
    "number": numbers,
    "money": money,
    "boolean": st.booleans(),
    "currency": st.sampled_from(["EUR", "JPY"]),
    "timestamp": st.sampled_from(
        ["2026-05-01T10:00:00Z", "2026-05-01T10:00:00.123456Z", "2026-05-01T10:00:00+02:00", "2026-05-01 10:00Z",
         "20260501T100000Z", "2024-02-29T23:59:59.999Z"]
    ),
    "date": st.sampled_from(["2026-05-01", "2024-02-29", "2026-W18-5"]),
}  # fmt: skip


@st.composite
def right_events(draw: st.DrawFn) -> tuple[str, bytes]:
    """A tenant and an event that its contract takes, with values from all of their types' range."""
    tenant = draw(st.sampled_from(sorted(PLAN.tenants)))
    kind = draw(st.sampled_from(["track", "track", "page", "screen"]))
    names = PLAN.judges.by_name[tenant]
    name = draw(st.sampled_from(sorted(names))) if kind == "track" else None
    known = PLAN.judges.by_type[kind] if name is None else names[name]
    own = {canonical: mine for mine, canonical in known.rename.items()}
    given = {}
    for column, spec in known.specs.items():
        if column in known.required or draw(st.integers(0, 3)) == 0:
            name_used = column if draw(st.integers(0, 9)) == 0 else own.get(column, column)
            given[name_used] = draw(by_type[spec.type])
    beside = {} if kind == "track" else draw(st.fixed_dictionaries({}, optional={"name": text, "category": text}))
    message = {**COMMON, "type": kind, "messageId": draw(text.filter(bool) | st.uuids().map(str)), "properties": given}
    message |= {"event": name} if name else beside
    message["context"] = draw(
        st.sampled_from(
            [{}, {"page": {"path": "/a", "n": 1.50, "title": "a\\/b"}, "sessionId": "s1"}, {"sessionId": 1719},
             {"locale": "de", "x": [{"y": None}], "library": {"name": "js", "version": "1"}}, {"page": None}]
        )
    )  # fmt: skip
    return tenant, json.dumps(message, ensure_ascii=draw(st.booleans())).encode()


class Counted:
    settled = 0
    all = 0


def right_is_right(given: list[tuple[str, bytes]]) -> None:
    settled_rows.WORTH = len(given) % 2 * 2  # with 0 each is read once for all that are the same
    for tenant in {tenant for tenant, _ in given}:
        events = logged([raw for of, raw in given if of == tenant], tenant, {b"user-agent": SAFARI})
        landed(events, tenant)
        Counted.settled += taken_by_duckdb(events, tenant)
        Counted.all += len(events)


SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


@pytest.mark.parametrize("examples", [100, pytest.param(3_000, marks=pytest.mark.deep)])
def test_values_of_all_types_come_out_as_the_careful_way_reads_them(examples: int) -> None:
    Counted.settled = Counted.all = 0
    strategy = st.lists(right_events(), min_size=1, max_size=8)
    settings(max_examples=examples, deadline=None, suppress_health_check=SLOW)(given(strategy)(right_is_right))()
    assert 0.2 < Counted.settled / Counted.all < 0.95


@st.composite
def odd_batches(draw: st.DrawFn) -> tuple[str, list[bytes]]:
    tenant = draw(st.sampled_from(["rentals", "advisory"]))
    styled = st.tuples(messages(tenant), st.sampled_from([0, 0, 0, 1, 2, 3]))
    return tenant, [written(*one) for one in draw(st.lists(styled, min_size=1, max_size=6))]


def odd_is_told(batch: tuple[str, list[bytes]]) -> None:
    tenant, raws = batch
    events = logged(raws, tenant)
    landed(events, tenant)
    Counted.settled += taken_by_duckdb(events, tenant)
    Counted.all += len(raws)


@pytest.mark.parametrize("examples", [100, pytest.param(5_000, marks=pytest.mark.deep)])
def test_whatever_is_odd_comes_out_as_the_careful_way_reads_it(examples: int) -> None:
    Counted.settled = Counted.all = 0
    settings(max_examples=examples, deadline=None, suppress_health_check=SLOW)(given(odd_batches())(odd_is_told))()
    assert 0.01 < Counted.settled / Counted.all < 0.9


def test_what_clients_usually_send_is_read_by_duckdb() -> None:
    events = logged(
        [
            event("Property Viewed", {"property_id": "L-1", "price_per_night": 89.5, "city": "Köln"}),
            event("search_performed", {"query": "two rooms", "results_count": 3}),
            event("", {"path": "/", "title": "Köln"}, type="page", name="Home"),
            event("", {}, type="screen", name="Home", context={}),
        ],
        headers={b"user-agent": SAFARI},
    )
    assert settled_count(events) == taken_by_duckdb(events) == 4
    rows = landed(events).to_pylist()
    assert [row["properties"] for row in rows[2:]] == ['{"path":"/","title":"Köln","name":"Home"}', '{"name":"Home"}']
    assert [row["context_os_name"] for row in rows] == ["iOS"] * 4


def test_what_comes_again_and_again_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    monkeypatch.setattr(
        settled_rows, "_typed", lambda *given: read.append(len(given[2]["properties"])) or _typed(*given)
    )
    homes = [
        event("", {"path": "/", "title": "Köln"}, type="page", name=name) for name in ("Home", "Home", "Start") * 4
    ]
    mails = [event("", {"path": "/", "title": "ann@example.com"}, type="page", name="Mail")] * 5
    rows = landed(logged(homes + mails)).to_pylist()
    assert read == [3]
    assert [json.loads(row["properties"])["name"] for row in rows[:3]] == ["Home", "Home", "Start"]
    assert {row["title"] for row in rows[:12]} == {"Köln"}
    assert [row["warnings"] for row in rows[12:]] == ['["pii_masked:properties.title"]'] * 5


@pytest.mark.parametrize(
    ("properties", "more"),
    [
        ({"property_id": "L", "new": 1}, {}),
        ({"property_id": 7}, {}),
        ({"property_id": "L", "price_per_night": "12.345678"}, {}),
        ({"property_id": "a\\b"}, {}),
        ({"property_id": "L"}, {"context": {"locale": 7}}),
        ({"property_id": "L"}, {"userId": 7}),
        ({"property_id": "L"}, {"type": "identify"}),
    ],
)
def test_what_would_get_a_word_is_not_settled(properties: Any, more: dict[str, Any]) -> None:
    assert settled_count(logged([event("Property Viewed", properties, **more)])) == 0


@pytest.mark.parametrize(
    ("properties", "more"),
    [
        ({"property_id": "L", "city": None}, {}),  # a name without a value
        ({"property_id": "L", "price_per_night": 12_345_678_901.5}, {}),
        ({"property_id": "call +49 30 901820"}, {}),
        ({"property_id": "L"}, {"timestamp": "2026-05-01T11:00:00+02:00"}),
        ({"property_id": "L"}, {"timestamp": "2026-02-30T11:00:00Z"}),
        ({"property_id": "L"}, {"context": {"page": {"title": "ann@example.com"}}}),
    ],
)
def test_what_only_the_landing_sees_is_left_to_the_next_way(properties: Any, more: dict[str, Any]) -> None:
    plain = event("Property Viewed", {"property_id": "L-1"})
    events = logged([event("Property Viewed", properties, **more), plain])
    assert (settled_count(events), taken_by_duckdb(events)) == (2, 1)
    assert landed(events).num_rows == 2


@pytest.mark.parametrize(
    ("at", "warnings", "quality", "is_read"),
    [
        ("2026-05-01T11:00:00Z", None, "ok", True),
        ("2026-04-20T12:00:00Z", '["late"]', "ok", True),
        ("2026-04-01T11:59:59Z", '["late"]', "too_old", False),
        ("2026-05-01T12:20:00Z", None, "future", False),
    ],
)
def test_a_time_is_judged_alike_whichever_way_it_comes(
    at: str, warnings: str | None, quality: str, is_read: bool
) -> None:
    sent = {"sentAt": "2026-05-01T12:00:00Z", "timestamp": "2026-05-01T00:00:00Z", "originalTimestamp": at}
    events = logged([event("Property Viewed", {"property_id": "L-1"}, **sent)])
    assert taken_by_duckdb(events) == is_read
    rows = landed(events)
    assert rows.select(["warnings", "time_quality"]).to_pylist() == [{"warnings": warnings, "time_quality": quality}]


@pytest.mark.parametrize("value", [1e16, 123_456_789_012_345_680.0, 1e22, 1e-5, 1e300, -1e17])
def test_a_number_that_is_written_in_two_ways_is_left_to_the_next_way(value: float) -> None:
    plain = event("web_vital_measured", {"metric": "LCP", "value": 2_500.5})
    events = logged([event("web_vital_measured", {"metric": "LCP", "value": value}), plain])
    assert (settled_count(events), taken_by_duckdb(events)) == (2, 1)
    assert landed(events)["value"].to_pylist() == [value, 2_500.5]


@pytest.mark.parametrize("nobody", ["userId", "anonymousId"])
def test_an_empty_id_is_none(nobody: str) -> None:
    other = "anonymousId" if nobody == "userId" else "userId"
    events = logged([event("Property Viewed", {"property_id": "L-1"}, **{nobody: "", other: "somebody"})])
    assert taken_by_duckdb(events) == 1
    assert landed(events)[{"userId": "user_id", "anonymousId": "anonymous_id"}[nobody]].to_pylist() == [None]


def test_what_stands_among_the_properties_counts_before_what_stands_beside_them() -> None:
    events = logged([event("", {"name": "inside"}, type="page", name="beside", category="kept")])
    assert taken_by_duckdb(events) == 1
    (row,) = landed(events).to_pylist()
    assert (row["name"], row["category"]) == ("inside", "kept")
    assert row["properties"] == '{"name":"inside","category":"kept"}'


def test_events_that_were_settled_by_other_rules_are_judged_again() -> None:
    raw = event("Property Viewed", {"property_id": "L-1"})
    for rules in ("", "other rules"):
        events = logged([raw], rules=rules)
        assert taken_by_duckdb(events) == 0
        assert landed(events).num_rows == 1
    assert settling._name("another") != settling.settled_by(PLAN)


def test_names_that_cannot_be_told_apart_by_looking_for_them_are_left_to_others() -> None:
    known = PLAN.judges.by_name["rentals"]["listing_viewed"]
    assert contract_of(known, "track") is not None
    for rename in ({'na"me': "city"}, {"city": "category"}, {"a": "city", "b": "city"}, {"CATEGORY": "city"}):
        assert contract_of(known._replace(rename=rename), "track") is None
    assert contract_of(known, "group") is None
