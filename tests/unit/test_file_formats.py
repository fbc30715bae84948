"""JSON Lines and Parquet: the same exact types, the same honest errors as CSV."""

import gzip
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from almanac.errors import AlmanacError
from ingestion.sources.problems import FileProblem
from ingestion.sources.readers import find_files
from tests.landed_files import BOOKINGS, LOG, Ingest, ingester, landed, lines

LINE = {"id": "B1", "at": "2026-03-01T09:30:00Z", "price": 10.10, "buyer": {"id": 17}, "nights": 2}


@pytest.fixture
def ingest(tmp_path: Path) -> Iterator[Ingest]:
    """Lands a file of this name and content by a mapping with changes."""
    yield from ingester(tmp_path)


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
