"""JSON Lines, Parquet and access logs: the same exact types, the same honest errors as CSV."""

import gzip
import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from shutil import copytree
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from almanac.errors import AlmanacError
from almanac.settings import ROOT, Settings
from ingestion.lake import Lake
from ingestion.sources import access_log
from ingestion.sources.file_source import FileResult, FileSource
from ingestion.sources.mapping import FOLDER
from ingestion.sources.problems import FileProblem
from ingestion.sources.readers import find_files

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
BOOKINGS: dict[str, Any] = {
    "source": "bookings",
    "tenant": "rentals",
    "time_zone": "Europe/Berlin",
    "currency": "EUR",
    "columns": {"id": "string", "at": "instant", "price": "money", "buyer.id": "string", "nights": "integer"},
    "event": "'booking_confirmed'",
    "event_at": '"at"',
    "user_id": '"buyer.id"',
    "properties": {"booking_id": "id", "amount": "price", "nights": "nights"},
}
LINE = {"id": "B1", "at": "2026-03-01T09:30:00Z", "price": 10.10, "buyer": {"id": 17}, "nights": 2}
LOG: dict[str, Any] = {
    "source": "bookings",
    "tenant": "rentals",
    "format": "access_log",
    "time_zone": "UTC",
    "currency": "EUR",
    "event": "'api_request'",
    "event_at": "requested_at",
    "anonymous_id": "host",
    "properties": {
        "route": "coalesce(path, 'unmatched')",
        "http_method": "coalesce(method, '-')",
        "status_code": "status",
    },
}
SEEN = '10.0.0.1 - ann [17/May/2026:10:05:03 +0200] "GET /a?b=1 HTTP/1.1" 200 203 "http://x.example/" "Firefox \\"5\\""'

Ingest = Callable[..., FileResult]


@pytest.fixture
def ingest(tmp_path: Path) -> Iterator[Ingest]:
    """Lands a file of this name and content by a mapping with changes."""
    root, opened = tmp_path / "root", []
    copytree(ROOT / "ingestion" / "tracking_plan", root / "ingestion" / "tracking_plan")
    (root / FOLDER).mkdir(parents=True)
    tenant = root / "ingestion" / "tracking_plan" / "tenants" / "rentals.yml"
    tenant.write_text(tenant.read_text().replace("sources:\n", "sources:\n  bookings: {expected: never}\n"))

    def land(name: str, content: bytes, base: dict[str, Any] = BOOKINGS, **changes: Any) -> FileResult:
        (root / FOLDER / "bookings.yml").write_text(yaml.safe_dump(base | changes))
        (tmp_path / name).write_bytes(content)
        opened.append(FileSource.open(Settings.for_home(tmp_path / "home", root=root), "bookings"))
        return opened[-1].ingest_file(tmp_path / name, NOW)

    yield land
    for source in opened:
        source.__exit__(None, None, None)


def landed(tmp_path: Path, kind: Any = "events") -> list[dict[str, Any]]:
    lake = Lake.open(Settings.for_home(tmp_path / "home"))
    return [row for entry in lake.entries(kind) for row in lake.read(entry).to_pylist()]


def _why(refused: dict[str, Any]) -> str:
    (reason,) = json.loads(refused["reasons"])
    message: str = reason["message"]
    return message


def lines(*rows: Any) -> bytes:
    return "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows).encode()


# --- JSON Lines -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_line_becomes_its_event_exactly(ingest: Ingest, tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    exact = '{"id": "B2", "at": "2026-03-01T10:30:00+01:00", "price": 0.1001, "extra": null}'
    content = pack(lines(LINE, "", exact))
    columns = BOOKINGS["columns"] | {"extra": "ignore"}
    result = ingest("day.jsonl", content, format="jsonl", columns=columns)
    assert (result.received, result.accepted) == (2, 2)
    first, second = landed(tmp_path)
    assert (first["booking_id"], first["user_id"], first["amount"]) == ("B1", "17", Decimal("10.1000"))
    assert (second["amount"], second["user_id"], second["nights"]) == (Decimal("0.1001"), None, None)
    assert first["event_at"] == second["event_at"] == datetime(2026, 3, 1, 9, 30)


