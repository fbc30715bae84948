"""Data quality: what is written down of judgements, the score that is made of it, the review of a quarter."""

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from almanac import quality
from almanac.checks import NOT_RUN, CheckResult, Severity
from almanac.cli import cli
from almanac.quality import ERROR_WEIGHT, WARNING_WEIGHT, Remembered, remembered, score
from almanac.settings import ROOT, Settings
from almanac.state import CheckFailure, QualityDay, dump_state, load_state, open_state
from expectations.review import Period, duration, last_quarter, quarter_of, review, write_review

DAY = date(2026, 8, 3)
MORNING, NOON = datetime(2026, 8, 3, 9, tzinfo=UTC), datetime(2026, 8, 3, 12, tzinfo=UTC)
SOURCE = "rentals/web"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.for_home(tmp_path)


@pytest.mark.parametrize(
    ("kind", "is_error", "runbook"),
    [
        ("source", True, "pipeline-failure.md"),
        ("source", False, "late-data.md"),
        ("model", True, "pipeline-failure.md"),
        ("model", False, "pipeline-failure.md"),
    ],
)
def test_a_failure_that_blocks_leads_to_what_to_do_about_a_refused_publication(
    kind: str, is_error: bool, runbook: str
) -> None:
    failure = CheckFailure(kind, SOURCE, "repeated_share_is_usual", is_error, "", MORNING, MORNING, None)
    assert quality.runbook_of(failure) == runbook


