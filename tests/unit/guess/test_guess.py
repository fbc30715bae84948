"""`almanac ingest my.csv` without a mapping: what is guessed, what is asked, what is refused, what is written."""

from pathlib import Path

import pytest

from almanac.errors import AlmanacError
from almanac.settings import Settings
from ingestion.lake import Lake
from ingestion.sources.guessed_roles import roles
from ingestion.sources.guessed_types import look
from ingestion.sources.mapping import load_mapping
from ingestion.sources.problems import FileProblem
from ingestion.tracking_plan import load_plan
from tests.guessed import Ingest, written

PLAIN = "order_id,customer_id,ordered_at,total\nA1,7,2026-03-01 09:30:00,12.50\nA2,7,2026-03-02 10:00:00,7.25\n"
PEOPLE = "Bestellnummer;Kunde;Datum;Betrag\n17;Müller;31.03.2026 14:05;1.234,56 €\n18;Ümit;1.4.2026 09:00;99,00 €\n"


@pytest.fixture
def at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestion.sources.adopt._is_interactive", lambda: True)


def landed(tmp_path: Path) -> list[tuple[object, ...]]:
    lake = Lake.open(Settings.for_home(tmp_path / "home", tmp_path / "root"))
    rows = [row for entry in lake.entries("events") for row in lake.read(entry).to_pylist()]
    names = ("tenant", "event", "booking_id", "user_id", "currency")
    return sorted((*(row[n] for n in names), str(row["amount"]), f"{row['event_at']:%Y-%m-%d %H:%M}") for row in rows)


def test_a_plain_file_lands_and_leaves_a_mapping_that_works_again(ingest: Ingest, root: Path, tmp_path: Path) -> None:
    result = ingest(PLAIN, "--yes")
    assert result.exit_code == 0, result.output
    assert "time ordered_at, amount total, booking order_id, buyer customer_id" in result.output
    assert "USD is assumed (--currency)" in result.output
    assert landed(tmp_path) == [
        ("mine", "booking_confirmed", "A1", "7", "USD", "12.5000", "2026-03-01 09:30"),
        ("mine", "booking_confirmed", "A2", "7", "USD", "7.2500", "2026-03-02 10:00"),
    ]
    mapping = load_mapping(root, "my", load_plan(root))
    assert (mapping.natural_key, mapping.columns["total"]) == (("order_id",), "money")
    again = ingest(PLAIN, name="my.csv")  # the mapping stands: nothing is asked
    assert "1 file had landed before" in again.output
    assert len(landed(tmp_path)) == 2


def test_what_is_said_of_a_file_that_has_a_mapping_is_refused_and_not_ignored(ingest: Ingest, tmp_path: Path) -> None:
    assert ingest(PLAIN, "--yes").exit_code == 0
    for options in (("--tenant", "other"), ("--id", "customer_id"), ("--currency", "USD")):
        refused = ingest(PLAIN.replace("A1", "C1"), "--yes", *options)
        assert f"my.yml (tenant mine) says already what a file of this name is, so {options[0]}" in str(
            refused.exception
        )
    assert len(landed(tmp_path)) == 2
    again = ingest(PLAIN.replace("A1", "C1"), "--yes", "--tenant", "mine")
    assert "Using the mapping ingestion/sources/files/my.yml (tenant mine)" in again.output


def test_it_is_said_what_becomes_of_rows_that_come_again(ingest: Ingest) -> None:
    first = ingest(PLAIN, "--yes")
    assert "every row would count again" not in first.output
    assert "the first values count: see `almanac events conflicts`" in ingest(PLAIN.replace("12.50", "13.00")).output
    keyless = PLAIN.replace("A2", "A1")
    first = ingest(keyless, "--yes", name="lines.csv")
    assert "in another version of this file every row would count again (natural_key)" in first.output
    assert "counts again: see docs/sources.md" not in first.output
    assert "counts again: see docs/sources.md" in ingest(keyless + keyless.splitlines()[1], name="lines.csv").output


def test_a_second_file_joins_the_tenant_and_one_in_another_currency_is_refused(ingest: Ingest, root: Path) -> None:
    assert ingest(PLAIN, "--yes", "--currency", "EUR").exit_code == 0
    assert ingest(PLAIN.replace("A1", "B1"), "--yes", name="more.csv").exit_code == 0
    assert load_plan(root).tenants["mine"].sources.keys() == {"my", "more"}
    refused = ingest(PLAIN.replace("12.50", "$12.50"), "--yes", name="other.csv")
    assert isinstance(refused.exception, AlmanacError)
    assert "keeps its amounts in EUR, the file has USD" in str(refused.exception)
    assert ingest(PLAIN, "--yes", "--tenant", "third", "--currency", "USD", name="other.csv").exit_code == 0


def test_a_file_as_people_write_it(ingest: Ingest, tmp_path: Path) -> None:
    result = ingest(
        PEOPLE.encode("cp1252"), "--yes", "--time-zone", "Europe/Berlin", "--id", "Bestellnummer", "--amount", "Betrag"
    )
    assert result.exit_code == 0, (result.output, result.exception)
    assert landed(tmp_path) == [
        ("mine", "booking_confirmed", "my-17", None, "EUR", "1234.5600", "2026-03-31 12:05"),
        ("mine", "booking_confirmed", "my-18", None, "EUR", "99.0000", "2026-04-01 07:00"),
    ]


AMBIGUOUS = PLAIN.replace("2026-03-01 09:30:00", "03/04/2026").replace("2026-03-02 10:00:00", "05/06/2026")


