"""What the checks of models and of a tenant's sources said: the score of each, and what failed from when until when.

Read from the application state and not from the published version: the day on which a build was refused is the day on
which somebody looks, and that build published nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from almanac import quality
from almanac.quality import MODEL, SOURCE
from almanac.settings import Settings
from almanac.state import CheckFailure, QualityDay
from serving import formatting
from serving.event_tables import day_cell, number, text
from serving.formatting import Style
from serving.ranges import Span
from serving.sparkline import sparkline
from serving.tables import Cell, Column, TableView

WEEK = timedelta(days=7)
SHARE = Style("ratio", decimals=1)
RUNBOOKS = "/runbooks/"


@dataclass(frozen=True)
class Subject:
    """A source or model over some days: its days, oldest first, and the day a week before the newest of them."""

    kind: str
    subject: str
    days: tuple[QualityDay, ...]
    before: QualityDay | None

    @property
    def newest(self) -> QualityDay:
        """The last day on which it was judged."""
        return self.days[-1]


@dataclass(frozen=True)
class Quality:
    """What can be said of a tenant over a range of UTC days; `days` are those of models and of its own sources."""

    days: tuple[QualityDay, ...]
    failures: tuple[CheckFailure, ...]
    subjects: tuple[Subject, ...]

    def of(self, kind: str) -> list[Subject]:
        """The subjects of one kind, the worst first."""
        own = [s for s in self.subjects if s.kind == kind]
        return sorted(own, key=lambda s: (score_of(s.newest) or 0, s.subject))

    @property
    def failing(self) -> list[CheckFailure]:
        """What fails now."""
        return [f for f in self.failures if f.passed_at is None]


def read_quality(settings: Settings, tenant: str, span: Span) -> Quality:
    """What was remembered of a range of UTC days, of models and of the sources of one tenant."""
    found = quality.remembered(settings, span.first - 2 * WEEK, span.last)
    days = [d for d in found.days if _is_shown(d, tenant)]
    inside = tuple(d for d in days if d.day >= span.first)
    failures = (f for f in found.failures if _is_shown(f, tenant))
    lasted = tuple(f for f in failures if f.passed_at is None or f.passed_at.date() >= span.first)
    return Quality(inside, lasted, _subjects(days, span.first))


def score_of(day: QualityDay | None) -> float | None:
    """The score of one subject and day (0 to 1)."""
    return quality.score([day]) if day else None


def together(subjects: Sequence[Subject]) -> float | None:
    """The score of the newest day of these subjects, taken together."""
    return quality.score([s.newest for s in subjects])


def by_subject(subjects: Sequence[Subject], title: str) -> TableView:
    """A row per subject: its newest score, the change against a week before, its days as a line, its checks."""
    columns = (
        Column("subject", title, is_number=False),
        Column("score", "Score", "%"),
        Column("change", "Against a week before"),
        Column("days", "Days", is_drawn=True),
        Column("checks", "Checks"),
        Column("failed", "Failed"),
        Column("warned", "Warned"),
        Column("day", "Judged (UTC)", is_number=False),
    )
    return TableView(columns, tuple(_subject_row(one) for one in subjects))


def by_failure(failures: Sequence[CheckFailure], time_zone: str) -> TableView:
    """A row per failure, those that last first, then the newest: what it said, how long it lasted, what to do."""
    names = (
        ("check", "Check"), ("subject", "Of"), ("severity", "Severity"), ("failed_at", "Failed"),
        ("passed_at", "Passed again"), ("lasted", "Lasted"), ("runbook", "What to do"), ("message", "What it said"),
    )  # fmt: skip
    columns = tuple(Column(name, title, is_number=False) for name, title in names)
    ordered = sorted(failures, key=lambda f: (f.passed_at is not None, -f.failed_at.timestamp()))
    return TableView(columns, tuple(_failure_row(one, time_zone) for one in ordered))


def by_day(days: Sequence[QualityDay]) -> TableView:
    """A row per UTC day and subject, newest first, as the published table `data_quality` has them."""
    columns = (
        Column("day", "Day (UTC)", is_number=False),
        Column("subject_kind", "Kind", is_number=False),
        Column("subject", "Of", is_number=False),
        Column("score", "Score", "%"),
        *(Column(name, name.capitalize()) for name in ("checks", "passed", "warned", "failed")),
        Column("failed_checks", "Did not pass", is_number=False),
    )
    rows = []
    for day in sorted(days, key=lambda d: (-d.day.toordinal(), d.kind != SOURCE, d.subject)):
        row = quality.as_row(day)
        counts = (number(row[name]) for name in ("checks", "passed", "warned", "failed"))
        named = text(", ".join((*day.failed, *day.warned)))
        rows.append((day_cell(day.day), text(day.kind), text(day.subject), _share(row["score"]), *counts, named))
    return TableView(columns, tuple(rows))


def lasted(failure: CheckFailure) -> str:
    """How long a check failed, from the judgement that said so first to the one that did no more, or to now."""
    words = formatting.duration(((failure.passed_at or datetime.now(UTC)) - failure.failed_at).total_seconds())
    return words if failure.passed_at else f"{words} so far"


def _is_shown(one: QualityDay | CheckFailure, tenant: str) -> bool:
    return one.kind == MODEL or (one.kind == SOURCE and quality.tenant_of(one) == tenant)


def _subjects(days: Sequence[QualityDay], first: date) -> tuple[Subject, ...]:
    found: dict[tuple[str, str], list[QualityDay]] = {}
    for day in days:
        found.setdefault((day.kind, day.subject), []).append(day)
    made = []
    for (kind, subject), own in found.items():
        inside = tuple(d for d in own if d.day >= first)
        if not inside:
            continue
        # A week before, or on the last day before that on which it was judged; more than two weeks ago is another time.
        newest = inside[-1].day
        before = [d for d in own if newest - 2 * WEEK < d.day <= newest - WEEK]
        made.append(Subject(kind, subject, inside, before[-1] if before else None))
    return tuple(made)


def _subject_row(one: Subject) -> tuple[Cell, ...]:
    newest, now, before = one.newest, score_of(one.newest), score_of(one.before)
    change = formatting.change(now, before, SHARE, up_is_good=True)
    points = "" if now is None or before is None else str(100 * (now - before))
    scores = [score_of(day) for day in one.days]
    line = sparkline([(value, True) for value in scores])
    worst = min((value for value in scores if value is not None), default=None)
    return (
        text(one.subject),
        _share(now),
        Cell(change.text, points, note=change.reason, tone=change.tone),
        Cell(f"{len(scores)} days, the worst {formatting.exact(worst, SHARE)}" if line else formatting.NONE, line=line),
        number(newest.errors + newest.warnings),
        _failures(len(newest.failed), "bad"),
        _failures(len(newest.warned), "warn"),
        day_cell(newest.day),
    )


def _failure_row(one: CheckFailure, time_zone: str) -> tuple[Cell, ...]:
    runbook = quality.runbook_of(one)
    passed = Cell("fails now", "", is_number=False, tone="bad" if one.is_error else "warn")
    if one.passed_at:
        passed = Cell(formatting.moment(one.passed_at, time_zone), one.passed_at.isoformat(), is_number=False)
    return (
        text(one.name),
        text(one.subject),
        text("error" if one.is_error else "warning"),
        Cell(formatting.moment(one.failed_at, time_zone), one.failed_at.isoformat(), is_number=False),
        passed,
        text(lasted(one)),
        Cell(runbook, f"docs/runbooks/{runbook}", is_number=False, href=f"{RUNBOOKS}{runbook}"),
        text(one.message),
    )


def _share(value: float | None) -> Cell:
    return Cell(formatting.bare(value, SHARE), "" if value is None else str(value))


def _failures(count: int, tone: formatting.Tone) -> Cell:
    return Cell(formatting.count(count), str(count), tone=tone if count else "neutral")
