"""The lake in a bucket of a real S3 server: everything that holds for a folder, and what only a bucket brings.

Every test of a lake in `tests/unit` (`CONTRACTS`) that does not look into the folder itself runs here again.
"""

import inspect
import json
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from almanac.state import begin_erasure, finish_erasure, list_erasures, open_state
from ingestion import lake_checkpoints
from ingestion.collector import records
from ingestion.collector.door import Verdict
from ingestion.collector.land_log import land_file
from ingestion.collector.log_files import LogFile
from ingestion.lake import Lake
from ingestion.lake_manifest import Manifest
from ingestion.lake_store import Store
from ingestion.lake_store_s3 import PART_BYTES
from ingestion.privacy.erased_since import ErasedSince
from tests import s3
from tests.lake_place import Place
from tests.lake_rows import PLAN
from tests.unit import test_lake, test_lake_checkpoints, test_lake_crashes, test_lake_rewrite

CONTRACTS = (test_lake, test_lake_rewrite, test_lake_crashes, test_lake_checkpoints)
_OF_THE_FOLDER = {"tmp_path", "monkeypatch"}
# Nothing of these depends on where files lie.
_OF_NO_PLACE = {
    "test_a_name_that_is_no_folder_lands_nothing",
    "test_an_unknown_tenant_is_kept_in_quarantine",
    "test_columns_are_the_envelope_the_plans_columns_and_the_place_with_their_types",
    "test_ids_of_landings_are_the_same_everywhere_and_always",
    "test_many_rows_keep_their_places_across_batches",
}


@pytest.fixture
def place(tmp_path: Path, s3_server: str) -> Place:
    """A lake in a new bucket; it takes the place of the folder in the tests below."""
    return Place.at(tmp_path, s3.new_bucket(s3_server))


@pytest.fixture
def lake(place: Place) -> Lake:
    return Lake.open(place.settings, PLAN)


@pytest.fixture
def store(place: Place) -> Store:
    """The same for what lies below a lake: its manifest and checkpoints."""
    return place.store


def _holds_for_any_place(name: str, test: object) -> bool:
    if not name.startswith("test_") or name in _OF_NO_PLACE:
        return False
    takes = set(inspect.signature(test).parameters) if inspect.isfunction(test) else set()
    return bool(takes & {"lake", "place", "store"}) and not takes & _OF_THE_FOLDER


for contract in CONTRACTS:
    globals().update({name: test for name, test in vars(contract).items() if _holds_for_any_place(name, test)})


def test_folded_documents_go_when_no_writer_can_be_about_to_make_them(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a bucket that is a day later; what they said stands in the checkpoint."""
    manifest = Manifest(store)
    for n in range(4):
        assert manifest.add(test_lake_checkpoints.commit(n))
    before = manifest.commits()
    assert (manifest.fold(1), manifest.fold(1), len(store.list("manifest"))) == (4, 0, 4)
    monkeypatch.setattr(lake_checkpoints, "DEAD", timedelta(seconds=-60))  # a checkpoint of now is old enough
    manifest.fold(1)
    assert store.list("manifest") == []
    assert Manifest(store).commits() == before
    assert all(manifest.has(one.commit) for one in before)


def test_a_large_file_is_sent_in_parts_and_is_one_file(store: Store) -> None:
    """So backups need little memory, and no file is too large for one request."""
    piece = bytes(range(256)) * 4096
    for pieces in (1, 2 * PART_BYTES // len(piece) + 1):
        with store.scratch() as scratch:
            scratch.write_bytes(piece * pieces)
            tracemalloc.start()
            try:
                store.put_file("large", scratch)
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
        stored = store.stat("large")
        assert stored is not None
        assert (stored.path, stored.bytes) == ("large", len(piece) * pieces)
        assert peak < PART_BYTES
    assert [file.path for file in store.list("")] == ["large"]
    with store.open("large") as content:
        assert all(content.read(len(piece)) == piece for _ in range(pieces))
        assert content.read() == b""


def test_who_was_erased_while_events_waited_in_a_log_does_not_come_back(place: Place, lake: Lake) -> None:
    log = LogFile(place.settings.home / "wal-1-000001.log")
    events = [{"type": "track", "event": "Signed Up", "userId": user, "messageId": user} for user in ("ada", "bob")]
    verdicts = [Verdict(json.dumps(event).encode()) for event in events]
    log.append([records.encode("rentals", "web", datetime.now(UTC), len(verdicts), verdicts)])
    log.close()
    state = open_state(place.settings)
    finish_erasure(state, begin_erasure(state, "rentals", [("user", "ada")], files=0))
    for _ in range(2):
        land_file(lake, log.path, ErasedSince(place.settings))
        stands = [row["user_id"] for entry in lake.entries("events") for row in lake.read(entry).to_pylist()]
        assert stands == ["bob"]
    assert [one.events for one in list_erasures(state)] == [1]
    state.close()
    assert lake.verify() == []
