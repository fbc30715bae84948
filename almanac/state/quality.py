"""What checks said, judgement after judgement: by day and subject, and from when until when each one failed.

A judgement says of each check whether it passed. Kept is what cannot be had again once the warehouse is rebuilt: how
many checks of a subject there were on a day and which failed, from when until when one failed, and which there are.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from almanac.state.database import StateDB
from almanac.state.models import QualityCheckRow, QualityDayRow, QualityFailureRow

LONGEST_MESSAGE = 1000
Key = tuple[str, str, str]  # kind of the subject, subject, name of the check


@dataclass(frozen=True)
class Outcome:
    """What one check of a judgement said. `kind` is that of the subject, `is_error` whether its failure blocks."""

    kind: str
    subject: str
    name: str
    is_error: bool
    passed: bool
    message: str = ""

    @property
    def key(self) -> Key:
        """What makes it the same check in every judgement."""
        return self.kind, self.subject, self.name


@dataclass(frozen=True)
class QualityDay:
    """One UTC day of one subject: its checks by severity, and those that failed in any judgement of the day."""

    day: date
    kind: str
    subject: str
    errors: int
    warnings: int
    failed: tuple[str, ...]
    warned: tuple[str, ...]


@dataclass(frozen=True)
class CheckFailure:
    """From when until when a check failed (aware, UTC); `passed_at` is None while it does."""

    kind: str
    subject: str
    name: str
    is_error: bool
    message: str
    failed_at: datetime
    last_failed_at: datetime
    passed_at: datetime | None


@dataclass(frozen=True)
class KnownCheck:
    """A check, and when it was first and last judged (aware, UTC)."""

    kind: str
    subject: str
    name: str
    first_judged_at: datetime
    last_judged_at: datetime


def remember_judgement(state: StateDB, outcomes: Iterable[Outcome], at: datetime, *, is_whole: bool) -> None:
    """Write down a judgement made `at` (aware); the same one again changes nothing but its times.

    A whole judgement asks all there is to ask: a check that it does not name is asked no more and fails no longer.
    """
    said = {one.key: one for one in outcomes}
    with state.write() as session:
        if session.get_bind().dialect.name == "postgresql":
            # SQLite has one writer at a time anyway.
            session.execute(text("lock table quality_days in exclusive mode"))
        _remember_failures(session, said, at, is_whole)
        _remember_checks(session, said, at)
        _remember_day(session, said, at)


def quality_days(state: StateDB, first: date | None = None, last: date | None = None) -> list[QualityDay]:
    """The days from `first` to `last` (both included, None: without an end), by day, kind and subject."""
    query = select(QualityDayRow).order_by(QualityDayRow.day, QualityDayRow.kind, QualityDayRow.subject)
    if first:
        query = query.where(QualityDayRow.day >= first.isoformat())
    if last:
        query = query.where(QualityDayRow.day <= last.isoformat())
    with state.read() as session:
        return [
            QualityDay(
                date.fromisoformat(row.day), row.kind, row.subject, row.errors, row.warnings,
                tuple(json.loads(row.failed)), tuple(json.loads(row.warned)),
            )
            for row in session.scalars(query)
        ]  # fmt: skip


def quality_extent(state: StateDB) -> tuple[date, date] | None:
    """The first and the last day on which anything was judged; None if nothing ever was."""
    with state.read() as session:
        first, last = session.execute(select(func.min(QualityDayRow.day), func.max(QualityDayRow.day))).one()
    return (date.fromisoformat(first), date.fromisoformat(last)) if first else None


def quality_failures(state: StateDB, since: datetime | None = None) -> list[CheckFailure]:
    """The failures that last, or ended at `since` (aware) or later, newest first."""
    query = select(QualityFailureRow).order_by(
        QualityFailureRow.failed_at.desc(), QualityFailureRow.kind, QualityFailureRow.subject, QualityFailureRow.name
    )
    if since:
        query = query.where(QualityFailureRow.passed_at.is_(None) | (QualityFailureRow.passed_at >= since))
    with state.read() as session:
        return [
            CheckFailure(
                row.kind, row.subject, row.name, row.severity == "error", row.message,
                row.failed_at, row.last_failed_at, row.passed_at,
            )
            for row in session.scalars(query)
        ]  # fmt: skip


def known_checks(state: StateDB) -> list[KnownCheck]:
    """Every check that was ever judged, by kind, subject and name."""
    query = select(QualityCheckRow).order_by(QualityCheckRow.kind, QualityCheckRow.subject, QualityCheckRow.name)
    with state.read() as session:
        return [
            KnownCheck(row.kind, row.subject, row.name, row.first_judged_at, row.last_judged_at)
            for row in session.scalars(query)
        ]


def _remember_failures(session: Session, said: dict[Key, Outcome], at: datetime, is_whole: bool) -> None:
    query = select(QualityFailureRow).where(QualityFailureRow.passed_at.is_(None))
    lasting = {(row.kind, row.subject, row.name): row for row in session.scalars(query)}
    for key, row in lasting.items():
        if said[key].passed if key in said else is_whole:
            row.passed_at = at
    for key, one in said.items():
        if one.passed:
            continue
        words = {"severity": "error" if one.is_error else "warn", "message": one.message[:LONGEST_MESSAGE]}
        if key in lasting:
            failure = lasting[key]
            failure.last_failed_at, failure.severity, failure.message = at, words["severity"], words["message"]
        else:
            kind, subject, name = key
            session.add(
                QualityFailureRow(
                    kind=kind, subject=subject, name=name, failed_at=at, last_failed_at=at, passed_at=None, **words
                )
            )


def _remember_checks(session: Session, said: dict[Key, Outcome], at: datetime) -> None:
    known = {(row.kind, row.subject, row.name): row for row in session.scalars(select(QualityCheckRow))}
    for key in said:
        if key in known:
            known[key].last_judged_at = at
        else:
            kind, subject, name = key
            session.add(QualityCheckRow(kind=kind, subject=subject, name=name, first_judged_at=at, last_judged_at=at))


def _remember_day(session: Session, said: dict[Key, Outcome], at: datetime) -> None:
    """Lay the judgement over what the day has said so far: a failure stays one until the day is over."""
    day = at.astimezone(UTC).date().isoformat()
    stored = {(r.kind, r.subject): r for r in session.scalars(select(QualityDayRow).where(QualityDayRow.day == day))}
    by_subject: dict[tuple[str, str], list[Outcome]] = {}
    for one in said.values():
        by_subject.setdefault((one.kind, one.subject), []).append(one)
    for (kind, subject), found in by_subject.items():
        row = stored.get((kind, subject))
        if row is None:
            row = QualityDayRow(day=day, kind=kind, subject=subject, errors=0, warnings=0, failed="[]", warned="[]")
            session.add(row)
        failed = {*json.loads(row.failed), *(one.name for one in found if not one.passed and one.is_error)}
        warned = {*json.loads(row.warned), *(one.name for one in found if not one.passed and not one.is_error)}
        # A build that fails half-way asks a part of the checks only; the day has as many as its fullest judgement.
        row.errors = max(row.errors, sum(one.is_error for one in found), len(failed))
        row.warnings = max(row.warnings, sum(not one.is_error for one in found), len(warned - failed))
        row.failed, row.warned = json.dumps(sorted(failed)), json.dumps(sorted(warned - failed))
