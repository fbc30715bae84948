"""Malformed files and wrong mappings: named with their row and column, and nothing of them lands."""

import bz2
import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from almanac.errors import AlmanacError
from almanac.settings import ROOT, Settings
from ingestion.sources.column_types import column_type
from ingestion.sources.file_source import FileSource
from ingestion.sources.mapping import load_mapping, mapping_names
from ingestion.sources.problems import FileProblem
from ingestion.tracking_plan import Plan, load_plan
from tests.order_files import GOOD, HEADER, MAPPING, NOW, RETURNED, Open, landed

# --- malformed files --------------------------------------------------------------------------------------------------

LONG_LINE = 'A1,1,2026-03-01 09:30:00,2,1.10,17,"tea\nwith milk"'
MALFORMED = {
    "a word for a number": (
        [GOOD[0], "A1,1,2026-03-01 09:30:00,two,1.10,17,tea"],
        3,
        "pieces",
        "'two' is not an integer",
    ),
    "a fraction of a piece": (["A1,1,2026-03-01 09:30:00,1.5,1.10,17,tea"], 2, "pieces", "'1.5' is not an integer"),
    "a fifth decimal": (["A1,1,2026-03-01 09:30:00,1,1.00001,17,tea"], 2, "price", "at most 4 decimals"),
    "a price with an exponent": (["A1,1,2026-03-01 09:30:00,1,1e-3,17,tea"], 2, "price", "decimal number"),
    "a day that does not exist": (["A1,1,2026-02-30 09:30:00,2,1.10,17,tea"], 2, "when", "is not a local time"),
    "a local time with an offset": (["A1,1,2026-02-20T09:30:00Z,2,1.10,17,tea"], 2, "when", "is not a local time"),
    "lines before it that span lines": (
        [LONG_LINE, "", LONG_LINE, "A1,1,2026-03-01 09:30:00,two,1.10,17,tea"],
        7,
        "pieces",
        "'two'",
    ),
    "the first of several": (
        [GOOD[0], "A1,x,2026-03-01 09:30:00,y,1.10,17,tea", "A1,z,2026-03-01 09:30:00,1,1.10,17,tea"],
        3,
        "line",
        "(and 1 more in this column)",
    ),
    "a value too many": ([GOOD[0], "A1,1,2026-03-01 09:30:00,2,1.10,17,tea,milk"], 3, None, "too many values"),
    "a value too few": ([*GOOD, "A1,1,2026-03-01 09:30:00,2,1.10"], 4, "buyer", "too few values"),
    "a quote that never ends": (
        ['A1,1,2026-03-01 09:30:00,2,1.10,17,"tea', GOOD[0]],
        2,
        "note",
        "a quote is not closed",
    ),
}


