"""File sources: exact values, and one landing for one content."""

import gzip
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from almanac.errors import AlmanacError
from almanac.settings import Settings
from almanac.state import open_state, suppress
from ingestion.lake import Lake
from ingestion.sources.cli import COMMANDS
from ingestion.sources.local_time import Clock
from ingestion.sources.problems import FileProblem
from ingestion.sources.readers import find_files
from tests.order_files import GOOD, HEADER, MAPPING, NOW, RETURNED, Open, landed

# --- what lands -------------------------------------------------------------------------------------------------------


def test_a_row_becomes_its_event(orders: Open, write: Callable[..., Path], tmp_path: Path) -> None:
    result = orders().ingest_file(write(*GOOD), NOW)
    assert (result.received, result.accepted, result.quarantined, result.is_new) == (2, 2, 0, True)
    first, second = landed(tmp_path)
    assert (first["event"], first["type"], first["booking_id"]) == ("booking_confirmed", "track", "A1")
    assert (first["tenant"], first["source"]) == ("online_retail", "orders")
    assert first["amount"] == Decimal("2.2000")
    assert (first["user_id"], second["user_id"]) == ("17", None)
    assert second["amount"] == Decimal("0.0010")
    assert second["description"] == 'a "b", c'
    assert (first["currency"], first["quantity"]) == ("GBP", 2)
    assert first["event_at"] == datetime(2026, 3, 1, 9, 30)
    assert (first["time_quality"], first["warnings"]) == ("ok", None)
    assert [c["received"] for c in landed(tmp_path, "counters")] == [2]


def test_columns_may_come_in_any_order_and_some_be_ignored(
    orders: Open, write: Callable[..., Path], tmp_path: Path
) -> None:
    source = orders(columns=MAPPING["columns"] | {"colour": "ignore"})
    source.ingest_file(
        write("tea,blue,A1,1,2026-03-01 09:30:00,2,1.10,17", header="note,colour,order,line,when,pieces,price,buyer"),
        NOW,
    )
    (row,) = landed(tmp_path)
    assert (row["booking_id"], row["description"], row["amount"]) == ("A1", "tea", Decimal("2.2000"))


def test_delimiter_quote_encoding_and_words_for_nothing_are_declared(
    orders: Open, write: Callable[..., Path], tmp_path: Path
) -> None:
    source = orders(delimiter=";", quote="'", encoding="cp1252", null_values=["", "NULL"])
    path = write("A1;1;2026-03-01 09:30:00;2;1.10;NULL;'£5; tea'", header=HEADER.replace(",", ";"))
    path.write_bytes(path.read_text(encoding="utf-8").encode("cp1252"))
    source.ingest_file(path, NOW)
    (row,) = landed(tmp_path)
    assert (row["description"], row["user_id"]) == ("£5; tea", None)


def test_a_byte_order_mark_and_windows_line_ends_are_no_matter(
    orders: Open, write: Callable[..., Path], tmp_path: Path
) -> None:
    path = write(*GOOD, end="\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert orders().ingest_file(path, NOW).accepted == 2
    assert landed(tmp_path)[0]["booking_id"] == "A1"


def test_what_breaks_the_tracking_plan_goes_to_quarantine(
    orders: Open, write: Callable[..., Path], tmp_path: Path
) -> None:
    result = orders().ingest_file(write(GOOD[0], "A2,1,2026-03-01 09:30:00,2,,17,tea"), NOW)
    assert (result.received, result.accepted, result.quarantined) == (2, 1, 1)
    (refused,) = landed(tmp_path, "quarantine")
    assert (refused["field"], refused["code"], refused["event"]) == ("amount", "missing", "booking_confirmed")


def test_an_unknown_event_goes_to_quarantine(orders: Open, write: Callable[..., Path], tmp_path: Path) -> None:
    orders(event="note").ingest_file(write(*GOOD), NOW)
    assert {row["code"] for row in landed(tmp_path, "quarantine")} == {"unknown_event"}


def test_old_rows_are_history_and_not_too_old(orders: Open, write: Callable[..., Path], tmp_path: Path) -> None:
    orders().ingest_file(write("A1,1,2010-01-01 00:00:00,2,1.10,17,tea"), NOW)
    assert landed(tmp_path)[0]["time_quality"] == "ok"


def test_old_rows_without_history_are_too_old(orders: Open, write: Callable[..., Path], tmp_path: Path) -> None:
    orders(history_from=None).ingest_file(write("A1,1,2010-01-01 00:00:00,2,1.10,17,tea"), NOW)
    assert landed(tmp_path)[0]["time_quality"] == "too_old"


def test_a_file_without_rows_lands_and_is_known(orders: Open, write: Callable[..., Path], tmp_path: Path) -> None:
    source = orders()
    assert source.ingest_file(write(), NOW).is_new
    assert not source.ingest_file(write(), NOW).is_new
    assert landed(tmp_path) == []


def test_amounts_are_exact(orders: Open, write: Callable[..., Path], tmp_path: Path) -> None:
    orders().ingest_file(write(*(f"A{n},1,2026-03-01 09:30:00,3,0.1,17,tea" for n in range(1_000))), NOW)
    assert sum(row["amount"] for row in landed(tmp_path)) == 300


# --- local time -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("local", "utc"),
    [
        ("2026-03-29 00:59:59", "2026-03-29 00:59:59"),  # before clocks go forward at one
        ("2026-03-29 01:30:00", "2026-03-29 01:30:00"),  # does not occur: the offset before the change
        ("2026-03-29 02:00:00", "2026-03-29 01:00:00"),
        ("2026-10-25 00:30:00", "2026-10-24 23:30:00"),
        ("2026-10-25 01:30:00", "2026-10-25 00:30:00"),  # occurs twice: the first time
        ("2026-10-25 02:00:00", "2026-10-25 02:00:00"),
        ("2026-07-01 12:00:00.123456", "2026-07-01 11:00:00.123456"),
    ],
)
def test_local_times_become_exact_instants(local: str, utc: str) -> None:
    found = Clock("Europe/London").utc(datetime.fromisoformat(local))
    assert found == datetime.fromisoformat(utc).replace(tzinfo=UTC)


