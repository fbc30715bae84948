"""What arrived: counts per event and day, reconciliation, delay and drift, what was rejected and why."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime

from serving.ranges import Span
from serving.reading import Reading

TERMS = ("received", "accepted", "duplicate", "quarantined", "suppressed", "erased")
LATEST_SHOWN = 50


@dataclass(frozen=True)
class Arrivals:
    """The reconciliation of one UTC day of arrival and source: received = the other five terms."""

    received_date: date
    source: str
    received: int
    accepted: int
    duplicate: int
    quarantined: int
    suppressed: int
    erased: int
    late: int
    within_minute: int
    within_hour: int
    within_day: int
    difference: int


@dataclass(frozen=True)
class Drift:
    """What events of one UTC day of arrival carried otherwise than the tracking plan and the 28 days before say."""

    received_date: date
    event: str
    property: str
    drift: str
    json_type: str
    declared_type: str
    drift_count: int
    event_count: int


@dataclass(frozen=True)
class Rejected:
    """One event that was refused, without its content; `received_at` is UTC, naive."""

    received_at: datetime
    source: str
    event: str
    field: str
    code: str
    message: str


def read_arrivals(reading: Reading, tenant: str, span: Span) -> list[Arrivals]:
    """Newest day first."""
    rows = reading.rows(
        """
        select received_date, source, received, accepted, duplicate, quarantined, suppressed, erased, late,
            within_minute, within_hour, within_day, difference
        from mv_daily_arrivals where tenant = ? and received_date between ? and ?
        order by received_date desc, source
        """,
        [tenant, span.first, span.last],
    )
    return [Arrivals(*row) for row in rows]


def read_accepted(reading: Reading, tenant: str, span: Span) -> dict[str, dict[date, int]]:
    """Accepted events by event and local day."""
    sql = """
        select event, event_date, cast(sum(accepted) as bigint) from mv_daily_events
        where tenant = ? and event_date between ? and ? group by 1, 2 order by 1, 2
    """
    return _by_name(reading.rows(sql, [tenant, span.first, span.last]))


def read_quarantined(reading: Reading, tenant: str, span: Span) -> dict[str, dict[date, int]]:
    """Quarantined events by event (empty: it had no readable name) and UTC day of arrival."""
    sql = """
        select coalesce(event, ''), received_date, cast(sum(quarantined) as bigint) from mv_daily_quarantine
        where tenant = ? and received_date between ? and ? group by 1, 2 order by 1, 2
    """
    return _by_name(reading.rows(sql, [tenant, span.first, span.last]))


def read_reasons(reading: Reading, tenant: str, span: Span) -> list[tuple[str, str, int]]:
    """Why events were quarantined: code, field and count, most frequent first."""
    sql = """
        select coalesce(code, ''), coalesce(field, ''), cast(sum(quarantined) as bigint) as events
        from mv_daily_quarantine where tenant = ? and received_date between ? and ?
        group by 1, 2 order by events desc, 1, 2
    """
    return [(str(r[0]), str(r[1]), int(r[2])) for r in reading.rows(sql, [tenant, span.first, span.last])]


def read_drift(reading: Reading, tenant: str, span: Span) -> list[Drift]:
    """Newest day first."""
    sql = """
        select received_date, event, property, drift, json_type, coalesce(declared_type, ''), drift_count, event_count
        from mv_daily_drift where tenant = ? and received_date between ? and ?
        order by received_date desc, event, property, drift, json_type
    """
    return [Drift(*row) for row in reading.rows(sql, [tenant, span.first, span.last])]


def read_rejected(reading: Reading, tenant: str, limit: int = LATEST_SHOWN) -> list[Rejected]:
    """The last events that were refused, newest first, whatever the range of the page."""
    sql = """
        select received_at, source, coalesce(event, ''), coalesce(field, ''), coalesce(code, ''), coalesce(message, '')
        from mv_quarantine_latest where tenant = ? order by received_at desc, event, field limit ?
    """
    return [Rejected(*row) for row in reading.rows(sql, [tenant, limit])]


def _by_name(rows: list[tuple[str, date, int]]) -> dict[str, dict[date, int]]:
    found: dict[str, dict[date, int]] = defaultdict(dict)
    for name, day, count in rows:
        found[name][day] = count
    return dict(found)
