"""PostgreSQL cannot read Parquet: the rows that a build reads are copied into `raw` tables first, landing by landing."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import duckdb

from almanac.engines import Engine
from almanac.load_log import Landing

if TYPE_CHECKING:
    from ingestion.lake import Lake
    from ingestion.lake_manifest import Entry, Kind

CHUNK_ROWS = 50_000


def fill(engine: Engine, lake: "Lake", entries: "list[Entry]", pending: list[Landing], full: bool) -> None:
    """Bring `raw.events` (pending landings only, unless `full`) and the small raw tables up to the lake.

    Does nothing on DuckDB, which reads the files themselves.
    """
    if engine.target != "postgres":
        return
    engine.execute("create schema if not exists raw")
    _fill_events(engine, lake, entries, pending, full)
    for kind in ("quarantine", "counters", "history"):
        _create(engine, lake, kind, replace=True)
        _copy(engine, lake, kind, [e for e in entries if e.kind == kind])


def _fill_events(
    engine: Engine, lake: "Lake", entries: "list[Entry]", pending: list[Landing], full: bool
) -> None:
    events = [e for e in entries if e.kind == "events"]
    full = full or _columns_differ(engine, lake)
    _create(engine, lake, "events", replace=full)
    if full:
        _copy(engine, lake, "events", events)
        engine.execute("create index on raw.events (file_id)")
        engine.execute("create index on raw.events (tenant, message_id)")
        return
    wanted = {p.file_id for p in pending}
    for file_id in wanted:
        engine.execute("delete from raw.events where file_id = ?", [file_id])
    _copy(engine, lake, "events", [e for e in events if wanted & set(e.parts)], wanted)


def _columns(lake: "Lake", kind: "Kind") -> list[tuple[str, str]]:
    with duckdb.connect() as con:
        rows = con.execute("describe select * from read_parquet(?)", [str(lake.schema_file(kind))]).fetchall()
    return [(r[0], "double precision" if r[1] == "DOUBLE" else str(r[1]).lower()) for r in rows]


def _columns_differ(engine: Engine, lake: "Lake") -> bool:
    standing = engine.execute(
        "select column_name from information_schema.columns where table_schema = 'raw' and table_name = 'events' "
        "order by ordinal_position"
    )
    return [r[0] for r in standing] != [name for name, _ in _columns(lake, "events")]


def _create(engine: Engine, lake: "Lake", kind: "Kind", *, replace: bool) -> None:
    if replace:
        engine.execute(f"drop table if exists raw.{kind} cascade")
    columns = ", ".join(f'"{name}" {type_}' for name, type_ in _columns(lake, kind))
    engine.execute(f"create table if not exists raw.{kind} ({columns})")


def _copy(
    engine: Engine, lake: "Lake", kind: "Kind", entries: "Sequence[Entry]", file_ids: set[str] | None = None
) -> None:
    if not entries:
        return
    names = ", ".join(f'"{name}"' for name, _ in _columns(lake, kind))
    with engine.connection.cursor() as cursor:
        for chunk in _rows(lake, kind, entries, file_ids):
            text = io.StringIO()
            csv.writer(text).writerows([r"\N" if v is None else v for v in row] for row in chunk)
            text.seek(0)
            cursor.copy_expert(f"copy raw.{kind} ({names}) from stdin with (format csv, null '\\N')", text)


def _rows(
    lake: "Lake", kind: "Kind", entries: "Sequence[Entry]", file_ids: set[str] | None
) -> Iterator[list[tuple[Any, ...]]]:
    paths = [str(lake.schema_file(kind)), *(str(lake.absolute(e.path)) for e in entries)]
    names = ", ".join(f'"{name}"' for name, _ in _columns(lake, kind))
    with duckdb.connect() as con:
        con.execute(
            f"select {names} from read_parquet(?, union_by_name = true, hive_partitioning = false)"
            + (" where list_contains(?, cast(file_id as varchar))" if file_ids is not None else ""),
            [paths, *([sorted(file_ids)] if file_ids is not None else [])],
        )
        while chunk := con.fetchmany(CHUNK_ROWS):
            yield chunk
