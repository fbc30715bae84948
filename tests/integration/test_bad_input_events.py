"""The bad-input catalogue, events: what one event may hold (rows 6 to 11 and 18 to 32), through HTTP.

Each id begins with the number of its row. Bodies are in `test_bad_input_bodies.py`, files in `test_bad_input_files.py`.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.bad_input import Case, Catalogue, case, cases_of, check, event, send_all


def booking(**properties: Any) -> dict[str, Any]:
    return event(event="booking_confirmed", properties={"booking_id": "b1", "amount": 10, **properties})


def with_properties(**properties: Any) -> dict[str, Any]:
    return event(properties=properties)


def has_properties(expected: dict[str, Any]) -> Any:
    def is_so(row: dict[str, Any]) -> bool:
        kept = json.loads(row["properties"])
        return bool({**kept, **expected} == kept)

    return is_so


def has_time_quality(quality: str) -> Any:
    return lambda row: (
        row["time_quality"] == quality and (quality == "too_old" or row["event_at"] == row["received_at"])
    )


def raw(text: str) -> bytes:
    return (
        '{"type":"track","event":"Property Searched","userId":"u-raw-' + str(abs(hash(text))) + '",' + text + "}"
    ).encode()


UNREADABLE = [
    case("03-nan", raw('"properties":{"price":NaN}'), 400, "invalid_json_number", says="not finite"),
    case("03-infinity", raw('"properties":{"price":-Infinity}'), 400, "invalid_json_number"),
    case("03-1e999", raw('"properties":{"price":1e999}'), 400, "invalid_json_number"),
    case("08-too-deep", raw('"properties":{"a":' + "[" * 40 + "]" * 40 + "}"), 400, "too_deep", says="32"),
    case("11-too-large", event(properties={"q": "x" * 33_000}), 413, "event_too_large", says="32,768"),
]

MENDED = [
    case(
        "06-surrogate",
        raw('"properties":{"q":"a\\ud800b"}'),
        warnings=("replaced_surrogate",),
        check=has_properties({"query": "a\ufffdb"}),
    ),
    case(
        "07-nul-in-value",
        raw('"properties":{"q":"a\\u0000b"}'),
        warnings=("replaced_nul",),
        check=has_properties({"query": "a\ufffdb"}),
    ),
    case("07-nul-in-key", raw('"properties":{"a\\u0000":1}'), 400, "invalid_character", field=""),
    case("07-nul-in-id", event(userId="a\0b"), 400, "invalid_character", field="userId"),
    case(
        "09-big-integer",
        with_properties(n=2**63),
        warnings=("big_integer:properties.n",),
        check=has_properties({"n": str(2**63)}),
    ),
    case("09-largest-integer", with_properties(n=2**63 - 1), check=has_properties({"n": 2**63 - 1})),
    case("09-big-integer-as-money", booking(amount=2**63), 400, "number_out_of_range", field="amount"),
    case(
        "10-duplicate-key",
        raw('"properties":{"q":"a","q":"b"}'),
        warnings=("duplicate_key",),
        check=has_properties({"query": "b"}),
    ),
]

NAMES = [
    case("18-unknown-type", event(type="trak"), 400, "unknown_type", field="type", says="did you mean 'track'?"),
    case("18-type-is-no-text", event(type=["track"]), 400, "unknown_type", field="type"),
    case("19-no-name", event(event=...), 400, "missing_event_name", field="event"),
    case("19-null-name", event(event=None), 400, "missing_event_name", field="event"),
    case("19-blank-name", event(event=" \t"), 400, "missing_event_name", field="event"),
    case("19-long-name", event(event="x" * 201), 400, "invalid_event_name", field="event", says="200"),
    case("19-name-is-a-number", event(event=7), 400, "invalid_event_name", field="event"),
    case("19-near-miss", event(event="Property Serched"), 400, "unknown_event", field="event", says="did you mean"),
]

IDENTITY = [
    case("20-nobody", event(userId=...), 400, "missing_identity", field="userId"),
    case("20-null", event(userId=None, anonymousId=None), 400, "missing_identity", field="userId"),
    case("20-empty", event(userId="", anonymousId=""), 400, "missing_identity", field="userId"),
    *(
        case(
            f"20-text-{text}", event(userId=text), 400, "illegal_identity", field="userId", says="mistake of the client"
        )
        for text in ("undefined", "null", "NaN", "[object Object]", "0")
    ),
    case(
        "20-illegal-visitor", event(userId=..., anonymousId="undefined"), 400, "illegal_identity", field="anonymousId"
    ),
    case("20-illegal-beside-a-good-one", event(userId="null", anonymousId="v1"), warnings=("illegal:userId",)),
    case("21-number", event(userId=90210), warnings=("converted:userId",), check=lambda row: row["user_id"] == "90210"),
    case("21-object", event(userId={"id": 1}), 400, "invalid_identity", field="userId"),
    case("21-list", event(userId=..., anonymousId=["a"]), 400, "invalid_identity", field="anonymousId"),
    case("21-too-long", event(userId="x" * 257), 400, "identity_too_long", field="userId", says="256"),
    case("21-longest", event(userId="y" * 256)),
    case("22-no-message-id", event(messageId=..., userId="u-22"), warnings=("generated:messageId",)),
    case("22-too-long", event(messageId="m" * 101), 400, "invalid_message_id", field="messageId", says="100"),
    case("22-number", event(messageId=17), 400, "invalid_message_id", field="messageId"),
    case("22-object", event(messageId={}), 400, "invalid_message_id", field="messageId"),
]

TIMES = [
    *(
        case(
            f"24-{text}",
            event(timestamp=text),
            warnings=(f"invalid_timestamp:{text}",),
            check=has_time_quality("invalid"),
        )
        for text in (
            "yesterday",
            "2026-02-30T00:00:00Z",
            "2026-03-01T25:00:00Z",
            "2016-12-31T23:59:60Z",
            "1772359200000",
            "2026-03-01T10:00:00",
            "0000-01-01T00:00:00Z",
            "292278994-08-17T07:12:55Z",
        )
    ),
    case("25-future", event(timestamp="2099-01-01T00:00:00Z"), check=has_time_quality("future")),
    case("25-too-old", event(timestamp="2020-01-01T00:00:00Z"), warnings=("late",), check=has_time_quality("too_old")),
    case(
        "25-before-any-platform",
        event(timestamp="1970-01-01T00:00:00Z"),
        warnings=("invalid_timestamp:1970-01-01T00:00:00Z",),
        check=lambda row: has_time_quality("invalid")(row) and row["original_at"].year == 1970,
    ),
    case(
        "26-clock-three-days-fast",
        event(timestamp="2099-01-04T00:00:00Z", sentAt="2099-01-04T00:00:01Z"),
        check=lambda row: row["time_quality"] == "skew_corrected" and row["original_at"].year == 2099,
    ),
    case(
        "26-sent-before-it-happened",
        event(timestamp="2099-01-04T00:00:01Z", sentAt="2099-01-04T00:00:00Z"),
        check=lambda row: row["time_quality"] == "skew_corrected",
    ),
]

ODD_NAMES = {"a.b": 1, "a'b\"c": 2, "__proto__": 3, "select": 4, "Price": 5, "price": 6, "\u00e9": 7, "e\u0301": 8}
PROPERTIES = [
    case(
        "27-too-many",
        with_properties(**{f"p{n}": n for n in range(1001)}),
        400,
        "too_many_properties",
        field="properties",
    ),
    case("27-name-too-long", with_properties(**{"p" * 257: 1}), 400, "property_name_too_long", field="properties"),
    case("27-empty-name", with_properties(**{"": 1}), 400, "empty_property_name", field="properties"),
    case("27-odd-names-are-kept", with_properties(**ODD_NAMES), check=has_properties({**ODD_NAMES, "price": 6})),
    case("27-properties-are-a-list", event(properties=[1]), 400, "wrong_type", field="properties"),
    case("29-locale-number", booking(amount="1.234,56"), 400, "invalid_money", field="amount", says="1234.56"),
    case("29-text", booking(amount="ten"), 400, "invalid_money", field="amount"),
    case("29-too-many-digits", booking(amount="123456789012345.00"), 400, "invalid_money", field="amount"),
    case("29-too-many-decimals", booking(amount=0.00001), 400, "invalid_money", field="amount"),
    case("29-unknown-currency", booking(currency="EURO"), 400, "unknown_currency", field="currency"),
    case("29-lower-case-currency", booking(currency="eur"), 400, "unknown_currency", field="currency", says="EUR"),
    case("29-negative", booking(amount=-5), check=has_properties({"amount": -5})),
    case("29-decimal-text", booking(amount="1234.56")),
    case("30-tenant-in-the-body", event(tenant="advisory"), check=lambda row: row["tenant"] == "rentals"),
]

PERSONAL = [
    case(
        "31-card",
        with_properties(q="4111 1111 1111 1111"),
        warnings=("pii_masked:properties.q",),
        check=has_properties({"query": "[card]"}),
    ),
    case(
        "31-e-mail",
        with_properties(note="ada@mail.example"),
        warnings=("pii_masked",),
        check=has_properties({"note": "[email]"}),
    ),
    case(
        "31-phone",
        with_properties(phone="030 1234567"),
        warnings=("pii_masked",),
        check=has_properties({"phone": "[phone]"}),
    ),
    case(
        "31-national-phone-in-a-text",
        with_properties(note="ring 030 1234567", order_id="030 1234567"),
        warnings=("pii_masked:properties.note",),
        check=has_properties({"note": "ring [phone]", "order_id": "030 1234567"}),
    ),
    case(
        "31-e-mail-in-the-name",
        event(event="Mail to ada@mail.example"),
        400,
        "unknown_event",
        check=lambda row: "mail.example" not in row["payload"] + row["message"],
    ),
]

CASES = [*UNREADABLE, *MENDED, *NAMES, *IDENTITY, *TIMES, *PROPERTIES, *PERSONAL]


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return send_all(tmp_path_factory.mktemp("events"), cases_of(CASES))


@pytest.mark.parametrize("entry", CASES)
def test_an_event_is_answered_and_kept_as_the_catalogue_says(catalogue: Catalogue, entry: Case) -> None:
    check(catalogue, entry)


def test_the_books_balance(catalogue: Catalogue) -> None:
    received, suppressed = catalogue.lake.counters
    assert received == len(catalogue.lake.events) + len(catalogue.lake.quarantine)
    assert (received, suppressed) == (4 * len(CASES), 0)


def test_23_copies_are_stored_and_the_first_one_counts(tmp_path: Path) -> None:
    first, other = event(), event(properties={"q": "paris"})
    copy = Case("23-same", json.dumps(first).encode())
    conflict = Case("23-conflict", json.dumps({**other, "messageId": first["messageId"]}).encode())
    catalogue = send_all(tmp_path, [copy, conflict])
    rows = [row for row in catalogue.lake.events if row["message_id"] == first["messageId"]]
    assert sorted(json.loads(row["properties"])["query"] for row in rows) == ["berlin", "paris"]
