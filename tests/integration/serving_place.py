"""A serving database of a publisher without special rights, small made-up versions, and readers that log in."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import duckdb
import psycopg2
from psycopg2.extras import register_uuid

from almanac.serving_store.granting import grant
from almanac.settings import Settings
from tests.postgres import database, execute

TENANTS = ("rentals", "advisory")
MODELS = """
models:
- name: kpi_values
  config: {meta: {indexes: [[kpi, tenant, period_start], [period_start]]}}
  columns: [{name: tenant}, {name: kpi}, {name: period_start}, {name: value}]
- name: dim_date
  config: {meta: {for_every_tenant: true}}
  columns: [{name: date_day}]
"""

READABLE = """
    select quote_ident(n.nspname) || '.' || quote_ident(c.relname),
        exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant' and a.attnum > 0)
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname not in ('pg_catalog', 'information_schema')
        and n.nspname not like 'pg\\_toast%' and n.nspname not like 'pg\\_temp%'
        and has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select')
    order by 1
"""


@dataclass(frozen=True)
class Place:
    """A home with its serving database; `admin` is a superuser's URL of it, `tag` stands in the names of its roles."""

    settings: Settings
    admin: str
    tag: str

    def role(self, name: str) -> str:
        """The role of that everyday name."""
        return f"{name}_{self.tag}"

    def login(self, name: str) -> str:
        """The URL with which that role logs in."""
        return _as(self.admin, self.role(name))

    def let_in(self, name: str, *tenants: str) -> str:
        """Grant a role these tenants, and return the URL with which it logs in."""
        grant(self.settings, self.role(name), list(tenants))
        execute(self.admin, f"alter role {self.role(name)} password 'test'")
        return self.login(name)


@contextmanager
def serving_place(dsn: str, home: Path) -> Iterator[Place]:
    """An empty database of its own on the server of `dsn`, and roles that are dropped with it."""
    tag = uuid.uuid4().hex[:10]
    publisher = f"publisher_{tag}"
    root = home / "root"
    models = root / "dbt_project" / "models"
    models.mkdir(parents=True)
    (models / "served.yml").write_text(MODELS)
    try:
        with database(dsn) as admin:
            execute(dsn, f"create role {publisher} login createrole password 'test'")
            execute(admin, f'alter database "{urlparse(admin).path[1:]}" owner to {publisher}')
            settings = Settings(root, home, home / "lake", serving_dsn=_as(admin, publisher))
            yield Place(settings, admin, tag)
    finally:
        for (role,) in execute(dsn, f"select rolname from pg_roles where rolname like '%\\_{tag}' order by 1"):
            execute(dsn, f'drop role "{role}"')


def make_version(settings: Settings, number: int, *, more: str = "", make_current: bool = True) -> str:
    """Write a version in which every value of a KPI is `number`; `more` is SQL that adds to it. Its id."""
    name = f"20260301T0000{number:02}Z-{number:012x}"
    settings.versions.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(settings.versions / f"{name}.duckdb")) as con:
        con.execute(f"""
            create table publication as select '{name}' as publication_id, timestamp '2026-03-01' as published_at;
            create table kpi_values as
                select tenant, kpi, date '2026-01-01' + n::integer as period_start, {number}::double as value
                from unnest(['rentals', 'advisory']) as t(tenant), unnest(['gmv', 'bookings']) as k(kpi),
                    range(50) as r(n);
            comment on table kpi_values is 'One row per tenant''s KPI.';
            comment on column kpi_values.value is 'Its value: 100 % of it.';
            create table dim_date as select date '2026-01-01' as date_day;
            create table check_results as select 'volume' as name, 'advisory/web: 3 events' as message;
            create table nothing (tenant varchar, note varchar);
            {more}
        """)
    if make_current:
        show(settings, name)
    return name


def show(settings: Settings, name: str) -> None:
    """Move the pointer to a version, as `publish` and `rollback` do."""
    (settings.versions / "CURRENT").write_text(name + "\n")


def seen(dsn: str) -> str | None:
    """The version that a reader sees in PostgreSQL, after looking whether it is whole; None if there is none."""
    if execute(dsn, "select to_regnamespace('published') is null")[0][0]:
        return None
    [(name, least, most)] = execute(
        dsn,
        "select (select publication_id from published.publication), min(value), max(value) from published.kpi_values",
    )
    assert least == most == int(name.rpartition("-")[2], 16)
    return str(name)


def schemas(dsn: str) -> set[str]:
    """The schemas that publishing has made."""
    return {name for (name,) in execute(dsn, "select nspname from pg_namespace where nspname like 'published%'")}


def foreign(dsn: str, tenant: str) -> tuple[list[str], list[str]]:
    """Relations of any kind that a reader may read, and those of them in which another tenant occurs in any way."""
    readable, leaks = execute(dsn, READABLE), []
    for relation, has_tenant in readable:
        others = [other for other in TENANTS if other != tenant]
        wrong = [f"r::text like '%{other}%'" for other in others]
        if has_tenant:
            wrong.append(f"tenant is distinct from '{tenant}'")
        if execute(dsn, f"select 1 from {relation} r where {' or '.join(wrong)} limit 1"):
            leaks.append(relation)
    return [relation for relation, _ in readable], leaks


def assert_equal(settings: Settings, version: str, reader: str) -> None:
    """Every relation of the version file has the same columns, comments and rows in PostgreSQL."""
    with (
        duckdb.connect(str(settings.versions / f"{version}.duckdb"), read_only=True) as con,
        psycopg2.connect(reader) as served,
        served.cursor() as cursor,
    ):
        register_uuid(conn_or_curs=cursor)
        con.execute("set TimeZone = 'UTC'")
        relations = con.execute("select table_name, comment from duckdb_tables() order by 1").fetchall()
        cursor.execute(
            "select relname, obj_description(oid) from pg_class where relkind = 'r' and relnamespace = "
            "'published'::regnamespace order by 1"
        )
        assert cursor.fetchall() == relations
        for relation, _ in relations:
            columns = con.execute(
                "select column_name, comment from duckdb_columns() where table_name = ? order by column_index",
                [relation],
            ).fetchall()
            cursor.execute(
                "select attname::text, col_description(attrelid, attnum) from pg_attribute "
                "where attrelid = %s::regclass and attnum > 0 order by attnum",
                [f"published.{relation}"],
            )
            assert cursor.fetchall() == columns
            own = con.execute(f'select * from "{relation}"').fetchall()
            cursor.execute(f'select * from published."{relation}"')
            assert _same(cursor.fetchall()) == _same(own), relation


def _as(dsn: str, role: str) -> str:
    url = urlparse(dsn)
    return url._replace(netloc=f"{role}:test@{url.hostname}:{url.port}").geturl()


def _same(rows: list[tuple[Any, ...]]) -> list[tuple[str, ...]]:
    """Rows in one order and as text, in which 'nan' equals itself and a decimal keeps its digits."""
    return sorted(tuple(str(value) for value in row) for row in rows)
