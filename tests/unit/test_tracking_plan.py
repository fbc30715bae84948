"""The tracking plan that ships, and how a message is judged by it."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.event_times import NEWEST_YEAR, OLDEST_YEAR
from ingestion.plan_check import check_plan
from ingestion.tracking_plan import Judged, Plan, judge
from ingestion.tracking_plan.docs import dictionary
from ingestion.tracking_plan.names import ENVELOPE, PLACE
from ingestion.tracking_plan.values import PARSERS


def track(event: str, **properties: Any) -> dict[str, Any]:
    return {"type": "track", "event": event, "userId": "u1", "properties": properties}


def reasons(judged: Judged) -> list[tuple[str, str]]:
    return [(reason.field, reason.code) for reason in judged.reasons]


# The plan that ships


def test_the_plan_that_ships_has_no_problems(root: Path) -> None:
    assert check_plan(root) == []


def test_the_dictionary_says_which_years_can_be_true(plan: Plan) -> None:
    assert f"(the years {OLDEST_YEAR} to {NEWEST_YEAR} can), gets the time of its arrival" in dictionary(plan)


def test_the_dictionary_promises_no_deletion_that_nobody_does(plan: Plan) -> None:
    page = dictionary(plan)
    assert "nothing deletes it by itself" in page
    assert "- Retention: behavioural (raw events are wanted for 90 days" in page
    assert "are kept for" not in page


def test_every_example_passes_for_every_tenant(plan: Plan) -> None:
    for tenant in plan.tenants:
        for name, contract in plan.events.items():
            where = "traits" if contract.type in ("identify", "group") else "properties"
            message: dict[str, Any] = {"type": contract.type, where: contract.example}
            if contract.type == "track":
                message["event"] = name
            judged = judge(plan, tenant, message)
            assert (judged.event, judged.reasons, judged.warnings) == (name, (), ())


def test_declared_columns_follow_the_context_and_clash_with_nothing(plan: Plan) -> None:
    names = [column.name for column in plan.columns]
    assert len(set(names)) == len(names)
    assert not set(names) & (set(ENVELOPE) | set(PLACE))
    kinds = [column.kind for column in plan.columns]
    assert kinds == sorted(kinds), "context columns come first"
    assert {"context_campaign_source", "project_id", "booking_value", "amount"} <= set(names)


# Judging


def test_a_platform_may_use_its_own_names(plan: Plan) -> None:
    judged = judge(plan, "rentals", track("Property Searched", q="two rooms", hits=12))
    assert (judged.event, judged.original_event) == ("search_performed", "Property Searched")
    assert judged.properties == {"query": "two rooms", "results_count": 12}
    assert judged.typed == {"query": "two rooms", "results_count": 12}


def test_canonical_names_are_understood_everywhere(plan: Plan) -> None:
    judged = judge(plan, "advisory", track("search_performed", query="tax"))
    assert (judged.event, judged.original_event) == ("search_performed", None)


def test_another_tenants_names_are_not_understood(plan: Plan) -> None:
    judged = judge(plan, "advisory", track("Property Searched", q="two rooms"))
    assert judged.event is None
    assert reasons(judged) == [("event", "unknown_event")]


def test_an_own_name_never_overwrites_the_canonical_one(plan: Plan) -> None:
    judged = judge(plan, "rentals", track("Property Searched", q="theirs", query="ours"))
    assert judged.typed["query"] == "ours"
    assert judged.properties == {"q": "theirs", "query": "ours"}
    assert judged.warnings == ("undeclared:q",)


def test_an_unknown_event_is_answered_with_the_nearest_name(plan: Plan) -> None:
    (reason,) = judge(plan, "rentals", track("Property Serched")).reasons
    assert "did you mean 'Property Searched'?" in reason.message


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({}, ("type", "unknown_type")),
        ({"type": "trak"}, ("type", "unknown_type")),
        ({"type": ["track"]}, ("type", "unknown_type")),
        ({"type": "track"}, ("event", "missing_event_name")),
        ({"type": "track", "event": ""}, ("event", "missing_event_name")),
        ({"type": "track", "event": " \t"}, ("event", "missing_event_name")),
        ({"type": "track", "event": "x" * 201}, ("event", "invalid_event_name")),
        ({"type": "track", "event": 7}, ("event", "invalid_event_name")),
        ({"type": "track", "event": "page_viewed"}, ("event", "unknown_event")),
        ({"type": "page", "properties": "none"}, ("properties", "wrong_type")),
        ({"type": "page", "context": []}, ("context", "wrong_type")),
        ({"type": "group"}, ("group_id", "missing")),
        ({"type": "alias"}, ("previous_id", "missing")),
    ],
)
def test_a_message_without_a_shape_is_refused_with_its_field(
    plan: Plan, message: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert reasons(judge(plan, "rentals", message)) == [expected]


def test_an_unknown_tenant_is_a_reason_not_an_error(plan: Plan) -> None:
    assert reasons(judge(plan, "nobody", track("search_performed"))) == [("tenant", "unknown_tenant")]


@pytest.mark.parametrize("given", [{}, {"booking_id": None}, {"booking_id": ""}, {"booking_id": " \t"}])
def test_a_required_property_must_say_something(plan: Plan, given: dict[str, Any]) -> None:
    judged = judge(plan, "rentals", track("booking_confirmed", amount=10, **given))
    assert reasons(judged) == [("booking_id", "missing")]


def test_every_broken_property_is_named_once(plan: Plan) -> None:
    judged = judge(plan, "rentals", track("booking_confirmed", amount="a lot", nights=1.5, country=["DE"]))
    assert sorted(reasons(judged)) == [
        ("amount", "invalid_money"),
        ("booking_id", "missing"),
        ("country", "wrong_type"),
        ("nights", "wrong_type"),
    ]


def test_words_about_a_property_say_what_its_platform_calls_it(plan: Plan) -> None:
    message = {"type": "track", "event": "Booking Confirmed", "properties": {"booking_id": "b", "total": "abc"}}
    (reason,) = judge(plan, "rentals", message).reasons
    assert (reason.field, reason.code) == ("amount", "invalid_money")
    assert reason.message.startswith("amount (sent as 'total') of booking_confirmed: expected money, got text")
    message["properties"] = {"booking_id": "b", "amount": "abc"}
    (reason,) = judge(plan, "rentals", message).reasons
    assert reason.message.startswith("amount of booking_confirmed:")


def test_reasons_never_repeat_a_value(plan: Plan) -> None:
    message = {"type": "identify", "traits": {"email": {"secret": "ada@mail.example"}, "name": ["Ada"]}}
    text = " ".join(reason.message for reason in judge(plan, "rentals", message).reasons)
    assert "ada" not in text.lower()


def test_what_is_not_declared_is_kept_with_a_warning(plan: Plan) -> None:
    judged = judge(plan, "rentals", track("search_performed", query="x", mood="good"))
    assert judged.reasons == ()
    assert judged.properties["mood"] == "good"
    assert "mood" not in judged.typed
    assert judged.warnings == ("undeclared:mood",)


def test_a_value_that_only_one_reading_fits_is_converted_with_a_warning(plan: Plan) -> None:
    judged = judge(plan, "rentals", track("listing_viewed", listing_id=1042, price="89.50"))
    assert judged.typed == {"listing_id": "1042", "price": Decimal("89.5000")}
    assert judged.warnings == ("converted:listing_id",), "decimal text is the exact way to send money"


def test_type_only_messages_have_their_event_and_what_stands_beside_the_properties(plan: Plan) -> None:
    page = judge(plan, "rentals", {"type": "page", "name": "Home", "properties": {"url": "https://r.example/"}})
    assert (page.event, page.properties) == ("page_viewed", {"url": "https://r.example/", "name": "Home"})
    group = judge(plan, "rentals", {"type": "group", "groupId": "G", "traits": {"name": "Ltd"}})
    assert (group.event, group.typed) == ("group_joined", {"name": "Ltd", "group_id": "G"})
    alias = judge(plan, "rentals", {"type": "alias", "previousId": "a", "userId": "b"})
    assert (alias.event, alias.typed) == ("user_aliased", {"previous_id": "a"})
    identify = judge(plan, "rentals", {"type": "identify", "traits": {"country": "India"}})
    assert (identify.event, identify.typed) == ("user_identified", {"country": "India"})


def test_the_context_fills_columns_and_never_refuses(plan: Plan) -> None:
    context = {"campaign": {"source": "x", "medium": 7}, "page": "home", "locale": {"a": 1}, "device": None}
    judged = judge(plan, "rentals", {**track("search_performed"), "context": context})
    assert judged.reasons == ()
    assert judged.typed == {"context_campaign_source": "x", "context_campaign_medium": "7"}
    assert judged.warnings == ("context_ignored:locale",)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(["booking_confirmed", "Booking Confirmed", "search_performed", "listing_viewed", "x", ""])
keys = st.sampled_from(["booking_id", "amount", "total", "nights", "query", "hits", "q", "listing_id", "price", "?"])


# The first text that hypothesis draws on a machine takes seconds: it builds its table of characters.
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["track", "page", "identify", "group", "alias", "screen"]) | json_values,
            "event": names | json_values,
            "properties": st.dictionaries(keys, json_values) | json_values,
            "traits": json_values,
            "context": st.dictionaries(st.sampled_from(["campaign", "page", "locale"]), json_values) | json_values,
        },
    )
)
def test_judging_never_raises_and_types_only_what_fits(plan: Plan, message: dict[str, Any]) -> None:
    judged = judge(plan, "rentals", message)
    types = {column.name: column.type for column in plan.columns}
    for name, value in judged.typed.items():
        assert PARSERS[types[name]](value) == value, "a typed value is a fixed point of its parser"
    if not judged.reasons:
        contract = plan.events[judged.event or ""]
        assert all(name in judged.typed for name, prop in contract.properties.items() if prop.required)


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        ("1.234,56", "invalid_money"), ("1,234.56", "invalid_money"), ("EUR 5", "invalid_money"),
        (True, "invalid_money"), (1.00001, "invalid_money"), (10**15, "invalid_money"), (2**63, "number_out_of_range"),
    ],
)  # fmt: skip
def test_money_that_cannot_be_taken_has_a_code_of_its_own(plan: Plan, amount: object, code: str) -> None:
    assert reasons(judge(plan, "rentals", track("booking_confirmed", booking_id="b", amount=amount))) == [
        ("amount", code)
    ]


@pytest.mark.parametrize("currency", ["", "eur", "EURO", "XXQ", 978, " EUR"])
def test_a_currency_is_one_of_the_worlds(plan: Plan, currency: object) -> None:
    judged = judge(plan, "rentals", track("booking_confirmed", booking_id="b", amount=5, currency=currency))
    assert reasons(judged) == [("currency", "unknown_currency")]
    assert judge(plan, "rentals", track("booking_confirmed", booking_id="b", amount=5, currency="EUR")).reasons == ()
