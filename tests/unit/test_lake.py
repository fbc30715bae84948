"""The lake: what lands is there exactly once and whole, is what it was, and can be rewritten without losing count."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from almanac.errors import AlmanacError
from almanac.settings import Settings
from ingestion.envelope import Arrival
from ingestion.lake import Entry, Lake
from ingestion.lake_commit import commit_files, new_file
from ingestion.lake_manifest import Manifest
from ingestion.lake_parts import LandResult
from ingestion.lake_rewrite import next_version
from ingestion.lake_schema import HISTORY, TYPES
from ingestion.tracking_plan import load_plan
from ingestion.tracking_plan.names import ENVELOPE
from tests.lake_place import Place

PLAN = load_plan()
DAY = date(2026, 3, 1)
NEXT = date(2026, 3, 2)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Where the lake lies; `tests/integration/test_lake_s3.py` runs the same tests in a bucket."""
    return Place.at(tmp_path)


@pytest.fixture
def lake(place: Place) -> Lake:
    return Lake.open(place.settings, PLAN)


def arrival(n: int, day: date = DAY, **fields: Any) -> Arrival:
    """The n-th event of a day, received at second n."""
    received = datetime(day.year, day.month, day.day, 12, tzinfo=UTC) + timedelta(seconds=n)
    message = {
        "type": "track",
        "event": "search_performed",
        "messageId": str(UUID(int=day.toordinal() * 1000 + n)),
        "userId": f"user-{n}",
        "timestamp": (received - timedelta(seconds=2)).isoformat(),
        "properties": {"query": f"query {n}", "results_count": n},
        **fields,
    }
    return Arrival(received, message)


def bad(n: int, day: date = DAY) -> Arrival:
    return arrival(n, day, event="no_such_event")


def land(
    lake: Lake,
    arrivals: Sequence[Arrival],
    content: str = "c1",
    received: Mapping[date, int] | None = None,
    **more: Any,
) -> LandResult:
    """Land `arrivals` with the door's counts as they are when nothing went wrong."""
    if received is None:
        received = {}
        for one in arrivals:
            received[one.received_at.date()] = received.get(one.received_at.date(), 0) + 1
    return lake.land("rentals", "web", arrivals, content_hash=content, received=received, **more)


def rows_of(lake: Lake, kind: Any = "events") -> list[dict[str, Any]]:
    """All rows of one kind, as engines see them."""
    files = [lake.schema_file(kind), *(lake.locate(entry.path) for entry in lake.entries(kind))]
    with lake.engine() as connection:
        relation = connection.execute(
            "select * from read_parquet(?, union_by_name = true, hive_partitioning = false)", [files]
        )
        names = [column[0] for column in relation.description or ()]
        return [dict(zip(names, row, strict=True)) for row in relation.fetchall()]


def sums(lake: Lake) -> dict[str, int]:
    """The counters and the rows where they lie: what reconciliation compares."""
    tables: dict[str, list[dict[str, Any]]] = {"events": [], "quarantine": [], "counters": []}
    for entry in lake.entries():
        tables[entry.kind] += lake.read(entry).to_pylist()
    counts = {name: sum(row[name] for row in tables["counters"]) for name in ("received", "suppressed", "erased")}
    return {**counts, "accepted": len(tables["events"]), "quarantined": len(tables["quarantine"])}


# Landing


def test_what_lands_is_what_was_sent(lake: Lake) -> None:
    properties = {"booking_id": "b", "amount": 1.15, "nights": 3, "extra": {"a": [1]}}
    sent = arrival(7, event="booking_confirmed", messageId="m-7", anonymousId="a", properties=properties)
    result = land(lake, [sent])
    assert result == LandResult(result.file_ids, accepted=1, quarantined=0, is_new=True)
    (row,) = rows_of(lake)
    assert {name: value for name, value in row.items() if value is not None} == {
        "tenant": "rentals",
        "source": "web",
        "message_id": UUID("55901441-89df-ab64-a8e3-dad386d88dc3"),  # md5 of the text
        "original_message_id": "m-7",
        "type": "track",
        "event": "booking_confirmed",
        "user_id": "user-7",
        "anonymous_id": "a",
        "event_at": datetime(2026, 3, 1, 12, 0, 5),
        "original_at": datetime(2026, 3, 1, 12, 0, 5),
        "received_at": datetime(2026, 3, 1, 12, 0, 7),
        "time_quality": "ok",
        "warnings": '["undeclared:extra"]',
        "properties": json.dumps(properties, separators=(",", ":")),
        "booking_id": "b",
        "amount": Decimal("1.1500"),
        "nights": 3,
        "file_id": UUID(result.file_ids[0]),
        "ingest_row": 0,
    }


