"""What keeps a file from being guessed is named: the option, or the line and the column that come nearest."""

import re
from pathlib import Path

import pytest

from almanac.errors import AlmanacError
from ingestion.sources.mapping import load_mapping
from ingestion.tracking_plan import load_plan
from tests.guessed import Ingest, written

HEADER = "order_id,created,customer,amount\n"
PLAIN = HEADER + "1,2026-03-14,c1,10.50\n2,2026-03-15,c1,11\n"
EPOCH = HEADER + "1,1773482400,c1,10.5\n2,1773482401,c1,11\n"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--date-format", "%Q"), "--date-format '%Q' is no format"),
        (("--date-format", "dd.mm.yyyy"), "--date-format 'dd.mm.yyyy' is no format"),
        (("--date-format", "epoch"), "--date-format epoch needs --time COLUMN"),
        (("--time-zone", "Mars/X"), "--time-zone 'Mars/X' is no IANA time zone: use a name such as Europe/Berlin"),
        (("--tenant", "Bad/Name"), "--tenant 'Bad/Name' is no name: use small letters"),
        (("--currency", "XXZ", "--tenant", "fresh"), "--currency 'XXZ' is no currency: use three letters"),
        (("--currency", "eur"), "--currency 'eur' is no currency"),
    ],
)
def test_an_option_that_no_file_makes_right_is_refused(
    ingest: Ingest, root: Path, options: tuple[str, ...], words: str
) -> None:
    before = sorted(root.rglob("*"))
    result = ingest(PLAIN, "--yes", *options)
    assert isinstance(result.exception, AlmanacError)
    assert words in str(result.exception)
    assert sorted(root.rglob("*")) == before


@pytest.mark.parametrize(("text", "form"), [(EPOCH, "epoch"), (re.sub(r"(\d{10}),", r"\g<1>000,", EPOCH), "epoch_ms")])
def test_seconds_since_1970_are_times_where_they_are_said_to_be(
    ingest: Ingest, root: Path, text: str, form: str
) -> None:
    result = ingest(text, "--yes", "--time", "created", "--date-format", form)
    assert result.exit_code == 0, result.exception
    assert "2026-03-14 10:00:00" in result.output.replace("T", " ")
    columns = load_mapping(root, "my", load_plan(root)).columns
    assert (columns["created"].type, columns["created"].format) == ("instant", form)  # type: ignore[union-attr]
    assert columns["amount"] == "money"


