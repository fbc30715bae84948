"""Addresses lose what tells one household from its neighbours, wherever they stand; credentials are taken out."""

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.privacy.cleaning import ADDRESS_NAMES, SECRET_NAMES, clean, truncated


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("203.0.113.77", "203.0.113.0"),
        (" 203.0.113.77 ", "203.0.113.0"),
        ("2001:db8:1234:5678::1", "2001:db8:1234::"),
        ("[2001:db8:1234:5678::1]", "2001:db8:1234::"),
        ("fe80::1%eth0", "fe80::"),
        ("::ffff:203.0.113.77", "203.0.113.0"),
        ("0.0.0.0", "0.0.0.0"),
        ("203.0.113.77, 10.0.0.1", None),
        ("203.0.113.256", None),
        ("localhost", None),
        ("", None),
    ],
)
def test_an_address_is_cut_to_its_network(text: str, kept: str | None) -> None:
    assert truncated(text) == kept


@given(st.ip_addresses())
def test_what_is_kept_is_the_same_for_all_neighbours(address: Any) -> None:
    kept = truncated(str(address))
    assert kept is not None
    assert truncated(kept) == kept
    mapped = getattr(address, "ipv4_mapped", None) or address
    bits = 24 if mapped.version == 4 else 48
    assert mapped in ipaddress.ip_network(f"{kept}/{bits}")


@pytest.mark.parametrize("name", sorted(ADDRESS_NAMES))
@pytest.mark.parametrize("where", ["", "context", "properties", "traits"])
def test_addresses_are_found_by_name_in_every_place_that_has_names(name: str, where: str) -> None:
    message: dict[str, Any] = {"userId": "u"}
    place = message.setdefault(where, {}) if where else message
    place |= {name: "203.0.113.77", "other": "203.0.113.77"}
    assert clean(message)
    assert (place[name], place["other"]) == ("203.0.113.0", "203.0.113.77")
    assert not clean(message)


@pytest.mark.parametrize("value", ["203.0.113.77, 10.0.0.1", "host.example", 3232235777, ["203.0.113.77"], None, {}])
def test_what_is_no_single_address_is_taken_out(value: object) -> None:
    message: dict[str, Any] = {"context": {"ip": value, "locale": "de"}}
    assert clean(message)
    assert message == {"context": {"locale": "de"}}


@pytest.mark.parametrize("name", sorted(SECRET_NAMES))
def test_credentials_are_taken_out(name: str) -> None:
    message = {name: "s", "properties": {name: {"a": "s"}}, "context": {"consent": {"ads": False}}}
    assert clean(message)
    assert message == {"properties": {}, "context": {"consent": {"ads": False}}}


def test_what_is_nested_deeper_is_searched_when_asked_for() -> None:
    message = {"properties": {"request": [{"ip": "203.0.113.77", "token": {"password": "s"}}]}}
    assert not clean(message)
    assert clean(message, deep=True)
    assert message == {"properties": {"request": [{"ip": "203.0.113.0", "token": {}}]}}