def test_columns_are_the_envelope_the_plans_columns_and_the_place_with_their_types(lake: Lake) -> None:
    land(lake, [arrival(1), bad(2)])
    names = {"string": "VARCHAR", "uuid": "UUID", "timestamp": "TIMESTAMP", "integer": "BIGINT", "bigint": "BIGINT"}
    names |= {"money": "DECIMAL(18,4)", "number": "DOUBLE", "boolean": "BOOLEAN", "date": "DATE", "currency": "VARCHAR"}
    expected = [(name, names[kind]) for name, kind in ENVELOPE.items()]
    expected += [(column.name, names[column.type]) for column in PLAN.columns]
    expected += [("file_id", "UUID"), ("ingest_row", "BIGINT")]
    assert describe(lake, lake.locate(lake.entries("events")[0].path)) == expected
    assert describe(lake, lake.schema_file("events")) == expected
    assert describe(lake, lake.locate(lake.entries("quarantine")[0].path)) == [
        ("tenant", "VARCHAR"), ("source", "VARCHAR"), ("received_at", "TIMESTAMP"), ("message_id", "UUID"),
        ("event", "VARCHAR"), ("reasons", "VARCHAR"), ("field", "VARCHAR"), ("code", "VARCHAR"),
        ("message", "VARCHAR"), ("payload", "VARCHAR"), ("file_id", "UUID"), ("ingest_row", "BIGINT"),
    ]  # fmt: skip
    assert describe(lake, lake.locate(lake.entries("counters")[0].path)) == [
        ("tenant", "VARCHAR"), ("source", "VARCHAR"), ("received_date", "DATE"), ("received", "BIGINT"),
        ("suppressed", "BIGINT"), ("erased", "BIGINT"), ("file_id", "UUID"),
    ]  # fmt: skip
    assert set(TYPES) == {*names}, "every type of the plan has a column type"


def describe(lake: Lake, file: str) -> list[tuple[str, str]]:
    with lake.engine() as connection:
        query = "describe select * from read_parquet(?, union_by_name = true, hive_partitioning = false)"
        return [(row[0], row[1]) for row in connection.execute(query, [[file]]).fetchall()]


def test_a_landing_is_split_by_the_utc_day_of_arrival(lake: Lake) -> None:
    result = land(lake, [arrival(1), arrival(1, NEXT), bad(2), arrival(3), bad(2, NEXT)])
    assert (result.accepted, result.quarantined, len(result.file_ids)) == (3, 2, 2)
    first, second = result.file_ids
    assert [entry.path for entry in lake.entries()] == [
        f"{kind}/tenant=rentals/received_date={day}/{file_id}.parquet"
        for kind in ("counters", "events", "quarantine")
        for day, file_id in ((DAY, first), (NEXT, second))
    ]
    places = {(row["received_at"].date(), row["ingest_row"]) for row in rows_of(lake) + rows_of(lake, "quarantine")}
    assert places == {(DAY, 0), (DAY, 1), (DAY, 2), (NEXT, 0), (NEXT, 1)}


def test_an_entry_says_what_its_file_holds(lake: Lake, place: Place) -> None:
    result = land(lake, [arrival(1), arrival(9)])
    (entry,) = lake.entries("events")
    assert entry == Entry(
        kind="events",
        path=entry.path,
        tenant="rentals",
        source="web",
        rows=2,
        bytes=len(place.store.read(entry.path)),
        sha256=entry.sha256,
        received_min="2026-03-01T12:00:01.000000",
        received_max="2026-03-01T12:00:09.000000",
        event_min="2026-03-01T11:59:59.000000",
        event_max="2026-03-01T12:00:07.000000",
        parts={result.file_ids[0]: 1},
    )


