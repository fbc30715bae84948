"""Whoever is erased while events about them lie in a log, of whatever machine, does not come back when these land."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from almanac.errors import AlmanacError
from almanac.settings import Settings
from almanac.state import begin_erasure, list_erasures, open_state
from ingestion.collector import land_log, records
from ingestion.collector.door import Verdict
from ingestion.collector.land_log import land_file
from ingestion.collector.log_files import LogFile
from ingestion.lake import Lake
from ingestion.lake_tail import LakeTail, Tail
from ingestion.privacy import erase_cli, erased_since
from ingestion.privacy.cli import COMMANDS
from ingestion.privacy.erased_since import MARGIN, ErasedSince
from ingestion.tracking_plan import load_plan
from tests.refused_events import books, difference, new_place, rows_of, villa

PLAN = load_plan()
NAMES = ("user-1", "user-2")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr("ingestion.lake.load_plan", lambda root: PLAN)
    return Settings.for_home(tmp_path)


def search(user: str, n: int) -> dict[str, Any]:
    return villa(n, event="search_performed", userId=user, properties={"query": "flat"})


def log_of(settings: Settings, *events: dict[str, Any], at: datetime | None = None, tenant: str = "rentals") -> Path:
    """A sealed log file of a collector, which is on another machine than whoever erases."""
    folder = settings.home / "other-machine"
    folder.mkdir(parents=True, exist_ok=True)
    log = LogFile(folder / f"wal-1-{len(list(folder.iterdir())):06}.log")
    verdicts = [Verdict(json.dumps(event).encode()) for event in events]
    log.append([records.encode(tenant, "web", at or datetime.now(UTC), len(verdicts), verdicts)])
    log.close()
    return log.path


def erase(settings: Settings, *ids: str) -> None:
    arguments = ("person", "--tenant", "rentals", *(part for id_ in ids for part in ("--user-id", id_)), "--yes")
    environment = {"ALMANAC_HOME": str(settings.home), "ALMANAC_ROOT": str(settings.root)}
    done = CliRunner().invoke(COMMANDS["erase"], arguments, env=environment)
    assert done.exit_code == 0, (done.output, done.exception)


def land(settings: Settings, path: Path) -> None:
    land_file(Lake.open(settings, PLAN), path, ErasedSince(settings))


def standing(settings: Settings) -> Counter[str]:
    """How many rows of each user the lake has."""
    lake = Lake.open(settings, PLAN)
    rows = [repr(row) for row in (*rows_of(lake, "events"), *rows_of(lake, "quarantine"))]
    return Counter(name for row in rows for name in NAMES if name in row)


def erased(settings: Settings) -> int:
    """What the books say was erased; they balance."""
    terms = books(Lake.open(settings, PLAN)).values()
    assert {difference(term) for term in terms} <= {0}
    return sum(term["erased"] for term in terms)


def log_says(settings: Settings) -> list[tuple[int, int]]:
    state = open_state(settings)
    try:
        return [(one.events, one.refused) for one in list_erasures(state)]
    finally:
        state.close()


def test_what_lay_in_a_log_goes_when_it_lands_and_is_counted_and_logged(settings: Settings) -> None:
    path = log_of(settings, search("user-1", 1), search("user-2", 2), search("user-1", 3), villa(1))
    other = log_of(settings, search("user-1", 1), tenant="advisory")
    erase(settings, "user-1")
    land(settings, path)
    land(settings, other)
    assert standing(settings) == {"user-2": 1, "user-1": 1}, "another tenant's user of this name is somebody else"
    assert {row["tenant"] for row in rows_of(Lake.open(settings, PLAN), "events") if row["user_id"] == "user-1"} == {
        "advisory"
    }
    assert erased(settings) == 3
    assert log_says(settings) == [(2, 1)]
    land(settings, path)  # as after a crash before the file was deleted
    assert (standing(settings), erased(settings), log_says(settings)) == ({"user-2": 1, "user-1": 1}, 3, [(2, 1)])
    assert Lake.open(settings, PLAN).verify() == []


def test_what_comes_after_an_erasure_is_stored(settings: Settings) -> None:
    before = datetime.now(UTC)
    erase(settings, "user-1")
    after = datetime.now(UTC) + MARGIN + timedelta(seconds=1)
    land(settings, log_of(settings, search("user-1", 1), at=after))
    assert standing(settings) == {"user-1": 1}
    land(settings, log_of(settings, search("user-1", 2), at=before))
    assert standing(settings) == {"user-1": 1}
    # Of one file what came before it goes and what came after it stays.
    path = log_of(settings, search("user-1", 3), at=before)
    log = LogFile(path.with_name("wal-2-000001.log"))
    for n, at in ((4, before), (5, after)):
        log.append([records.encode("rentals", "web", at, 1, [Verdict(json.dumps(search("user-1", n)).encode())])])
    log.close()
    land(settings, log.path)
    assert standing(settings) == {"user-1": 2}
    assert log_says(settings) == [(2, 0)]


def users(found: Tail) -> Counter[str]:
    """How many rows of each user a tail shows."""
    rows = [repr(row) for row in (*found.events.to_pylist(), *found.quarantine.to_pylist())]
    return Counter(name for row in rows for name in NAMES if name in row)


def test_whoever_reads_a_log_before_it_lands_does_not_see_who_was_erased(settings: Settings) -> None:
    before = datetime.now(UTC)
    path = log_of(settings, search("user-1", 1), search("user-2", 2), search("user-1", 3), villa(1))
    log_of(settings, search("user-1", 1), tenant="advisory")
    with LakeTail(Lake.open(settings, PLAN), path.parent, erased=ErasedSince(settings)) as tail:
        assert users(tail.read()) == {"user-1": 4, "user-2": 1}
        erase(settings, "user-1")
        assert users(tail.read()) == {"user-1": 1, "user-2": 1}, "another tenant's user of this name is somebody else"
        assert users(tail.added) == {}
        log_of(settings, search("user-1", 5), search("user-2", 6), at=before)
        log_of(settings, search("user-1", 7), at=datetime.now(UTC) + MARGIN + timedelta(seconds=1))
        assert users(tail.read()) == {"user-1": 2, "user-2": 2}
        assert users(tail.added) == {"user-1": 1, "user-2": 1}, "what comes after an erasure is shown"
        shown = users(tail.read())
    for file in sorted(path.parent.iterdir()):
        land(settings, file)
    assert standing(settings) == shown, "the landing leaves out the same"


def test_an_erasure_that_has_not_ended_is_left_out_of_the_log_too(settings: Settings) -> None:
    state = open_state(settings)
    begin_erasure(state, "rentals", [("user_id", "user-1")], files=0)
    state.close()
    path = log_of(settings, search("user-1", 1), search("user-2", 2))
    with LakeTail(Lake.open(settings, PLAN), path.parent, erased=ErasedSince(settings)) as tail:
        assert users(tail.read()) == users(tail.added) == {"user-2": 1}


def test_each_row_is_counted_for_the_erasure_of_its_person(settings: Settings) -> None:
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    path = log_of(settings, search("user-1", 1), search("user-2", 2), at=midnight - timedelta(seconds=1))
    log = LogFile(path.with_name("wal-2-000001.log"))
    for at in (midnight - timedelta(seconds=1), midnight):
        events = [search(user, n) for n, user in enumerate(("user-1", "user-2", "user-2", "user-3"), start=at.day * 10)]
        verdicts = [Verdict(json.dumps(event).encode()) for event in events]
        log.append([records.encode("rentals", "web", at, len(verdicts), verdicts)])
    log.close()
    erase(settings, "user-1")
    erase(settings, "user-2")
    erase(settings, "user-1")
    lake = Lake.open(settings, PLAN)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(land_log, "PART_ROWS", 2)
        land_file(lake, log.path, ErasedSince(settings))
    assert standing(settings) == {}
    assert len(rows_of(lake, "events")) == 2
    assert log_says(settings) == [(2, 0), (4, 0), (0, 0)]
    assert erased(settings) == 6


def test_an_erasure_of_another_secret_stops_neither_landing_nor_other_erasures(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    state = open_state(settings)
    begin_erasure(state, "rentals", [("user", "user-2")], files=0, secret="another one, with which it was interrupted")
    state.close()
    path = log_of(settings, search("user-1", 1), search("user-2", 2))
    erase(settings, "user-1")
    land(settings, path)
    assert standing(settings) == {"user-2": 1}
    assert "was begun with another secret: set ALMANAC_SUPPRESSION_SECRET as it was then" in caplog.text


def test_a_landing_that_died_before_it_looked_looks_when_it_is_done_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = log_of(settings, search("user-1", 1), search("user-2", 2))
    erase(settings, "user-1")

    def refuses(*_: object) -> None:
        raise AlmanacError("the database is away")

    with monkeypatch.context() as patch:
        patch.setattr(erased_since, "erasures_after", refuses)
        with pytest.raises(AlmanacError, match=r"in the lake, but .* is not gone: the database is away"):
            land(settings, path)
    assert standing(settings) == {"user-1": 1, "user-2": 1}
    lake = Lake.open(settings, PLAN)
    land_file(lake, log_of(settings, search("user-2", 3)))
    lake.compact(datetime.now(UTC).date() + timedelta(days=1), keep=None)  # and meanwhile it lies in another file
    land(settings, path)
    assert standing(settings) == {"user-2": 2}
    assert erased(settings) == 1


def test_what_was_replayed_before_anybody_looked_goes_too(tmp_path: Path) -> None:
    place = new_place(tmp_path)
    path = log_of(place.settings, villa(1), villa(2))
    erase(place.settings, "user-1")
    land_file(place.lake, path)  # and dies
    place.mend()
    assert place.run("replay", "--all").exit_code == 0
    assert {row["user_id"] for row in rows_of(place.lake, "events")} == {"user-1", "user-2"}
    land_file(place.lake, path, ErasedSince(place.settings))
    assert {row["user_id"] for row in rows_of(place.lake, "events")} == {"user-2"}
    assert log_says(place.settings) == [(1, 1)]
    assert {difference(terms) for terms in books(place.lake).values()} == {0}


def test_an_erasure_that_has_not_ended_counts(settings: Settings) -> None:
    state = open_state(settings)
    begin_erasure(state, "rentals", [("user", "user-1")], files=0)
    state.close()
    land(settings, log_of(settings, search("user-1", 1), search("user-2", 2)))
    assert standing(settings) == {"user-2": 1}


def test_an_installation_that_erased_nobody_gets_no_state_by_it(settings: Settings) -> None:
    land(settings, log_of(settings, search("user-1", 1)))
    assert standing(settings) == {"user-1": 1}
    assert not (settings.home / "state.db").exists()


def test_what_lands_when_an_erasure_has_looked_at_the_lake_for_the_last_time_goes(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = log_of(settings, search("user-1", 1), search("user-2", 2))
    real = erase_cli.finish_erasure

    def after_landing(*args: Any, **kwargs: Any) -> Any:
        land(settings, path)
        return real(*args, **kwargs)

    monkeypatch.setattr(erase_cli, "finish_erasure", after_landing)
    erase(settings, "user-1")
    assert standing(settings) == {"user-2": 1}
    assert (erased(settings), log_says(settings)) == (1, [(1, 0)])


def test_who_is_erased_between_a_landing_and_its_look_is_erased_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = log_of(settings, search("user-1", 1), search("user-2", 2))
    open_state(settings).close()
    real = erased_since.erasures_after

    def after_erasure(*args: Any) -> Any:
        erase(settings, "user-1")
        return real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(erased_since, "erasures_after", after_erasure)
        land(settings, path)
    assert standing(settings) == {"user-2": 1}
    assert (erased(settings), log_says(settings)) == (1, [(1, 0)])
