"""Masking: cards always, addresses and phone numbers by policy, and nothing that merely looks a little like them."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingestion.envelope import Arrival, EventRow, to_row
from ingestion.lake_rows import part_tables
from ingestion.privacy.masking import Masker, suspects
from ingestion.privacy.patterns import SUSPECT, mask
from ingestion.tracking_plan import Plan, load_plan
from ingestion.tracking_plan.model import Privacy
from tests.client_messages import unsettled

PLAN = load_plan()
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
FILE = UUID(int=7)
ALL = frozenset({"card", "email", "phone"})
VISA, AMEX = "4111111111111111", "378282246310005"
EMAIL, PHONE = "ada@mail.example", "+49 30 1234567"


def plan_with(**policy: str) -> Plan:
    rentals = PLAN.tenants["rentals"].model_copy(update={"privacy": Privacy(**policy)})  # type: ignore[arg-type]
    return replace(PLAN, tenants={**PLAN.tenants, "rentals": rentals})


def search(**fields: Any) -> dict[str, Any]:
    properties = {"q": "berlin", **fields.pop("properties", {})}
    return {"type": "track", "event": "Property Searched", "userId": "u1", "properties": properties, **fields}


def land(*messages: Any, plan: Plan = PLAN) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What of these messages is stored, as events and in quarantine."""
    stored = part_tables(plan, "rentals", "web", [Arrival(NOW, message) for message in messages], FILE, None)
    # As the log keeps them, where plainly right events take the quick way: the same rows.
    raws = [message if isinstance(message, bytes) else json.dumps(message).encode() for message in messages]
    logged = part_tables(plan, "rentals", "web", unsettled(raws), FILE, None)
    assert [sorted(map(str, table.to_pylist())) for table in logged] == [
        sorted(map(str, table.to_pylist())) for table in stored
    ]
    return stored[0].to_pylist(), stored[1].to_pylist()


@pytest.mark.parametrize(
    "number",
    [
        VISA, AMEX, "5555555555554444", "2223003122003222", "30569309025904", "6011111111111117", "3530111333300000",
        "6200000000000005", "6759649826438453", "4111 1111 1111 1111", "4111-1111-1111-1111", "3782 822463 10005",
        "4111\u00a01111\u00a01111\u00a01111", "4222 222 222 222",
    ],
)  # fmt: skip
@pytest.mark.parametrize("around", ["{}", "paid with {}, thanks", "card:{}", "({})", "?pan={}&x=1", "{}."])
def test_a_card_number_is_masked_wherever_it_stands(number: str, around: str) -> None:
    masked, found = mask(around.format(number), ALL)
    assert (masked, found) == (around.format("[card]"), ("card",))


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111112",  # a wrong check digit
        "1111111111111117",  # no issuer
        "4006381333931",  # an EAN
        "41111111111111111111",
        "x4111111111111111",
        "order-4111111111111111",
        "/stays/4111111111111111/photos",
        "0.4111111111111111",
        "4111 1111-1111 1111",
        "9b2f4111-1111-4111-8111-111111111111",
        "2026-05-01 10:00:00 2026-05-02",
    ],
)
def test_what_only_looks_like_a_card_number_is_left_alone(text: str) -> None:
    assert mask(text, ALL) == (text, ())


@pytest.mark.parametrize(
    "key", ["orderId", "booking_id", "listing_ids", "sku", "orderNumber", "invoice_no", "EAN", "ts"]
)
def test_the_bare_digits_of_an_identifier_are_no_card_number(key: str) -> None:
    assert mask(VISA, ALL, key) == (VISA, ())
    assert mask(f"paid with {VISA}", ALL, key)[1] == ("card",)


@pytest.mark.parametrize("key", ["cardNumber", "card_no", "number", "pan", "cc", "note", "payment_card_id", ""])
def test_other_names_promise_nothing(key: str) -> None:
    assert mask(VISA, ALL, key) == ("[card]", ("card",))
    assert mask("4222222222222", ALL, key)[1] == (("card",) if key not in ("number", "note", "") else ())


# A name that says that it holds a phone number is another matter.
other_names = st.text(max_size=12).filter(lambda name: not re.search("phone|mobile|msisdn|tel|fax", name.lower()))


