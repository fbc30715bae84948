"""Suppressed people: recognised by any id, stored as keyed hash only, dropped and counted before anything is stored."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from almanac.errors import AlmanacError
from almanac.settings import Settings
from almanac.state import (
    hash_id,
    list_suppressed,
    open_state,
    suppress,
    suppressed_ids,
    suppression_version,
    unsuppress,
)
from almanac.state.suppressions import normal_id
from ingestion.collector import records
from ingestion.collector.answers import answer
from ingestion.collector.dialects import Found, Request, segment
from ingestion.collector.door import Door
from ingestion.collector.problems import Problem
from ingestion.collector.suppression_ring import SuppressionRing
from ingestion.envelope import Arrival
from ingestion.privacy.cli import COMMANDS
from ingestion.privacy.suppression import SuppressedPeople, Suppression, load_suppression
from ingestion.tracking_plan import load_plan

PLAN = load_plan()
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
SECRET = b"k" * 32
EMAIL = "Ada@Mail.example"
SEARCH = {"type": "track", "event": "Property Searched", "userId": "u1", "properties": {"q": "berlin"}}


def read_batch(body: bytes) -> Found:
    return segment.read_batch(Request("POST", "", body))


def people(*ids: str, tenant: str = "rentals") -> SuppressedPeople:
    return SuppressedPeople(tenant, SECRET, frozenset(hash_id(SECRET, tenant, text) for text in ids))


PEOPLE = people("u7", "4711", "v-9", EMAIL)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.for_home(tmp_path)


@pytest.mark.parametrize(
    "message",
    [
        {"userId": "u7"},
        {"userId": " u7 "},
        {"userId": 4711},
        {"userId": "4711"},
        {"userId": 4711.0},
        {"user_id": "u7", "event": "Property Searched"},
        {"userId": "", "distinct_id": 4711},
        {"email": EMAIL},
        {"anonymousId": "v-9", "userId": "u1"},
        {"anonymousId": "u7"},
        {"type": "alias", "userId": "u1", "previousId": "v-9"},
        {"type": "alias", "userId": "u1", "properties": {"previous_id": "v-9"}},
        {"userId": "ada@mail.example"},
        {"type": "identify", "userId": "u1", "traits": {"email": "ADA@mail.example "}},
        {"type": "identify", "userId": "u1", "properties": {"email": EMAIL}},
        {"type": "track", "userId": "u1", "context": {"traits": {"email": EMAIL}}},
        b'{"userId" : "u7", "a": \xff}',
        b'{"properties": {"user_id": 4711}, ',
        b'{"userId": "\\u00757"',
    ],
)
def test_an_event_is_recognised_wherever_it_names_who_it_is_about(message: Any) -> None:
    assert PEOPLE.owns(message)


@pytest.mark.parametrize(
    "message",
    [
        SEARCH,
        {"userId": "u77"},
        {"userId": "U7"},
        {"userId": None, "anonymousId": ["v-9"]},
        {"userId": True},
        {"userId": 4711.5},
        {"userId": "u1", "user_id": "u7", "email": EMAIL},
        {"userId": float("inf")},
        {"type": "track", "userId": "u1", "properties": {"email": EMAIL, "friend": "u7"}},
        {"traits": "u7", "context": 3},
        {},
        b'{"friend": "u7", "a": \xff}',
        b"\xff\xfe",
        [],
        None,
    ],
)
def test_others_are_left_alone_also_when_they_mention_somebody(message: Any) -> None:
    assert not PEOPLE.owns(message)


def test_the_same_id_of_another_tenant_is_somebody_else() -> None:
    hashes = frozenset({hash_id(SECRET, "rentals", "u7")})
    assert not SuppressedPeople("advisory", SECRET, hashes).owns({"userId": "u7"})


@given(st.text(min_size=1, max_size=50), st.text(min_size=1, max_size=50))
def test_only_the_ids_that_were_given_are_recognised(suppressed: str, other: str) -> None:
    found = people(suppressed)
    assert found.owns({"userId": suppressed})
    assert found.owns({"anonymousId": other}) is (normal_id(other) == normal_id(suppressed))


def test_what_may_be_stored_is_told_from_what_may_not_by_day() -> None:
    late = datetime(2026, 5, 1, 23, 59, tzinfo=UTC)
    arrivals = [
        Arrival(NOW, {"userId": "u7"}),
        Arrival(NOW, SEARCH),
        Arrival(late, {"userId": "v-9"}),
        Arrival(datetime(2026, 5, 2, tzinfo=UTC), b'{"userId": "u7"'),
    ]
    suppression = Suppression()
    assert suppression.split("rentals", arrivals) == (arrivals, {})
    suppression._people["rentals"] = PEOPLE
    kept, dropped = suppression.split("rentals", arrivals)
    assert kept == [arrivals[1]]
    assert dropped == {date(2026, 5, 1): 2, date(2026, 5, 2): 1}


def test_the_record_of_a_request_holds_the_count_and_no_byte_of_the_person() -> None:
    door = Door(PLAN, {"rentals": PEOPLE}.get)
    events = [
        SEARCH,
        {**SEARCH, "userId": "u7"},
        {**SEARCH, "event": "Unheard Of", "anonymousId": "v-9"},
        {"type": "identify", "userId": "u1", "traits": {"email": EMAIL}},
        {**SEARCH, "event": "Unheard Of"},
    ]
    body = json.dumps({"batch": events}).encode()[:-2] + b',{"userId":"u7","a":"\xff"}]}'
    verdicts = door.judge(read_batch(body), "rentals", "web", NOW)
    assert [v.is_suppressed for v in verdicts] == [False, True, True, True, False, True]
    record = records.encode("rentals", "web", NOW, len(verdicts), verdicts)
    for trace in (b"u7", b"v-9", b"mail.example"):
        assert trace not in record
    decoded = records.decode(record)
    assert (decoded.found, decoded.suppressed, len(decoded.events)) == (6, 4, 2)
    # The client is not told who is suppressed: each is answered as if it were about somebody else.
    others = Door(PLAN).judge(read_batch(body), "rentals", "web", NOW)
    assert answer(verdicts, True) == answer(others, True)
    assert [error["index"] for error in json.loads(answer(verdicts, True))["errors"]] == [2, 4, 5]
    assert json.loads(answer(verdicts[1:2], False)) == {"success": True, "accepted": 1, "rejected": 0}
    with pytest.raises(Problem) as refused:
        answer(verdicts[2:3], False)
    assert refused.value.code == "unknown_event"


def test_a_person_named_beside_the_batch_is_named_in_every_event() -> None:
    door = Door(PLAN, {"rentals": PEOPLE}.get)
    body = json.dumps({"batch": [SEARCH, SEARCH], "context": {"traits": {"email": EMAIL}}}).encode()
    assert all(v.is_suppressed for v in door.judge(read_batch(body), "rentals", "web", NOW))
    assert not any(v.is_suppressed for v in door.judge(read_batch(body), "advisory", "web", NOW))


def test_a_record_from_before_suppression_is_still_read() -> None:
    old = records._encode([records.FORMAT, "rentals", "web", NOW, 0, []])
    assert records.decode(old).suppressed == 0


# In the application state


def test_the_id_is_nowhere_in_the_database_and_the_secret_stays_there(settings: Settings) -> None:
    state = open_state(settings)
    assert load_suppression(settings).of("rentals") is None
    found, is_new = suppress(state, "rentals", "email", EMAIL, note="asked by letter")
    assert is_new
    assert suppress(state, "rentals", "user", EMAIL.lower()) == (found, False)
    assert list_suppressed(state, "rentals") == [found]
    assert list_suppressed(state, "advisory") == []
    known = load_suppression(settings).of("rentals")
    assert known is not None
    assert known.owns({"userId": "ada@mail.example"})
    state.close()
    content = b"".join(file.read_bytes() for file in settings.home.iterdir())
    assert b"mail.example" not in content.lower()
    assert found.id_hash.encode() in content


def test_taken_back_it_is_stored_again(settings: Settings) -> None:
    state = open_state(settings)
    versions = [suppression_version(state)]
    one, _ = suppress(state, "rentals", "user", "u7")
    suppress(state, "rentals", "anonymous", "v-9")
    versions.append(suppression_version(state))
    assert unsuppress(state, "rentals", "u7") == one
    versions.append(suppression_version(state))
    assert len(set(versions)) == 3
    assert unsuppress(state, "rentals", "u7") is None
    assert unsuppress(state, "advisory", "v-9") is None
    (left,) = list_suppressed(state)
    assert unsuppress(state, "rentals", left.id_hash[:12]) == left
    assert suppressed_ids(state).by_tenant == {}


def test_another_secret_is_refused_rather_than_recognising_nobody(settings: Settings) -> None:
    given = replace(settings, suppression_secret="s" * 16)
    state = open_state(settings)
    suppress(state, "rentals", "user", "u7", secret=given.suppression_secret)
    assert load_suppression(given).of("rentals") is not None
    for secret in (None, "t" * 16):
        with pytest.raises(AlmanacError, match="set ALMANAC_SUPPRESSION_SECRET as it was then"):
            suppressed_ids(state, secret)
        with pytest.raises(AlmanacError, match="another secret"):
            suppress(state, "rentals", "user", "u8", secret=secret)
    with pytest.raises(AlmanacError, match="at least 16 characters"):
        suppressed_ids(state, "short")
    assert "s" * 16 not in repr(given)


@pytest.mark.parametrize(("kind", "text"), [("user", " "), ("user", "x" * 321), ("email", "ada")])
def test_what_cannot_be_an_id_is_refused(settings: Settings, kind: Any, text: str) -> None:
    with pytest.raises(AlmanacError):
        suppress(open_state(settings), "rentals", kind, text)


def test_the_collectors_copy_follows_the_state_and_survives_its_absence(settings: Settings) -> None:
    state = open_state(settings)
    loads = []

    def load() -> Any:
        loads.append(1)
        return suppressed_ids(state)

    ring = SuppressionRing(lambda: suppression_version(state), load)
    ring.refresh()
    assert len(loads) == 1
    assert not ring.mentioned_in("rentals", b'"userId":"u7"')
    suppress(state, "rentals", "user", "u7")
    ring.refresh()
    assert ring.mentioned_in("rentals", b'"userId":"u7"')
    assert not ring.mentioned_in("advisory", b'"userId":"u7"')
    (settings.home / "state.db").write_bytes(b"this is no database" * 100)
    state.engine.dispose()
    with pytest.raises(AlmanacError):
        ring.refresh()
    assert ring.of("rentals") is not None


# On the command line


def test_people_are_added_listed_and_removed_without_being_named(settings: Settings, tmp_path: Path) -> None:
    env = {"ALMANAC_HOME": str(settings.home)}

    def run(*arguments: str, given: str | None = None) -> Any:
        return CliRunner().invoke(COMMANDS["suppress"], arguments, env=env, input=given)

    assert "Nobody is suppressed" in run("list").stderr
    added = run("add", "--tenant", "rentals", "--user-id", "u7", "--email", EMAIL, "--note", "by letter")
    assert added.exit_code == 0, added.output
    assert [line.split()[1:] for line in added.stdout.splitlines()] == [["user", "suppressed"], ["email", "suppressed"]]
    again = run("add", "--tenant", "rentals", "--file", "-", given="u7\n\nv-9\n")
    assert "was suppressed already" in again.stdout
    listed = run("list", "--tenant", "rentals")
    assert listed.stdout.count("rentals") == 3
    assert "by letter" in listed.stdout
    assert not {"u7", "v-9", "mail.example"} & set(listed.stdout.replace("@", " ").lower().split())
    assert run("add", "--tenant", "rentals").exit_code == 2
    removed = run("remove", "--tenant", "rentals", "--user-id", "u7", "--hash", listed.stdout.splitlines()[-1][:12])
    assert removed.exit_code == 0, removed.output
    assert run("list").stdout.count("rentals") == 1
    with pytest.raises(AlmanacError, match="1 of 1 ids were not suppressed"):
        CliRunner().invoke(
            COMMANDS["suppress"], ["remove", "--tenant", "rentals", "--user-id", "u7"], env=env, catch_exceptions=False
        )
    with pytest.raises(AlmanacError, match="there is no tenant 'nobody'"):
        CliRunner().invoke(
            COMMANDS["suppress"], ["add", "--tenant", "nobody", "--user-id", "u"], env=env, catch_exceptions=False
        )
