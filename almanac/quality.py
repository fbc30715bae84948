"""Data quality: what the checks of a source or model said, remembered by day, and the score that is made of it.

The formula stands here alone. Of each check counts the worst that it said on a UTC day, so judging more often cannot
thin out a failure, and a refused build stays visible after the next one went well:

    score = weight of the checks that passed / weight of all checks

A check whose failure blocks publishing weighs `ERROR_WEIGHT`, one that only tells weighs `WARNING_WEIGHT`.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa

from almanac.checks import CheckResult
from almanac.settings import Settings
from almanac.state import (
    CheckFailure,
    KnownCheck,
    Outcome,
    QualityDay,
    has_state,
    known_checks,
    open_state,
    quality_days,
    quality_extent,
    quality_failures,
    remember_judgement,
)

ERROR_WEIGHT, WARNING_WEIGHT = 3, 1
SOURCE, MODEL = "source", "model"  # kinds of subjects; a source is `tenant/source`
_KINDS = {"dbt": MODEL, "expectation": SOURCE, "lake": "lake"}
_LONGEST_NAME = 300
COLUMNS = pa.schema(
    [
        ("day", pa.date32()),
        ("subject_kind", pa.string()),
        ("subject", pa.string()),
        ("tenant", pa.string()),
        ("checks", pa.int64()),
        ("passed", pa.int64()),
        ("warned", pa.int64()),
        ("failed", pa.int64()),
        ("score", pa.float64()),
        ("failed_checks", pa.string()),
    ]
)


@dataclass(frozen=True)
class Remembered:
    """What was written down of judgements: days, failures (newest first) and the checks that there are or were."""

    days: tuple[QualityDay, ...] = ()
    failures: tuple[CheckFailure, ...] = ()
    checks: tuple[KnownCheck, ...] = ()


def score(days: Iterable[QualityDay]) -> float | None:
    """The score (0 to 1) of these days taken together; None where nothing was checked."""
    passed = whole = 0
    for one in days:
        weight = ERROR_WEIGHT * one.errors + WARNING_WEIGHT * one.warnings
        whole += weight
        passed += weight - ERROR_WEIGHT * len(one.failed) - WARNING_WEIGHT * len(one.warned)
    # A check that blocks on one judgement of a day and tells on another counts once on either side.
    return max(0, passed) / whole if whole else None


def record(settings: Settings, checks: Iterable[CheckResult], *, is_whole: bool, at: datetime | None = None) -> None:
    """Write a judgement down in the application state. Raises AlmanacError if that cannot be reached.

    `at` is aware (default: now). A whole judgement asked every check that there is (`remember_judgement`).
    """
    outcomes = [
        Outcome(
            _KINDS[one.kind], one.subject, one.name[:_LONGEST_NAME], one.severity == "error", one.passed, one.message
        )
        for one in checks
        if one.was_asked
    ]
    if not outcomes:
        return
    state = open_state(settings)
    try:
        remember_judgement(state, outcomes, at or datetime.now(UTC), is_whole=is_whole)
    finally:
        state.close()


def remembered(settings: Settings, first: date | None = None, last: date | None = None) -> Remembered:
    """What was written down of the UTC days from `first` to `last`; nothing without an application state.

    Failures are those that lasted on any of these days. Raises AlmanacError if the state cannot be reached.
    """
    if not has_state(settings):
        return Remembered()
    since = datetime(first.year, first.month, first.day, tzinfo=UTC) if first else None
    state = open_state(settings)
    try:
        failures = quality_failures(state, since)
        return Remembered(
            tuple(quality_days(state, first, last)),
            tuple(f for f in failures if last is None or f.failed_at.date() <= last),
            tuple(known_checks(state)),
        )
    finally:
        state.close()


def extent(settings: Settings) -> tuple[date, date] | None:
    """The first and the last UTC day on which anything was judged; None if nothing ever was."""
    if not has_state(settings):
        return None
    state = open_state(settings)
    try:
        return quality_extent(state)
    finally:
        state.close()


def tenant_of(one: QualityDay | CheckFailure) -> str | None:
    """The tenant of a source; None of a model, which is every tenant's."""
    return one.subject.partition("/")[0] if one.kind == SOURCE else None


def runbook_of(one: CheckFailure) -> str:
    """The file of docs/runbooks that says what to do about a failure: one that blocks has stopped a publication."""
    return "late-data.md" if one.kind == SOURCE and not one.is_error else "pipeline-failure.md"


def as_row(day: QualityDay) -> dict[str, Any]:
    """A day of a subject as a row of the published table `data_quality`."""
    failed, warned = len(day.failed), len(day.warned)
    return {
        "day": day.day,
        "subject_kind": day.kind,
        "subject": day.subject,
        "tenant": tenant_of(day),
        "checks": day.errors + day.warnings,
        "passed": max(0, day.errors + day.warnings - failed - warned),
        "warned": warned,
        "failed": failed,
        "score": score([day]),
        "failed_checks": json.dumps([*day.failed, *day.warned]),
    }


def table(days: Iterable[QualityDay]) -> pa.Table:
    """The published table `data_quality`: one row per UTC day and subject."""
    return pa.Table.from_pylist([as_row(day) for day in days], schema=COLUMNS)
