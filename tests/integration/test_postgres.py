"""PostgreSQL gives the rows that DuckDB gives, in every mart and KPI, and builds incrementally what it builds anew."""

import hashlib
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, date, timedelta
from math import isclose
from operator import attrgetter
from pathlib import Path
from typing import Any

import duckdb
import psycopg2
import pytest
from psycopg2.extras import register_uuid

from almanac.build import run_build
from almanac.compare import LAYERS
from almanac.dbt_worker import WarmDbt
from almanac.engines import open_warehouse
from almanac.settings import Settings
from expectations.arrivals import Day, Judged, Period, Source, read_days, with_values
from expectations.off import OFF
from expectations.profile import PROFILED
from expectations.samples import samples
from ingestion.envelope import Arrival
from ingestion.lake import Lake
from tests.golden import golden
from tests.postgres import database
from tests.replay.histories import World, message
from tests.replay.project import copy_project, settings_for

# Rewritten by every run from what changed since the last one; it is no number.
EXCEPTED = "int_identity__changed_persons"
# Nothing was ever published.
EMPTY = {"int_tables__current", "kpi_history"}
RELATIVE = 1e-9
TYPES = {
    "text": "varchar",
    "character varying": "varchar",
    "timestamp without time zone": "timestamp",
    "double": "double precision",
}
ODD_TEXTS = ("\\N", "\\.", "a\tb", "a\nb", "a\r\nb", "a\\nb", "\"a\", 'b'", "%s", "zürich 東京 \U0001f3e0")
SEEDS = (11, 12, 13)


@dataclass
class Relation:
    """A table: its columns with their types, and its rows."""

    columns: list[tuple[str, str]]
    rows: list[tuple[Any, ...]]


Warehouse = dict[str, Relation]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with a tenant for every odd time zone."""
    return copy_project(tmp_path_factory.mktemp("project"))


def test_full_and_incremental_builds_are_equal_on_both_engines(root: Path, tmp_path: Path, postgres_dsn: str) -> None:
    on_duckdb, duckdb_runner, postgres_runner = settings_for(root, tmp_path), WarmDbt(data_tests=False), WarmDbt()
    with database(postgres_dsn) as dsn:
        on_postgres = replace(on_duckdb.with_target("postgres"), postgres_dsn=dsn)

        golden.land(on_duckdb, *golden.LANDINGS[:2])
        worlds = [World.of(seed) for seed in SEEDS]
        for world in worlds:
            _land(on_duckdb, world, landings=4)
        _land_refused(on_duckdb)
        _land_odd_text(on_duckdb)
        _build(on_duckdb, duckdb_runner, is_full=True)
        _build(on_postgres, postgres_runner, is_full=True)
        standing = _in_postgres(dsn)
        assert _differences(_in_duckdb(on_duckdb.warehouse), standing) == []
        assert {name for name, relation in standing.items() if not relation.rows} == EMPTY

        golden.land(on_duckdb, *golden.LANDINGS[2:])
        for world in worlds:
            _land(on_duckdb, world, landings=3)
        _erase_a_visitor(on_duckdb)
        assert Lake.open(on_duckdb).compact(keep=timedelta(0)).written, "nothing was pending in a compacted file"
        _build(on_postgres, postgres_runner, is_full=False)  # with tests of what it replaces alone
        postgres_runner.data_tests = False
        incremental = _in_postgres(dsn)
        assert _differences(standing, incremental) != [], "nothing changed: the comparison would prove nothing"
        _build(on_duckdb, duckdb_runner, is_full=False)
        assert _differences(_in_duckdb(on_duckdb.warehouse), incremental) == []
        judged = _what_is_judged(on_duckdb)
        assert judged == _what_is_judged(on_postgres)
        assert _sample_rows(on_duckdb, judged) == _sample_rows(on_postgres, judged)

        _land_odd_text(on_duckdb)  # a no-op, also after compaction
        assert not run_build(on_postgres, runner=postgres_runner).built, "nothing is new, and yet something was built"
        _build(on_postgres, postgres_runner, is_full=True)
        assert _differences(_in_postgres(dsn), incremental) == []


def _what_is_judged(settings: Settings) -> dict[Source, list[Day]]:
    """What the expectations read of every day, with means to nine digits."""
    with open_warehouse(settings, read_only=True) as engine:
        found = with_values(engine, read_days(engine), date(1970, 1, 1))
    for day in (day for days in found.values() for day in days):
        if day.profile:
            amounts = day.profile.amounts
            amounts |= {event: (n, round(m, 9), round(s, 9)) for event, (n, m, s) in amounts.items()}
    assert any(day.profile and day.profile.amounts and day.profile.sizes for days in found.values() for day in days)
    return found


def _sample_rows(settings: Settings, judged: dict[Source, list[Day]]) -> dict[tuple[Source, str, str], list[Any]]:
    """What each check shows of each source's fullest and most refused day, as if nothing were as it should be."""
    lacking = ("booking_confirmed.listing_id has a value in none of its events",)
    found = {}
    with open_warehouse(settings, read_only=True) as engine:
        for source, days in judged.items():
            for most in ("accepted", "quarantined"):
                day = max(days, key=attrgetter(most))
                off = Judged(day, 1e9, 1e9, -1.0, -1.0, (), -1.0, dict.fromkeys(PROFILED, lacking))
                for check in OFF:
                    period = Period((replace(off, silent=("amount",)) if check == "no_column_is_silent" else off,), ())
                    found[source, most, check] = samples(engine, source, check, period)
    shown = {check for (*_, check), rows in found.items() if rows}
    assert shown >= set(OFF) - {"keys_are_known", "values_are_filled", "repeated_share_is_usual"}, shown
    return found


