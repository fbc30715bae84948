"""What arrived, by source and UTC day: read from the private warehouse, and laid beside what was to be expected."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from almanac.engines import Engine
from expectations.limits import LIMITS, Limits, rows_band, share_limit, usual_share

Source = tuple[str, str]  # tenant, source
KEY_COLUMNS = ("tenant", "source", "received_date")


@dataclass(frozen=True)
class Day:
    """What one source brought on one UTC day; `filled` counts the values of each column that may be null."""

    received_date: date
    received: int
    accepted: int
    late: int
    quarantined: int
    filled: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Judged:
    """A complete day beside its limits. `silent` names the columns that used to have values and now have none."""

    day: Day
    received_min: float
    received_max: float
    late_share_limit: float
    quarantined_share_limit: float
    silent: tuple[str, ...]

    @property
    def late_share(self) -> float:
        """Late events among the accepted ones."""
        return self.day.late / self.day.accepted if self.day.accepted else 0.0

    @property
    def quarantined_share(self) -> float:
        """Quarantined events among the received ones."""
        return self.day.quarantined / self.day.received if self.day.received else 0.0


@dataclass(frozen=True)
class Period:
    """The days of one source that are judged now: those with a row in the warehouse, and those that have none."""

    present: tuple[Judged, ...]
    missing: tuple[date, ...]  # days on which rows were to be expected

    @property
    def expected_days(self) -> int:
        """How many days must be there; at least one, so that nothing at all is never enough."""
        return max(1, len(self.present) + len(self.missing))


def read_days(engine: Engine) -> dict[Source, list[Day]]:
    """All days of all sources, oldest first, as the warehouse counts them."""
    rows = engine.execute(
        "select tenant, source, received_date, received, accepted, late, quarantined from marts.mv_daily_arrivals "
        "order by tenant, source, received_date"
    )
    days: dict[Source, list[Day]] = {}
    for tenant, source, received_date, *counts in rows:
        days.setdefault((tenant, source), []).append(Day(received_date, *counts))
    return days


def with_values(engine: Engine, days: dict[Source, list[Day]], since: date) -> dict[Source, list[Day]]:
    """The same days from `since` on, with the number of values of every column of fact_events that may be null."""
    columns = [
        name
        for (name,) in engine.execute(
            "select column_name from information_schema.columns where table_schema = 'marts' "
            "and table_name = 'fact_events' and is_nullable = 'YES' order by ordinal_position"
        )
        if name not in KEY_COLUMNS
    ]
    counts = "".join(f', count("{name}")' for name in columns)
    rows = engine.execute(
        f"select tenant, source, received_date{counts} from marts.fact_events where received_date >= ? "
        "group by tenant, source, received_date",
        [since],
    )
    filled = {tuple(row[:3]): dict(zip(columns, row[3:], strict=True)) for row in rows}
    return {
        source: [
            Day(
                d.received_date,
                d.received,
                d.accepted,
                d.late,
                d.quarantined,
                filled.get((*source, d.received_date), {}),
            )
            for d in listed
            if d.received_date >= since
        ]
        for source, listed in days.items()
    }


def since(days: Sequence[Day], newest: date, limits: Limits = LIMITS) -> date:
    """The first day that judging this source may look at."""
    before = [d.received_date for d in days if d.received and d.received_date < newest]
    return before[-(limits.history_days + limits.judged_days) :][0] if before else newest


def judge_days(days: Sequence[Day], newest: date, limits: Limits = LIMITS) -> Period:
    """Lay the newest complete days before `newest` (the day of the newest arrival, not complete itself) beside limits.

    `days` are those of one source, oldest first. History is the last days that had rows, however long ago: a source
    that died is still compared with its living days.
    """
    alive = [d for d in days if d.received]
    if not alive:
        return Period((), ())
    by_date = {d.received_date: d for d in days}
    present, missing = [], []
    for back in range(limits.judged_days, 0, -1):
        on = newest - timedelta(days=back)
        if on < alive[0].received_date:
            continue
        history = [d for d in alive if d.received_date < on][-limits.history_days :]
        band = rows_band([d.received for d in history], limits)
        if on in by_date:
            present.append(_judged(by_date[on], history, band.low, band.high, limits))
        elif band.low > 0:
            missing.append(on)
    return Period(tuple(present), tuple(missing))


def _judged(day: Day, history: Sequence[Day], low: float, high: float, limits: Limits) -> Judged:
    accepted = sum(d.accepted for d in history)
    received = sum(d.received for d in history)
    late = usual_share(
        sum(d.late for d in history), accepted, len(history), limits.late_floor, limits.late_young, limits
    )
    quarantined = usual_share(
        sum(d.quarantined for d in history),
        received,
        len(history),
        limits.quarantined_floor,
        limits.quarantined_young,
        limits,
    )
    return Judged(
        day=day,
        received_min=low,
        received_max=high,
        late_share_limit=share_limit(day.accepted, late, limits),
        quarantined_share_limit=share_limit(day.received, quarantined, limits),
        silent=_silent(day, history, accepted, limits),
    )


def _silent(day: Day, history: Sequence[Day], accepted: int, limits: Limits) -> tuple[str, ...]:
    """Columns without any value on `day` though the history's share promises at least `silent` of them."""
    if not accepted:
        return ()
    usual = {name: sum(d.filled.get(name, 0) for d in history) for name in day.filled}
    return tuple(
        name
        for name, count in day.filled.items()
        if not count and usual[name] / accepted * day.accepted >= limits.silent
    )