def test_a_local_time_that_does_not_occur_is_warned_of(
    orders: Open, write: Callable[..., Path], tmp_path: Path
) -> None:
    also = {**RETURNED, "event_at": "strptime(note, 'back on %Y-%m-%d %H:%M')"}
    source = orders(also=[also], properties=MAPPING["properties"] | {"starts_at": '"when"'})
    times = ("2026-03-29 00:59:59", "2026-03-29 01:00:00", "2026-03-29 01:59:59", "2026-03-29 02:00:00")
    times += ("2025-10-26 01:30:00",)  # occurs twice
    rows = [f"A{n},1,{time},2,1.10,17,tea" for n, time in enumerate(times)]
    rows += ["A5,1,2026-03-29 01:30:00,2,1.10,17,back on 2026-03-29 03:00"]
    assert source.ingest_file(write(*rows), NOW).accepted == 7
    said = [row["warnings"] and json.loads(row["warnings"]) for row in landed(tmp_path)]
    skipped = ["skipped_local_time:timestamp", "skipped_local_time:starts_at"]
    assert said == [None, skipped, skipped, None, None, skipped, None]
    assert {row["time_quality"] for row in landed(tmp_path)} == {"ok"}


def test_a_day_that_begins_with_the_change_of_clocks_begins_there() -> None:
    clock = Clock("Asia/Beirut")  # clocks go from midnight to one
    assert clock.utc(date(2026, 3, 29)) == datetime(2026, 3, 28, 22, tzinfo=UTC)
    assert not clock.skips(date(2026, 3, 29))
    clock.utc(datetime(2026, 3, 29, 0, 30))
    assert clock.skips(datetime(2026, 3, 29, 0, 30))
    assert not clock.skips(datetime(2026, 3, 29, 0, 30, tzinfo=UTC))


def test_a_date_is_its_first_moment_and_an_instant_is_itself() -> None:
    clock = Clock("Asia/Kolkata")
    assert clock.utc(date(2026, 3, 2)) == datetime(2026, 3, 1, 18, 30, tzinfo=UTC)
    instant = datetime(2026, 3, 2, 5, tzinfo=UTC)
    assert clock.utc(instant) == instant


def test_times_of_a_file_are_local_unless_they_say_otherwise(
    orders: Open, write: Callable[..., Path], tmp_path: Path
) -> None:
    orders().ingest_file(write("A1,1,2026-07-01 12:00:00,2,1.10,17,tea", name="local.csv"), NOW.replace(month=7))
    orders(columns=MAPPING["columns"] | {"when": "instant"}).ingest_file(
        write("A2,1,2026-07-01T12:00:00+02:00,2,1.10,17,tea", name="instant.csv"), NOW.replace(month=7, day=30)
    )
    orders(columns=MAPPING["columns"] | {"when": {"type": "timestamp", "format": "%d/%m/%Y %H:%M"}}).ingest_file(
        write("A3,1,01/07/2026 12:00,2,1.10,17,tea", name="format.csv"), NOW.replace(month=8)
    )
    assert {row["booking_id"]: row["event_at"].hour for row in landed(tmp_path)} == {"A1": 11, "A2": 10, "A3": 11}


# --- redelivery and identity ------------------------------------------------------------------------------------------


