"""The bad-input catalogue through files: rows 2 to 32 as far as a file can hold them, and row 36 (files that are none).

Each id begins with the number of its row. What is wrong with the meaning of a row goes to quarantine and its neighbours
land; what is wrong with the file is named with its place, and nothing of it lands.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from almanac.settings import Settings
from almanac.state import open_state, suppress
from ingestion.envelope import MAX_EVENT_BYTES
from ingestion.lake import Lake
from ingestion.quarantine_cli import COMMANDS as QUARANTINE
from ingestion.sources.cli import COMMANDS
from ingestion.sources.mapping import FOLDER
from tests.conftest import ROOT

GOOD = {"event": "booking_confirmed", "at": "2026-03-01T09:30:00Z", "user": "u1", "id": "b1", "amount": "10.50"}
# Every column is text, so that it is the tracking plan that judges, as it does at the door.
COLUMNS = dict.fromkeys(("event", "user", "visitor", "id", "amount", "currency", "nights", "description"), "string")
MAPPING: dict[str, Any] = {
    "source": "deliveries",
    "tenant": "rentals",
    "format": "jsonl",
    "time_zone": "Europe/Berlin",
    "currency": "EUR",
    "columns": {**COLUMNS, "at": "instant"},
    "event": '"event"',
    "event_at": '"at"',
    "user_id": '"user"',
    "anonymous_id": "visitor",
    "properties": {
        "booking_id": "id",
        "amount": "amount",
        "currency": "currency",
        "nights": "nights",
        "description": "description",
    },
}


@dataclass
class Place:
    """A repository with the source `deliveries` and a home folder, for one test."""

    root: Path
    home: Path

    def ingest(self, *files: tuple[str, bytes], **changes: Any) -> Any:
        (self.root / FOLDER / "deliveries.yml").write_text(yaml.safe_dump(MAPPING | changes))
        paths = [self.home.parent / name for name, _ in files]
        for path, (_, content) in zip(paths, files, strict=True):
            path.write_bytes(content)
        env = {"ALMANAC_HOME": str(self.home), "ALMANAC_ROOT": str(self.root)}
        return CliRunner().invoke(COMMANDS["ingest"], ["--source", "deliveries", *map(str, paths)], env=env)

    def rows(self, kind: Any) -> list[dict[str, Any]]:
        lake = Lake.open(Settings.for_home(self.home, root=self.root))
        return [row for entry in lake.entries(kind) for row in lake.read(entry).to_pylist()]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    root = tmp_path / "root"
    copytree(ROOT / "ingestion" / "tracking_plan", root / "ingestion" / "tracking_plan")
    (root / FOLDER).mkdir(parents=True)
    tenant = root / "ingestion" / "tracking_plan" / "tenants" / "rentals.yml"
    tenant.write_text(tenant.read_text().replace("sources:\n", "sources:\n  deliveries: {expected: never}\n"))
    return Place(root, tmp_path / "home")


def jsonl(*rows: Any) -> bytes:
    return b"".join((row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n" for row in rows)


REFUSED = {
    "07-nul-in-id": ({"user": "a\0b"}, "userId", "invalid_character"),
    "11-too-large": ({"id": "b" * 33_000}, "", "event_too_large"),
    "19-no-name": ({"event": " "}, "event", "missing_event_name"),
    "19-long-name": ({"event": "x" * 201}, "event", "invalid_event_name"),
    "19-unknown-name": ({"event": "booking_confrimed"}, "event", "unknown_event"),
    "24-no-time": ({"at": None}, "timestamp", "missing_timestamp"),
    "21-too-long": ({"user": "x" * 257}, "userId", "identity_too_long"),
    "29-locale-number": ({"amount": "1.234,56"}, "amount", "invalid_money"),
    "29-too-many-digits": ({"amount": "123456789012345"}, "amount", "invalid_money"),
    "09-out-of-range": ({"amount": str(2**63)}, "amount", "number_out_of_range"),
    "29-unknown-currency": ({"currency": "eur"}, "currency", "unknown_currency"),
    "27-wrong-type": ({"nights": "two"}, "nights", "wrong_type"),
}


@pytest.mark.parametrize(("bad", "field", "code"), REFUSED.values(), ids=REFUSED)
def test_a_row_that_cannot_be_an_event_is_quarantined_and_its_neighbours_land(
    place: Place, bad: dict[str, Any], field: str, code: str
) -> None:
    result = place.ingest(("day.jsonl", jsonl(GOOD, {**GOOD, "description": "marker", **bad}, GOOD)))
    assert result.exit_code == 0, result.output
    assert "3 rows received (2 accepted, 1 quarantined)" in result.output
    assert len(place.rows("events")) == 2
    (refused,) = place.rows("quarantine")
    assert (refused["field"], refused["code"]) == (field, code)
    assert json.loads(refused["payload"])["properties"]["description"] == "marker"
    (counter,) = place.rows("counters")
    assert (counter["received"], counter["suppressed"]) == (3, 0)


KEPT: dict[str, tuple[dict[str, Any], str | None, Callable[[dict[str, Any]], bool]]] = {
    "07-nul-in-value": ({"description": "a\0b"}, "replaced_nul", lambda row: row["description"] == "a\ufffdb"),
    "20-nobody": ({"user": None}, None, lambda row: row["user_id"] is None),  # rows of files need no identity
    "20-illegal": ({"user": "undefined"}, "illegal:userId", lambda row: row["user_id"] is None),
    "25-future": ({"at": "2099-01-01T00:00:00Z"}, None, lambda row: row["time_quality"] == "future"),
    "25-too-old": ({"at": "2020-01-01T00:00:00Z"}, "late", lambda row: row["time_quality"] == "too_old"),
    "31-card": ({"description": "4111 1111 1111 1111"}, "pii_masked", lambda row: row["description"] == "[card]"),
    "31-e-mail": ({"description": "to a@b.example"}, "pii_masked", lambda row: row["description"] == "to [email]"),
    "31-phone": ({"description": "Tel. 030/1234567"}, "pii_masked", lambda row: row["description"] == "Tel. [phone]"),
    "31-order-number": ({"id": "4111111111111111"}, None, lambda row: row["booking_id"] == "4111111111111111"),
}


@pytest.mark.parametrize(("odd", "warning", "is_right"), KEPT.values(), ids=KEPT)
def test_a_row_that_is_merely_odd_is_kept_and_says_so(
    place: Place, odd: dict[str, Any], warning: str | None, is_right: Callable[[dict[str, Any]], bool]
) -> None:
    result = place.ingest(("day.jsonl", jsonl(GOOD, {**GOOD, "nights": "77", **odd}, GOOD)))
    assert "3 rows received (3 accepted, 0 quarantined)" in result.output
    (row,) = [row for row in place.rows("events") if row["nights"] == 77]
    assert is_right(row), row
    warnings = json.loads(row["warnings"] or "[]")
    assert warning is None or [text for text in warnings if text.startswith(warning)], warnings


def test_23_the_same_file_lands_once(place: Place) -> None:
    content = jsonl(GOOD, GOOD)
    assert "2 rows received" in place.ingest(("day.jsonl", content)).output
    assert "had landed before" in place.ingest(("again.jsonl", content)).output
    assert len(place.rows("events")) == 2


def test_25_a_source_that_declares_its_history_has_nothing_too_old(place: Place) -> None:
    place.ingest(("day.jsonl", jsonl({**GOOD, "at": "1999-01-01T00:00:00Z"})), history_from="1990-01-01")
    assert [row["time_quality"] for row in place.rows("events")] == ["ok"]


def test_32_a_row_about_a_suppressed_person_is_counted_and_nothing_else(place: Place) -> None:
    state = open_state(Settings.for_home(place.home))
    suppress(state, "rentals", "user", "u-gone")
    state.close()
    rows = jsonl(GOOD, {**GOOD, "user": "u-gone"}, {**GOOD, "user": "u-gone", "event": "x"}, {**GOOD, "event": "x"})
    said = place.ingest(("day.jsonl", rows)).output
    assert "4 rows received (1 accepted, 1 quarantined, 2 suppressed)" in said
    assert [row["user_id"] for row in place.rows("events")] == ["u1"]
    assert ["u-gone" in row["payload"] for row in place.rows("quarantine")] == [False]
    (counter,) = place.rows("counters")
    assert (counter["received"], counter["suppressed"]) == (4, 2)


HEAD = "event,at,user,visitor,id,amount,currency,nights,description\n"
ROW = "booking_confirmed,2026-03-01T09:30:00Z,u1,,b1,10.50,,,x\n"
TYPED = {"columns": {**COLUMNS, "at": "instant", "nights": "integer", "amount": "money"}, "format": "csv"}
DATED = {"columns": {**COLUMNS, "at": "date"}, "format": "csv"}
# What is not here stands with the readers' own tests: bad gzip, mixed encodings, line ends, paths, JSON and Parquet.
BROKEN: dict[str, tuple[str, dict[str, Any], str]] = {
    "36-another-delimiter": ((HEAD + ROW).replace(",", ";"), TYPED, "line 1: is not the header"),
    "36-header-only-once": (HEAD + ROW + HEAD, TYPED, "line 3, column amount: 'amount' is not a decimal number"),
    "36-ragged-row": (HEAD + ROW + "booking_confirmed,2026-03-01T09:30:00Z,u1\n", TYPED, "line 3"),
    "36-open-quote": (HEAD + ROW[:-2] + '"x\n', TYPED, "a quote is not closed"),
    "36-empty": ("", TYPED, "the header is missing"),
    "36-thousand-separators": (HEAD + ROW.replace("10.50", '"1,234.50"'), TYPED, "'1,234.50' is not a decimal number"),
    "36-ambiguous-date": (HEAD + ROW.replace("2026-03-01T09:30:00Z", "03/04/2026"), DATED, "declare date_format"),
    "36-columns-without-end": (HEAD.strip() + ",c" * 200_000 + "\n" + ROW, TYPED, "column c: "),
    "36-endless-line": (
        HEAD + "x" * 3_000_000 + ROW,
        TYPED,
        "line 2: the row is too long: values may have 2 MB at most",
    ),
    "36-masked-sample": (HEAD + ROW.replace("2026-03-01T09:30:00Z", "a@b.example"), TYPED, "'[email]' is not a time"),
}


@pytest.mark.parametrize(("content", "changes", "says"), BROKEN.values(), ids=BROKEN)
def test_a_file_that_cannot_be_read_is_named_and_the_others_land(
    place: Place, content: str, changes: dict[str, Any], says: str
) -> None:
    good = HEAD + ROW.replace("T09:30:00Z", "" if changes is DATED else "T09:30:00Z")
    result = place.ingest(("bad.csv", content.encode()), ("good.csv", good.encode()), **changes)
    assert result.exit_code == 1
    (line,) = [line for line in result.output.splitlines() if "bad.csv" in line]
    assert line.startswith(f"Error: {place.home.parent / 'bad.csv'}")
    assert says in line
    assert len(line) < 600
    assert len(place.rows("events")) == 1
    assert place.rows("quarantine") == []


LINES: dict[str, tuple[bytes, str]] = {
    "02-trailing-comma": (b'{"event":"x",}', "line 2: is not JSON"),
    "03-nan": (b'{"amount":NaN}', "line 2: NaN is not JSON: numbers must be finite"),
    "03-infinity": (b'{"amount":-Infinity}', "line 2: -Infinity is not JSON"),
    "04-array": (b"[1]", "line 2: '[1]' is not a JSON object"),
    "05-invalid-utf-8": (b'{"description":"\xff"}', "is not utf-8"),
    "08-bottomless": (b'{"description":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "line 2: is nested too deeply"),
    "10-duplicate-key": (b'{"id":"1","id":"2"}', "line 2: the key 'id' stands twice"),
    "30-tenant-in-the-row": (b'{"tenant":"advisory"}', "line 2, column tenant: is not declared"),
}


def test_a_line_that_is_none_is_named_and_nothing_of_its_file_lands(place: Place) -> None:
    """All of them in one call, beside a good file: each is named by itself."""
    files = [(f"{name}.jsonl", jsonl(GOOD, line, GOOD)) for name, (line, _) in LINES.items()]
    result = place.ingest(*files, ("good.jsonl", jsonl(GOOD)))
    assert result.exit_code == 1
    for name, (_, says) in LINES.items():
        (said,) = [line for line in result.output.splitlines() if f"{name}.jsonl" in line]
        assert says in said
        assert len(said) < 600
    assert len(place.rows("events")) == 1
    assert place.rows("quarantine") == []


def test_11_the_limit_is_that_of_the_door_and_no_replay_goes_around_it(place: Place) -> None:
    place.ingest(("first.jsonl", jsonl({**GOOD, "description": "x"})))
    (row,) = place.rows("events")
    message = {"type": "track", "event": row["event"], "messageId": str(row["message_id"])}
    message |= {"properties": json.loads(row["properties"]), "timestamp": GOOD["at"], "userId": "u1"}
    room = MAX_EVENT_BYTES - len(json.dumps(message, separators=(",", ":"))) + 1
    largest = {**GOOD, "description": "x" * room}
    result = place.ingest(("day.jsonl", jsonl(largest, {**GOOD, "description": "x" * (room + 1)})))
    assert "2 rows received (1 accepted, 1 quarantined)" in result.output
    (refused,) = place.rows("quarantine")
    assert refused["message"] == "the event has 32,769 bytes; the limit is 32,768"
    assert len(refused["payload"]) == 32_769, "kept whole"
    env = {"ALMANAC_HOME": str(place.home), "ALMANAC_ROOT": str(place.root)}
    replayed = CliRunner().invoke(QUARANTINE["quarantine"], ["replay", "--all"], env=env)
    assert "0 events landed; 1 event still rejected" in replayed.output


def test_06_half_a_character_in_a_file_is_named(place: Place) -> None:
    result = place.ingest(("day.jsonl", jsonl(GOOD, {**GOOD, "description": "a\ud800b"})))
    assert (result.exit_code, "line 2: holds half of a character" in result.output) == (1, True)
    assert place.rows("events") == []
    assert place.ingest(("day.jsonl", jsonl({**GOOD, "description": "\U0001f600"}))).exit_code == 0


@pytest.mark.parametrize(
    "content", ["\ufeff" + HEAD + ROW, HEAD + ROW.replace("\n", "\n\n")], ids=["36-bom", "36-blank"]
)
def test_what_is_merely_odd_about_a_file_is_no_matter(place: Place, content: str) -> None:
    result = place.ingest(("day.csv", content.encode()), **TYPED)
    assert "1 row received (1 accepted, 0 quarantined)" in result.output


def test_36_a_file_without_rows_lands_and_is_known(place: Place) -> None:
    assert "0 rows received" in place.ingest(("day.csv", HEAD.encode()), **TYPED).output
    assert "had landed before" in place.ingest(("day.csv", HEAD.encode()), **TYPED).output