def test_counts_are_the_doors_own_and_never_the_rows(lake: Lake) -> None:
    land(lake, [arrival(1), bad(2)], received={DAY: 5, NEXT: 2}, suppressed={DAY: 3})
    assert sums(lake) == {"received": 7, "suppressed": 3, "erased": 0, "accepted": 1, "quarantined": 1}
    empty = [entry for entry in lake.entries("events") if entry.rows == 0]
    assert [f"received_date={NEXT}" in entry.path for entry in empty] == [True], "a landing without rows is listed"


def test_landing_twice_is_a_no_op(lake: Lake, place: Place) -> None:
    first = land(lake, [arrival(1), bad(2)])
    before = place.files()
    again = land(Lake.open(place.settings, PLAN), [arrival(1), bad(2)])
    assert again == LandResult(first.file_ids, accepted=0, quarantined=0, is_new=False)
    assert place.files() == before


def test_other_content_other_source_other_tenant_are_other_landings(lake: Lake) -> None:
    ids = {
        lake.land(tenant, source, [arrival(1)], content_hash=content, received={DAY: 1}).file_ids
        for tenant, source, content in [
            ("rentals", "web", "a"),
            ("rentals", "web", "b"),
            ("rentals", "app", "a"),
            ("advisory", "web", "a"),
        ]
    }
    assert len(ids) == 4
    assert len(rows_of(lake)) == 4


def test_ids_of_landings_are_the_same_everywhere_and_always(lake: Lake) -> None:
    """Collectors on other machines, and future versions, must come to the same id: this value is a contract."""
    assert land(lake, [arrival(1)], content="abc").file_ids == ("25522387-f991-9ad3-0e5f-92afb2392742",)


def test_an_unknown_tenant_is_kept_in_quarantine(lake: Lake) -> None:
    result = lake.land("closed_shop", "web", [arrival(1)], content_hash="c", received={DAY: 1})
    assert (result.accepted, result.quarantined) == (0, 1)
    assert rows_of(lake, "quarantine")[0]["code"] == "unknown_tenant"


@pytest.mark.parametrize("name", ["../evil", "a/b", "", "A", ".", "a b", "x" * 64, "tenant=1", "ä"])
def test_a_name_that_is_no_folder_lands_nothing(lake: Lake, place: Place, name: str) -> None:
    with pytest.raises(AlmanacError, match="cannot be landed"):
        lake.land(name, "web", [arrival(1)], content_hash="c", received={DAY: 1})
    with pytest.raises(AlmanacError, match="cannot be landed"):
        lake.land("rentals", name, [arrival(1)], content_hash="c", received={DAY: 1})
    assert place.files() == {}


def test_a_message_without_an_id_keeps_the_one_it_was_given(lake: Lake, place: Place) -> None:
    events = [arrival(n, messageId=None) for n in range(3)]
    land(lake, events)
    ids = [row["message_id"] for row in rows_of(lake)]
    assert len(set(ids)) == 3
    for path in place.files():
        place.store.delete(path)
    land(lake, events)
    assert [row["message_id"] for row in rows_of(lake)] == ids


def test_many_rows_keep_their_places_across_batches(lake: Lake) -> None:
    """More rows than are made into columns at one time."""
    events = [arrival(n % 1000, messageId=f"m{n}") if n % 7 else bad(n % 1000) for n in range(9000)]
    result = land(lake, events)
    assert (result.accepted, result.quarantined) == (7714, 1286)
    for row in rows_of(lake):
        assert row["original_message_id"] == f"m{row['ingest_row']}"
    assert {row["ingest_row"] for row in rows_of(lake, "quarantine")} == set(range(0, 9000, 7))


def test_files_written_before_a_property_was_declared_read_as_if_it_was(
    lake: Lake, place: Place, tmp_path_factory: pytest.TempPathFactory, root: Path
) -> None:
    land(lake, [arrival(1)])
    copy = tmp_path_factory.mktemp("repository")
    shutil.copytree(root / "ingestion/tracking_plan", copy / "ingestion/tracking_plan")
    path = copy / "ingestion/tracking_plan/search_performed.yml"
    added = "properties:\n  mood: {type: string, required: false, pii: none, description: Mood., example: good}"
    path.write_text(path.read_text().replace("properties:", added, 1))
    later = Lake.open(replace(place.settings, root=copy))
    land(later, [arrival(2, properties={"mood": "good"})], content="c2")
    assert sorted((row["user_id"], row["mood"]) for row in rows_of(later)) == [("user-1", None), ("user-2", "good")]