@pytest.mark.parametrize(
    ("bad", "column", "words"),
    [
        ("{'id': 1}", None, "is not JSON"),
        ('{"id": "B2"', None, "is not JSON"),
        ("[1, 2]", None, "is not a JSON object"),
        ('{"id": NaN}', None, "numbers must be finite"),
        ('{"id": "B2", "id": "B3"}', None, "'id' stands twice"),
        ("[" * 100_000, None, "nested too deeply"),
        ({"id": "B2", "colour": "red"}, "colour", "is not declared"),
        (LINE | {"nights": 1.5}, "nights", "'1.5' is not an integer"),
        (LINE | {"nights": [1]}, "nights", "'[1]' is not an integer"),
        (LINE | {"price": "ten"}, "price", "'ten' is not a decimal number"),
        (LINE | {"at": "2026-03-01"}, "at", "is not a time with an offset"),
        (LINE | {"at": "03/04/2026"}, "at", "declare date_format"),
    ],
)
def test_a_bad_line_is_named_and_nothing_lands(
    ingest: Ingest, tmp_path: Path, bad: Any, column: str | None, words: str
) -> None:
    with pytest.raises(FileProblem) as raised:
        ingest("day.jsonl", lines(LINE, "", bad, LINE), format="jsonl")
    assert (raised.value.line, raised.value.column, raised.value.code) == (3, column, "source_parse_error")
    assert words in str(raised.value)
    assert landed(tmp_path) == landed(tmp_path, "quarantine") == []


# --- Parquet ----------------------------------------------------------------------------------------------------------


