"""Erasing a person: of accepted and of refused events, also of replayed ones, and every day's books still balance."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from almanac.settings import Settings
from ingestion.lake import Lake
from ingestion.lake_replays import Place as Refused
from ingestion.privacy import erasing
from ingestion.privacy.erasing import Erased, known_by
from ingestion.privacy.rows_about import rows_about
from ingestion.quarantine.again import Again
from ingestion.quarantine.choice import Choice
from ingestion.quarantine.replay import replay
from ingestion.sources.fetched_privacy import USUAL_PEOPLE
from ingestion.tracking_plan import Plan, load_plan
from tests.refused_events import DAY, Place, books, difference, land, new_place, noon, rows_of, villa

WAITING = Choice(replayed=False)


@dataclass(frozen=True)
class World:
    """A project whose plan was mended, and that plan; lakes of tests are elsewhere."""

    place: Place
    unmended: Plan
    mended: Plan

    def lake(self, home: Path, *, is_mended: bool = False) -> Lake:
        return Lake.open(Settings.for_home(home, self.place.root), self.mended if is_mended else self.unmended)

    def replay(self, home: Path) -> int:
        lake = self.lake(home, is_mended=True)
        return replay(lake, Again(lake.plan, self.place.root), WAITING).landed


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    place = new_place(tmp_path_factory.mktemp("world"))
    unmended = load_plan(place.root)
    place.mend()
    return World(place, unmended, load_plan(place.root))


def today() -> date:
    """Now, not when the tests began: midnight may lie in between."""
    return datetime.now(UTC).date()


def erase(lake: Lake, tenant: str, ids: Collection[str]) -> Erased:
    """Erase who is known by any of these ids."""
    return erasing.erase(lake, tenant, known_by(tenant, ids), lambda source, table: USUAL_PEOPLE)


def search(n: int, **fields: Any) -> dict[str, Any]:
    """An event that the plan accepts from the first day."""
    return villa(n, **{"event": "search_performed", "properties": {"query": "flat"}, **fields})


def people_of(lake: Lake) -> Counter[str]:
    """How often each user is written anywhere in rows of the lake."""
    rows = [
        *rows_of(lake, "events"),
        *rows_of(lake, "quarantine"),
        *rows_of(lake, "replays"),
        *rows_of(lake, "counters"),
    ]
    return Counter(f"user-{n}" for row in rows for n in range(40) if f"user-{n}'" in repr(row).replace('"', "'"))


def test_refused_rows_of_a_person_are_erased_and_counted_on_their_day(world: World, tmp_path: Path) -> None:
    lake = world.lake(tmp_path)
    land(lake, [search(1), villa(1), villa(2), b'{"userId":"user-1","type":"tr', villa(3, userId=None)])
    assert erase(lake, "rentals", ["user-1"]) == Erased(events=1, refused=2)
    assert books(lake) == {("web", DAY): {"received": 5, "quarantined": 2, "suppressed": 0, "erased": 3}}
    assert people_of(lake)["user-1"] == 0
    (entry,) = lake.entries("quarantine")
    assert entry.path.endswith("-v2.parquet")
    assert not any(b"user-1" in file.read_bytes() for file in tmp_path.rglob("*.json"))
    assert lake.verify() == []
    assert erase(lake, "rentals", ["user-1"]) == Erased(0, 0), "a second time there is nothing to do"


def test_a_replayed_row_arrived_twice_and_is_erased_twice(world: World, tmp_path: Path) -> None:
    land(world.lake(tmp_path), [villa(1), villa(2)])
    before = today()
    assert world.replay(tmp_path) == 2
    lake = world.lake(tmp_path)
    (arrived,) = {day for _, day in books(lake)} - {DAY}
    assert before <= arrived <= today()
    assert erase(lake, "rentals", ["user-1"]) == Erased(events=1, refused=1)
    assert books(lake) == {
        ("web", DAY): {"received": 2, "quarantined": 1, "suppressed": 0, "erased": 1},
        ("web", arrived): {"received": 2, "accepted": 1, "suppressed": 0, "erased": 1},
    }
    assert world.replay(tmp_path) == 0, "the marks still stand"
    assert people_of(lake)["user-1"] == 0


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (["ADA@mail.example"], search(1, type="identify", event=None, traits={"email": "ada@mail.example"})),
        (["v-9"], search(1, anonymousId="v-9")),
        (["v-9"], {**search(1), "type": "alias", "previousId": "v-9"}),
        (["4711"], search(1, userId=4711)),
    ],
)
def test_a_row_is_about_a_person_by_the_ids_that_the_door_knows(
    world: World, tmp_path: Path, ids: list[str], message: dict[str, Any]
) -> None:
    message = {key: value for key, value in message.items() if value is not None}
    lake = world.lake(tmp_path)
    landed = land(lake, [message, {**message, "messageId": {"no": "id"}}, search(2), villa(2)])
    assert (landed.accepted, landed.quarantined) == (2, 2)
    assert erase(lake, "advisory", ids) == Erased(0, 0), "somebody else's"
    assert erase(lake, "rentals", ids) == Erased(events=1, refused=1)


def test_an_address_in_a_context_names_somebody_where_it_is_kept() -> None:
    """Under `privacy: {email: keep}`; masked it names nobody."""
    contexts = [
        '{"traits":{"email":"ada@mail.example"}}',
        '{"traits":{"email":"[email]"}}',
        '{"page":{"path":"/"}}',
        None,
    ]
    given = {"type": "track", "user_id": "u", "anonymous_id": None, "properties": '{"email":"ada@mail.example"}'}
    rows = [{**given, "context": context, "received_at": noon(), "file_id": None} for context in contexts]
    assert rows_about(known_by("rentals", ["ada@mail.example"]), "events", pa.Table.from_pylist(rows)) == 1


def test_what_is_erased_while_it_is_being_replayed_does_not_come_back(world: World, tmp_path: Path) -> None:
    """The replay has read the row, then the person is erased, then the replay lands what it has read."""
    land(world.lake(tmp_path), [villa(1), villa(2)])
    lake = world.lake(tmp_path, is_mended=True)

    class Late(Again):
        def history_from(self, row: Any) -> Any:
            erase(world.lake(tmp_path), "rentals", ["user-1"])
            return super().history_from(row)

    outcome = replay(lake, Late(lake.plan, world.place.root), WAITING)
    assert outcome.landed == 1
    assert people_of(lake)["user-1"] == 0
    assert {difference(terms) for terms in books(lake).values()} == {0}


def test_what_is_erased_just_before_the_commit_of_its_replay_does_not_come_back(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    landed = land(world.lake(tmp_path), [villa(1), villa(2)])
    lake = world.lake(tmp_path, is_mended=True)
    real, asked = lake._waiting, []

    def waiting(tenant: str, places: Any) -> set[Refused]:
        found = real(tenant, places)
        if not asked:
            asked.append(erase(world.lake(tmp_path), "rentals", ["user-1"]))
        return found

    monkeypatch.setattr(lake, "_waiting", waiting)
    assert replay(lake, Again(lake.plan, world.place.root), WAITING).landed == 1
    assert asked == [Erased(0, 1)]
    assert {str(place.file_id) for place in lake.replayed()} == set(landed.file_ids)
    assert people_of(lake)["user-1"] == 0


def test_what_is_compacted_while_it_erases_is_erased_where_it_lies_then(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file has been looked through and is gone when it is to be rewritten; the next time before it is looked at."""
    for source in ("web", "app"):
        land(world.lake(tmp_path), [search(1), search(2)], source=source)
    real, moments = Lake.batches, ["after", "before"]

    def batches(lake: Lake, entry: Any) -> Any:
        moment = moments.pop(0) if moments and entry.kind == "events" else ""
        rows = list(real(lake, entry)) if moment == "after" else []
        if moment:
            land(world.lake(tmp_path), [search(3, messageId=moment)], source=moment)
            world.lake(tmp_path).compact(today() + timedelta(days=1), keep=timedelta(0))
        return iter(rows) if moment == "after" else real(lake, entry)

    monkeypatch.setattr(Lake, "batches", batches)
    assert erase(world.lake(tmp_path), "rentals", ["user-1"]) == Erased(events=2, refused=0)
    assert moments == []
    assert people_of(world.lake(tmp_path)) == {"user-2": 2, "user-3": 2}


