"""The review of a quarter's data quality: a page for the people who look after checks, from what these said."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from almanac import durable
from almanac.errors import AlmanacError
from almanac.quality import ERROR_WEIGHT, MODEL, SOURCE, WARNING_WEIGHT, Remembered, remembered, score
from almanac.settings import Settings
from almanac.state import CheckFailure, QualityDay
from expectations.docs import unwatched
from ingestion.tracking_plan import load_plan

WORST_DAYS = 10
_NO_VALUE = "-"


@dataclass(frozen=True)
class Period:
    """A range of UTC days, both included, and the name of its page."""

    first: date
    last: date

    @property
    def name(self) -> str:
        """`2026-Q3` for a whole quarter, else both days."""
        if self == quarter_of(self.first):
            return f"{self.first.year}-Q{(self.first.month + 2) // 3}"
        return f"{self.first}--{self.last}"

    @property
    def days(self) -> int:
        """How many days."""
        return (self.last - self.first).days + 1


def quarter_of(day: date) -> Period:
    """The quarter that holds a day."""
    first = date(day.year, 3 * ((day.month - 1) // 3) + 1, 1)
    following = date(first.year + first.month // 10, (first.month + 2) % 12 + 1, 1)
    return Period(first, following - timedelta(days=1))


def last_quarter(today: date) -> Period:
    """The last quarter that is over."""
    return quarter_of(quarter_of(today).first - timedelta(days=1))


def write_review(settings: Settings, period: Period, out: Path | None = None) -> Path:
    """Write the page of a period, by default below the home, and say where. Raises AlmanacError if that fails."""
    page = out or settings.home / "reports" / "quality" / f"{period.name}.md"
    text = review(remembered(settings, period.first, period.last), period, unwatched(load_plan(settings.root)))
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        durable.write_text(page, text)
    except OSError as error:
        raise AlmanacError(f"the review cannot be written to {page}: {error.strerror}; choose another --out") from error
    return page


def review(found: Remembered, period: Period, without: Sequence[str]) -> str:
    """The page as Markdown; `without` are the sources that have no expectations."""
    judged = {one.day for one in found.days}
    parts = [
        f"# Data quality, {period.name}",
        f"{period.first} to {period.last}, UTC days. Checks were judged on {len(judged)} of {period.days} days; "
        f"{_count(len(found.failures), 'incident')} of failed checks. The score of a day is the weight of the checks "
        f"that passed over the weight of all: {ERROR_WEIGHT} for one that blocks publishing, {WARNING_WEIGHT} for one "
        "that only tells.",
        "## Scores",
    ]
    for kind, title in ((SOURCE, "Sources"), (MODEL, "Models")):
        parts += [f"### {title}", _scores([one for one in found.days if one.kind == kind])]
    parts += [
        "## Worst days", _worst(found.days),
        "## Incidents", _incidents(found.failures),
        "## Checks that never failed",
        "They guard what has not happened, or are too wide to see it: candidates for tighter limits.",
        _never(found, period),
        "## Sources without expectations",
        "\n".join(f"- `{name}`" for name in without) or "None: the days of every declared source are judged.",
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def duration(seconds: float) -> str:
    """A duration in its two largest units: `3 d 4 h`, `5 min`."""
    left, parts = max(0, round(seconds / 60)), []
    for size, unit in ((1440, "d"), (60, "h"), (1, "min")):
        amount, left = divmod(left, size)
        if amount:
            parts.append(f"{amount} {unit}")
    return " ".join(parts[:2]) or "under a minute"


def _scores(days: Iterable[QualityDay]) -> str:
    by_subject: dict[str, list[QualityDay]] = defaultdict(list)
    for one in days:
        by_subject[one.subject].append(one)
    rows = []
    for subject, own in by_subject.items():
        scores = [found for one in own if (found := score([one])) is not None]
        bad = sum(bool(one.failed) for one in own)
        told = sum(bool(one.warned) for one in own)
        mean = sum(scores) / len(scores) if scores else None
        rows.append((mean, [f"`{subject}`", _share(mean), _share(min(scores, default=None)), len(own), bad, told]))
    rows.sort(key=lambda row: (row[0] is None, row[0] or 0, row[1][0]))
    titles = ("subject", "mean score", "worst day", "days judged", "days with a failure", "days with a warning")
    return _table(titles, [row for _, row in rows], numbers=5) if rows else "None was judged."


def _worst(days: Iterable[QualityDay]) -> str:
    by_day: dict[date, list[QualityDay]] = defaultdict(list)
    for one in days:
        by_day[one.day].append(one)
    rows = []
    for day, own in by_day.items():
        names = [f"`{name}` of `{one.subject}`" for one in own for name in (*one.failed, *one.warned)]
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            rows.append((score(own) or 0, day, [str(day), _share(score(own)), ", ".join(names[:3]) + more]))
    rows.sort(key=lambda row: row[:2])
    if not rows:
        return "No check failed on any day."
    return _table(("day", "score of all", "what failed"), [row for _, _, row in rows[:WORST_DAYS]])


def _incidents(failures: Sequence[CheckFailure]) -> str:
    if not failures:
        return "None."
    rows = []
    for one in failures:
        until = f"{one.passed_at:%Y-%m-%d %H:%M}" if one.passed_at else "lasts"
        lasted = duration(((one.passed_at or one.last_failed_at) - one.failed_at).total_seconds())
        rows.append([
            f"{one.failed_at:%Y-%m-%d %H:%M}", until, lasted if one.passed_at else f"{lasted} so far", f"`{one.name}`",
            f"`{one.subject}`", "error" if one.is_error else "warning", _text(one.message),
        ])  # fmt: skip
    return _table(("from (UTC)", "passed again", "duration", "check", "subject", "severity", "what it said"), rows)


def _never(found: Remembered, period: Period) -> str:
    """By subject the checks that were judged in the period and did not fail in it."""
    begin = datetime(period.first.year, period.first.month, period.first.day, tzinfo=UTC)
    end = begin + timedelta(days=period.days)
    failed = {(f.kind, f.subject, f.name) for f in found.failures}
    asked: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in found.checks:
        if one.first_judged_at < end and one.last_judged_at >= begin:
            asked[one.kind, one.subject].append(one.name)
    rows = []
    for (kind, subject), names in sorted(asked.items(), key=lambda item: (item[0][0] != SOURCE, item[0])):
        never = [name for name in names if (kind, subject, name) not in failed]
        if never:
            rows.append([f"`{subject}`", f"{len(never)} of {len(names)}", ", ".join(f"`{name}`" for name in never)])
    return _table(("subject", "never failed", "checks"), rows) if rows else "None."


def _table(titles: Sequence[str], rows: Iterable[Sequence[object]], numbers: int = 0) -> str:
    """A table whose last `numbers` columns are numbers."""
    marks = ["---"] * (len(titles) - numbers) + ["---:"] * numbers
    lines = [titles, marks, *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _share(value: float | None) -> str:
    return _NO_VALUE if value is None else f"{value:.1%}"


def _text(words: str) -> str:
    return " ".join(words.split()).replace("|", "\\|") or _NO_VALUE


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