def parquet(path: Path, **changes: pa.Array) -> bytes:
    columns: dict[str, Any] = {
        "id": ["B1", "B2"],
        "at": pa.array([datetime(2026, 3, 1, 9, 30), datetime(2026, 3, 1, 9, 31)], pa.timestamp("us", "UTC")),
        "price": pa.array([Decimal("10.10"), Decimal("0.1001")], pa.decimal128(18, 4)),
        "buyer.id": [17, None],
        "nights": [2, None],
    }
    pq.write_table(pa.table({name: column for name, column in (columns | changes).items() if column is not None}), path)
    return path.read_bytes()


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_parquet_row_becomes_its_event(ingest: Ingest, tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    content = pack(parquet(tmp_path / "made"))
    assert ingest("day.parquet", content, format="parquet").accepted == 2
    rows = landed(tmp_path)
    assert [(r["booking_id"], r["amount"], r["user_id"]) for r in rows] == [
        ("B1", Decimal("10.1000"), "17"),
        ("B2", Decimal("0.1001"), None),
    ]
    assert rows[0]["event_at"] == datetime(2026, 3, 1, 9, 30)


@pytest.mark.parametrize(
    ("changes", "row", "column", "words"),
    [
        ({"price": pa.array([1.5, 0.1 + 0.2])}, 2, "price", "at most 4 decimals"),
        ({"at": pa.array(["2026-03-01T09:30:00Z", "soon"])}, 2, "at", "'soon' is not a time"),
        ({"nights": None}, None, "nights", "the file lacks it"),
        ({"colour": pa.array(["red", "blue"])}, None, "colour", "is not declared"),
        ({"id": pa.array([b"\xff", b"\xfe"])}, None, "id", "holds bytes"),
    ],
)
def test_a_bad_parquet_value_is_named(
    ingest: Ingest, tmp_path: Path, changes: dict[str, Any], row: int | None, column: str, words: str
) -> None:
    with pytest.raises(FileProblem) as raised:
        ingest("day.parquet", parquet(tmp_path / "made", **changes), format="parquet")
    assert (raised.value.row, raised.value.column) == (row, column)
    assert words in str(raised.value)
    assert landed(tmp_path) == []


@pytest.mark.parametrize("content", [b"", b"PAR1", b"id,at\n1,2\n"])
def test_what_is_no_parquet_file_is_named(ingest: Ingest, content: bytes) -> None:
    with pytest.raises(FileProblem, match="cannot be read as Parquet"):
        ingest("day.parquet", content, format="parquet")


# --- access logs ------------------------------------------------------------------------------------------------------


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


# --- numbers and times for people -------------------------------------------------------------------------------------

PEOPLE = [
    ("1.234,56 €", {"type": "money", "decimal": ","}, Decimal("1234.56")),
    ("EUR 1.234.567", {"type": "money", "decimal": ","}, Decimal(1234567)),
    ("-€1,234.56", {"type": "money", "decimal": "."}, Decimal("-1234.56")),
    ("7", {"type": "money", "decimal": "."}, Decimal(7)),
    ("1,23", {"type": "money", "decimal": "."}, None),
    ("1.2.3", {"type": "money", "decimal": ","}, None),
    ("12 apples", {"type": "money", "decimal": "."}, None),
    ("1,00001", {"type": "money", "decimal": ","}, None),
]


@pytest.mark.parametrize(("text", "declared", "amount"), PEOPLE)
def test_numbers_as_people_write_them(
    ingest: Ingest, tmp_path: Path, text: str, declared: dict[str, str], amount: Decimal | None
) -> None:
    columns = BOOKINGS["columns"] | {"price": declared}
    if amount is None:
        with pytest.raises(FileProblem, match="before the decimals"):
            ingest("a.jsonl", lines(LINE | {"price": text}), format="jsonl", columns=columns)
    else:
        ingest("a.jsonl", lines(LINE | {"price": text}), format="jsonl", columns=columns)
        assert landed(tmp_path)[0]["amount"] == amount


@pytest.mark.parametrize(("text", "form"), [(1772357400, "epoch"), ("1772357400000", "epoch_ms")])
def test_times_may_be_counted_since_1970(ingest: Ingest, tmp_path: Path, text: Any, form: str) -> None:
    columns = BOOKINGS["columns"] | {"at": {"type": "instant", "format": form}}
    ingest("a.jsonl", lines(LINE | {"at": text}), format="jsonl", columns=columns)
    assert landed(tmp_path)[0]["event_at"] == datetime(2026, 3, 1, 9, 30)


@pytest.mark.parametrize(
    ("base", "changes", "words"),
    [
        (BOOKINGS, {"format": "xlsx"}, "format"),
        (BOOKINGS, {"columns": {}}, "columns must name"),
        (LOG, {"columns": {"host": "string"}}, "columns of an access log are known"),
        (
            BOOKINGS,
            {"columns": BOOKINGS["columns"] | {"at": {"type": "date", "format": "epoch"}}},
            "belongs to instant",
        ),
        (BOOKINGS, {"columns": BOOKINGS["columns"] | {"id": {"type": "string", "decimal": ","}}}, "decimal belongs to"),
    ],
)
def test_a_wrong_mapping_is_named(ingest: Ingest, base: dict[str, Any], changes: dict[str, Any], words: str) -> None:
    with pytest.raises(AlmanacError, match=words):
        ingest("a.jsonl", b"", base, **changes)


def test_a_folder_gives_the_files_of_its_format(tmp_path: Path) -> None:
    for name in ("a.csv", "b.jsonl.gz", "c.parquet", "access.log", "access.log.1", "access.log.2.gz", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    found = {kind: [p.name for p in find_files([tmp_path], kind)] for kind in ("csv", "jsonl", "parquet", "access_log")}
    assert found == {
        "csv": ["a.csv"],
        "jsonl": ["b.jsonl.gz"],
        "parquet": ["c.parquet"],
        "access_log": ["access.log", "access.log.1", "access.log.2.gz"],
    }


# --- a real log -------------------------------------------------------------------------------------------------------


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