def test_footers_hold_no_values_of_people(lake: Lake, place: Place) -> None:
    """Footers are in clear text and outlive their rows in caches."""
    mail = "ada@mail.example"
    identify = arrival(1, type="identify", userId="ada-id", traits={"email": mail, "name": "Ada"})
    land(lake, [identify, arrival(2, event=mail)])
    for entry in lake.entries():
        metadata = pq.read_metadata(pa.BufferReader(place.store.read(entry.path)))
        for column in range(metadata.num_columns):
            chunk = metadata.row_group(0).column(column)
            if chunk.statistics is not None and chunk.statistics.has_min_max:
                assert not {"ada-id", mail, "Ada"} & {chunk.statistics.min, chunk.statistics.max}
    (events,) = lake.entries("events")
    group = pq.read_metadata(pa.BufferReader(place.store.read(events.path))).row_group(0)
    pruned = {group.column(i).path_in_schema for i in range(group.num_columns) if group.column(i).is_stats_set}
    assert {"event_at", "received_at", "tenant"} <= pruned


# Rewriting


def test_dropped_rows_are_gone_and_counted(lake: Lake, place: Place) -> None:
    result = land(lake, [arrival(n) for n in range(5)])
    (before,) = lake.entries("events")
    entry = lake.rewrite(before.path, "user_id in ('user-1', 'user-3')")
    assert entry.path == before.path.replace(".parquet", "-v2.parquet")
    assert (entry.rows, entry.parts) == (3, {result.file_ids[0]: next_version(1, [1, 3])})
    assert lake.entries("events") == [entry]
    assert [row["ingest_row"] for row in rows_of(lake)] == [0, 2, 4], "places stay what they were"
    assert sums(lake) == {"received": 5, "suppressed": 0, "erased": 2, "accepted": 3, "quarantined": 0}
    assert lake.verify() == []
    assert before.path not in place.files(), "erased rows must not stay on the disk"
    assert not any(b"user-3" in content for content in place.files().values())


def test_rewriting_again_gives_the_next_version(lake: Lake) -> None:
    result = land(lake, [arrival(n) for n in range(3)])
    versions = [1]
    for number in (2, 3, 4):
        entry = lake.rewrite(lake.entries("events")[0].path, f"ingest_row = {number - 2}")
        assert entry.path.endswith(f"{result.file_ids[0]}-v{number}.parquet")
        versions.append(entry.parts[result.file_ids[0]])
    assert len(set(versions)) == 4
    assert max(versions) < 2**63, "a bigint"
    assert entry.rows == 0, "a landing that became empty stays listed"
    assert sums(lake)["erased"] == 3
    assert lake.verify() == []


def test_a_restored_lake_that_is_erased_differently_comes_to_another_version(lake: Lake, tmp_path: Path) -> None:
    """Otherwise the load log would take what it never saw for built."""
    (landing,) = land(lake, [arrival(n) for n in range(3)]).file_ids
    shutil.copytree(tmp_path / "lake", tmp_path / "copy")
    versions: list[int] = []
    for drop in ("user_id = 'user-0'", "user_id = 'user-1'", "user_id = 'user-1'"):
        shutil.rmtree(tmp_path / "lake")
        shutil.copytree(tmp_path / "copy", tmp_path / "lake")
        restored = Lake.open(Settings.for_home(tmp_path), PLAN)
        versions.append(restored.rewrite(restored.entries("events")[0].path, drop).parts[landing])
    assert versions[0] != versions[1]
    assert versions[1] == versions[2], "the same content is the same version: nothing to do"


def test_a_condition_that_no_row_meets_changes_nothing(lake: Lake, place: Place) -> None:
    land(lake, [arrival(1)])
    before = place.files()
    (entry,) = lake.entries("events")
    assert lake.rewrite(entry.path, "user_id = 'nobody'") == entry
    assert lake.rewrite(entry.path, "anonymous_id = 'x'") == entry, "neither true nor false keeps the row"
    assert place.files() == before