def test_a_second_delivery_lands_nothing_however_it_comes(
    orders: Open, write: Callable[..., Path], tmp_path: Path
) -> None:
    source, path = orders(), write(*GOOD)
    content = path.read_bytes()
    source.ingest_file(path, NOW)
    before = landed(tmp_path), landed(tmp_path, "counters")
    (tmp_path / "again.csv").write_bytes(content)
    (tmp_path / "packed.csv.gz").write_bytes(gzip.compress(content))
    (tmp_path / "packed").write_bytes(gzip.compress(content, mtime=7, compresslevel=1))
    for name in ("day.csv", "again.csv", "packed.csv.gz", "packed"):
        for days in (0, 3):
            for opened in (source, orders()):
                result = opened.ingest_file(tmp_path / name, NOW.replace(day=1 + days))
                assert (result.is_new, result.received) == (False, 0)
    assert (landed(tmp_path), landed(tmp_path, "counters")) == before


def test_equal_rows_are_two_events_without_a_natural_key(
    orders: Open, write: Callable[..., Path], tmp_path: Path
) -> None:
    source = orders()
    source.ingest_file(write(GOOD[0], GOOD[0]), NOW)
    source.ingest_file(write(GOOD[0], name="other.csv"), NOW)
    assert len({row["message_id"] for row in landed(tmp_path)}) == 3


def test_a_natural_key_is_the_event_wherever_it_stands(
    orders: Open, write: Callable[..., Path], tmp_path: Path
) -> None:
    source = orders(natural_key=["order", "line"])
    source.ingest_file(write(*GOOD), NOW)
    source.ingest_file(write(GOOD[1], "A,11,2026-03-01 09:30:00,2,1.10,17,tea", name="other.csv"), NOW)
    ids = {(row["booking_id"], row["quantity"]): set[Any]() for row in landed(tmp_path)}
    for row in landed(tmp_path):
        ids[row["booking_id"], row["quantity"]].add(row["message_id"])
    assert all(len(found) == 1 for found in ids.values())
    assert len(set.union(*ids.values())) == 3


@pytest.mark.parametrize("natural_key", [[], ["order"]])
def test_a_large_file_lands_in_parts_and_a_broken_off_one_is_completed(
    orders: Open, write: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, natural_key: list[str]
) -> None:
    monkeypatch.setattr("ingestion.sources.file_source.PART_ROWS", 4)
    path = write(*(f"A{n},1,2026-03-01 09:30:00,{n},1,17,tea" for n in range(11)))
    source, land, calls = orders(natural_key=natural_key), Lake.land, []

    def land_two(self: Lake, *given: Any, **named: Any) -> Any:
        calls.append(named["received"])
        if len(calls) == 3:
            raise AlmanacError("the disk is full")
        return land(self, *given, **named)

    monkeypatch.setattr(Lake, "land", land_two)
    with pytest.raises(AlmanacError, match="disk is full"):
        source.ingest_file(path, NOW)
    assert len(landed(tmp_path)) == 8
    result = orders(natural_key=natural_key).ingest_file(path, NOW.replace(day=30))
    assert (result.received, result.accepted, result.is_new) == (3, 3, True)
    assert not source.ingest_file(path, NOW).is_new
    assert sorted(row["quantity"] for row in landed(tmp_path)) == list(range(11))
    assert len({row["message_id"] for row in landed(tmp_path)}) == 11
    assert sum(counter["received"] for counter in landed(tmp_path, "counters")) == 11


# --- several events of one row ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("natural_key", [[], ["order"]])
def test_a_row_may_be_several_events_of_one_person(
    orders: Open, write: Callable[..., Path], tmp_path: Path, natural_key: list[str]
) -> None:
    path = write("A1,1,2026-03-01 09:30:00,2,1.10,17,back on 2026-03-04", "A2,1,2026-03-02 09:30:00,1,5,18,tea")
    source = orders(also=[RETURNED], natural_key=natural_key)
    result = source.ingest_file(path, NOW)
    assert (result.received, result.accepted, result.quarantined) == (3, 3, 0)
    assert not source.ingest_file(path, NOW).is_new
    rows = sorted(landed(tmp_path), key=lambda row: row["event_at"])
    assert [(r["event"], r["booking_id"], r["user_id"], r["amount"], r["quantity"]) for r in rows] == [
        ("booking_confirmed", "A1", "17", Decimal("2.20"), 2),
        ("booking_confirmed", "A2", "18", Decimal("5.00"), 1),
        ("booking_cancelled", "A1", "17", Decimal("1.10"), None),
    ]
    assert rows[2]["event_at"] == datetime(2026, 3, 4)
    assert len({row["message_id"] for row in rows}) == 3
    # A row's own event is known as it would be without others.
    (alone,) = [m["messageId"] for m in orders(natural_key=natural_key).preview(path, 1)]
    assert alone == str(rows[0]["message_id"])


