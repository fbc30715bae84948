"""What arrived, by source and UTC day: read from the private warehouse, and laid beside what was to be expected."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from almanac.engines import Engine
from expectations.limits import LIMITS, Limits, rows_band, share_limit, usual_share, usual_share_of_repeated
from expectations.profile import Profile, read_profiles, unusual
from ingestion.tracking_plan import Accepted

Source = tuple[str, str]  # tenant, source
SAMPLES = 5
# What an event says, not how and when it arrived, as a text that both engines make.
_PARTS = ("type", "event", "user_id", "anonymous_id", "event_at", "booking_id", "listing_id", "amount", "properties")
_CONTENT = ", ".join(f"coalesce(cast({part} as varchar), '')" for part in _PARTS)
_SAID = f"""
    select tenant, source, received_date, coalesce(event, type) as name, event_at,
        md5(concat_ws('|', {_CONTENT})) as content
    from marts.fact_events where received_date >= ?
"""
MISSING = "every_day_is_present"
_WITHOUT_LIMIT: dict[str, dict[str, Any]] = {
    "rows_are_usual": {"received_min": 0.0, "received_max": math.inf},
    "late_share_is_usual": {"late_share_limit": 1.0},
    "quarantined_share_is_usual": {"quarantined_share_limit": 1.0},
    "repeated_share_is_usual": {"repeated_share_limit": 1.0},
    "no_column_is_silent": {"silent": ()},
}
KEY_COLUMNS = ("tenant", "source", "received_date")


@dataclass(frozen=True)
class Day:
    """What one source brought on one UTC day; `filled` counts the values of each column that may be null.

    `repeated` counts the accepted events that say what an earlier one said, under an id of their own.
    """

    received_date: date
    received: int
    accepted: int
    late: int
    quarantined: int
    filled: Mapping[str, int] = field(default_factory=dict)
    repeated: int = 0
    profile: Profile | None = None


@dataclass(frozen=True)
class Judged:
    """A complete day beside its limits. `silent` names the columns that used to have values and now have none."""

    day: Day
    received_min: float
    received_max: float
    late_share_limit: float
    quarantined_share_limit: float
    silent: tuple[str, ...]
    repeated_share_limit: float = 1.0
    unusual: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # by check, in words

    @property
    def repeated_share(self) -> float:
        """Events that say what an earlier one said, among the accepted ones."""
        return self.day.repeated / self.day.accepted if self.day.accepted else 0.0

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
    accepted: tuple[Accepted, ...] = ()  # what somebody has said to be right

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
    """The same days from `since` on, with what only their events tell: values, repetitions, and what they are like."""
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
    repeated, profiles = _repeated(engine, since), read_profiles(engine, since)
    filled = {tuple(row[:3]): dict(zip(columns, row[3:], strict=True)) for row in rows}
    return {
        source: [
            replace(
                d,
                filled=filled.get((*source, d.received_date), {}),
                repeated=repeated.get((*source, d.received_date), 0),
                profile=profiles.get((*source, d.received_date)),
            )
            for d in listed
            if d.received_date >= since
        ]
        for source, listed in days.items()
    }


def _repeated(engine: Engine, since: date) -> dict[tuple[str, str, date], int]:
    """By tenant, source and day: the events from `since` on of which an earlier one from then on says the same."""
    rows = engine.execute(
        f"""
        with
            events as ({_SAID}),
            repeated as (
                select tenant, source, content, min(received_date) as first_date
                from events group by tenant, source, content having count(*) > 1
            )
        select e.tenant, e.source, e.received_date,
            count(*) - count(distinct case when e.received_date = r.first_date then e.content end)
        from events as e inner join repeated as r
            on r.tenant = e.tenant and r.source = e.source and r.content = e.content
        group by e.tenant, e.source, e.received_date
        """,
        [since],
    )
    return {(tenant, source, day): count for tenant, source, day, count in rows}


def some_repeated(engine: Engine, source: Source, day: date) -> list[tuple[str, str, int]]:
    """Of the events that came repeatedly on a day the most frequent: what happened, when (UTC, ISO 8601), how often.

    Nothing that may be personal is among it.
    """
    rows = engine.execute(
        f"""
        with events as ({_SAID})
        select min(name), min(event_at), count(*)
        from events where tenant = ? and source = ? and received_date = ?
        group by content having count(*) > 1
        order by 3 desc, 2, 1 limit {SAMPLES}
        """,
        [day, *source, day],
    )
    return [(event, at.isoformat(timespec="milliseconds"), count) for event, at, count in rows]


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


def excused(period: Period, accepted: Sequence[Accepted]) -> Period:
    """The period without what is accepted: those days pass those checks."""
    present, missing = list(period.present), set(period.missing)
    for one in accepted:
        missing -= {one.day} if one.check == MISSING else set()
        present = [_excused(j, one.check) if j.day.received_date == one.day else j for j in present]
    return Period(tuple(present), tuple(sorted(missing)), tuple(accepted))


def _excused(judged: Judged, check: str) -> Judged:
    if check in _WITHOUT_LIMIT:
        return replace(judged, **_WITHOUT_LIMIT[check])
    return replace(judged, unusual={name: words for name, words in judged.unusual.items() if name != check})


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
        repeated_share_limit=share_limit(
            day.accepted,
            usual_share_of_repeated(sum(d.repeated for d in history), accepted, len(history), limits),
            limits,
        ),
        unusual=unusual(day.profile, [d.profile for d in history if d.profile], limits) if day.profile else {},
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