def test_erased_rows_do_not_come_back_with_their_landing(lake: Lake) -> None:
    land(lake, [arrival(1), arrival(2)])
    lake.rewrite(lake.entries("events")[0].path, "user_id = 'user-1'")
    assert not land(lake, [arrival(1), arrival(2)]).is_new
    assert [row["user_id"] for row in rows_of(lake)] == ["user-2"]


def test_only_landings_that_lose_rows_get_a_new_version(lake: Lake, place: Place) -> None:
    """A file may hold several landings, as a compacted one does."""
    (a,) = land(lake, [arrival(1), arrival(2)], content="a").file_ids
    (b,) = land(lake, [arrival(3)], content="b").file_ids
    entries = lake.entries("events")
    table = pa.concat_tables([lake.read(entry) for entry in entries])
    path = entries[0].path.rsplit("/", 1)[0] + "/compacted.parquet"
    file = new_file("events", path, table, tenant="rentals", source="web", parts={a: 1, b: 1})
    store = place.store
    assert commit_files(store, Manifest(store), "compacted", [file], [entry.path for entry in entries])
    entry = lake.rewrite(path, "user_id = 'user-3'")
    assert entry.parts == {a: 1, b: next_version(1, [0])}
    assert entry.path.endswith("/compacted-v2.parquet")
    assert [(row["file_id"], row["erased"]) for row in rows_of(lake, "counters") if row["erased"]] == [(UUID(b), 1)]


@pytest.mark.parametrize(
    "drop", ["user_id =", "no_such_column = 1", "1; select 2", "(select count(*) from '/etc/passwd') > 0"]
)
def test_a_condition_that_cannot_be_applied_changes_nothing(lake: Lake, place: Place, drop: str) -> None:
    land(lake, [arrival(1)])
    before = place.files()
    with pytest.raises(AlmanacError, match="cannot be applied"):
        lake.rewrite(lake.entries("events")[0].path, drop)
    assert place.files() == before


def test_only_a_live_file_of_events_can_be_rewritten(lake: Lake) -> None:
    land(lake, [arrival(1), arrival(2)])
    (old,) = lake.entries("events")
    lake.rewrite(old.path, "user_id = 'user-1'")
    for path in (old.path, lake.entries("counters")[0].path, "../x.parquet", "events/none.parquet"):
        with pytest.raises(AlmanacError, match="is no live file of events"):
            lake.rewrite(path, "true")


# Verifying


def test_a_whole_lake_has_no_problems(lake: Lake) -> None:
    assert lake.verify() == []
    land(lake, [arrival(1), bad(2)])
    lake.schema_file("events")
    assert lake.verify() == []