def test_further_events_count_in_the_parts_of_a_large_file(
    orders: Open, write: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestion.sources.file_source.PART_ROWS", 4)
    path = write(*(f"A{n},1,2026-03-01 09:30:00,{n},1,17,back on 2026-03-04" for n in range(5)))
    result = orders(also=[RETURNED]).ingest_file(path, NOW)
    assert (result.received, result.accepted) == (10, 10)
    assert sorted(counter["received"] for counter in landed(tmp_path, "counters")) == [2, 4, 4]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"event_at": "strptime(note, 'on %Y-%m-%d')"}, "also.0.event_at"),
        ({"when": "cast(note as boolean)"}, "also.0.when"),
    ],
)
def test_a_row_on_which_a_further_event_fails_is_named(
    orders: Open, write: Callable[..., Path], tmp_path: Path, change: dict[str, Any], field: str
) -> None:
    path = write("A1,1,2026-03-01 09:30:00,2,1,17,true", "A2,1,2026-03-01 09:30:00,2,1,17,back on 2026-03-04")
    with pytest.raises(FileProblem, match=f"{field} has no value") as raised:
        orders(also=[RETURNED | change]).ingest_file(path, NOW)
    assert raised.value.row == 2
    assert landed(tmp_path) == []


def test_equal_orders_are_told_apart_by_the_number_of_their_row(
    orders: Open, write: Callable[..., Path], tmp_path: Path
) -> None:
    properties = MAPPING["properties"] | {"booking_id": '"#row"::varchar'}
    orders(properties=properties).ingest_file(write(GOOD[1], GOOD[1]), NOW)
    assert sorted(row["booking_id"] for row in landed(tmp_path)) == ["1", "2"]


# --- the command ------------------------------------------------------------------------------------------------------


def test_folders_are_searched_and_missing_paths_named(tmp_path: Path) -> None:
    inside = tmp_path / "in" / "deep"
    inside.mkdir(parents=True)
    for name in ("b.csv", "a.csv.gz", "deep/c.CSV", "notes.txt"):
        (tmp_path / "in" / name).write_text("")
    found = find_files([tmp_path / "in", tmp_path / "in" / "notes.txt"])
    assert [path.name for path in found] == ["a.csv.gz", "b.csv", "c.CSV", "notes.txt"]
    with pytest.raises(AlmanacError, match="does not exist"):
        find_files([tmp_path / "gone"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(AlmanacError, match="holds no file"):
        find_files([tmp_path / "empty"])


def test_the_command_lands_what_it_can_and_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALMANAC_HOME", str(tmp_path / "home"))
    header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
    (tmp_path / "good.csv").write_text(header + "C1,S,tea,-2,2011-06-01 10:00:00,1.25,17.0,France\n")
    arguments = [str(tmp_path / "good.csv"), "--source", "online_retail"]
    run = CliRunner().invoke(COMMANDS["ingest"], arguments)
    assert (run.exit_code, run.stderr) == (0, "")
    assert run.stdout == "online_retail: 1 file landed, 1 row received (1 accepted, 0 quarantined)\n"
    (row,) = landed(tmp_path)
    assert (row["event"], row["amount"], row["user_id"]) == ("booking_cancelled", Decimal("2.5000"), "17")
    assert row["event_at"] == datetime(2011, 6, 1, 9)

    (tmp_path / "bad.csv").write_text(header + "1,S,tea,x,2011-06-01 10:00:00,1.25,17.0,France\n")
    run = CliRunner().invoke(COMMANDS["ingest"], [str(tmp_path / "bad.csv"), *arguments])
    assert isinstance(run.exception, AlmanacError)
    assert "bad.csv, line 2, column Quantity: 'x' is not an integer" in run.stderr
    assert "1 file had landed before; 1 file failed" in run.stdout


def test_rows_about_suppressed_people_are_dropped_and_counted(
    orders: Open, write: Callable[..., Path], tmp_path: Path
) -> None:
    state = open_state(Settings.for_home(tmp_path / "home"))
    suppress(state, "online_retail", "user", "B2")
    state.close()
    rows = [f"O{n},1,2026-03-30 10:00:00,1,2.50,B{n},x" for n in (1, 2, 3)]
    result = orders().ingest_file(write(*rows), NOW)
    assert (result.received, result.accepted, result.quarantined) == (3, 2, 0)
    assert [row["user_id"] for row in landed(tmp_path)] == ["B1", "B3"]
    (counter,) = landed(tmp_path, "counters")
    assert (counter["received"], counter["suppressed"]) == (3, 1)
    assert not orders().ingest_file(write(*rows), NOW).is_new