def _land(settings: Settings, world: World, landings: int) -> None:
    """Land some batches of a random world; its messages are made to differ from those of other worlds."""
    for _ in range(landings):
        tenant, copies = world.batch()
        arrivals = [Arrival(c["received_at"].replace(tzinfo=UTC), message(c)) for c in copies]
        content = hashlib.sha256(repr((world.seed, copies)).encode()).hexdigest()
        received = Counter(a.received_at.date() for a in arrivals)
        landed = Lake.open(settings).land(tenant, "web", arrivals, content_hash=content, received=received)
        world.landed(landed.file_ids[0], copies)


def _land_refused(settings: Settings) -> None:
    """Land an event that the tracking plan refuses, so that quarantine has rows to compare."""
    at = World.of(SEEDS[0]).start.replace(tzinfo=UTC)
    refused = {"type": "track", "event": "search_performed", "timestamp": at.isoformat()}
    Lake.open(settings).land("rentals", "web", [Arrival(at, refused)], content_hash="refused", received={at.date(): 1})


def _land_odd_text(settings: Settings) -> None:
    """Land texts that a copy into PostgreSQL could spoil."""
    at = World.of(SEEDS[0]).start.replace(tzinfo=UTC)
    arrivals = [
        Arrival(
            at,
            {
                "type": "page",
                "messageId": text,
                "userId": text,
                "timestamp": at.isoformat(),
                "context": {"campaign": {"source": text}},
            },
        )
        for text in ODD_TEXTS
    ]
    Lake.open(settings).land("rentals", "web", arrivals, content_hash="odd", received={at.date(): len(arrivals)})


def _erase_a_visitor(settings: Settings) -> None:
    """Erase one visitor from every file that names it."""
    lake = Lake.open(settings)
    before = sum(entry.rows for entry in lake.entries("events"))
    for entry in lake.entries("events"):
        lake.rewrite(entry.path, "anonymous_id = 'a1'")
    assert sum(entry.rows for entry in lake.entries("events")) < before


