"""Fetched rows before they are stored: suppressed people are dropped, cards masked, the rest by the tenant's policy."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almanac.state import SuppressedIds, hash_id
from ingestion.lake_tables import TableRow
from ingestion.privacy.suppression import Suppression
from ingestion.sources.fetched_privacy import Screen, Screened
from ingestion.sources.fetched_rows import table_row
from ingestion.sources.fetched_source import FetchedTable
from ingestion.tracking_plan import load_plan

PLAN = load_plan()
SECRET = b"k" * 32
VISA, EMAIL, PHONE = "4111111111111111", "ada@mail.example", "+49 30 1234567"
NOBODY = Suppression()


def suppressed(*ids: str, secret: bytes = SECRET) -> Suppression:
    hashes = frozenset(hash_id(secret, "rentals", text) for text in ids)
    return Suppression(SuppressedIds(secret, {"rentals": hashes}))


def row(**values: Any) -> TableRow:
    return table_row("shop", "orders", FetchedTable(key=("id",), cursor="at"), {"id": 1, "at": 5, **values})


def screen(
    *rows: TableRow, tenant: str = "rentals", suppression: Suppression = NOBODY, policy: str = "mask", **described: Any
) -> Screened:
    own = PLAN.tenants[tenant]
    privacy = own.privacy.model_copy(update={"email": policy, "phone": policy})
    tenants = {**PLAN.tenants, tenant: own.model_copy(update={"privacy": privacy})}
    table = FetchedTable(key=("id",), cursor="at", **described)
    return Screen(replace(PLAN, tenants=tenants), tenant, table, suppression).screen(rows)


def data(found: Screened) -> list[dict[str, Any]]:
    return [json.loads(one.data) for one in found.rows]


def test_what_a_row_holds_is_masked_wherever_it_stands() -> None:
    found = screen(row(note=f"paid with {VISA}", deep={"a": [EMAIL, {"tel": "030 1234567"}]}, n=3), row(note="plain"))
    assert data(found) == [
        {"id": 1, "at": 5, "note": "paid with [card]", "deep": {"a": ["[email]", {"tel": "[phone]"}]}, "n": 3},
        {"id": 1, "at": 5, "note": "plain"},
    ]
    assert (found.masked, found.suppressed) == (1, 0)
    assert found.rows[0].key == "[1]"


@pytest.mark.parametrize(("policy", "kept"), [("mask", False), ("quarantine", False), ("keep", True)])
def test_the_policy_of_the_tenant_decides_and_cards_are_masked_by_any(policy: str, kept: bool) -> None:
    """A foreign table has no quarantine, so a row in which something was found is masked by that policy too."""
    (found,) = data(screen(row(note=f"{EMAIL} {PHONE} {VISA}"), policy=policy))
    assert found["note"] == (f"{EMAIL} {PHONE} [card]" if kept else "[email] [phone] [card]")


def test_columns_that_are_declared_are_kept_but_for_cards() -> None:
    found = screen(
        row(id=EMAIL, at=EMAIL, mail=f"{EMAIL} {VISA}", who=EMAIL, other=EMAIL), personal=("mail",), people=("who",)
    )
    assert data(found) == [{"id": EMAIL, "at": EMAIL, "mail": f"{EMAIL} [card]", "who": EMAIL, "other": "[email]"}]


KEY = "alm_rJgG4msb2BEz1aq-uZQbhqeN6F1vKLegmxSGk5IujWY"


def test_credentials_and_whole_addresses_are_taken_out_wherever_they_stand() -> None:
    found = screen(
        row(password="hunter2", access_token="tok", ip="203.0.113.77", note=f"sent with {KEY}", n=3),
        row(deep={"list": [{"cookie": "sid=1", "client_ip": "2001:db8:1:2::7", "n": 1}]}, mail=EMAIL),
        row(n=4, tip="203.0.113.77", login="ada"),
    )
    assert data(found) == [
        {"id": 1, "at": 5, "ip": "203.0.113.0", "note": "sent with [removed]", "n": 3},
        {"id": 1, "at": 5, "deep": {"list": [{"client_ip": "2001:db8:1::", "n": 1}]}, "mail": "[email]"},
        {"id": 1, "at": 5, "n": 4, "tip": "203.0.113.77", "login": "ada"},
    ]
    assert found.masked == 2


def test_a_row_that_is_clean_stays_as_it_came() -> None:
    came = row(ip="203.0.113.0", n=[1])
    found = screen(came)
    assert found.rows == [came]
    assert found.masked == 0


def test_columns_that_name_a_row_or_its_people_are_kept_by_cleaning_too() -> None:
    table = FetchedTable(key=("ip",), people=("api_key",))
    came = table_row("shop", "orders", table, {"ip": "203.0.113.77", "api_key": "k1", "password": "hunter2"})
    (found,) = data(Screen(PLAN, "rentals", table, NOBODY).screen([came]))
    assert found == {"ip": "203.0.113.77", "api_key": "k1"}


@pytest.mark.parametrize(
    ("values", "people", "is_dropped"),
    [
        ({"user_id": "u7"}, None, True),
        ({"user_id": 4711}, None, True),
        ({"email": "ADA@mail.example"}, None, True),
        ({"buyer": "u7"}, None, False),
        ({"buyer": "u7"}, ("seller", "buyer"), True),
        ({"user_id": "u7"}, ("buyer",), False),
        ({"user_id": None, "email": ["u7"]}, None, False),
    ],
)
def test_rows_about_suppressed_people_are_dropped(values: dict[str, Any], people: Any, is_dropped: bool) -> None:
    found = screen(row(**values), row(user_id="u1"), suppression=suppressed("u7", "4711", EMAIL), people=people)
    assert found.suppressed == is_dropped
    assert data(found)[-1]["user_id"] == "u1"
    assert len(found.rows) == 2 - is_dropped


def test_somebody_elses_suppression_drops_nothing() -> None:
    assert screen(row(user_id="u7"), tenant="advisory", suppression=suppressed("u7")).suppressed == 0


def test_what_was_dropped_is_known_again_only_with_the_secret() -> None:
    one, other = row(user_id="u7", n=1), row(user_id="u7", n=2)
    seals = [screen(one, suppression=suppressed("u7")).seal for _ in range(2)]
    assert seals[0] == seals[1] != ""
    assert screen(other, suppression=suppressed("u7")).seal != seals[0]
    assert screen(one, suppression=suppressed("u7", secret=b"x" * 32)).seal != seals[0]


values = st.one_of(
    st.integers(-(2**40), 2**40),
    st.booleans(),
    st.none(),
    st.sampled_from([EMAIL, VISA, PHONE, f"a {EMAIL}, b", "plain", "u7", "12.50"]),
    st.text('aé 09.,;"\\\u00a0', max_size=8),
)
rows = st.lists(
    st.dictionaries(st.sampled_from(["memo", "note", "email", "a"]), values | st.lists(values, max_size=3)),
    max_size=6,
)


@given(rows)
def test_nothing_personal_passes_and_nothing_else_changes(given_: list[dict[str, Any]]) -> None:
    came = [row(**one) for one in given_]
    found = screen(*came, suppression=suppressed("u7"))
    assert len(found.rows) + found.suppressed == len(came)
    texts = [one.data for one in found.rows]
    assert not any(secret in text for text in texts for secret in (EMAIL, VISA, PHONE))
    assert not any(one.get("email") == "u7" for one in data(found))
    clean = [one for one in came if not any(mark in one.data for mark in ("@", "+", "4111", "u7", "%"))]
    assert {one.data for one in clean} <= set(texts)


INSIDE = [
    ({"password": "hunter2", "total": 1.10}, {"total": 1.10}),
    ({"auth": [{"access_token": "tok", "n": 1}]}, {"auth": [{"n": 1}]}),
    ({"ip": "203.0.113.77"}, {"ip": "203.0.113.0"}),
    ([{"pan": int(VISA)}, {"pan": VISA}], [{"pan": "[card]"}, {"pan": "[card]"}]),
    ({"phone": "030 1234567", "order_id": VISA}, {"phone": "[phone]", "order_id": VISA}),
    ({"to": EMAIL, "n": 2**60}, {"to": "[email]", "n": 2**60}),
    ({"key": KEY}, {"key": "[removed]"}),
]


@pytest.mark.parametrize(("value", "cleaned"), INSIDE)
@pytest.mark.parametrize("write", [json.dumps, lambda value: "\n " + json.dumps(value, indent=1)])
def test_json_in_a_text_is_cleaned_like_what_is_nested(value: Any, cleaned: Any, write: Any) -> None:
    nested, within = {"memo": [write(value)]}, json.dumps({"payload": write(value)})
    found = screen(row(memo=write(value), deep=nested, twice=within), row(memo=value))
    text, same = data(found)
    assert json.loads(text["memo"]) == cleaned == same["memo"]
    assert json.loads(text["deep"]["memo"][0]) == cleaned
    assert json.loads(json.loads(text["twice"])["payload"]) == cleaned
    assert found.masked == 2
    # What is cleaned stays as it is, and the same row becomes the same text each time it is fetched.
    again = screen(row(memo=write(value), deep=nested, twice=within)).rows
    assert again == found.rows[:1]
    assert screen(*again).rows == again


@pytest.mark.parametrize(
    "text",
    [
        '{"b": 1.10,  "a" : [1e2, 123456789012345678901234567890]}',
        "[1, 2",
        "{not json}",
        "[]",
        '{"n": NaN}',
        "[" * 5_000,
    ],
)
def test_a_text_in_which_nothing_was_found_stays_as_it_was_written(text: str) -> None:
    came = row(memo=text)
    assert screen(came).rows == [came]


def test_numbers_beside_what_is_taken_out_of_a_text_stay_exact() -> None:
    (found,) = data(
        screen(row(memo='{"password": "x", "b": 12345678901234567.10, "a": 123456789012345678901234567890}'))
    )
    assert found["memo"] == '{"b":12345678901234567.10,"a":123456789012345678901234567890}'


def test_a_name_that_stands_twice_in_a_text_hides_nothing() -> None:
    (found,) = data(screen(row(memo=f'{{"a": "{VISA}", "a": 1}}')))
    assert found["memo"] == '{"a":1}'


def test_texts_within_texts_without_an_end_are_looked_through_as_texts() -> None:
    text = f'[{"[" * 20}"{VISA} x"{"]" * 20}]'
    for _ in range(12):
        text = f"{'[' * 20}{json.dumps(text)}{']' * 20}"
    (found,) = data(screen(row(memo=text)))
    assert VISA not in found["memo"]


def test_json_texts_of_columns_that_are_kept_are_left_alone() -> None:
    came = table_row("shop", "orders", FetchedTable(key=("id",)), {"id": json.dumps({"password": "x"})})
    assert screen(came).rows == [came]
