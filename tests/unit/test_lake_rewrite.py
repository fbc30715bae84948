"""Rewriting the lake: rows are dropped without losing count of what had arrived."""

import shutil
from pathlib import Path
from uuid import UUID

import pyarrow as pa
import pytest

from almanac.errors import AlmanacError
from almanac.settings import Settings
from ingestion.lake import Lake
from ingestion.lake_commit import commit_files, new_file
from ingestion.lake_manifest import Manifest
from ingestion.lake_rewrite import next_version
from tests.lake_place import Place
from tests.lake_rows import PLAN, arrival, land, rows_of, sums


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
