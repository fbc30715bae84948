"""Compaction: few files of many, with the same rows, places, versions and counts, whatever happens in between."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from almanac.errors import AlmanacError
from almanac.settings import Settings
from ingestion.envelope import Arrival
from ingestion.lake import Lake
from ingestion.lake_commit import commit_files, new_file
from ingestion.lake_compact import MOST, plan
from ingestion.lake_manifest import Entry, Manifest
from ingestion.lake_store import LocalStore
from ingestion.tracking_plan import load_plan

PLAN = load_plan()
DAY, NEXT = date(2026, 3, 1), date(2026, 3, 2)
NONE = timedelta(0)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.open(Settings.for_home(tmp_path), PLAN)


def land(lake: Lake, *numbers: int, day: date = DAY, tenant: str = "rentals", source: str = "web") -> str:
    """Land one event per number, the negative ones refused; returns the landing's id."""
    start = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    arrivals = [
        Arrival(
            start + timedelta(seconds=abs(n)),
            {"type": "track", "event": "search_performed" if n >= 0 else "unheard_of", "messageId": f"m{n}"}
            | {"userId": f"u{abs(n)}", "properties": {"query": f"query {n}"}},
        )
        for n in numbers
    ]
    content = f"{numbers}"
    (landing,) = lake.land(tenant, source, arrivals, content_hash=content, received={day: len(numbers)}).file_ids
    return landing


def content(lake: Lake) -> dict[str, Counter[str]]:
    """Every row of the lake, by kind."""
    found: dict[str, Counter[str]] = {"events": Counter(), "quarantine": Counter(), "counters": Counter()}
    for entry in lake.entries():
        found[entry.kind].update(
            repr({name: value for name, value in sorted(row.items()) if value is not None})
            for row in lake.read(entry).to_pylist()
        )
    return found


def versions(lake: Lake) -> dict[tuple[str, str], int]:
    """The version of every landing, by the manifest."""
    return {
        (entry.kind, landing): version
        for entry in lake.entries()
        if entry.kind != "counters"
        for landing, version in entry.parts.items()
    }


def files(lake: Lake, kind: Any = "events") -> list[str]:
    return [entry.path.rsplit("/", 1)[1] for entry in lake.entries(kind)]


def test_a_closed_day_becomes_one_file_of_each_kind(lake: Lake) -> None:
    landings = [land(lake, n, -n, n + 100, source=source) for n, source in ((1, "web"), (2, "app"), (3, "web"))]
    land(lake, 7, day=NEXT)
    land(lake, 8, tenant="advisory")
    before, stood = content(lake), versions(lake)
    done = lake.compact(today=NEXT)
    assert (done.replaced, done.written) == (9, 3)
    assert (content(lake), versions(lake)) == (before, stood)
    assert lake.verify() == []
    (entry,) = [e for e in lake.entries("events") if e.tenant == "rentals" and str(DAY) in e.path]
    assert entry.path.startswith(f"events/tenant=rentals/received_date={DAY}/compacted-")
    assert (entry.rows, entry.source, entry.parts) == (6, "app,web", dict.fromkeys(landings, 1))
    assert (entry.received_min, entry.received_max) == ("2026-03-01T12:00:01.000000", "2026-03-01T12:01:43.000000")
    assert lake.compact(today=NEXT).replaced == 0, "what is compact stays as it is"


def test_columns_stay_in_their_order_and_the_place_comes_last(lake: Lake) -> None:
    land(lake, 1)
    land(lake, 2)
    lake.compact()
    (entry,) = lake.entries("events")
    names = pq.read_schema(lake.locate(entry.path)).names
    assert names[:3] == ["tenant", "source", "message_id"]
    assert names[-2:] == ["file_id", "ingest_row"]
    group = pq.read_metadata(lake.locate(entry.path)).row_group(0)
    with_bounds = {group.column(i).path_in_schema for i in range(group.num_columns) if group.column(i).is_stats_set}
    assert {"event_at", "received_at"} <= with_bounds
    assert not {"user_id", "properties"} & with_bounds, "nothing of a person in a footer"


