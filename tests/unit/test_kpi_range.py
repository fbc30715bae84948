"""`almanac kpis range`: totals, changes, periods, and the dates that lack a value."""

import json
import re
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner, Result

from almanac.cli import cli
from almanac.settings import Settings
from tests.serving.published import publish

DAYS = ("--from", "2026-11-02", "--to", "2026-11-15")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a published version; of `advisory` nothing ever arrived of 8 November."""
    home = tmp_path_factory.mktemp("range")
    publish(Settings.for_home(home))
    return home


def rows(home: Path, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    """What the published version says itself."""
    (file,) = Settings.for_home(home).versions.glob("*.duckdb")
    with duckdb.connect(str(file), read_only=True) as con:
        return con.execute(sql, list(parameters)).fetchall()


def ask(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["kpis", "range", *arguments], env={"ALMANAC_HOME": str(home)})


def document(home: Path, *arguments: str) -> dict[str, Any]:
    done = ask(home, *arguments, "--json")
    assert done.exit_code == 0, done.output
    (one,) = json.loads(done.output)
    return dict(one)


def parts(home: Path, kpi: str, first: str, last: str) -> tuple[float, float]:
    """Both sides of a KPI of `advisory`, added up over days."""
    (row,) = rows(
        home,
        "select sum(numerator)::double, sum(denominator)::double from kpi_values where tenant = 'advisory' "
        "and kpi = ? and time_grain = 'day' and dimension = 'all' and period_start between ? and ?",
        kpi,
        first,
        last,
    )
    return row[0], row[1]


def percents(change: str) -> float:
    """The number of a change in words, such as `−1.5 pp`."""
    return float(change.replace("−", "-").split("\u00a0")[0])


def test_the_total_of_a_range_is_compared_with_as_many_days_before(home: Path) -> None:
    own = document(home, "search_to_book_conversion", "--tenant", "advisory", *DAYS)
    over, under = parts(home, "search_to_book_conversion", "2026-11-02", "2026-11-15")
    before_over, before_under = parts(home, "search_to_book_conversion", "2026-10-19", "2026-11-01")
    assert own["figure"]["numerator"] == pytest.approx(over)
    assert own["figure"]["value"] == pytest.approx(over / under)
    assert (own["before"]["from"], own["before"]["to"]) == ("2026-10-19", "2026-11-01")
    points = 100 * (over / under - before_over / before_under)
    assert abs(points) > 0.1
    assert percents(own["change"]["text"]) == pytest.approx(points, abs=0.06)


def test_what_does_not_add_up_is_shown_by_its_largest_period(home: Path) -> None:
    own = document(home, "active_users", "--tenant", "advisory", *DAYS)
    assert (own["figure"]["time_grain"], own["figure"]["from"]) == ("week", "2026-11-09")
    assert own["before"]["from"] == "2026-11-02"


def test_each_period_has_its_change_from_the_one_before(home: Path) -> None:
    own = document(home, "sessions", "--tenant", "advisory", *DAYS, "--by", "week")
    weeks = rows(
        home,
        "select value from kpi_values where tenant = 'advisory' and kpi = 'sessions' and time_grain = 'week' and "
        "dimension = 'all' and period_start between '2026-10-26' and '2026-11-09' order by period_start",
    )
    changes = [100 * (new - old) / old for (old,), (new,) in pairwise(weeks)]
    assert [one["period_start"] for one in own["periods"]] == ["2026-11-02", "2026-11-09"]
    assert [one["value"] for one in own["periods"]] == [value for (value,) in weeks[1:]]
    assert [percents(one["change"]) for one in own["periods"]] == pytest.approx(changes, abs=0.06)
    table = ask(home, "sessions", "--tenant", "advisory", *DAYS, "--by", "week").output
    assert f"week of 2 Nov 2026  {weeks[1][0]:5.0f}" in table
    assert "wholly in the range" not in table
    longer = ask(home, "sessions", "--tenant", "advisory", "--from", "2026-11-01", "--to", "2026-11-20", "--by", "week")
    assert "Only what lies wholly in the range is listed: 2–15 Nov 2026." in longer.output


def test_a_date_without_a_value_is_named_and_so_is_one_without_any_event(home: Path) -> None:
    own = document(home, "sessions", "--tenant", "advisory", *DAYS)
    assert (own["dates"], own["dates_without_value"], own["dates_without_event"]) == (
        14,
        ["2026-11-08"],
        ["2026-11-08"],
    )
    said = ask(home, "sessions", "--tenant", "advisory", *DAYS).output
    assert (
        "1 of 14 dates have no value: 2026-11-08\nWithout any event, so perhaps they never arrived: 2026-11-08" in said
    )
    assert "Each of the 14 dates has a value." in ask(home, "sessions", "--tenant", "rentals", *DAYS).output
    outside = ask(home, "sessions", "--tenant", "advisory", "--from", "2020-01-01", "--to", "2020-01-02").output
    assert "None of these dates is a whole day of the data, which is from 2026-" in outside


def test_what_is_not_over_has_no_change(home: Path) -> None:
    """A day that has just begun is no fall of 95 %, alone or as the last one of many."""
    range_ = ("--tenant", "advisory", "--from", "2026-11-15", "--to", "2026-11-21")
    own = document(home, "sessions", *range_, "--by", "day")
    assert (own["figure"]["is_complete"], own["before"]["is_complete"]) == (False, True)
    assert (own["change"]["text"], own["change"]["reason"]) == ("n/a", "the period is not complete")
    assert [one["change"] == "n/a" for one in own["periods"]] == [not one["is_complete"] for one in own["periods"]]
    assert {one["is_complete"] for one in own["periods"]} == {True, False}
    assert "change n/a (the period is not complete)" in ask(home, "sessions", *range_).output


def test_a_business_that_has_fallen_silent_is_noticed(home: Path, tmp_path: Path) -> None:
    shutil.copytree(Settings.for_home(home).versions, Settings.for_home(tmp_path).versions)
    (file,) = Settings.for_home(tmp_path).versions.glob("*.duckdb")
    with duckdb.connect(str(file)) as con:
        # Of 20 November on, only the other business has sent anything; its newest event is of the 23rd.
        con.execute("delete from kpi_values where tenant = 'advisory' and period_start >= '2026-11-20'")
        con.execute("delete from mv_daily_events where tenant = 'advisory' and event_date >= '2026-11-20'")
        con.execute("update publication set data_as_of = '2026-11-22 18:31'")  # 00:01 in Kolkata
    silent = ["2026-11-20", "2026-11-21", "2026-11-22"]
    own = document(tmp_path, "sessions", "--tenant", "advisory")
    assert own["dates_without_event"] == own["dates_without_value"] == ["2026-11-08", *silent]
    own = document(tmp_path, "sessions", "--tenant", "advisory", "--from", "2026-11-18", "--to", "2026-11-30")
    assert (own["dates"], own["dates_without_event"]) == (5, silent)


def test_a_change_from_a_period_in_which_the_data_begins_is_none(home: Path) -> None:
    ((first,),) = rows(home, "select min(period_start)::varchar from kpi_values where time_grain = 'day'")
    own = document(home, "sessions", "--tenant", "advisory", "--from", first, "--to", "2026-11-15", "--by", "day")
    assert own["change"]["text"] == own["periods"][0]["change"] == "n/a"
    assert own["periods"][1]["change"] != "n/a"


def test_a_kpi_that_a_business_never_had_is_not_missing_on_every_date(home: Path, tmp_path: Path) -> None:
    shutil.copytree(Settings.for_home(home).versions, Settings.for_home(tmp_path).versions)
    (file,) = Settings.for_home(tmp_path).versions.glob("*.duckdb")
    with duckdb.connect(str(file)) as con:
        con.execute("delete from kpi_values where tenant = 'advisory' and kpi in ('searches', 'bookings')")
        con.execute("update kpi_catalogue set only_with = 'bookings' where kpi = 'take_rate'")
    never = ask(tmp_path, "searches", "--tenant", "advisory", *DAYS, "--by", "week").output
    assert never == "Searches, advisory: this business has no numbers for it, on no day.\n"
    why = "this business has no numbers for it: it is told only with bookings, of which it has none"
    assert ask(tmp_path, "take_rate", "--tenant", "advisory", *DAYS).output == f"Take rate, advisory: {why}.\n"
    own = document(tmp_path, "take_rate", "--tenant", "advisory", *DAYS)
    assert (own["absent"], own["dates"], own["dates_without_value"]) == (why, None, None)
    own = document(tmp_path, "take_rate", "--tenant", "rentals", *DAYS)
    assert (own["absent"], own["dates"]) == (None, 14)


def test_without_a_name_every_kpi_has_a_line(home: Path) -> None:
    said = ask(home, "--tenant", "advisory", *DAYS).output
    for (kpi,) in rows(home, "select kpi from kpi_catalogue"):
        assert f"\n{kpi} " in said
    assert said.rstrip().endswith("2026-11-08")


def test_its_head_says_which_days_are_compared(home: Path) -> None:
    head, words, *_ = ask(home, "--tenant", "advisory", *DAYS).output.splitlines()
    assert head.endswith(", 2–15 Nov 2026, compared with 19 Oct – 1 Nov 2026")
    assert words == "Where one period stands for the range, it is compared with the one of its kind before it."


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nope",), "no published KPI is called 'nope'; there is "),
        (("gmv", "--by", "eon"), "--by is 'eon': use one of day, week, month"),
        (("--by", "week"), "--by lists the periods of one KPI: name it, or take --json"),
        (("gmv", "--tenant", "nope"), "No tenant is called 'nope': choose one of "),
        (("gmv", "--from", "2026-11-02", "--to", "2026-11-01"), "from (2026-11-02) lies after to (2026-11-01)"),
    ],
)
def test_what_makes_no_sense_is_one_line(home: Path, arguments: tuple[str, ...], said: str) -> None:
    done = ask(home, *arguments)
    assert (done.exit_code, len(done.output.splitlines())) == (1, 1)
    assert said in done.output


def test_a_kpi_is_shown_with_parts_that_divide_to_its_value(home: Path) -> None:
    """Money and hours are not rounded to whole ones, of which nobody could tell the value."""
    done = CliRunner().invoke(cli, ["kpis", "show", "take_rate"], env={"ALMANAC_HOME": str(home)})
    assert done.exit_code == 0, done.output
    found = re.findall(r"([\d.]+) % +(\S+) +(\S+)$", done.output, re.MULTILINE)
    assert found
    for value, above, below in found:
        above, below = (float(part.replace(",", "")) for part in (above, below))
        assert 100 * above / below == pytest.approx(float(value), abs=0.06)
    assert any("." in above for _, above, _ in found)


def test_a_time_grain_of_which_nothing_lies_wholly_in_the_range_is_said(home: Path) -> None:
    said = ask(home, "gmv", "--tenant", "advisory", *DAYS, "--by", "month").output
    assert "No whole month lies in 2–15 Nov 2026." in said
    assert "No whole" not in ask(home, "gmv", "--tenant", "advisory", *DAYS, "--by", "week").output


def test_a_day_that_is_not_over_belongs_to_the_data_but_is_not_asked_for_a_value(home: Path) -> None:
    said = ask(home, "sessions", "--tenant", "advisory", "--from", "2026-11-21", "--to", "2026-11-22").output
    assert "(not complete)" in said
    assert "None of these dates is a whole day of the data, which is from 2026-07-25 to 2026-11-20." in said


def test_without_a_published_version_it_says_so(tmp_path: Path) -> None:
    assert "No numbers have been published yet" in ask(tmp_path, "gmv").output
