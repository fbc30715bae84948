"""Several processes write one lake in a bucket and share no lock: nothing is lost, nothing is there twice."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from almanac.errors import AlmanacError
from ingestion.lake import Lake
from ingestion.lake_commit import commit_files, new_file
from ingestion.lake_manifest import Manifest, Superseded
from ingestion.lake_store import Taken
from tests import s3
from tests.lake_place import Place
from tests.lake_rows import DAY, PLAN, arrival, land, rows_of, sums

WRITER = """
import json, random, sys
from pathlib import Path
from almanac.errors import AlmanacError
from almanac.object_store import ObjectStore
from datetime import timedelta
from ingestion.lake import Lake
from tests.lake_place import Place
from tests.lake_rows import PLAN, arrival, land

home, store, seed = Path(sys.argv[1]), ObjectStore(**json.loads(sys.argv[2])), int(sys.argv[3])
rng, erased, new = random.Random(seed), [], 0
sys.stdin.readline()
for step in range(12):
    lake = Lake.open(Place.at(home, store).settings, PLAN)
    new += land(lake, [arrival(n) for n in range(10 * step, 10 * step + 10)], f"content {step}").is_new
    try:
        if rng.random() < 0.5:
            lake.compact(keep=timedelta(0))
        else:
            victim = f"user-{rng.randrange(10 * step + 10)}"
            for entry in lake.entries("events"):
                lake.rewrite(entry.path, f"user_id = '{victim}'")
            erased.append(victim)
    except AlmanacError as error:
        # What the other process replaced meanwhile; this erasure is not said to be done.
        if not any(words in str(error) for words in ("meanwhile", "is no live file", "not there")):
            raise
print(json.dumps({"new": new, "erased": erased}))
"""


@pytest.fixture
def place(tmp_path: Path, s3_server: str) -> Place:
    return Place.at(tmp_path, s3.new_bucket(s3_server))


def test_processes_that_land_erase_and_compact_at_once(place: Place, root: Path) -> None:
    store = place.settings.object_store
    assert store
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(place.settings.home), json.dumps(vars(store)), str(seed)],
            cwd=root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in (1, 2)
    ]
    for writer in writers:
        assert writer.stdin
        writer.stdin.write("go\n")
        writer.stdin.flush()
    said = [json.loads(writer.communicate(timeout=180)[0]) for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0]

    lake = Lake.open(place.settings, PLAN)
    assert sum(one["new"] for one in said) == 12, "each content was landed by one of them"
    users = [row["user_id"] for row in rows_of(lake)]
    assert len(users) == len(set(users)), "no row is there twice"
    counted = sums(lake)
    assert counted["received"] == 120
    assert counted["accepted"] + counted["erased"] == 120, "no row is lost"
    # An erasure that was said to be done stays done, whatever the other process did at that time.
    assert not {victim for one in said for victim in one["erased"]} & set(users)
    numbers = [commit.number for commit in Manifest(place.store).commits() if commit.replaces]
    assert sorted(numbers) == list(range(1, len(numbers) + 1)), "every number was taken once"
    assert {problem.code for problem in lake.verify()} <= {"unmanaged_file"}


def test_two_writers_of_one_name_and_other_content_keep_the_first_commit(place: Place) -> None:
    """Collectors with different tracking plans or libraries write the same landing as different bytes."""
    one, other = place.store, place.store
    lake = Lake.open(place.settings, PLAN)
    land(lake, [arrival(1)])
    (entry,) = lake.entries("events")
    table = lake.read(entry)
    files = [new_file("events", entry.path, table.slice(0, rows), tenant="rentals", source="web", parts={"x": 1})
             for rows in (0, 1)]  # fmt: skip
    assert commit_files(one, Manifest(one), "landing", files[:1])
    assert not commit_files(other, Manifest(other), "landing", files[1:])
    assert {problem.code for problem in lake.verify([entry])} == set(), "what stood there is untouched"
    with pytest.raises(Taken):
        other.create("manifest/landing.json", b"{}")


def test_a_commit_that_comes_late_is_refused_and_changes_nothing(place: Place) -> None:
    """A writer that was paused between reading and committing, however long."""
    lake = Lake.open(place.settings, PLAN)
    land(lake, [arrival(1), arrival(2)])
    (old,) = lake.entries("events")
    table = lake.read(old)
    lake.rewrite(old.path, "user_id = 'user-1'")
    late = new_file("events", old.path.replace(".parquet", "-late.parquet"), table, tenant="rentals", source="web",
                    parts=old.parts)  # fmt: skip
    with pytest.raises(Superseded, match="meanwhile"):
        commit_files(place.store, Manifest(place.store), "late", [late], [old.path])
    assert [row["user_id"] for row in rows_of(lake)] == ["user-2"]


def test_what_a_writer_at_work_announced_is_left_alone(place: Place) -> None:
    from ingestion.lake_intents import announce, conclude

    lake = Lake.open(place.settings, PLAN)
    land(lake, [arrival(1)])
    path = f"events/tenant=rentals/received_date={DAY}/at-work.parquet"
    announce(place.store, "at-work", [(path, "0" * 64)])
    place.store.put(path, b"?")
    assert lake.verify() == []
    lake.compact(keep=timedelta(0))
    assert place.store.stat(path), "its writer may be about to commit it"
    conclude(place.store, "at-work")
    assert [problem.code for problem in lake.verify()] == ["unmanaged_file"]
    with pytest.raises(AlmanacError, match="leads out"):
        place.store.put("../x", b"")