@given(st.integers(1_000_000_000_000, 1_999_999_999_999), st.sampled_from([1, 1_000, 1_000_000]), other_names)
def test_epoch_times_of_any_unit_are_never_masked(milliseconds: int, factor: int, key: str) -> None:
    properties = {f"x{key}": milliseconds * factor, "at": str(milliseconds * factor)}
    assert Masker(PLAN, "rentals").mask(Arrival(NOW, search(properties=properties)), is_accepted=True) is None


@given(st.datetimes(), st.sampled_from(["", "Z", "+02:00", "-08:00", "+0200"]), st.sampled_from(["T", " "]))
def test_written_times_are_never_masked(moment: datetime, offset: str, between: str) -> None:
    text = moment.isoformat(between) + offset
    assert mask(text, ALL) == (text, ())


@given(st.uuids(), st.text("0123456789", min_size=1, max_size=25))
@example(uuid4(), VISA)
def test_identifiers_are_never_masked(uuid: UUID, digits: str) -> None:
    properties = {"order_id": digits, "booking_id": digits, "orderNumber": digits, "ref": str(uuid), "x": uuid.hex}
    if digits.isdigit() and len(digits) < 18:
        properties["listing_id"] = int(digits)  # type: ignore[assignment]
    event = search(properties=properties, messageId=digits, userId=digits, anonymousId=str(uuid))
    assert Masker(PLAN, "rentals").mask(Arrival(NOW, event), is_accepted=True) is None


@pytest.mark.parametrize(
    "text",
    [EMAIL, "Ada.Lovelace+x@mail.example", "ada%40mail.example", "jürgen@müller.example", "a@b.co", "ADA@MAIL.EXAMPLE"],
)
@pytest.mark.parametrize("around", ["{}", "write to {}.", "<{}>", "?email={}&x=1", "mailto:{}", '"{}"'])
def test_an_e_mail_address_is_masked(text: str, around: str) -> None:
    assert mask(around.format(text), ALL) == (around.format("[email]"), ("email",))


@pytest.mark.parametrize("text", ["@scope/package", "a@b", "5 @ 3.50", "x@", "@ada", "ada@localhost"])
def test_what_only_has_an_at_sign_is_left_alone(text: str) -> None:
    assert mask(text, ALL) == (text, ())


@pytest.mark.parametrize(
    "text",
    [
        PHONE,
        "+493012345678",
        "+1 (555) 123-4567",
        "+1.555.123.4567",
        "(555) 123-4567",
        "555-123-4567",
        "%2B493012345678",
    ],
)
@pytest.mark.parametrize("around", ["{}", "call {}!", "tel:{}", "({})"])
def test_a_phone_number_is_masked(text: str, around: str) -> None:
    assert mask(around.format(text), ALL) == (around.format("[phone]"), ("phone",))


@pytest.mark.parametrize(
    "text",
    ["2026-05-01T10:00:00+02:00", "berlin+2026", "1+1234567890", "+12", "+1234567890123456789", "555-1234", "C++ 11",
     "1555-123-4567", "52.5200066", "192.168.100.2000", "030 1234567"],
)  # fmt: skip
def test_what_is_no_phone_number_is_left_alone(text: str) -> None:
    assert mask(text, ALL) == (text, ())


@pytest.mark.parametrize("key", ["phone", "phoneNumber", "user_phone", "mobile", "mobile_no", "tel", "fax", "home_tel"])
def test_a_property_named_after_phones_holds_one_however_it_is_written(key: str) -> None:
    assert mask("030 1234567", ALL, key) == ("[phone]", ("phone",))
    assert mask("unknown", ALL, key) == ("unknown", ())
    assert mask("030 1234567", frozenset({"card"}), key)[1] == ()


@pytest.mark.parametrize("key", ["hotel", "hotel_name", "telegram", "faxed", "photo"])
def test_other_names_are_not_taken_for_phones(key: str) -> None:
    assert mask("0301234567", ALL, key) == ("0301234567", ())


# Where in an event