@pytest.mark.parametrize(
    ("text", "options", "place", "words"),
    [
        (
            PLAIN + "3,15/03/2026,c1,11\n4,soon,c1,11\n",
            (),
            ", line 4, column created",
            "'15/03/2026' is not a date like 2026-03-31 (and 1 more in this column), so no column holds a time",
        ),
        (PLAIN + "3,,c1,11\n", (), ", line 4, column created", "is empty, so no column holds a time in every row"),
        (
            PLAIN + "3,15/03/2026,c1,11\n",
            ("--time", "created", "--date-format", "%d/%m/%Y"),
            ", line 2, column created",
            "'2026-03-14' is not a date like %d/%m/%Y (and 1 more in this column), so created does not hold a time",
        ),
        (
            EPOCH + "3,99999999999999999999,c1,11\n",
            ("--time", "created", "--date-format", "epoch"),
            ", line 4, column created",
            "'99999999999999999999' is not a number of seconds",
        ),
        (
            PLAIN + "3,2026-03-16,c1,(5.00)\n",
            (),
            ", line 4, column amount",
            "'(5.00)' is not a decimal number with at most 4 decimals, so no column looks like amounts:",
        ),
        (
            PLAIN + "3,2026-03-16,c1,123456789012345678.5\n",
            ("--amount", "amount"),
            ", line 4, column amount",
            "is too large: at most 14 digits may stand before the decimals, so amount does not hold amounts",
        ),
        (
            PLAIN,
            ("--date-format", "%d/%m/%Y"),
            ", line 2, column created",
            "'2026-03-14' is not a date like %d/%m/%Y (and 1 more in this column), so created does not hold a time",
        ),
        (
            PLAIN,
            ("--time", "created", "--date-format", "epoch"),
            ", line 2, column created",
            "'2026-03-14' is not a number of seconds or milliseconds since 1970",
        ),
        (
            PLAIN.replace("2026-03-1", "1/3/20"),
            ("--date-format", "%d/%m/%Y %H:%M"),
            ", line 2, column created",
            "'1/3/204' is not a timestamp like %d/%m/%Y %H:%M",
        ),
        (PLAIN, ("--decimal", ","), ", line 2, column amount", "'10.50' is not a decimal number"),
        (
            PLAIN.replace("c1", ""),
            ("--time", "customer"),
            ", line 2, column customer",
            "is empty (and 1 more in this column), so customer does not hold a time in every row",
        ),
        (
            PLAIN.replace("c1", ""),
            ("--amount", "customer"),
            ", line 2, column customer",
            "is empty (and 1 more in this column), so customer does not hold amounts",
        ),
        (PLAIN, ("--time", "customer"), ", line 2, column customer", "'c1' is not a date like 2026-03-31"),
        ("\n\n" + PLAIN, (), ", line 1", "begins with an empty line: the header is missing"),
        (PLAIN + "3,2026-03-16\n", (), ", line 4", "too few values for the header"),
        (PLAIN + "\n3,2026-03-16,c1,1,2\n", (), ", line 5", "too many values for the header"),
        (PLAIN.replace("c1", '"c1', 1), (), ", line 2", "a quote is not closed"),
        (PLAIN + "3,2026-03-16," + "x" * 3_000_000 + ",1\n", (), ", line 4", "values may have 2 MB at most"),
        (PLAIN + "3,2026-03-16,c1,1\r\n4,2026-03-16,c1,1\n", (), ", line 4", "line endings must be alike"),
        (PLAIN.replace("2026-03-1", "day "), (), "my.csv", "no column holds a time in every row: name one with --time"),
    ],
)
def test_the_first_row_that_does_not_fit_is_named(
    ingest: Ingest, root: Path, text: str, options: tuple[str, ...], place: str, words: str
) -> None:
    result = ingest(text, "--yes", *options)
    assert isinstance(result.exception, AlmanacError)
    assert f"{place}: " in str(result.exception)
    assert words in str(result.exception)
    assert written(root) == []


@pytest.mark.parametrize(
    ("text", "options", "day"),
    [
        (PLAIN, ("--date-format", "%Y-%m-%d"), "2026-03-14"),
        (PLAIN.replace("2026-03-1", "2026-03-0"), ("--date-format", "%Y-%d-%m"), "2026-04-03"),
        (PLAIN.replace("2026-03-1", "2026031"), ("--time", "created", "--date-format", "%Y%m%d"), "2026-03-14"),
        (PLAIN.replace("2026-03-1", "2026031").replace("created", "order_date"), (), "2026-03-14"),
        # Another column is written as it is said: that one is meant.
        (
            HEADER.replace("customer", "paid") + "1,2026-03-14,01/02/2026,10.50\n2,2026-03-15,03/02/2026,11\n",
            ("--date-format", "%d/%m/%Y"),
            "2026-02-01",
        ),
    ],
)
def test_days_are_read_as_it_is_said_also_where_they_look_like_iso_dates(
    ingest: Ingest, text: str, options: tuple[str, ...], day: str
) -> None:
    result = ingest(text, "--yes", *options)
    assert result.exit_code == 0, result.exception
    assert f"booking_confirmed  {day}" in result.output


def test_rows_in_which_the_named_time_is_empty_go_to_quarantine(ingest: Ingest) -> None:
    text = HEADER.replace("customer", "paid") + "1,2026-03-14,2026-03-15,10.50\n2,2026-03-15,,11\n"
    result = ingest(text, "--yes", "--time", "paid")
    assert result.exit_code == 0, result.exception
    assert "Note: paid is empty in 1 of 2 rows: these go to quarantine" in result.output
    assert "2 rows received (1 accepted, 1 quarantined)" in result.output


def test_a_comma_before_decimals_is_taken_where_a_point_would_fit_as_well(ingest: Ingest) -> None:
    result = ingest(PLAIN.replace("10.50", "10.500"), "--yes", "--decimal", ",")
    assert result.exit_code == 0, result.exception
    assert "10500.0000" in result.output
