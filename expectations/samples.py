"""Some of the rows for which an expectation failed: enough to see what is wrong, and nothing that may be personal.

Shown are names of events, times, amounts, currencies, ids of listings and why something was refused; no person's id, no
text that a person wrote.
"""

from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from almanac.engines import Engine
from expectations.arrivals import SAMPLES, Judged, Period, Source, some_repeated
from expectations.off import OFF
from expectations.profile import event_and_column

Row = dict[str, Any]

_OF_THE_DAY = "from marts.fact_events as e where e.tenant = ? and e.source = ? and e.received_date = ?"
_TIMES = 'coalesce(e.event, e.type) as event, e.event_at as "happened at (UTC)", e.received_at as "arrived at (UTC)"'
_REFUSED = f"""
    select event, field, code, cast(sum(quarantined) as bigint) as refused
    from marts.mv_daily_quarantine where tenant = ? and source = ? and received_date = ?
    group by event, field, code order by 4 desc, 1, 2, 3 limit {SAMPLES}
"""
_KINDS = f"""
    select coalesce(e.event, e.type) as event, e.currency, count(*) as events {_OF_THE_DAY}
    group by coalesce(e.event, e.type), e.currency order by 3 desc, 1, 2 limit {2 * SAMPLES}
"""
_QUERIES = {
    "rows_are_usual": _KINDS,
    "mix_is_usual": _KINDS,
    "late_share_is_usual": f"select {_TIMES} {_OF_THE_DAY} and e.is_late order by e.event_at, 1 limit {SAMPLES}",
    "times_are_usual": f"""
        select {_TIMES}, e.time_quality as "time quality" {_OF_THE_DAY}
        and (e.received_at - e.event_at > interval '1 hour' or e.time_quality not in ('ok', 'skew_corrected'))
        order by e.event_at, 1 limit {SAMPLES}
    """,
    "quarantined_share_is_usual": _REFUSED,
    "refusals_are_usual": _REFUSED,
    "keys_are_known": f"""
        select {_TIMES}, e.listing_id as "listing that nobody looked at" {_OF_THE_DAY}
        and e.event = 'booking_confirmed' and e.listing_id is not null and not exists (
            select 1 from marts.fact_events as v
            where v.tenant = e.tenant and v.listing_id = e.listing_id and v.event = 'listing_viewed'
        )
        order by e.event_at, 3 limit {SAMPLES}
    """,
}


def samples(engine: Engine, source: Source, check: str, period: Period) -> list[Row]:
    """Rows of the first judged day that is off, for a check that failed; none if a day's numbers say all."""
    if check == "every_day_is_present":
        return [{"day without a row": day.isoformat()} for day in period.missing[:SAMPLES]]
    judged = next((j for j in period.present if OFF[check](j)), None)
    if judged is None:
        return []
    day = judged.day.received_date
    if check == "repeated_share_is_usual":
        found = some_repeated(engine, source, day)
        return [{"event": event, "happened at (UTC)": at, "times": times} for event, at, times in found]
    if check in _BY_VALUE:
        return list(_BY_VALUE[check](engine, source, judged))
    return _rows(engine, _QUERIES[check], source, day)


def _without_value(engine: Engine, source: Source, judged: Judged) -> Iterator[Row]:
    """Events that lack the values which are missing."""
    lacking = [("", column) for column in judged.silent] or [
        event_and_column(words) for words in judged.unusual.get("values_are_filled", ())
    ]
    for event, column in lacking[:SAMPLES]:
        of_event = "and coalesce(e.event, e.type) = ?" if event else ""
        sql = f"""
            select {_TIMES}, '{column}' as "column without a value" {_OF_THE_DAY} and e."{column}" is null {of_event}
            order by e.event_at, 1 limit 1
        """
        yield from _rows(engine, sql, source, judged.day.received_date, *([event] if event else []))


def _amounts(engine: Engine, source: Source, judged: Judged) -> Iterator[Row]:
    """The largest and the smallest amounts."""
    for order in ("desc", "asc"):
        sql = f"""
            select coalesce(e.event, e.type) as event, e.event_at as "happened at (UTC)", e.amount, e.currency
            {_OF_THE_DAY} and e.amount > 0 order by e.amount {order}, e.event_at limit {(SAMPLES + 1) // 2}
        """
        yield from _rows(engine, sql, source, judged.day.received_date)


_BY_VALUE: dict[str, Callable[[Engine, Source, Judged], Iterator[Row]]] = {
    "no_column_is_silent": _without_value,
    "values_are_filled": _without_value,
    "amounts_are_usual": _amounts,
}


def _rows(engine: Engine, sql: str, source: Source, day: date, *more: str) -> list[Row]:
    found = engine.rows(sql, [*source, day, *more])
    return [{name: _plain(value) for name, value in row.items()} for row in found]


def _plain(value: Any) -> Any:
    """As JSON and a table show it."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    return f"{value:,.2f}" if isinstance(value, Decimal) else value
