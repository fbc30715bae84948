"""Access logs: every line that says something is an event, every other one is quarantined alone."""

import gzip
import json
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from almanac.settings import ROOT, Settings
from ingestion.sources import access_log
from ingestion.sources.file_source import FileSource
from ingestion.sources.mapping import FOLDER
from ingestion.sources.problems import FileProblem
from tests.landed_files import LOG, Ingest, ingester, landed, lines

SEEN = '10.0.0.1 - ann [17/May/2026:10:05:03 +0200] "GET /a?b=1 HTTP/1.1" 200 203 "http://x.example/" "Firefox \\"5\\""'


@pytest.fixture
def ingest(tmp_path: Path) -> Iterator[Ingest]:
    """Lands a file of this name and content by a mapping with changes."""
    yield from ingester(tmp_path)


def _why(refused: dict[str, Any]) -> str:
    (reason,) = json.loads(refused["reasons"])
    message: str = reason["message"]
    return message


def test_a_line_of_a_log_is_read_whole() -> None:
    found = access_log.parse(SEEN)
    assert found is not None
    assert (found["host"], found["ident"], found["remote_user"]) == ("10.0.0.0", None, "ann")
    assert (found["requested_at"], found["status"], found["bytes"]) == ("2026-05-17T10:05:03+02:00", "200", "203")
    assert (found["method"], found["path"], found["query"], found["protocol"]) == ("GET", "/a", "b=1", "HTTP/1.1")
    assert (found["referrer"], found["user_agent"]) == ("http://x.example/", 'Firefox \\"5\\"')
    common = access_log.parse(SEEN[: SEEN.index(' "http://x')])
    assert common is not None
    assert common["user_agent"] is None
    scanned = access_log.parse(SEEN.replace("GET /a?b=1 HTTP/1.1", "\\x16\\x03"))
    assert scanned is not None
    assert (scanned["request"], scanned["path"]) == ("\\x16\\x03", None)


@pytest.mark.parametrize(
    "bad", ["x", SEEN[:-1], SEEN.replace("17/May", "32/May"), SEEN + " 0.1", SEEN.replace(" 200 ", " ")]
)
def test_a_line_that_does_not_fit_is_quarantined_alone(ingest: Ingest, tmp_path: Path, bad: str) -> None:
    result = ingest("a.log", lines(SEEN, "", bad, SEEN), LOG)
    assert (result.received, result.accepted, result.quarantined) == (3, 2, 1)
    (refused,) = landed(tmp_path, "quarantine")
    assert (refused["code"], refused["ingest_row"]) == ("source_parse_error", 1)
    assert _why(refused) == "line 3 is no line of an access log in combined format"
    assert refused["payload"] == bad.replace("10.0.0.1", "10.0.0.0")  # addresses are cut wherever they stand
    assert [row["ingest_row"] for row in landed(tmp_path)] == [0, 2]
    assert [row["status_code"] for row in landed(tmp_path)] == [200, 200]