@pytest.mark.parametrize(("lines", "line", "column", "words"), MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_row_is_named(
    orders: Open,
    write: Callable[..., Path],
    tmp_path: Path,
    lines: list[str],
    line: int,
    column: str | None,
    words: str,
) -> None:
    with pytest.raises(FileProblem) as raised:
        orders().ingest_file(write(*lines), NOW)
    assert (raised.value.line, raised.value.column) == (line, column)
    assert str(raised.value).startswith(f"{tmp_path / 'day.csv'}, line {line}")
    assert words in str(raised.value)
    assert landed(tmp_path) == []


@pytest.mark.parametrize(
    ("header", "column", "words"),
    [
        (HEADER.replace("price,", ""), "price", "lacks"),
        (HEADER + ",colour", "colour", "not declared"),
        (HEADER + ",note", "note", "twice"),
        (HEADER.replace("buyer", "Buyer"), "buyer", "lacks"),
        (GOOD[0], None, "is not the header"),
        ("", None, "header is missing"),
    ],
)
def test_a_wrong_header_is_named(
    orders: Open, write: Callable[..., Path], header: str, column: str | None, words: str
) -> None:
    with pytest.raises(FileProblem, match=words) as raised:
        orders().ingest_file(write(*GOOD, header=header), NOW)
    assert (raised.value.line, raised.value.column) == (1, column)


def zipped(content: bytes) -> bytes:
    with io.BytesIO() as whole:
        with zipfile.ZipFile(whole, "w") as archive:
            archive.writestr("a.csv", content)
        return whole.getvalue()


def broken(content: bytes) -> dict[str, tuple[str, bytes, str]]:
    packed = gzip.compress(content * 50)
    return {
        "empty": ("a.csv", b"", "header is missing"),
        "cut off": ("a.csv.gz", packed[:-20], "damaged or cut off"),
        "damaged": ("a.csv.gz", packed[:40] + b"\x00\x00" + packed[42:], "damaged or cut off"),
        "not gzip": ("a.csv.gz", bz2.compress(content), "is not a gzip file"),
        "an archive": ("a.csv", zipped(content), "is a ZIP archive or an Excel workbook"),
        "another encoding": (
            "a.csv",
            content + b"A3,1,2026-03-01 09:30:00,2,1.10,17,t\xe9\n",
            "line 4: byte 0xe9 is not utf-8",
        ),
        "mixed line ends": ("a.csv", content.replace(b"\n", b"\r\n", 1) + content[-60:], "line endings"),
    }


CONTENT = "\n".join((HEADER, *GOOD, "")).encode()


@pytest.mark.parametrize(("name", "content", "words"), broken(CONTENT).values(), ids=broken(CONTENT))
def test_a_broken_file_is_named(orders: Open, tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FileProblem, match=words):
        orders().ingest_file(tmp_path / name, NOW)
    assert landed(tmp_path) == []


def test_an_empty_part_of_the_natural_key_is_named(orders: Open, write: Callable[..., Path]) -> None:
    with pytest.raises(FileProblem, match="natural key") as raised:
        orders(natural_key=["order", "buyer"]).ingest_file(write(*GOOD), NOW)
    assert (raised.value.line, raised.value.column) == (3, "buyer")


def test_a_row_on_which_an_expression_fails_is_named(orders: Open, write: Callable[..., Path], tmp_path: Path) -> None:
    source = orders(properties=MAPPING["properties"] | {"quantity": "cast(note as integer)"})
    lines = [f"A{n},1,2026-03-01 09:30:00,2,1.10,17,{n}" for n in range(40)]
    with pytest.raises(FileProblem, match=r"properties\.quantity has no value") as raised:
        source.ingest_file(write(*lines, *GOOD), NOW)
    assert raised.value.line == 42
    assert landed(tmp_path) == []


def test_a_time_without_a_place_in_the_calendar_is_named(orders: Open, write: Callable[..., Path]) -> None:
    source = orders(event_at="case when pieces > 1 then timestamp 'infinity' else \"when\" end")
    with pytest.raises(FileProblem, match="the time lies outside of the years") as raised:
        source.ingest_file(write(GOOD[1], GOOD[0]), NOW)
    assert raised.value.line == 3


def test_a_malformed_file_fails_alone(orders: Open, write: Callable[..., Path], tmp_path: Path) -> None:
    paths = [write(GOOD[n], name=f"{n}.csv") for n in (0, 1)]
    paths.insert(1, write("A1,1", name="bad.csv"))
    paths.append(tmp_path / "gone.csv")
    ingested = orders().ingest(paths)
    assert [result.accepted for result in ingested.results] == [1, 1]
    assert ["bad.csv" in ingested.failures[0], "gone.csv" in ingested.failures[1]] == [True, True]
    assert len(landed(tmp_path)) == 2


def test_names_with_patterns_in_them_are_names(orders: Open, write: Callable[..., Path], tmp_path: Path) -> None:
    write(GOOD[0], name="day[1].csv")
    assert orders().ingest_file(write(GOOD[1], name="day*.csv"), NOW).received == 1
    assert len(landed(tmp_path)) == 1


# --- mappings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tenant": "nobody"}, "tenant: 'nobody'"),
        ({"source": "others"}, "source: 'others' must be the file's name"),
        ({"currency": "EUR"}, "currency: amounts are kept in the tenant's currency GBP"),
        ({"time_zone": "London"}, "time_zone: 'London' is not an IANA time zone"),
        ({"encoding": "utf-9"}, "encoding: 'utf-9' is no encoding"),
        ({"natural_key": ["number"]}, "natural_key names 'number'"),
        ({"columns": {"order": "text"}}, "'text' is no type"),
        ({"columns": {"order": "string", "Order": "string"}}, "differ in case only"),
        ({"properties": {"colour": "note"}}, "properties.colour: no event"),
        ({"properties": {"amount": "piece * price"}}, 'properties.amount: Binder Error: Referenced column "piece"'),
        ({"properties": {"amount": "cast(price as double)"}}, "properties.amount gives DOUBLE: money must be exact"),
        ({"properties": {"quantity": "sum(pieces)"}}, "properties.quantity: Binder Error"),
        ({"properties": {"description": "[note]"}}, "it must give one plain value"),
        ({"event_at": "when"}, """`when` is a word of SQL: write '"when"'"""),
        ({"event_at": "note"}, "event_at gives VARCHAR"),
        ({"user_id": "(select content from read_text('pyproject.toml'))"}, "user_id: Permission Error"),
        ({"event": None}, "event: field required"),
        ({"colour": "blue"}, "colour: unknown field"),
        ({"also": [RETURNED | {"when": "note"}]}, "also.0.when gives VARCHAR: it must give true or false"),
        ({"also": [RETURNED | {"event_at": "note"}]}, "also.0.event_at gives VARCHAR"),
        ({"also": [RETURNED | {"properties": {"colour": "note"}}]}, "also.0.properties.colour: no event"),
    ],
)
def test_a_wrong_mapping_is_named(orders: Open, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(AlmanacError) as raised:
        orders(**changes)
    assert words in str(raised.value)
    assert "orders" in str(raised.value)


def test_an_unknown_source_names_the_known_ones(repository: Path) -> None:
    with pytest.raises(AlmanacError, match=r"choose from (\w+, )*online_retail"):
        load_mapping(ROOT, "nothing", load_plan(ROOT))
    with pytest.raises(AlmanacError, match="there is no file source"):
        load_mapping(ROOT, "../online_retail", load_plan(ROOT))


@pytest.mark.parametrize("name", mapping_names(ROOT))
def test_every_mapping_of_the_repository_loads(name: str, plan: Plan, tmp_path: Path) -> None:
    with FileSource.open(Settings.for_home(tmp_path), name, plan=plan):
        pass


def test_types_say_what_they_take() -> None:
    assert column_type("decimal(10,2)").sql == "decimal(10,2)"
    for wrong in ("decimal(2,3)", "decimal(40,2)", "int"):
        with pytest.raises(ValueError, match=r"no type|no decimal"):
            column_type(wrong)
    with pytest.raises(ValueError, match="format"):
        column_type("integer", "%d")
