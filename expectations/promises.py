"""Promises about freshness (service level objectives): what is declared, how it stands, and how fast a budget burns.

The share of time, error budgets and burn rates over two windows are those of Google's Site Reliability Workbook,
chapter 5, "Alerting on SLOs" (6: multiwindow, multi-burn-rate alerts).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from almanac.errors import AlmanacError
from almanac.state import Shown
from almanac.yaml_files import load

FILE = Path("expectations") / "promises.yml"
# (long window, short window, burn rate): 2 % of a 30 days' budget in an hour, 5 % in six, 10 % in three days.
BURNS = (
    (timedelta(hours=1), timedelta(minutes=5), 14.4),
    (timedelta(hours=6), timedelta(minutes=30), 6.0),
    (timedelta(days=3), timedelta(hours=6), 1.0),
)
Span = tuple[datetime, datetime]


class Promise(BaseModel):
    """One declared promise: `target` is a share of time, `max_wait_minutes` from arrival to publication."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    owner: str
    description: str
    max_wait_minutes: int = Field(gt=0)
    target: float = Field(gt=0, lt=1)
    window_days: int = Field(gt=0, le=366)
    runbook: str

    @property
    def max_wait(self) -> timedelta:
        """How long what has arrived may wait."""
        return timedelta(minutes=self.max_wait_minutes)


@dataclass(frozen=True)
class Standing:
    """How a promise stands.

    From when it was measured (None: never), the share of time in which it was kept, the share of the error budget that
    is left (below 0: broken), since when it is broken now, and which burn rates are too high.
    """

    promise: Promise
    since: datetime | None
    share: float | None
    budget_left: float | None
    broken_since: datetime | None
    burning: tuple[str, ...]


def load_promises(root: Path) -> list[Promise]:
    """What `expectations/promises.yml` declares; nothing without the file.

    Raises AlmanacError that names the promise and the field if a declaration is wrong.
    """
    path = root / FILE
    if not path.is_file():
        return []
    try:
        content = load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise AlmanacError(f"{FILE}: not valid YAML: {' '.join(str(error).split())}") from error
    declared = content.get("promises") if isinstance(content, dict) else None
    if not isinstance(declared, list):
        raise AlmanacError(f"{FILE}: the file must hold a list under `promises:`")
    found: list[Promise] = []
    for place, one in enumerate(declared, start=1):
        named = one.get("name") if isinstance(one, dict) else None
        try:
            found.append(Promise.model_validate(one))
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(map(str, first["loc"])) or "promise"
            raise AlmanacError(f"{FILE}: promise {named or f'number {place}'}: {field}: {first['msg']}") from error
        if not (root / "docs" / "runbooks" / found[-1].runbook).is_file():
            raise AlmanacError(f"{FILE}: promise {named}: runbook: docs/runbooks/{found[-1].runbook} does not exist")
    names = [one.name for one in found]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise AlmanacError(f"{FILE}: promise {doubled[0]}: name: it is declared twice")
    return found


def standing(promise: Promise, shown: Sequence[Shown], waiting_since: datetime | None, now: datetime) -> Standing:
    """How a promise stands by what was published (oldest first) and what waits since when; all times aware.

    Measured is from the first publication in the window on: nothing was promised before anybody could read anything.
    """
    start = now - timedelta(days=promise.window_days)
    known = [one.shown_at for one in shown if one.shown_at <= now]
    if not known:
        return Standing(promise, None, None, None, None, ())
    since = max(start, min(known))
    broken = _merged(_broken(promise, shown, waiting_since, now))
    whole, bad = now - since, _time_in(broken, since, now)
    share = 1 - bad / whole if whole else 1.0
    ongoing = broken[-1][0] if broken and broken[-1][1] >= now else None
    burning = tuple(
        f"{_rate(promise, broken, since, now, long):.1f} times as fast as planned over {_words(long)}"
        for long, short, rate in BURNS
        if _rate(promise, broken, since, now, long) >= rate and _rate(promise, broken, since, now, short) >= rate
    )
    return Standing(promise, since, share, 1 - (1 - share) / (1 - promise.target), ongoing, burning)


def _broken(promise: Promise, shown: Iterable[Shown], waiting_since: datetime | None, now: datetime) -> Iterable[Span]:
    """Spans of time in which something had waited too long."""
    waits = [(one.oldest_new_at, one.shown_at) for one in shown if one.oldest_new_at]
    for arrived, published in [*waits, *([(waiting_since, now)] if waiting_since else [])]:
        if arrived + promise.max_wait < min(published, now):
            yield arrived + promise.max_wait, min(published, now)


def _merged(spans: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        else:
            merged.append((start, end))
    return merged


def _time_in(spans: Sequence[Span], start: datetime, end: datetime) -> timedelta:
    inside = (min(till, end) - max(since, start) for since, till in spans if till > start and since < end)
    return sum(inside, timedelta(0))


def _rate(promise: Promise, broken: Sequence[Span], since: datetime, now: datetime, window: timedelta) -> float:
    """How many times as fast as planned the budget is used up in the last `window`."""
    return _time_in(broken, max(since, now - window), now) / window / (1 - promise.target)


def _words(window: timedelta) -> str:
    hours = window // timedelta(hours=1)
    return f"{hours // 24} days" if hours >= 48 else f"{hours} hour{'s' if hours > 1 else ''}"