def test_damage_is_named(lake: Lake, place: Place) -> None:
    land(lake, [arrival(1)], content="a")
    land(lake, [arrival(2)], content="b")
    land(lake, [arrival(3)], content="c")
    gone, cut, flipped = lake.entries("events")
    store = place.store
    store.delete(gone.path)
    store.put(cut.path, store.read(cut.path)[:-1])
    content = bytearray(store.read(flipped.path))
    content[len(content) // 2] ^= 1
    store.put(flipped.path, bytes(content))
    stray_name = "events/tenant=rentals/stray.parquet"
    store.put(stray_name, b"?")
    found = {problem.path: problem.code for problem in lake.verify()}
    assert found == {
        gone.path: "lake_file_missing",
        cut.path: "lake_file_corrupt",
        flipped.path: "lake_file_corrupt",
        "events/tenant=rentals/stray.parquet": "unmanaged_file",
    }
    assert [problem.path for problem in lake.verify(deep=False)] == [gone.path, cut.path, stray_name]
    assert lake.verify([flipped], deep=False) == []
    assert [str(problem) for problem in lake.verify([gone])] == [
        f"lake_file_missing: {gone.path}: a commit names it, but it is not there; restore it from a copy of the lake, "
        "then run `almanac lake verify`"
    ]
    with pytest.raises(AlmanacError, match="not what was written"):
        lake.read(flipped)


def test_a_damaged_commit_is_an_error_not_a_missing_landing(lake: Lake, place: Place) -> None:
    (file_id,) = land(lake, [arrival(1)]).file_ids
    place.store.put(f"manifest/{file_id}.json", b'{"commit": "x", "entr')
    with pytest.raises(AlmanacError, match=rf"manifest/{file_id}.json of the lake is damaged"):
        lake.entries()


def test_a_commit_that_was_changed_is_read_again(lake: Lake, place: Place) -> None:
    (file_id,) = land(lake, [arrival(1)]).file_ids
    assert lake.entries("events")[0].rows == 1
    path = f"manifest/{file_id}.json"
    place.store.put(path, place.store.read(path).replace(b'"rows": 1', b'"rows": 77'))
    assert lake.entries("events")[0].rows == 77


# History and schema files


def history(**values: Any) -> pa.Table:
    row = {
        "publication_id": "p1",
        "published_at": datetime(2026, 3, 1),
        "cause": "first",
        "is_removed": False,
        "tenant": "rentals",
        "kpi": "gmv",
        "time_grain": "day",
        "period_start": DAY,
        "dimension": "all",
        "dimension_value": "all",
        "is_complete": True,
        "numerator": Decimal("9747747.934"),
        "denominator": None,
        "value": 9747747.934,
    }
    row |= values
    return pa.Table.from_pylist([row])


def test_history_is_kept_once_in_the_lakes_columns(lake: Lake) -> None:
    shuffled = history().select(sorted(HISTORY.names))
    entry = lake.append_history("20260301T000000Z-abc", shuffled)
    assert (entry.path, entry.rows) == ("history/kpi/20260301T000000Z-abc.parquet", 1)
    assert lake.append_history("20260301T000000Z-abc", history(kpi="other")) == entry
    assert lake.entries("history") == [entry]
    (row,) = rows_of(lake, "history")
    assert (row["kpi"], row["numerator"]) == ("gmv", Decimal("9747747.9340"))
    assert lake.verify() == []


def test_history_that_does_not_fit_is_refused(lake: Lake) -> None:
    for table in (history().drop_columns(["kpi"]), history(value="much"), history(numerator=Decimal("1.23456"))):
        with pytest.raises(AlmanacError, match="does not fit"):
            lake.append_history("p", table)
    for name in ("", "../p", "a/b", ".hidden"):
        with pytest.raises(AlmanacError, match="cannot name"):
            lake.append_history(name, history())
    assert lake.entries() == []


def test_the_schema_file_is_made_once_and_mended(lake: Lake, place: Place) -> None:
    address = lake.schema_file("events")
    ((path, content),) = place.files("schema").items()
    assert address.endswith(path)
    made = place.store.stat(path)
    assert lake.schema_file("events") == address
    assert place.store.stat(path) == made
    place.store.put(path, content[:-1] + b"x")
    assert lake.schema_file("events") == address
    assert place.files("schema") == {path: content}
    assert {kind: describe(lake, lake.schema_file(kind))[0][0] for kind in ("quarantine", "counters", "history")} == {
        "quarantine": "tenant",
        "counters": "tenant",
        "history": "publication_id",
    }


def test_a_path_out_of_the_lake_is_refused(lake: Lake) -> None:
    for path in ("/etc/passwd", "../state.db", "events/../../x"):
        with pytest.raises(AlmanacError, match="leads out of the lake"):
            lake.locate(path)


# Any order, any repetition


pieces = st.lists(
    st.lists(st.tuples(st.integers(0, 20), st.sampled_from([DAY, NEXT]), st.booleans()), max_size=4),
    min_size=1,
    max_size=4,
)


@settings(max_examples=15, deadline=None)
@given(pieces, st.randoms(use_true_random=False))
def test_any_order_and_repetition_of_landings_gives_the_same_lake(
    tmp_path_factory: pytest.TempPathFactory, contents: list[list[tuple[int, date, bool]]], random: Any
) -> None:
    landings = {
        f"content {index}": [(arrival if is_good else bad)(n, day) for n, day, is_good in content]
        for index, content in enumerate(contents)
    }
    order = [name for name in landings for _ in range(random.randint(1, 3))]
    random.shuffle(order)
    lakes = [Lake.open(Settings.for_home(tmp_path_factory.mktemp("lake")), PLAN) for _ in range(2)]
    for name in landings:
        land(lakes[0], landings[name], name)
    new = [land(lakes[1], landings[name], name).is_new for name in order]
    assert sum(new) == sum(1 for content in landings.values() if content)
    assert lakes[0].entries() == lakes[1].entries()
    assert lakes[1].verify() == []
    total = sum(len(content) for content in contents)
    counted = sums(lakes[1])
    assert counted["received"] == counted["accepted"] + counted["quarantined"] == total


def test_writers_at_once_land_each_content_once(place: Place) -> None:
    results: list[LandResult] = []

    def write(mine: int) -> None:
        own = Lake.open(place.settings, PLAN)
        results.append(land(own, [arrival(1), bad(2)], "shared"))
        results.append(land(own, [arrival(mine)], f"own {mine}"))

    threads = [threading.Thread(target=write, args=(10 + n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lake = Lake.open(place.settings, PLAN)
    assert sum(result.is_new for result in results) == 7
    assert sums(lake) == {"received": 8, "suppressed": 0, "erased": 0, "accepted": 7, "quarantined": 1}
    assert lake.verify() == []


# Crashes


class Crash(BaseException):
    """The process dies: no handler of the code under test may do anything more."""


POINTS = ("write", "fsync", "rename", "mkdir", "unlink")


@contextmanager
def dying_at(point: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Die before the `point`-th call that changes the disk, and stay dead; the list says which calls were made."""
    made: list[str] = []

    def hook(name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            if len(made) >= point:
                raise Crash
            made.append(name)
            return real(*args, **kwargs)

        return call

    with monkeypatch.context() as patch:
        for name in POINTS:
            patch.setattr(os, name, hook(name))
        yield made


def every_crash(monkeypatch: pytest.MonkeyPatch, work: Callable[[], Any], after: Callable[[], None]) -> list[str]:
    """Run `work` dying at each of its points in turn, `after` once after each death; returns all points."""
    for point in range(200):
        with dying_at(point, monkeypatch) as made:
            try:
                work()
            except Crash:
                died = True
            else:
                died = False
        if not died:
            return made
        after()
    raise AssertionError("it never ends")


def test_a_landing_that_dies_anywhere_leaves_all_or_nothing_of_a_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrivals = [arrival(1), bad(2), arrival(1, NEXT)]
    undisturbed = Lake.open(Settings.for_home(tmp_path / "undisturbed"), PLAN)
    land(undisturbed, arrivals)
    expected = undisturbed.entries()
    home = tmp_path / "crashing"
    seen: set[int] = set()

    def after() -> None:
        lake = Lake.open(Settings.for_home(home), PLAN)
        live = lake.entries()
        seen.add(len(live))
        first_part = [entry for entry in expected if str(DAY) in entry.path]
        assert live in ([], first_part, expected), "a part is there or it is not"
        assert lake.verify() == [], "what a dead writer left is known"
        files = [path for path in (home / "lake").rglob("*") if path.is_file()]
        assert all(path.suffix in (".parquet", ".json") for path in files), "temporary files lie outside"
        assert land(lake, arrivals).is_new == (live != expected)
        assert lake.entries() == expected
        assert lake.verify() == []
        shutil.rmtree(home)

    made = every_crash(monkeypatch, lambda: land(Lake.open(Settings.for_home(home), PLAN), arrivals), after)
    assert len(made) >= 28, "seven files, each written, synced, renamed, its folder synced"
    assert seen == {0, 3, 5}


def test_each_file_is_on_the_disk_before_it_has_its_name_and_the_commit_comes_last(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(lake, [arrival(1), bad(2)], "makes the folders")
    renamed: list[str] = []
    real = os.rename
    monkeypatch.setattr(os, "rename", lambda old, new: (renamed.append(Path(new).parts[-4]), real(old, new)))
    with dying_at(1000, monkeypatch) as made:
        land(lake, [arrival(3), bad(4)], "is watched")
    whole = ["write", "fsync", "rename", "fsync"]
    assert made == ["write", "rename", *whole * 4, "unlink"], "what is intended, three files, the commit"
    assert sorted(renamed[1:4]) == ["counters", "events", "quarantine"]


def test_a_landing_that_is_there_already_is_made_to_last(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first writer may have died before the commit's name was durable, and the caller now forgets the content."""
    land(lake, [arrival(1)])
    with dying_at(1000, monkeypatch) as made:
        assert not land(lake, [arrival(1)]).is_new
    assert made == ["fsync"]


def test_a_rewrite_that_dies_anywhere_is_done_or_not_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    counts: set[int] = set()

    def start() -> Lake:
        shutil.rmtree(home, ignore_errors=True)
        lake = Lake.open(Settings.for_home(home), PLAN)
        land(lake, [arrival(1), arrival(2)])
        return lake

    def rewrite() -> None:
        lake = Lake.open(Settings.for_home(home), PLAN)
        lake.rewrite(lake.entries("events")[0].path, "user_id = 'user-1'")

    def after() -> None:
        lake = Lake.open(Settings.for_home(home), PLAN)
        counted = sums(lake)
        counts.add(counted["accepted"])
        assert counted["accepted"] + counted["erased"] == 2
        rewrite()
        assert sums(lake) == {"received": 2, "suppressed": 0, "erased": 1, "accepted": 1, "quarantined": 0}
        assert lake.verify() == [], "also what a dead rewrite had replaced is deleted"
        start()

    start()
    assert len(every_crash(monkeypatch, rewrite, after)) >= 13
    assert counts == {1, 2}


def test_a_full_disk_lands_nothing_and_the_same_landing_goes_through_later(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write
    with monkeypatch.context() as patch:
        # A full disk first writes less than it was given, then refuses.
        taken: list[int] = []

        def full(handle: int, data: bytes) -> int:
            if taken:
                raise OSError(28, "No space left on device")
            taken.append(real(handle, data[:10]))
            return taken[0]

        patch.setattr(os, "write", full)
        with pytest.raises(AlmanacError, match=r"cannot write .*No space left on device"):
            land(lake, [arrival(1)])
    assert lake.entries() == []
    assert lake.verify() == []
    assert land(lake, [arrival(1)]).is_new
    assert lake.verify() == []


def test_short_writes_are_continued(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: real(handle, data[:1000]))
    land(lake, [arrival(1)])
    assert lake.verify() == []


KILLED = """
import os, signal, sys
from datetime import UTC, date, datetime
from pathlib import Path
from almanac.settings import Settings
from ingestion.envelope import Arrival
from ingestion.lake import Lake

home, last = Path(sys.argv[1]), int(sys.argv[2])
real, renames = os.rename, 0

def rename(*args):
    global renames
    if renames == last:
        os.kill(os.getpid(), signal.SIGKILL)
    renames += 1
    real(*args)

os.rename = rename
message = {"type": "page", "userId": "u", "messageId": "m"}
arrivals = [Arrival(datetime(2026, 3, 1, tzinfo=UTC), m) for m in (message, {"type": "nonsense"})]
Lake.open(Settings.for_home(home)).land("rentals", "web", arrivals, content_hash="c", received={date(2026, 3, 1): 2})
"""


@pytest.mark.parametrize("renames", [2, 4])
def test_a_killed_process_shows_nothing_until_its_commit(tmp_path: Path, root: Path, renames: int) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    killed = subprocess.run([*command, str(renames)], cwd=root, check=False)
    assert killed.returncode == -signal.SIGKILL
    lake = Lake.open(Settings.for_home(tmp_path), PLAN)
    assert lake.entries() == []
    assert lake.verify() == [], "what it left is known, and a redo overwrites it"
    left = [path for path in (tmp_path / "lake").rglob("*.parquet") if path.is_file()]
    assert len(left) == renames - 1
    assert lake.compact().deleted == len(left)
    message = {"type": "page", "userId": "u", "messageId": "m"}
    midnight = datetime(2026, 3, 1, tzinfo=UTC)
    land(lake, [Arrival(midnight, message), Arrival(midnight, {"type": "nonsense"})], "c")
    assert sums(lake) == {"received": 2, "suppressed": 0, "erased": 0, "accepted": 1, "quarantined": 1}
    assert lake.verify() == []