def test_unreadable_lines_stay_in_place_across_parts(
    ingest: Ingest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestion.sources.file_source.PART_ROWS", 3)
    result = ingest("a.log", lines(SEEN, "x", SEEN, "y", SEEN, SEEN, SEEN), LOG)
    assert (result.received, result.accepted, result.quarantined) == (7, 5, 2)
    assert sum(row["received"] for row in landed(tmp_path, "counters")) == 7
    assert sorted(row["payload"] for row in landed(tmp_path, "quarantine")) == ["x", "y"]


def test_an_unreadable_line_of_a_grown_or_rotated_log_is_quarantined_once(
    ingest: Ingest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, card = SEEN[:-1], "10.0.0.1 said 4111 1111 1111 1111"
    monkeypatch.setattr("ingestion.sources.file_source.PART_ROWS", 3)
    first = ingest("a.log", lines(SEEN, bad, SEEN, bad, card, SEEN), LOG)
    assert (first.received, first.accepted, first.quarantined) == (6, 3, 3)  # equal lines of one file are as many
    grown = ingest("a.log", lines(SEEN, bad, SEEN, bad, card, SEEN, SEEN, SEEN, bad, "x"), LOG)
    assert (grown.received, grown.accepted, grown.quarantined) == (7, 5, 2)
    rotated = ingest("a.log.1", lines(SEEN, bad, card, SEEN, SEEN), LOG)
    assert (rotated.received, rotated.accepted, rotated.quarantined) == (3, 3, 0)
    refused = landed(tmp_path, "quarantine")
    assert sorted(row["payload"][-6:] for row in refused) == sorted([bad[-6:]] * 3 + ["[card]", "x"])
    assert len({row["message_id"] for row in refused}) == 5
    assert sum(row["received"] for row in landed(tmp_path, "counters")) == 16


def test_a_line_of_a_grown_or_redelivered_log_is_the_event_that_it_was(ingest: Ingest, tmp_path: Path) -> None:
    also = [
        {"when": "true", "event": "'api_request'", "event_at": "requested_at", "properties": dict(LOG["properties"])}
    ]
    later = SEEN.replace("10:05:03", "10:05:04")
    dash = SEEN.replace("ann", "-")
    said = [ingest("a.log", lines(SEEN, dash, SEEN), LOG, also=also).note]
    first = {row["message_id"] for row in landed(tmp_path)}
    assert len(first) == 6  # equal lines of one file are as many events
    said.append(ingest("a.log", lines(SEEN, dash, SEEN, later, SEEN), LOG, also=also).note)
    grown = {row["message_id"] for row in landed(tmp_path)}
    assert len(grown) == 10
    ingest("b.log", lines(dash, SEEN), LOG, also=also)  # equal lines of two files are one event
    assert {row["message_id"] for row in landed(tmp_path)} == grown
    assert said == [None, "a line that an earlier log held too is the same event and counts once: see docs/sources.md"]
    ingest("b.log", lines(SEEN.replace("/a?", "/b?")), LOG, also=also)
    assert len({row["message_id"] for row in landed(tmp_path)}) == 12


def test_a_log_may_name_its_lines_by_a_natural_key(ingest: Ingest, tmp_path: Path) -> None:
    ingest("a.log", lines(SEEN, SEEN), LOG, natural_key=["requested_at", "path"])
    assert len({row["message_id"] for row in landed(tmp_path)}) == 1


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_line_with_bytes_that_are_no_text_is_quarantined_alone(
    ingest: Ingest, tmp_path: Path, pack: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestion.sources.delivered.CHUNK", 7)  # characters and lines are cut between two reads
    good, later = SEEN.replace("Firefox", "Füchse €"), SEEN.replace("10:05:03", "10:05:04")
    latin, cut = SEEN.replace("Firefox", "Füchse").encode("latin-1"), SEEN.encode() + "€".encode()[:2]
    log = b"\n".join([good.encode(), b"", latin, SEEN.encode(), cut])
    result = ingest("a.log", pack(log), LOG)
    assert (result.received, result.accepted, result.quarantined) == (4, 2, 2)
    assert [row["ingest_row"] for row in landed(tmp_path)] == [0, 2]
    first, last = landed(tmp_path, "quarantine")
    assert (first["code"], first["ingest_row"], last["ingest_row"]) == ("source_parse_error", 1, 3)
    place = len(SEEN.partition("Firefox")[0]) + 2
    assert _why(first) == f"line 3 has a byte (0xfc, at character {place}) that is not utf-8"
    assert first["payload"] == SEEN.replace("10.0.0.1", "10.0.0.0").replace("Firefox", "F\\xfcchse")
    assert _why(last) == f"line 5 has a byte (0xe2, at character {len(SEEN) + 1}) that is not utf-8"
    assert not ingest("b.log", log, LOG).is_new
    grown = ingest("a.log.1", pack(log + b"\n" + later.encode()), LOG)
    assert (grown.received, grown.accepted, grown.quarantined) == (4 - 2 + 1, 3, 0)
    assert len(landed(tmp_path, "quarantine")) == 2
    assert len({row["message_id"] for row in landed(tmp_path)}) == 3


def test_a_log_in_another_encoding_is_told_so(ingest: Ingest, tmp_path: Path) -> None:
    latin = SEEN.replace("Firefox", "Füchse").encode("latin-1")
    with pytest.raises(
        FileProblem, match=r"line 2: has a byte \(0xfc.*\) that is not utf-8, .* the mapping's encoding"
    ):
        ingest("a.log", b"\n".join([b"", latin, latin, SEEN.encode()]), LOG)
    assert landed(tmp_path, "quarantine") == []
    assert ingest("a.log", b"\n".join([latin, latin]), LOG, encoding="latin-1").accepted == 2


def test_another_file_is_no_access_log(ingest: Ingest, tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match="is this another format") as raised:
        ingest("a.log", lines("id,at,price", SEEN, "B1,2,3"), LOG)
    assert raised.value.line == 1
    assert landed(tmp_path, "quarantine") == []


def test_a_real_log_of_10_000_lines_lands_but_for_one(data_folder: Path, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
    mapping = page.split("### An access log")[1].split("```yaml\n")[1].split("```")[0]
    root = tmp_path / "root"
    copytree(ROOT / "ingestion" / "tracking_plan", root / "ingestion" / "tracking_plan")
    (root / FOLDER).mkdir(parents=True)
    (root / FOLDER / "web_log.yml").write_text(mapping)
    (root / "ingestion" / "tracking_plan" / "tenants" / "website.yml").write_text(
        "tenant: website\ntitle: Site\nbusiness: A site\ntime_zone: UTC\ncurrency: USD\nsources: {web_log: {}}\n"
    )
    settings = Settings.for_home(tmp_path / "home", root=root)
    with FileSource.open(settings, "web_log") as source:
        result = source.ingest_file(data_folder / "apache_access_log" / "apache_logs.gz")
    assert (result.received, result.accepted, result.quarantined) == (10_000, 9_999, 1)
    (refused,) = landed(tmp_path, "quarantine")
    assert (refused["code"], refused["ingest_row"]) == ("source_parse_error", 8_898)
    rows = landed(tmp_path)
    assert {row["event"] for row in rows} == {"page_viewed", "api_request"}
    assert {row["event_at"].date() for row in rows} == {date(2015, 5, day) for day in (17, 18, 19, 20)}
    assert {row["time_quality"] for row in rows} == {"ok"}