def test_dates_that_can_be_read_two_ways_are_refused_where_nobody_can_be_asked(ingest: Ingest, root: Path) -> None:
    result = ingest(AMBIGUOUS, "--yes")
    assert isinstance(result.exception, AlmanacError)
    assert "declare date_format, with --date-format" in str(result.exception)
    assert "'%d/%m/%Y' or '%m/%d/%Y'" in str(result.exception)
    assert written(root) == []


@pytest.mark.parametrize(("form", "day"), [("%d/%m/%Y", "2026-04-03"), ("%m/%d/%Y", "2026-03-04")])
def test_dates_are_read_as_declared_or_answered(
    ingest: Ingest, tmp_path: Path, form: str, day: str, request: pytest.FixtureRequest
) -> None:
    assert ingest(AMBIGUOUS, "--yes", "--date-format", form).exit_code == 0
    request.getfixturevalue("at_a_terminal")
    assert ingest(AMBIGUOUS, name="asked.csv", answers=f"{form}\ny\n").exit_code == 0
    assert [row[-1] for row in landed(tmp_path)].count(f"{day} 00:00") == 2


def test_a_day_beyond_twelve_decides(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(AMBIGUOUS.replace("05/06", "05/16"))
    time = look(tmp_path / "a.csv").column("ordered_at")
    assert (time.declared.format, time.other_formats) == ("%m/%d/%Y", ())  # type: ignore[union-attr]


def test_thousands_or_decimals_are_asked(ingest: Ingest, tmp_path: Path) -> None:
    text = PLAIN.replace("12.50", '"1,234"').replace("7.25", '"2,500"')
    refused = ingest(text, "--yes")
    assert "declare decimal, with --decimal" in str(refused.exception)
    assert ingest(text, "--yes", "--decimal", ".").exit_code == 0
    assert {row[-2] for row in landed(tmp_path)} == {"1234.0000", "2500.0000"}


def test_nobody_to_ask_and_no_yes_is_refused(ingest: Ingest, root: Path, tmp_path: Path) -> None:
    result = ingest(PLAIN)
    assert "pass --yes" in str(result.exception)
    assert "A1" in result.output  # what it would have been is shown all the same
    assert written(root) == landed(tmp_path) == []


@pytest.mark.usefixtures("at_a_terminal")
def test_a_no_writes_nothing(ingest: Ingest, root: Path, tmp_path: Path) -> None:
    assert ingest(PLAIN, answers="n\n").exit_code == 1
    assert written(root) == landed(tmp_path) == []
    assert ingest(PLAIN, answers="y\n").exit_code == 0
    assert len(landed(tmp_path)) == 2


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        ("", (), "is empty or begins with an empty line"),
        ("order_id,total\nA1,2.50\n", (), "no column holds a time"),
        ("order_id,ordered_at\nA1,2026-03-01\n", (), "no column looks like amounts"),
        (PLAIN, ("--time", "total"), "total does not hold a time"),
        (PLAIN, ("--amount", "order_id"), "order_id does not hold amounts"),
        (PLAIN, ("--amount", "price"), "no column 'price'"),
        (PLAIN.splitlines()[0] + "\n", (), "has a header and no rows"),
        ("A1,7,2026-03-01,12.50\n", (), "the first line holds numbers"),
        (PLAIN.replace("total", "order_id"), (), "name every column"),
        (",".join(f"c{n}" for n in range(5_000)) + "\n", (), "5,000 columns"),
        ("one\n1\n2\n", (), "rows all have the header's columns"),
        ("order_id,ordered_at,total,currency\nA,2026-03-01,10,EUR\nB,2026-03-01,20,USD\n", (), "several currencies"),
    ],
)
def test_what_cannot_be_guessed_is_said(
    ingest: Ingest, root: Path, content: str, options: tuple[str, ...], words: str
) -> None:
    result = ingest(content, "--yes", *options)
    assert isinstance(result.exception, AlmanacError)
    assert words in str(result.exception)
    assert written(root) == []


def test_amounts_below_zero_are_cancellations_and_price_times_quantity_is_an_amount(
    ingest: Ingest, tmp_path: Path
) -> None:
    assert (
        ingest(
            "invoice;sku;quantity;unit_price;invoiced_on\n1;a;2;1.50;2026-03-01\n1;a;-1;1.50;2026-03-02\n", "--yes"
        ).exit_code
        == 0
    )
    assert [(row[1], row[-2]) for row in landed(tmp_path)] == [
        ("booking_cancelled", "1.5000"),
        ("booking_confirmed", "3.0000"),
    ]


def test_broken_bytes_are_the_western_encoding_and_a_damaged_gzip_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(b"\x1f\x8b\x00\x00")
    with pytest.raises(FileProblem, match="damaged or cut off"):
        look(tmp_path / "a.csv.gz")


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("hotel_bookings/hotel_bookings.csv.gz", ("reservation_status_date", "adr", None, None, None)),
        ("sakila_rental/payment.csv.gz", ("payment_date", "amount", "payment_id", None, "customer_id")),
        ("online_retail/by-day/2010-12-01.csv.gz", ("InvoiceDate", "UnitPrice", "InvoiceNo", "Quantity", None)),
    ],
)
def test_real_files_are_understood(data_folder: Path, file: str, expected: tuple[str | None, ...]) -> None:
    found = roles(look(data_folder / file))
    columns = (found.time, found.amount, found.booking, found.quantity, found.buyer)
    assert tuple(column and column.name for column in columns) == expected
    assert found.time.other_formats == ()
