"""The tracking plan: what its files may say, how a message is judged by it, and the dictionary made from it."""

import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from almanac.errors import AlmanacError
from ingestion.events_cli import COMMANDS
from ingestion.plan_check import check_plan
from ingestion.tracking_plan import Judged, Plan, Unfit, dictionary, judge, load_plan, parse_money, parse_time
from ingestion.tracking_plan.names import ENVELOPE, PLACE
from ingestion.tracking_plan.values import PARSERS, is_surely_money


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load_plan()


def track(event: str, **properties: Any) -> dict[str, Any]:
    return {"type": "track", "event": event, "userId": "u1", "properties": properties}


def reasons(judged: Judged) -> list[tuple[str, str]]:
    return [(reason.field, reason.code) for reason in judged.reasons]


# The plan that ships


def test_the_plan_that_ships_has_no_problems(root: Path) -> None:
    assert check_plan(root) == []


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


def test_the_version_changes_with_any_file(tmp_path: Path, root: Path) -> None:
    copy = copy_plan(root, tmp_path)
    assert load_plan(copy).version == load_plan(root).version
    with (copy / "ingestion/tracking_plan/tenants/rentals.yml").open("a") as file:
        file.write("# a comment\n")
    assert load_plan(copy).version != load_plan(root).version


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
def test_judging_never_raises_and_types_only_what_fits(message: dict[str, Any]) -> None:
    plan = load_plan_once()
    judged = judge(plan, "rentals", message)
    types = {column.name: column.type for column in plan.columns}
    for name, value in judged.typed.items():
        assert PARSERS[types[name]](value) == value, "a typed value is a fixed point of its parser"
    if not judged.reasons:
        contract = plan.events[judged.event or ""]
        assert all(name in judged.typed for name, prop in contract.properties.items() if prop.required)


def load_plan_once(_kept: list[Plan] = []) -> Plan:  # noqa: B006 - hypothesis takes no fixtures of a narrower scope
    if not _kept:
        _kept.append(load_plan())
    return _kept[0]


# Values


@pytest.mark.parametrize(
    ("given_value", "expected"),
    [
        (0.1, "0.1"),
        (1.15, "1.15"),
        (9747747.934, "9747747.934"),
        (-11062.06, "-11062.06"),
        (358, "358"),
        ("358.0000", "358"),
        ("1.5000000", "1.5"),
        (1e13, "10000000000000"),
        (99999999999999, "99999999999999"),
        ("99999999999999.9999", "99999999999999.9999"),
        (0.0001, "0.0001"),
        (Decimal("2.55"), "2.55"),
        (0, "0"),
    ],
)
def test_money_is_exact(given_value: object, expected: str) -> None:
    assert parse_money(given_value) == Decimal(expected)
    assert parse_money(given_value).as_tuple().exponent == -4


@pytest.mark.parametrize(
    "value",
    [0.00001, "1.23456", 1e14, 100000000000000, "1e3", "", " 1", "1,5", "0x10", "NaN", "Infinity", "٣", float("nan"),
     float("inf"), Decimal("NaN"), Decimal("Infinity"), True, None, [1], {"amount": 1}, "1" * 50, 10**400],
)  # fmt: skip
def test_what_is_no_money_is_refused(value: object) -> None:
    with pytest.raises(Unfit):
        parse_money(value)


@settings(max_examples=300, deadline=None)
@given(st.decimals(min_value=Decimal("-99999999999.9999"), max_value=Decimal("99999999999.9999"), places=4))
def test_money_survives_json(value: Decimal) -> None:
    """A client that writes a decimal as a JSON number gets it back exactly: fifteen digits fit a double."""
    assert parse_money(float(str(value))) == value
    assert parse_money(str(value)) == value


@settings(max_examples=300, deadline=None)
@given(st.floats(-2e10, 2e10) | st.integers(0, 7).flatmap(lambda n: st.decimals(-(10**11), 10**11, places=n)))
def test_money_is_recognised_without_decimal_arithmetic(value: float | Decimal) -> None:
    written = float(value)
    if abs(written) < 1e10 and -Decimal(repr(written)).as_tuple().exponent <= 4:
        assert is_surely_money(written)
    if is_surely_money(written):
        assert parse_money(written) == Decimal(repr(written))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01T10:00:00Z", "2026-03-01T10:00:00"),
        ("2026-03-01T10:00:00.123Z", "2026-03-01T10:00:00.123000"),
        ("2026-03-01T10:00:00.1234567Z", "2026-03-01T10:00:00.123456"),
        ("2026-03-01T10:00:00+05:30", "2026-03-01T04:30:00"),
        ("2026-03-01T10:00:00.5-03:00", "2026-03-01T13:00:00.500000"),
        ("2026-03-01 10:00:00Z", "2026-03-01T10:00:00"),
    ],
)
def test_times_become_utc(text: str, expected: str) -> None:
    assert parse_time(text).isoformat() == expected