def test_an_accepted_event_is_masked_everywhere_but_where_it_says_who_it_is_about() -> None:
    url = f"https://x.example/?mail={EMAIL}"
    event = search(
        userId=EMAIL,
        messageId=VISA,
        properties={"q": f"flat {EMAIL}", "note": PHONE, "nested": [{"card": int(VISA)}], EMAIL: 1, "amount": 5},
        context={"page": {"url": url}, "consent": {"by": EMAIL}, "traits": {"email": EMAIL}, "userAgent": "C/1 +x"},
    )
    (row,), refused = land(event)
    assert refused == []
    assert (row["user_id"], row["original_message_id"]) == (EMAIL, VISA)
    assert json.loads(row["properties"]) == {
        "query": "flat [email]",
        "note": "[phone]",
        "nested": [{"card": "[card]"}],
        "[email]": 1,
        "amount": 5,
    }
    assert row["query"] == "flat [email]"
    assert row["context_page_url"] == "https://x.example/?mail=[email]"
    context = json.loads(row["context"])
    assert (context["consent"], context["traits"]) == ({"by": EMAIL}, {"email": "[email]"})
    warnings = [warning for warning in json.loads(row["warnings"]) if warning.startswith("pii_masked")]
    assert warnings == [
        "pii_masked:properties.q",
        "pii_masked:properties.note",
        "pii_masked:properties.nested.card",
        "pii_masked:properties",
        "pii_masked:context.page.url",
        "pii_masked:context.traits.email",
    ]


def test_declared_personal_properties_are_kept_as_declared_but_for_cards() -> None:
    traits = {"email": EMAIL, "name": f"Ada {VISA}", "note": EMAIL}
    (row,), _ = land({"type": "identify", "userId": "u1", "traits": traits})
    assert (row["email"], row["name"]) == (EMAIL, "Ada [card]")
    assert json.loads(row["properties"])["note"] == "[email]"


def test_a_refused_event_is_masked_too_in_payload_name_and_reason() -> None:
    _, rows = land(
        {"type": "track", "event": f"Mail to {EMAIL}", "userId": "u1", "properties": {"x": VISA}},
        b'{"event": "x", "note": "' + f"{EMAIL} {VISA} {PHONE}".encode() + b'", "bad": \xff}',
    )
    for row in rows:
        assert not [trace for trace in (EMAIL, VISA, PHONE) if trace in str(row)]
    assert (rows[0]["event"], rows[0]["code"]) == ("Mail to [email]", "unknown_event")
    assert "[email] [card] [phone]" in rows[1]["payload"]
    assert rows[1]["payload"].endswith('"bad": \ufffd}')


def test_by_policy_an_event_goes_to_quarantine_instead() -> None:
    plan = plan_with(email="quarantine", phone="keep")
    found, clean = search(properties={"note": EMAIL, "tel": PHONE}), search(properties={"note": PHONE})
    (row,), (refused,) = land(clean, found, plan=plan)
    assert json.loads(row["properties"])["note"] == PHONE
    assert (refused["code"], refused["field"]) == ("pii_detected", "properties.note")
    assert json.loads(refused["payload"])["properties"] == {"q": "berlin", "note": "[email]", "tel": PHONE}
    assert EMAIL not in str(refused)
    # The policy is changed and the event replayed: what was masked is not found again.
    (again,), _ = land(json.loads(refused["payload"]), plan=plan)
    assert json.loads(again["properties"])["note"] == "[email]"


def test_a_policy_that_keeps_addresses_still_masks_cards() -> None:
    plan = plan_with(email="keep", phone="keep")
    (row,), _ = land(search(properties={"note": f"{EMAIL} {PHONE} {VISA}"}), plan=plan)
    assert json.loads(row["properties"])["note"] == f"{EMAIL} {PHONE} [card]"


def test_a_national_number_is_that_of_the_tenants_country() -> None:
    """That of its time zone, unless its file says another one."""
    note = "030 1234567, 01 23 45 67 89"
    (row,), _ = land(search(properties={"note": note, "order_id": "030 1234567"}))
    properties = json.loads(row["properties"])
    assert (properties["note"], properties["order_id"]) == ("[phone], 01 23 45 67 89", "030 1234567")
    own = PLAN.tenants["rentals"].model_copy(update={"country": "FR"})
    (row,), _ = land(search(properties={"note": note}), plan=replace(PLAN, tenants={**PLAN.tenants, "rentals": own}))
    assert json.loads(row["properties"])["note"] == "030 1234567, [phone]"


