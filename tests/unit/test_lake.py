"""The lake: what lands is there exactly once and whole, is what it was, and damage is named."""

import json
import shutil
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from almanac.errors import AlmanacError
from ingestion.lake import Entry, Lake
from ingestion.lake_parts import LandResult
from ingestion.lake_schema import HISTORY, TYPES
from ingestion.tracking_plan.names import ENVELOPE
from tests.lake_place import Place
from tests.lake_rows import DAY, NEXT, PLAN, arrival, bad, land, rows_of, sums

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
    assert describe(lake, lake.schema_file("events")) == expected
    found = describe(lake, lake.locate(lake.entries("events")[0].path))
    filled = {name for row in rows_of(lake) for name, value in row.items() if value is not None}
    always = {*ENVELOPE, "file_id", "ingest_row"}
    told = [(name, kind) for name, kind in expected if name in always | filled]
    assert found == told, "what no row fills is left out"
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