@pytest.mark.parametrize(
    "value",
    ["", "Z", "yesterday", "2026-02-30T00:00:00Z", "2026-03-01T25:00:00Z", "2026-03-01T10:00:00", "2026-03-01",
     "2026-03-01Z", "1772359200000", "2016-12-31T23:59:60Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00",
     "2026-03-01T10:00:00+05:30Z", 1772359200, None, True, {}],
)  # fmt: skip
def test_what_names_no_instant_is_refused(value: object) -> None:
    with pytest.raises(Unfit):
        parse_time(value)


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


@pytest.mark.parametrize(
    ("type_name", "value", "expected"),
    [
        ("integer", 3, 3), ("integer", 3.0, 3), ("integer", "-12", -12), ("integer", 2**63 - 1, 2**63 - 1),
        ("number", 3, 3.0), ("number", "2.5", 2.5), ("boolean", True, True), ("boolean", "false", False),
        ("string", 7, "7"), ("date", "2026-03-01", PARSERS["date"]("2026-03-01")),
    ],
)  # fmt: skip
def test_other_types_take_what_has_one_reading(type_name: str, value: object, expected: object) -> None:
    parsed = PARSERS[type_name](value)
    assert parsed == expected
    assert type(parsed) is type(expected)


@pytest.mark.parametrize(
    ("type_name", "value"),
    [
        ("integer", 2**63), ("integer", 1.5), ("integer", True), ("integer", "1.0"), ("integer", 1e300),
        ("integer", float("nan")), ("number", "1e5"), ("number", float("inf")), ("number", True), ("number", 10**400),
        ("boolean", 1), ("boolean", "yes"), ("string", 1.5), ("string", True), ("string", {}), ("date", "2026-3-1"),
        ("date", "2026-02-30"), ("date", 20260301),
    ],
)  # fmt: skip
def test_other_types_refuse_what_has_none(type_name: str, value: object) -> None:
    with pytest.raises(Unfit):
        PARSERS[type_name](value)


# Problems are named by file and field


def copy_plan(root: Path, to: Path) -> Path:
    shutil.copytree(
        root / "ingestion/tracking_plan", to / "ingestion/tracking_plan", ignore=shutil.ignore_patterns("*.py", "__*")
    )
    return to


def edit(name: str, old: str, new: str) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        path = folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return apply


def write(name: str, text: str) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        (folder / name).write_text(text)

    return apply


PROPERTY = "{type: string, required: false, pii: none, description: Something., example: x}"
EVENT = """
event: thing_done
type: track
title: Thing done
description: Somebody did a thing.
owner: growth
retention: behavioural
properties:
  %s
example: {}
"""


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (edit("search_performed.yml", "owner: growth\n", ""), "search_performed.yml:1:1: owner: field required"),
        (edit("search_performed.yml", "pii: none", "pii: maybe"), ": properties.query.pii: "),
        (edit("search_performed.yml", "type: integer", "type: int"), "properties.results_count.type: "),
        (
            edit("search_performed.yml", "title: Search", "titel: Search"),
            "search_performed.yml:3:1: titel: unknown field; did you mean 'title'?",
        ),
        (edit("search_performed.yml", "example: 12", "example: twelve"), "results_count.example: expected an integer"),
        (edit("search_performed.yml", "results_count: 12", "results: 12"), "example: undeclared results"),
        (edit("booking_confirmed.yml", "\n  amount: 358.00", ""), "example.amount: booking_confirmed needs amount"),
        (edit("search_performed.yml", "event: search_performed", "event: searched"), "name the file searched.yml"),
        (edit("search_performed.yml", "owner: growth", "owner: growth\nowner: me"), "the key 'owner' stands twice"),
        (edit("search_performed.yml", "description: >-", "description: {"), ": is not valid YAML: "),
        (edit("balance_recorded.yml", "type: money", "type: string"), "balance.example: expected text"),
        (edit("booking_cancelled.yml", "type: integer", "type: number"), "properties.quantity.type: "),
        (edit("screen_viewed.yml", "type: screen", "type: page"), "type: page is page_viewed already"),
        (edit("common.yml", "skew_seconds: 60", "skew_seconds: 0"), ": limits.skew_seconds: "),
        (edit("common.yml", "path: campaign.source", "path: ''"), ": context.campaign_source.path: "),
        (edit("common.yml", "path: campaign.medium", "path: campaign.source"), "is 'campaign_source' already"),
        (edit("common.yml", "path: library.name", "path: locale.name"), "leads through the column 'locale'"),
        (edit("tenants/rentals.yml", "Europe/Berlin", "Europe/Atlantis"), "rentals.yml:4:1: time_zone: "),
        (edit("tenants/rentals.yml", "currency: EUR", "currency: euro"), "rentals.yml:5:1: currency: "),
        (edit("tenants/rentals.yml", "currency: EUR", "currency: EUR\ncountry: Germany"), "rentals.yml:6:1: country: "),
        (edit("tenants/rentals.yml", "event: search_performed", "event: searched"), "'searched' is not an event"),
        (edit("tenants/rentals.yml", "q: query", "q: question"), "'question' is not a property of search_performed"),
        (edit("tenants/rentals.yml", "q: query", "q: query, text: query"), "'q' is mapped to 'query' already"),
        (edit("tenants/rentals.yml", "q: query", "city: query"), "is itself a property of search_performed"),
        (edit("tenants/rentals.yml", "event: signup_completed", "event: page_viewed"), "is sent as page"),
        (edit("tenants/rentals.yml", "tenant: rentals", "tenant: Rentals"), "tenants/rentals.yml:1:1: tenant: "),
        (edit("tenants/rentals.yml", "Signed Up:", "listing_viewed:"), "is itself a canonical event"),
        (write("thing_done.yml", EVENT % f"user_id: {PROPERTY}"), "'user_id' is a column of the envelope"),
        (write("thing_done.yml", EVENT % f"file_id: {PROPERTY}"), "'file_id' is a column of the envelope"),
        (write("thing_done.yml", EVENT % f"project_id: {PROPERTY}"), "declared for every event in common.yml"),
        (write("thing_done.yml", EVENT % f"context_x: {PROPERTY}"), "belongs to the context's columns"),
        (write("thing_done.yml", EVENT % f"order: {PROPERTY}"), "'order' is a reserved word of SQL"),
        (write("thing_done.yml", EVENT % f"Size: {PROPERTY}"), "'Size' is not snake_case"),
        (write("thing_done.yml", "- a\n- b\n"), "thing_done.yml must hold a mapping"),
        (lambda folder: (folder / "common.yml").unlink(), "common.yml is missing"),
        (lambda folder: (folder / "user_aliased.yml").unlink(), "no event has the type alias"),
    ],
)
def test_a_mistake_is_named_by_file_and_field(
    tmp_path: Path, root: Path, change: Callable[[Path], None], expected: str
) -> None:
    copy = copy_plan(root, tmp_path)
    change(copy / "ingestion/tracking_plan")
    problems = check_plan(copy)
    assert any(expected in problem for problem in problems), problems
    assert all(problem.startswith("ingestion/tracking_plan") for problem in problems)
    with pytest.raises(AlmanacError, match="tracking plan: ingestion/tracking_plan"):
        load_plan(copy)