messages = st.builds(
    lambda n, ok, form: search(n, messageId=f"m{form}") if ok else villa(n, messageId=f"m{form}"),
    st.integers(0, 4),
    st.booleans(),
    st.integers(0, 30),
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("land"), st.lists(messages, max_size=5), st.sampled_from(["web", "app"]), st.integers(0, 1)),
        st.tuples(st.just("erase"), st.integers(0, 4)),
        st.tuples(st.just("erase"), st.integers(0, 4)),
        st.tuples(st.just("replay")),
        st.tuples(st.just("compact")),
        st.tuples(st.just("fold")),
    ),
    min_size=4,
    max_size=10,
)


@given(steps)
@settings(max_examples=12, deadline=None)
def test_the_books_balance_in_any_history(
    world: World, tmp_path_factory: pytest.TempPathFactory, history: list[tuple[Any, ...]]
) -> None:
    live(world, tmp_path_factory.mktemp("history"), history)


@pytest.mark.deep
@given(steps)
@settings(max_examples=400, deadline=None)
def test_the_books_balance_in_many_histories(
    world: World, tmp_path_factory: pytest.TempPathFactory, history: list[tuple[Any, ...]]
) -> None:
    """The long count."""
    live(world, tmp_path_factory.mktemp("history"), history)


def live(world: World, home: Path, history: list[tuple[Any, ...]]) -> None:
    """Nobody who was erased is anywhere, everybody else is whole, and every source and day balances."""
    expected: Counter[str] = Counter()  # rows of each user that must be there
    waits: Counter[str] = Counter()  # refused and not replayed
    lake = world.lake(home)
    for number, (action, *given_) in enumerate(history):
        if action == "land":
            sent, source, day = given_
            # What was landed before lands nothing: each landing of this test is another one.
            mine = [{**message, "context": {"n": number}} for message in sent]
            land(lake, mine, DAY + timedelta(days=day), source=source)
            expected.update(message["userId"] for message in mine)
            waits.update(message["userId"] for message in mine if message["event"] == "Villa Viewed")
        elif action == "erase":
            user = f"user-{given_[0]}"
            found = erase(lake, "rentals", [user])
            assert sum(found) == expected.pop(user, 0)
            waits.pop(user, None)
        elif action == "replay":
            assert world.replay(home) == waits.total()
            expected += waits
            waits.clear()
        elif action == "compact":
            lake.compact(today() + timedelta(days=1), keep=timedelta(0))
        else:
            lake.fold(1)
        assert +people_of(lake) == +expected
        assert all(difference(terms) == 0 for terms in books(lake).values())
    assert lake.verify() == []
    marks = rows_of(lake, "replays")
    assert len({(row["quarantine_file_id"], row["quarantine_row"]) for row in marks}) == len(marks)
