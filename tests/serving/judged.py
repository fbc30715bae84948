"""Judgements of three weeks, made up: what the portal's page of data quality shows beside a published version."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

import expectations
from almanac import quality
from almanac.checks import CheckResult
from almanac.settings import Settings
from expectations.docs import write_docs
from tests.serving.published import HOSTILE, PUBLISHED_AT

SOURCES = ("rentals/web", "advisory/web")
MODELS = (
    "fact_bookings",
    "fact_events",
    "fact_searches",
    "fact_sessions",
    "fact_user_days",
    "kpi_measures",
    "kpi_values",
)
REFUSED, REFUSED_AT, PASSED_AT = "mix_is_usual", time(9, 20), time(15, 20)
LAST = PUBLISHED_AT.date()
REFUSED_DAY, WARNED_SINCE = LAST - timedelta(days=9), LAST - timedelta(days=3)
WARNING = "relationships_fact_bookings_listing_id"


def judge(settings: Settings, days: int = 21) -> None:
    """Write down the judgements of the last `days` days, the last of them that of the published version."""
    for n in range(days - 1, -1, -1):
        day = LAST - timedelta(days=n)
        moments = [REFUSED_AT, PASSED_AT] if day == REFUSED_DAY else [PUBLISHED_AT.time()]
        for moment in moments:
            at = datetime.combine(day, moment, UTC)
            results = list(_results(day, is_refused=day == REFUSED_DAY and moment == REFUSED_AT))
            quality.record(settings, results, is_whole=True, at=at)
    write_docs(settings, [r for r in results if r.kind == "expectation"], at)


def _results(day: date, *, is_refused: bool) -> Iterator[CheckResult]:
    for source in SOURCES:
        for name in expectations.CHECKS:
            failed = is_refused and (source, name) == (SOURCES[0], REFUSED)
            words = f"{day}: {HOSTILE}: 31.0% of all events, 0.0% usual" if failed else f"{day} judged"
            yield CheckResult(name, "expectation", source, "error", not failed, words)
    for model in MODELS:
        yield CheckResult(model, "dbt", model, "error", True, "OK")
        yield CheckResult(f"unique_grain_{model}", "dbt", model, "error", True)
        yield CheckResult(f"not_null_{model}_tenant", "dbt", model, "error", True)
    message = "Got 2 results, configured to warn if != 0"
    yield CheckResult(WARNING, "dbt", "fact_bookings", "warn", day < WARNED_SINCE, message)