def test_a_new_event_is_one_file(tmp_path: Path, root: Path) -> None:
    copy = copy_plan(root, tmp_path)
    (copy / "ingestion/tracking_plan/thing_done.yml").write_text(EVENT % f"thing_id: {PROPERTY}")
    plan = load_plan(copy)
    assert judge(plan, "rentals", track("thing_done", thing_id="t")).typed == {"thing_id": "t"}
    assert "thing_id" in {column.name for column in plan.columns}


def test_words_that_other_yaml_readers_take_for_booleans_stay_words(tmp_path: Path, root: Path) -> None:
    copy = copy_plan(root, tmp_path)
    path = copy / "ingestion/tracking_plan/user_identified.yml"
    path.write_text(path.read_text().replace('"Germany"', "no"))
    assert load_plan(copy).events["user_identified"].example["country"] == "no"


# The dictionary


def test_the_dictionary_says_everything_and_always_the_same(plan: Plan) -> None:
    page = dictionary(plan)
    assert page == dictionary(load_plan())
    for name, contract in plan.events.items():
        assert f"\n## {name}\n" in page
        for key, prop in contract.properties.items():
            assert f"| `{key}` | {prop.type} |" in page
    for tenant in plan.tenants.values():
        assert f"`{tenant.tenant}`: {tenant.business}" in page
        for own in tenant.events:
            assert own in page
    assert all(line.count("|") == 7 for line in page.splitlines() if line.startswith("| `amount` |"))


def events(*arguments: str) -> str:
    done = CliRunner().invoke(COMMANDS["events"], list(arguments))
    assert done.exception is None, done.output
    return done.output


def test_events_are_listed_with_a_tenants_own_names(plan: Plan) -> None:
    lines = events("list").splitlines()
    assert [line.split()[0] for line in lines[1:]] == sorted(plan.events)
    assert any(line.endswith("Property Searched") for line in events("list", "--tenant", "rentals").splitlines())
    done = CliRunner().invoke(COMMANDS["events"], ["list", "--tenant", "nobody"])
    assert isinstance(done.exception, AlmanacError)
    assert "use one of advisory" in str(done.exception)


def test_the_dictionary_is_written_where_it_is_wanted(plan: Plan, tmp_path: Path) -> None:
    page = tmp_path / "docs" / "events.md"
    assert f"{len(plan.events)} events, {len(plan.tenants)} tenants" in events("docs", "--output", str(page))
    assert page.read_text() == dictionary(plan)