def test_an_open_day_keeps_at_most_sixty_files_and_its_largest_ones(lake: Lake) -> None:
    land(lake, *range(1000, 1200))
    large = files(lake)
    for n in range(1, 30):
        land(lake, n, -n)
    before = content(lake)
    lake.compact(today=DAY)
    assert len(lake.entries()) <= MOST
    assert 1 < len(lake.entries("events")) <= MOST // 4
    assert large[0] in files(lake), "a large file is not written again and again"
    assert content(lake) == before


def test_few_files_of_an_open_day_are_left_alone(lake: Lake) -> None:
    for n in range(5):
        land(lake, n)
    assert lake.compact(today=DAY).replaced == 0


def test_a_landing_without_rows_stays_listed(lake: Lake) -> None:
    one, other = land(lake, 1), land(lake, 2)
    entry = next(entry for entry in lake.entries("events") if one in entry.parts)
    version = lake.rewrite(entry.path, "true").parts[one]
    lake.compact()
    (entry,) = lake.entries("events")
    assert entry.parts == {one: version, other: 1}
    assert sum(row["erased"] for e in lake.entries("counters") for row in lake.read(e).to_pylist()) == 1


def test_what_landed_and_was_compacted_is_not_landed_again(lake: Lake, tmp_path: Path) -> None:
    land(lake, 1)
    land(lake, 2)
    lake.compact(keep=NONE)
    before = content(lake)
    land(Lake.open(Settings.for_home(tmp_path), PLAN), 1)
    assert content(lake) == before


def test_erasure_inside_a_compacted_file_leaves_no_trace_of_the_rows(lake: Lake, tmp_path: Path) -> None:
    one, other = land(lake, 1, 2), land(lake, 3)
    lake.compact()
    (compacted,) = lake.entries("events")
    entry = lake.rewrite(compacted.path, "user_id = 'u2'")
    assert entry.path == compacted.path.replace(".parquet", "-v2.parquet")
    assert entry.parts[one] > 1
    assert entry.parts[other] == 1
    left = sorted(path.name for path in (tmp_path / "lake/events").rglob("*.parquet"))
    assert left == sorted([f"{other}.parquet", entry.path.rsplit("/", 1)[1]]), "a build may still read the other one"
    lake.compact()
    assert lake.verify() == []
    assert "'u2'" not in repr(content(lake)["events"])


def test_replaced_files_stay_for_builds_that_read_their_paths_before(lake: Lake) -> None:
    land(lake, 1, -1)
    land(lake, 2)
    paths = [Path(lake.locate(entry.path)) for entry in lake.entries()]
    lake.compact()
    lake.compact()
    assert all(path.exists() for path in paths)
    assert lake.verify() == [], "they are no strays"
    lake.compact(keep=NONE)
    assert [path for path in paths if path.exists()] == [Path(lake.locate(lake.entries("quarantine")[0].path))]


def test_a_damaged_file_is_refused_by_name_and_nothing_changes(lake: Lake) -> None:
    land(lake, 1)
    land(lake, 2)
    before = lake.entries()
    damaged = Path(lake.locate(lake.entries("events")[1].path))
    whole = damaged.read_bytes()
    for broken in (whole[:-1], b"", bytes(len(whole)), whole[:100] + bytes([whole[100] ^ 1]) + whole[101:]):
        damaged.write_bytes(broken)
        with pytest.raises(AlmanacError, match=damaged.name):
            lake.compact()
    damaged.unlink()
    with pytest.raises(AlmanacError, match=f"{damaged.name}.*not there"):
        lake.compact()
    damaged.write_bytes(whole)
    assert lake.entries() == before
    lake.compact()
    assert len(lake.entries("events")) == 1


def test_files_whose_columns_differ_become_one_and_contradicting_types_stay_apart(lake: Lake, tmp_path: Path) -> None:
    land(lake, 1)
    land(lake, 2)
    first, second = lake.entries("events")
    store = LocalStore(tmp_path / "lake")
    more = lake.read(second).append_column("mood", pa.array(["good"]))
    other = lake.read(second).set_column(0, "tenant", pa.array([7]))
    for name, table in (("more", more), ("other", other)):
        path = second.path.rsplit("/", 1)[0] + f"/{name}.parquet"
        file = new_file("events", path, table, tenant="rentals", source="web", parts={name: 1})
        commit_files(store, Manifest(store), name, [file])
    lake.compact()
    apart, together = sorted(lake.entries("events"), key=lambda entry: entry.rows)
    assert (apart.path.rsplit("/", 1)[1], together.rows) == ("other.parquet", 3)
    assert lake.read(together).column("mood").to_pylist().count("good") == 1
    assert first.path not in files(lake)


