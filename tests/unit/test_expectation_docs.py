"""The page of expectations: every sentence, limit and verdict of a source, and nothing that a browser would run."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import expectations
from almanac.checks import CheckResult
from almanac.settings import Settings
from expectations.docs import docs_page, limit, render, unwatched, write_docs
from ingestion.tracking_plan import Plan, load_plan

AT = datetime(2026, 11, 21, 9, 15, tzinfo=UTC)
DAY: dict[str, Any] = {
    "received_date": "2026-11-20", "received": 120, "received_min": 60.0, "received_max": 480.0, "late_share": 0.01,
    "late_share_limit": 0.034, "quarantined_share": 0.0, "quarantined_share_limit": 0.05, "repeated_share": 0.4,
    "repeated_share_limit": 0.06, "silent_columns": ["city"], "unusual": ["<b>: 31.0%, 2.0% usual"],
}  # fmt: skip
SAMPLES = [{"event": "page_viewed", "happened at (UTC)": "2026-11-20T09:00:00.000", "times": 2}]


@pytest.fixture(scope="module")
def plan(root: Path) -> Plan:
    return load_plan(root)


def results(**changed: Any) -> list[CheckResult]:
    """All checks of one source, those of `changed` with other fields."""
    usual = {"severity": "error", "passed": True, "message": "2026-11-20 judged", "details": {"days": [DAY]}}
    return [
        CheckResult(name, "expectation", "rentals/web", **(usual | changed.get(name, {})))
        for name in expectations.CHECKS
    ]


def test_every_expectation_has_its_sentence_its_limit_and_what_it_said(plan: Plan) -> None:
    repeated = {"passed": False, "message": "40.0% repeat", "details": {"days": [DAY], "sample rows": SAMPLES}}
    page = render(plan, results(repeated_share_is_usual=repeated), AT)
    for name, sentence in expectations.CHECKS.items():
        assert sentence in page
        assert f"<code>{name}</code>" in page
    assert "12 judged, 1 did not pass" in page
    assert "✗ failed" in page
    assert "<td>40.0% repeat</td>" in page
    assert "Sample rows: " in page
    assert "<td>page_viewed</td>" in page
    assert "no value in city; &lt;b&gt;: 31.0%, 2.0% usual" in page
    assert "<script" not in page
    assert "<b>" not in page


def test_limits_are_those_of_the_newest_judged_day() -> None:
    assert limit("rows_are_usual", DAY) == "at least 60 rows, at most 480"
    assert limit("rows_are_usual", DAY | {"received_max": None}) == "at least 60 rows"
    assert limit("late_share_is_usual", DAY) == "at most 3.4%"
    assert limit("late_share_is_usual", None) == "set by the days before"
    assert all(limit(name, DAY) for name in expectations.CHECKS)


def test_a_source_that_was_not_judged_and_one_without_expectations_are_there(plan: Plan) -> None:
    page = render(plan, [], AT)
    assert "nothing was judged yet" in page
    assert '<section id="advisory/web">' in page
    delivered = [f"{name}/{name}" for name in plan.tenants if name in plan.tenants[name].sources]
    assert "online_retail/online_retail" in delivered
    assert unwatched(plan) == sorted(["community/web", *delivered])
    assert "<li>online_retail/online_retail</li>" in page


def test_a_reader_sees_the_old_page_or_the_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings.for_home(tmp_path)
    page = write_docs(settings, results(), AT)
    before = page.read_text(encoding="utf-8")

    def fail(*_: object) -> None:
        raise OSError("the power is gone")

    monkeypatch.setattr("almanac.durable.os.replace", fail)
    with pytest.raises(OSError, match="power"):
        write_docs(settings, [], AT)
    assert docs_page(settings).read_text(encoding="utf-8") == before