def _build(settings: Settings, runner: WarmDbt, *, is_full: bool) -> None:
    result = run_build(settings, runner=runner, full_refresh=is_full)
    assert result.succeeded, (result.error, [f"{n.name}: {n.message}" for n in result.failed if n.message])
    assert result.full_refresh == is_full


def _in_duckdb(warehouse: Path) -> Warehouse:
    with duckdb.connect(str(warehouse), read_only=True) as con:
        found: Warehouse = {}
        for schema, name, column, kind in con.execute(
            "select schema_name, table_name, column_name, lower(data_type) from duckdb_columns() "
            "where list_contains(?, schema_name) order by table_name, column_index",
            [list(LAYERS)],
        ).fetchall():
            rows = found.setdefault(name, Relation([], [])).columns
            rows.append((column, TYPES.get(kind, kind)))
            if len(rows) == 1:
                found[name].rows = con.execute(f"select * from {schema}.{name}").fetchall()
    return _compared(found)


def _in_postgres(dsn: str) -> Warehouse:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        register_uuid(conn_or_curs=cursor)
        cursor.execute(
            "select n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod) from pg_attribute a "
            "join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace "
            "where c.relkind = 'r' and a.attnum > 0 and not a.attisdropped and n.nspname = any(%s) "
            "order by c.relname, a.attnum",
            [list(LAYERS)],
        )
        found: Warehouse = {}
        for schema, name, column, kind in cursor.fetchall():
            columns = found.setdefault(name, Relation([], [])).columns
            columns.append((column, TYPES.get(kind, kind).replace("numeric", "decimal")))
            if len(columns) == 1:
                cursor.execute(f"select * from {schema}.{name}")
                found[name].rows = cursor.fetchall()
    return _compared(found)


def _compared(found: Warehouse) -> Warehouse:
    """Without what is no number: `content` of periods and days is an engine's own hash, all else in them is equal."""
    for relation in (found["kpi_periods"], found["mv_daily_booked"]):
        own = [name for name, _ in relation.columns].index("content")
        relation.columns.pop(own)
        relation.rows = [row[:own] + row[own + 1 :] for row in relation.rows]
    # Distinct persons of a day are four numbers in one value, a list to Python.
    daily = found["kpi_daily_measures"]
    daily.rows = [tuple(tuple(value) if isinstance(value, list) else value for value in row) for row in daily.rows]
    return {name: relation for name, relation in found.items() if name != EXCEPTED}


def _differences(one: Warehouse, other: Warehouse) -> list[str]:
    """Relations that differ, in words: columns, types, and rows that only one of both has."""
    lines = [f"{name}: only in one of both" for name in sorted(one.keys() ^ other.keys())]
    for name in sorted(one.keys() & other.keys()):
        a, b = one[name], other[name]
        if a.columns != b.columns:
            lines.append(f"{name}: columns {sorted(set(a.columns) ^ set(b.columns))}")
        elif said := _differing_rows(a, b):
            lines.append(f"{name}: {said}")
    return lines


def _differing_rows(a: Relation, b: Relation) -> str:
    """The first rows that only one has; everything must be equal but floating-point numbers, which may be close."""
    floats = [n for n, (_, kind) in enumerate(a.columns) if kind == "double precision"]
    exact = [n for n in range(len(a.columns)) if n not in floats]
    own, others = ({tuple(row[n] for n in exact): [row[n] for n in floats] for row in r.rows} for r in (a, b))
    if len(own) < len(a.rows) or len(others) < len(b.rows):
        return "repeated rows"
    if own.keys() != others.keys():
        missing, unexpected = own.keys() - others.keys(), others.keys() - own.keys()
        return f"{len(missing)} missing, {len(unexpected)} not expected: {[*list(missing)[:2], *list(unexpected)[:2]]}"
    far = [key for key in own if not all(map(_is_close, own[key], others[key]))]
    return f"{len(far)} values are not close: {far[:3]}" if far else ""


def _is_close(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return isclose(one, other, rel_tol=RELATIVE, abs_tol=0)