def test_a_file_that_is_rewritten_meanwhile_is_left_to_the_next_time(lake: Lake, tmp_path: Path) -> None:
    land(lake, 1)
    land(lake, 2)
    read = Lake.entries

    def stale(self: Lake, kind: Any = None) -> list[Entry]:
        """The entries, after which another process erases a row."""
        found = read(self, kind)
        if kind is None:
            other = Lake.open(Settings.for_home(tmp_path), PLAN)
            path = read(other, "events")[0].path
            if "-v2" not in path:
                other.rewrite(path, "user_id = 'nobody' or user_id in ('u1', 'u2')")
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Lake, "entries", stale)
        assert lake.compact().written == 1, "of the counters, which stand"
    assert len(lake.entries("events")) == 2
    lake.compact()
    assert len(lake.entries("events")) == 1
    assert lake.entries("events")[0].rows == 1


def test_the_plan_takes_the_smallest_files_of_an_open_day() -> None:
    entries = [entry(n, size=n) for n in range(25)]
    (group,) = plan(entries, DAY)
    assert sorted(e.bytes for e in group) == list(range(19))
    assert plan(entries[:15], DAY) == []
    assert plan(entries[:1], NEXT) == []


def entry(n: int, size: int) -> Entry:
    path = f"events/tenant=rentals/received_date={DAY}/{n:03}.parquet"
    return Entry("events", path, "rentals", "web", rows=1, bytes=size, sha256="", parts={str(n): 1})


actions = st.lists(
    st.one_of(
        st.tuples(st.just("land"), st.lists(st.integers(-9, 9), max_size=4), st.sampled_from([DAY, NEXT])),
        st.tuples(st.just("compact"), st.sampled_from([DAY, NEXT, NEXT + timedelta(days=1)]), st.booleans()),
        st.tuples(st.just("rewrite"), st.integers(0, 99), st.integers(0, 9)),
        st.tuples(st.just("fold"), st.integers(1, 5)),
    ),
    min_size=3,
    max_size=10,
)


@settings(max_examples=8, deadline=None)
@given(actions)
def test_any_interleaving_with_compaction_equals_the_one_without(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[Any, ...]]
) -> None:
    """The multiset of rows, the counters and the versions are those of a lake that is never compacted."""
    interleave(tmp_path_factory, steps)


@pytest.mark.deep
@settings(max_examples=300, deadline=None)
@given(actions)
def test_many_interleavings_with_compaction_equal_those_without(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[Any, ...]]
) -> None:
    """The long count."""
    interleave(tmp_path_factory, steps)


def interleave(tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[Any, ...]]) -> None:
    plain, compacted = (Lake.open(Settings.for_home(tmp_path_factory.mktemp("lake")), PLAN) for _ in range(2))
    for action, *arguments in steps:
        if action == "land":
            for lake in (plain, compacted):
                land(lake, *arguments[0], day=arguments[1])
        elif action == "compact":
            compacted.compact(today=arguments[0], keep=NONE if arguments[1] else timedelta(days=1))
        elif action == "fold":
            compacted.fold(arguments[0])
        else:
            landings = sorted({landing for entry in plain.entries("events") for landing in entry.parts})
            if landings:
                landing = landings[arguments[0] % len(landings)]
                who = {"events": "user_id = 'u{}'", "quarantine": """payload like '%"u{}"%'"""}
                for lake in (plain, compacted):
                    for entry in lake.entries():
                        if landing in entry.parts and entry.kind in who:
                            drop = who[entry.kind].format(arguments[1])
                            lake.rewrite(entry.path, f"file_id = '{landing}' and {drop}")
        assert versions(compacted) == versions(plain)
        if action != "land":
            assert content(compacted) == content(plain)
    assert content(compacted) == content(plain)
    assert compacted.verify() == []
    assert listed(compacted) == listed(plain)


def listed(lake: Lake) -> Iterable[str]:
    return sorted({landing for entry in lake.entries("counters") for landing in entry.parts})