def test_a_clean_event_is_not_touched() -> None:
    event = search(properties={"hits": 3}, context={"page": {"path": "/"}})
    row = to_row(PLAN, "rentals", "web", Arrival(NOW, event), origin=f"{FILE}/0")
    assert list(suspects({0: row})) == []
    assert Masker(PLAN, "rentals").mask(Arrival(NOW, event), is_accepted=True) is None


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**30])
def test_an_integer_that_no_engine_can_hold_is_kept_as_text(number: int) -> None:
    (row, edge), _ = land(search(properties={"x": [number], "q": number}), search(properties={"x": 2**63 - 1}))
    assert json.loads(row["properties"]) == {"x": [str(number)], "query": str(number)}
    assert {"big_integer:properties.x", "big_integer:properties.q"} <= set(json.loads(row["warnings"]))
    assert (json.loads(edge["properties"])["x"], "big_integer" in edge["warnings"]) == (2**63 - 1, False)


def test_nesting_without_end_is_masked_as_far_as_it_is_stored() -> None:
    deep: Any = EMAIL
    for _ in range(900):
        deep = [deep]
    events, _ = part_tables(
        PLAN, "rentals", "web", [Arrival(NOW, search(properties={"a": deep, "b": EMAIL}))], FILE, None
    )
    assert EMAIL not in events.column("properties")[0].as_py()


def test_no_text_takes_long() -> None:
    # Each of these would keep a careless pattern busy for minutes.
    for text in (
        "1" * 32_000,
        "1 " * 16_000,
        "a" * 32_000 + "@",
        "a@" * 16_000,
        "a@b." * 8_000,
        "+1" * 16_000,
        "." * 32_000,
    ):
        mask(text, ALL, "phone")


pieces = st.sampled_from(
    [EMAIL, PHONE, VISA, AMEX, "4111 1111 1111 1111", "555-123-4567", "x", " ", "-", "+", "@", "4", "\u00a0",
     "030 1234567", "(0711) 123456", "tel", "call me at ", "015112345678", "\n", "\x1f"]
)  # fmt: skip
texts = st.lists(pieces | st.text(max_size=6), max_size=6).map("".join)
values = st.recursive(
    texts | st.integers(0, 2**63) | st.none() | st.booleans() | st.sampled_from([int(VISA), 301234567]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["phone", "home_tel", "a"]) | texts, inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["q", "phone", "card", "tel"]) | texts, values, max_size=4), texts)
def test_whatever_the_walk_would_mask_the_quick_look_finds(properties: dict[str, Any], name: str) -> None:
    event = search(properties=properties, event=name)
    for message in (event, search(properties=properties, context={"page": {"title": name}})):
        arrival = Arrival(NOW, message)
        row = to_row(PLAN, "rentals", "web", arrival, origin=f"{FILE}/0")
        masked = Masker(PLAN, "rentals").mask(arrival, is_accepted=isinstance(row, EventRow))
        if masked is not None:
            assert list(suspects({0: row})) == [0]


def quick(text: str) -> bool:
    return bool(pc.match_substring_regex(pa.array([text]), SUSPECT)[0].as_py())


@pytest.mark.parametrize(
    "text",
    ['{"price":89.5,"when":"2026-05-01T10:00:00.123Z"}', '{"id":"5f0c3a1e-1b2c-4d5e-8f90-a1b2c3d4e5f6"}',
     '{"at":1772359200000}',
     '{"hotel_name":"x","device":"iPhone","kind":"mobile"}',
     '{"ua":"Chrome/120.0.0.0 Safari/537.36"}', "[card] [email]",
     '{"ua":"Mozilla/5.0 (iPhone; CPU iPhone OS 17_0) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1"}',
     '{"amount":0.05,"geo":[52.52,-0.12],"view":"05","path":"/a/05-b","at":"2026-05-01 09:05:01"}'],
)  # fmt: skip
def test_what_events_usually_hold_is_not_even_looked_at(text: str) -> None:
    assert not quick(text)
