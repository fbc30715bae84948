"""A published version with exactly the relations that the portal reads, made up, and the files beside it."""

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow as pa
import yaml

from almanac.settings import ROOT, Settings
from almanac.versions import Version
from tests.serving.businesses import ADVISORY, BUSINESSES, KPI_PARTS, LAST_DAY, Business, Parts, days

DATA_AS_OF = datetime(2026, 11, 21, 9, 12)
PUBLISHED_AT = datetime(2026, 11, 21, 9, 15)
HOSTILE = "<script>window.canary = 1</script>"  # as an event's name, and in what is wrong with it

SCHEMA = """
create table publication (
    publication_id varchar, published_at timestamp, data_as_of timestamp, definitions_hash varchar);
create table kpi_values (
    tenant varchar, kpi varchar, time_grain varchar, period_start date, dimension varchar, dimension_value varchar,
    numerator decimal(28, 4), denominator decimal(28, 4), value double, is_complete boolean);
create table kpi_hourly_values (
    tenant varchar, kpi varchar, hour_start timestamp, numerator decimal(28, 4), denominator decimal(28, 4),
    value double, is_complete boolean);
create table kpi_catalogue (
    kpi varchar, title varchar, description varchar, owner varchar, unit varchar, format varchar, direction varchar,
    formula varchar, numerator_label varchar, denominator_label varchar, is_additive boolean, time_grains varchar,
    dimensions varchar, target double, runbook varchar, facts varchar, threshold varchar, is_level boolean,
    only_with varchar);
create table check_results (
    name varchar, kind varchar, subject varchar, severity varchar, passed boolean, message varchar);
create table dim_tenants (tenant varchar, title varchar, business varchar, time_zone varchar, currency varchar);
create table mv_daily_arrivals (
    tenant varchar, source varchar, received_date date, received bigint, accepted bigint, duplicate bigint,
    quarantined bigint, suppressed bigint, erased bigint, late bigint, within_minute bigint, within_hour bigint,
    within_day bigint, difference bigint);
create table mv_daily_drift (
    tenant varchar, event varchar, received_date date, property varchar, drift varchar, json_type varchar,
    declared_type varchar, event_count bigint, drift_count bigint, usual_ratio double);
create table mv_daily_events (tenant varchar, source varchar, event varchar, event_date date, accepted bigint);
create table mv_daily_quarantine (
    tenant varchar, source varchar, event varchar, received_date date, field varchar, code varchar, quarantined bigint);
create table mv_quarantine_latest (
    tenant varchar, source varchar, received_at timestamp, event varchar, field varchar, code varchar, message varchar,
    recency bigint);
"""

LABELS = {
    "sessions": "Sessions", "users": "Distinct persons with a session", "searches": "Searches performed",
    "converted": "Sessions with a search and a later booking", "searching": "Sessions with a search",
    "bookings": "Bookings", "amount": "Amount booked minus amount cancelled",
    "commission": "Commission earned minus commission given back", "booked": "Amount booked",
}  # fmt: skip
FACTS = {"users": "fact_user_days", "sessions": "fact_sessions", "searches": "fact_searches"}


def publish(settings: Settings, name: str = "20261121T091500-a1b2c3", as_of: datetime = DATA_AS_OF) -> Version:
    """Write a version of that name, make it the current one, and note the success."""
    settings.versions.mkdir(parents=True, exist_ok=True)
    path = settings.versions / f"{name}.duckdb"
    path.write_bytes(_file(name, as_of))
    (settings.versions / "CURRENT").write_text(name + "\n", encoding="utf-8")
    note(settings, succeeded=True, attempted_at=PUBLISHED_AT)
    return Version(name, path)


