"""Requests that were refused whole, on the command line: newest first, of several collectors, by condition."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from almanac.errors import AlmanacError
from almanac.settings import Settings
from almanac.state import WriteKey
from ingestion.collector.problems import Problem
from ingestion.collector.refusals import FILE, FORMER_FILE, Refusals
from ingestion.quarantine.requests import RequestChoice, newest_requests
from tests.refused_events import Place, new_place

KEY = WriteKey("1", "alm_ssssssss", "rentals", "web", "", datetime(2026, 1, 1, tzinfo=UTC))
OTHERS = replace(KEY, tenant="advisory", source="app")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return new_place(tmp_path)


def refuse(home: Path, code: str, key: WriteKey | None = KEY, message: str = "no JSON", size: int = 12_345) -> str:
    """Refuse a request as the collector of a home does; returns the id that its client is told."""
    problem = Problem(400, code, message, excerpt=b"{half")
    folder = Settings.for_home(home).log_dir
    folder.mkdir(parents=True, exist_ok=True)
    Refusals(folder).note(problem, "/v1/batch", key, size)
    return problem.request_id


def ids(lines: list[str]) -> list[str]:
    return [json.loads(line)["request_id"] for line in lines]


def test_the_newest_are_listed_with_whose_they_are_and_why(place: Place) -> None:
    refuse(place.home, "invalid_json")
    refuse(place.home, "missing_write_key", key=None, message="no key\x1b[31m", size=0)
    head, *lines = place.told("requests")
    assert head.split() == ["received", "(UTC)", "tenant", "source", "sent", "to", "code", "bytes", "why"]
    assert [line.split()[2:7] for line in reversed(lines)] == [
        ["rentals", "web", "/v1/batch", "invalid_json", "12,345"],
        ["-", "-", "/v1/batch", "missing_write_key", "0"],
    ]
    assert lines[1].endswith("no JSON")
    assert "\x1b" not in lines[0], "what a client sent must not steer the terminal"
    assert "The newest 1 are shown" in place.run("requests", "--limit", "1").stderr
    assert "are shown" not in place.run("requests", "--limit", "2").stderr


def test_json_holds_all_that_was_kept(place: Place) -> None:
    told = refuse(place.home, "invalid_json")
    (line,) = place.told("requests", "--json")
    folder = place.settings.log_dir
    assert json.loads(line) == {**json.loads((folder / FILE).read_text()), "folder": str(folder)}
    assert (json.loads(line)["request_id"], json.loads(line)["excerpt"]) == (told, "{half")


def test_every_condition_chooses(place: Place) -> None:
    first = refuse(place.home, "invalid_json")
    second = refuse(place.home, "empty_batch", OTHERS)
    today = datetime.now(UTC).date().isoformat()
    for arguments, found in {
        ("--tenant", "rentals"): [first],
        ("--code", "empty_batch"): [second],
        ("--since", "2026-01-01", "--until", "9999-01-01"): [second, first],
        ("--until", today, "--tenant", "advisory"): [second],
        ("--until", "2026-01-01"): [],
        ("--since", "9999-01-01"): [],
    }.items():
        assert ids(place.told("requests", "--json", *arguments)) == found, arguments
    assert place.told("requests", "--code", "no_such_code") == ["no refused request is of this kind"]


def test_where_there_are_none_it_says_so(place: Place) -> None:
    nobody = place.run("requests")
    assert isinstance(nobody.exception, AlmanacError)
    assert "there is no collector's log at" in str(nobody.exception)
    folder = place.settings.log_dir
    folder.mkdir(parents=True)
    assert place.told("requests") == [f"no refused request is kept in {folder}"]
    assert place.told("requests", "--json") == []


def test_those_of_several_collectors_are_one_list(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = [refuse(tmp_path / ("one", "two")[n % 2], "invalid_json") for n in range(4)]
    monkeypatch.chdir(tmp_path)
    both = ("--home", "one", "--home", "two", "--home", f"{tmp_path / 'one'}")
    newest = [json.loads(line) for line in place.told("requests", "--json", *both)]
    assert sorted(line["request_id"] for line in newest) == sorted(told), "a home that is named twice is read once"
    assert [line["at"] for line in newest] == sorted((line["at"] for line in newest), reverse=True)
    head, *lines = place.told("requests", "--home", "one", "--home", "two")
    assert head.split()[2] == "home"
    assert sorted(line.split()[2] for line in lines) == ["one", "one", "two", "two"]


def test_half_a_line_and_the_file_before_are_read(tmp_path: Path) -> None:
    old = refuse(tmp_path, "invalid_json")
    folder = Settings.for_home(tmp_path).log_dir
    (folder / FILE).replace(folder / FORMER_FILE)
    new = refuse(tmp_path, "empty_batch")
    with open(folder / FILE, "a", encoding="utf-8") as file:
        file.write('{"at": "2026-')
    found = newest_requests([folder], RequestChoice(), 10)
    assert {request.written["request_id"] for request in found} == {old, new}


def test_a_file_that_becomes_the_former_one_meanwhile_is_not_counted_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = refuse(tmp_path, "invalid_json")
    folder = Settings.for_home(tmp_path).log_dir
    loads: Callable[[str], object] = json.loads

    def moved(line: str) -> object:
        if (folder / FILE).exists():
            (folder / FILE).replace(folder / FORMER_FILE)
        return loads(line)

    monkeypatch.setattr("ingestion.quarantine.requests.json.loads", moved)
    assert [request.written["request_id"] for request in newest_requests([folder], RequestChoice(), 10)] == [told]