@pytest.mark.parametrize("file", sorted((ROOT / "docs" / "runbooks").glob("*.md")), ids=lambda file: file.stem)
def test_the_sections_of_a_runbook_are_counted(file: Path) -> None:
    numbers = [int(n) for n in re.findall(r"^## (\d+)\.", file.read_text(encoding="utf-8"), re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert numbers


def check(name: str, passed: bool = True, severity: Severity = "error", message: str = "") -> CheckResult:
    return CheckResult(name, "expectation", SOURCE, severity, passed, message)


def judged(settings: Settings, at: datetime, *checks: CheckResult, is_whole: bool = True) -> None:
    quality.record(settings, checks, is_whole=is_whole, at=at)


def only_day(settings: Settings) -> QualityDay:
    (day,) = remembered(settings).days
    return day


@pytest.mark.parametrize(
    ("errors", "warnings", "failed", "warned", "expected"),
    [
        (4, 0, 0, 0, 1.0),
        (4, 0, 1, 0, 0.75),
        (1, 1, 0, 1, ERROR_WEIGHT / (ERROR_WEIGHT + WARNING_WEIGHT)),
        (1, 1, 1, 0, WARNING_WEIGHT / (ERROR_WEIGHT + WARNING_WEIGHT)),
        (2, 2, 2, 2, 0.0),
        (0, 0, 0, 0, None),
    ],
)
def test_the_score_is_the_weight_that_passed_over_all_weight(
    errors: int, warnings: int, failed: int, warned: int, expected: float | None
) -> None:
    names = tuple(str(n) for n in range(4))
    assert score([QualityDay(DAY, "model", "m", errors, warnings, names[:failed], names[:warned])]) == expected


def test_a_day_says_the_worst_of_its_judgements_however_often_it_is_judged(settings: Settings) -> None:
    judged(settings, MORNING, check("a", passed=False), check("b", severity="warn"))
    for minute in range(3):
        judged(settings, NOON + timedelta(minutes=minute), check("a"), check("b", severity="warn"))
    day = only_day(settings)
    assert (day.errors, day.warnings, day.failed, day.warned) == (1, 1, ("a",), ())
    assert quality.as_row(day) == {
        "day": DAY, "subject_kind": "source", "subject": SOURCE, "tenant": "rentals", "checks": 2, "passed": 1,
        "warned": 0, "failed": 1, "score": 0.25, "failed_checks": '["a"]',
    }  # fmt: skip


def test_a_check_that_first_warns_and_then_blocks_has_failed_once(settings: Settings) -> None:
    judged(settings, MORNING, check("a", passed=False, severity="warn"))
    judged(settings, NOON, check("a", passed=False))
    assert (only_day(settings).failed, only_day(settings).warned) == (("a",), ())
    assert score([only_day(settings)]) == 0.25  # one check of each severity was asked, and the one that blocks failed


def test_a_day_is_a_utc_day(settings: Settings) -> None:
    judged(settings, datetime.fromisoformat("2026-08-04T01:30:00+02:00"), check("a"))
    assert only_day(settings).day == DAY


def test_a_failure_lasts_from_the_first_judgement_that_says_so_to_the_one_that_does_no_more(settings: Settings) -> None:
    for at, passed in ((MORNING, False), (NOON, False), (NOON + timedelta(days=2), True)):
        judged(settings, at, check("a", passed, message=f"{at:%H} h"))
    (failure,) = remembered(settings).failures
    assert (failure.failed_at, failure.last_failed_at, failure.passed_at) == (MORNING, NOON, NOON + timedelta(days=2))
    assert failure.message == "12 h"
    judged(settings, NOON + timedelta(days=3), check("a", passed=False))
    assert [f.passed_at is None for f in remembered(settings).failures] == [True, False]


def test_a_check_that_is_asked_no_more_fails_no_longer_and_half_a_build_says_nothing_of_it(settings: Settings) -> None:
    judged(settings, MORNING, check("a", passed=False), check("b"))
    judged(settings, NOON, check("b"), is_whole=False)
    assert remembered(settings).failures[0].passed_at is None
    judged(settings, NOON, check("b"))
    assert remembered(settings).failures[0].passed_at == NOON


def test_what_was_not_asked_is_neither_good_nor_bad(settings: Settings) -> None:
    judged(settings, MORNING, check("a", passed=False, message=NOT_RUN))
    assert remembered(settings) == Remembered()
    assert not (settings.home / "state.db").exists()
    judged(settings, MORNING, check("a", passed=False, message=NOT_RUN), check("b"))
    assert (only_day(settings).errors, only_day(settings).failed) == (1, ())


def test_reading_makes_no_state_and_a_table_without_rows_has_its_columns(settings: Settings) -> None:
    assert remembered(settings) == Remembered()
    assert quality.extent(settings) is None
    assert quality.table([]).schema == quality.COLUMNS
    assert not settings.home.joinpath("state.db").exists()


def test_a_backup_holds_it(settings: Settings, tmp_path: Path) -> None:
    judged(settings, MORNING, check("a", passed=False))
    other = Settings.for_home(tmp_path / "other")
    one, two = open_state(settings), open_state(other)
    load_state(two, dump_state(one))
    assert remembered(other) == remembered(settings)
    one.close()
    two.close()


def test_quarters() -> None:
    assert quarter_of(date(2026, 12, 31)) == Period(date(2026, 10, 1), date(2026, 12, 31))
    assert last_quarter(date(2026, 1, 1)).name == "2025-Q4"
    assert last_quarter(date(2026, 10, 1)) == Period(date(2026, 7, 1), date(2026, 9, 30))
    assert Period(DAY, DAY).name == "2026-08-03--2026-08-03"
    assert [duration(s) for s in (20, 300, 3_660, 273_600)] == ["under a minute", "5 min", "1 h 1 min", "3 d 4 h"]


def test_the_review_names_scores_days_incidents_and_what_never_failed(settings: Settings) -> None:
    judged(settings, MORNING - timedelta(days=60), check("long_ago", passed=False))
    judged(settings, MORNING, check("a", passed=False, message="31 | 40"), check("b"))
    judged(settings, MORNING + timedelta(days=1, hours=5), check("a"), check("b"))
    model = CheckResult("not_null", "dbt", "fact_events", "warn", False, "Got 2 results")
    judged(settings, MORNING + timedelta(days=2), check("a"), check("b"), model)
    period = quarter_of(DAY)
    page = write_review(settings, period)
    assert page == settings.home / "reports" / "quality" / "2026-Q3.md"
    text = page.read_text(encoding="utf-8")
    assert "judged on 3 of 92 days; 3 incidents" in text  # the one of June ended in August
    assert f"| `{SOURCE}` | 83.3% | 50.0% | 3 | 1 | 0 |" in text
    assert "| `fact_events` | 0.0% | 0.0% | 1 | 0 | 1 |" in text
    assert f"| 2026-08-03 | 50.0% | `a` of `{SOURCE}` |" in text
    assert f"| 2026-08-03 09:00 | 2026-08-04 14:00 | 1 d 5 h | `a` | `{SOURCE}` | error | 31 \\| 40 |" in text
    assert "| 2026-08-05 09:00 | lasts |" in text
    assert f"| `{SOURCE}` | 1 of 2 | `b` |" in text
    assert "- `online_retail/online_retail`" in text


def test_the_review_of_days_on_which_nothing_was_judged_says_so() -> None:
    text = review(Remembered(), quarter_of(DAY), [])
    assert "judged on 0 of 92 days; 0 incidents" in text
    assert "None was judged." in text
    assert "No check failed on any day." in text


def test_the_command_writes_where_it_is_told_and_refuses_days_that_make_no_sense(tmp_path: Path) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(cli, ["quality", "review", *arguments], env={"ALMANAC_HOME": str(tmp_path)})
        return done.exit_code, done.output

    code, said = run("--from", "2026-07-01", "--to", "2026-09-30", "--out", str(tmp_path / "own" / "page.md"))
    assert (code, said.strip()) == (0, f"written: {tmp_path / 'own' / 'page.md'}")
    assert (tmp_path / "own" / "page.md").read_text(encoding="utf-8").startswith("# Data quality, 2026-Q3\n")
    assert run()[0] == 0
    assert len(list((tmp_path / "reports" / "quality").glob("*-Q?.md"))) == 1
    assert run("--from", "2026-07-01")[0] == 2
    assert "swap them" in run("--from", "2026-07-02", "--to", "2026-07-01")[1]