@cache
def _file(name: str, as_of: datetime) -> bytes:
    """The version's file; made once, because it takes seconds."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "version.duckdb"
        with duckdb.connect(str(path)) as con:
            con.execute(SCHEMA)
            for table, rows in _tables(name, as_of).items():
                # Through Arrow: inserting row by row takes seconds.
                columns = [pa.array(column) for column in zip(*rows, strict=True)]
                con.register("made_up", pa.table(columns, names=[f"c{n}" for n in range(len(columns))]))
                con.execute(f"insert into {table} select * from made_up")
                con.unregister("made_up")
        return path.read_bytes()


def note(
    settings: Settings, *, succeeded: bool, attempted_at: datetime, failed: tuple[str, ...] = (), reason: str = ""
) -> None:
    """Write how the last attempt to publish ended."""
    settings.versions.mkdir(parents=True, exist_ok=True)
    status = {
        "attempted_at": attempted_at.replace(tzinfo=UTC).isoformat(),
        "succeeded": succeeded,
        "reason": reason or (f"{len(failed)} failed checks" if failed else ""),
        "failed_checks": list(failed),
        "published_at": PUBLISHED_AT.replace(tzinfo=UTC).isoformat(),
    }
    (settings.versions / "STATUS.json").write_text(json.dumps(status), encoding="utf-8")


def _tables(name: str, as_of: datetime) -> dict[str, list[tuple[Any, ...]]]:
    return {
        "publication": [(name, PUBLISHED_AT, as_of, "d41d8cd9")],
        "kpi_values": [row for b in BUSINESSES for row in _values(b)],
        "kpi_hourly_values": [row for b in BUSINESSES for row in _hours(b)],
        "kpi_catalogue": list(_catalogue()),
        "check_results": list(_checks()),
        "dim_tenants": [(b.tenant, b.title, b.business, b.time_zone, b.currency) for b in BUSINESSES],
        **_arrivals(),
    }


def _values(business: Business) -> Iterator[tuple[Any, ...]]:
    groups: dict[tuple[str, date, str, str], Parts] = defaultdict(Parts)
    for day, channel, parts in days(business):
        month = day.replace(day=1)
        quarter = month.replace(month=day.month - (day.month - 1) % 3)
        starts = {"day": day, "week": day - timedelta(days=day.weekday()), "month": month, "quarter": quarter}
        for grain, start in starts.items():
            groups[grain, start, "all", "all"].add(parts)
            groups[grain, start, "channel", channel].add(parts)
    for (grain, start, dimension, value), parts in groups.items():
        for kpi, (over, under) in KPI_PARTS.items():
            numerator, denominator = parts.of(over), parts.of(under)
            if numerator is None and (under is None or denominator is None):
                continue
            quotient = None if numerator is None or not denominator else float(numerator) / float(denominator)
            complete = _end(start, grain) <= LAST_DAY
            yield business.tenant, kpi, grain, start, dimension, value, numerator, denominator, quotient, complete


def _hours(business: Business) -> Iterator[tuple[Any, ...]]:
    """Of each day's sessions as many as fit in threes before noon, the others in the last hour."""
    totals: dict[date, Parts] = defaultdict(Parts)
    for day, _, parts in days(business):
        totals[day].add(parts)
    for day, parts in totals.items():
        sessions = parts.of("sessions") or Decimal(0)
        for hour, count in ((11, sessions // 3), (23, sessions - sessions // 3)):
            start = datetime(day.year, day.month, day.day, hour)
            yield business.tenant, "sessions", start, count, Decimal(1), float(count), day <= LAST_DAY


def _end(start: date, grain: str) -> date:
    if grain in ("month", "quarter"):
        return (start + timedelta(days=32 if grain == "month" else 95)).replace(day=1)
    return start + timedelta(days=7 if grain == "week" else 1)


def _catalogue() -> Iterator[tuple[Any, ...]]:
    """The real KPI files' words, so that the pages are judged with them."""
    for file in sorted((ROOT / "dbt_project" / "models" / "kpis").glob("*/*.yml")):
        metric = yaml.safe_load(file.read_text(encoding="utf-8"))["metrics"][0]
        if metric["name"] not in KPI_PARTS:
            continue
        over, under = KPI_PARTS[metric["name"]]
        k = metric["config"]["meta"]["kpi"]
        facts = json.dumps(sorted({FACTS.get(p, "fact_bookings") for p in (over, under) if p}))
        yield (
            metric["name"], k["title"], metric["description"], k["owner"], k["unit"], k["format"], k["direction"],
            k["formula"], LABELS[over], LABELS[under] if under else "", over != "users", json.dumps(k["time_grains"]),
            json.dumps(k["dimensions"]), None, None, facts,
            json.dumps(k["threshold"]) if "threshold" in k else None, False, k.get("only_with"),
        )  # fmt: skip


def _checks() -> Iterator[tuple[Any, ...]]:
    yield "unique_grain_kpi_values", "dbt", "kpi_values", "error", True, ""
    yield "not_null_kpi_values_tenant", "dbt", "kpi_values", "error", True, ""
    for fact in ("fact_sessions", "fact_user_days", "fact_searches", "fact_bookings"):
        yield f"unique_grain_{fact}", "dbt", fact, "error", True, ""
        yield f"not_null_{fact}_tenant", "dbt", fact, "error", True, ""
    message = "2 bookings name a listing that never was viewed"
    yield "relationships_fact_bookings_listing_id", "dbt", "fact_bookings", "warn", False, message
    yield "rows_per_source_and_day", "expectation", "web", "error", True, ""


def _arrivals() -> dict[str, list[tuple[Any, ...]]]:
    tables: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    reasons = (
        ("amount", "missing"),
        ("price", "wrong_type"),
        ("event", "unknown_event"),
        ("userId", "missing_identity"),
    )
    events = (
        "page_viewed",
        "listing_viewed",
        "search_performed",
        "booking_confirmed",
        "booking_cancelled",
        "user_identified",
    )
    for business in BUSINESSES:
        for n in range(120):
            day = LAST_DAY - timedelta(days=119 - n)
            if business is ADVISORY and day == date(2026, 11, 8):
                continue
            counts = {e: business.size * (9 - i) // (1 + 2 * i) + n % 7 for i, e in enumerate(events)}
            if day.day == 13:
                counts[HOSTILE] = 1
            tables["mv_daily_events"] += [(business.tenant, "web", e, day, c) for e, c in counts.items()]
            field, code = reasons[n % 4]
            name = "" if code == "unknown_event" else events[3 if code == "missing" else 1]
            quarantined = 1 + n % 3
            tables["mv_daily_quarantine"].append((business.tenant, "web", name, day, field, code, quarantined))
            accepted, duplicate = sum(counts.values()), n % 11
            received = accepted + duplicate + quarantined
            tables["mv_daily_arrivals"].append(
                (
                    business.tenant, "web", day, received, accepted, duplicate, quarantined, 0, 0, accepted // 50,
                    accepted * 9 // 10, accepted * 19 // 20, accepted - accepted // 50, 0,
                )
            )  # fmt: skip
            if n % 20 == 10:
                tables["mv_daily_drift"] += [
                    (business.tenant, events[1], day, "coupon", "new", "string", None, accepted, 3, None),
                    (business.tenant, events[3], day, "amount", "type_changed", "string", "money", accepted, 7, 1.0),
                    (business.tenant, events[0], day, "city", "missing", "", "string", accepted, accepted, 0.98),
                ]
            tables["mv_quarantine_latest"].append(
                (
                    business.tenant, "web", datetime(day.year, day.month, day.day, 8, n % 60), name, field, code,
                    f"{field}: {code.replace('_', ' ')} {HOSTILE if n % 20 == 0 else ''}".strip(), 120 - n,
                )
            )  # fmt: skip
    return tables


def main() -> None:
    """Write a version below the folder named on the command line, to look at."""
    import sys

    from tests.serving.judged import judge

    settings = Settings.for_home(Path(sys.argv[1]))
    publish(settings)
    judge(settings)


if __name__ == "__main__":
    main()
