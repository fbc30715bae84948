"""PostgreSQL cannot read Parquet: the rows that a build reads are first copied into `raw` tables, by landing."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from almanac.copy_text import copy
from almanac.engines import Engine
from almanac.load_log import Landing

if TYPE_CHECKING:
    from ingestion.lake import Lake
    from ingestion.lake_manifest import Entry, Kind


def fill(engine: Engine, lake: "Lake", entries: "list[Entry]", pending: list[Landing], full: bool) -> None:
    """Bring `raw.events` (pending landings only, unless `full`) and the small raw tables up to the lake.

    Does nothing on DuckDB, which reads the files themselves. What is interrupted is done again by the next build.
    """
    if engine.target != "postgres":
        return
    engine.execute("create schema if not exists raw")
    _fill_events(engine, lake, entries, pending, full)
    small: tuple[Kind, ...] = ("quarantine", "counters", "replays", "tables", "history")
    for kind in small:
        _create(engine, lake, kind)
        _copy(engine, lake, kind, [e for e in entries if e.kind == kind])


def _fill_events(engine: Engine, lake: "Lake", entries: "list[Entry]", pending: list[Landing], full: bool) -> None:
    events = [e for e in entries if e.kind == "events"]
    if full or _columns_differ(engine, lake):
        with engine.transaction():
            _create(engine, lake, "events")
            _copy(engine, lake, "events", events)
            for columns in ("file_id", "message_id"):
                engine.execute(f"create index on raw.events ({columns})")
    elif pending:
        wanted = {p.file_id for p in pending}
        with engine.transaction():
            engine.execute("delete from raw.events where file_id = any(cast(? as uuid[]))", [sorted(wanted)])
            _copy(engine, lake, "events", [e for e in events if wanted & set(e.parts)], wanted)
    # The planner must know how many rows there are before the first model reads them.
    engine.execute("analyze raw.events")


def _columns(lake: "Lake", kind: "Kind") -> list[tuple[str, str]]:
    """Names and PostgreSQL types of a kind's columns, in the lake's order."""
    with lake.engine() as con:
        rows = con.execute("describe select * from read_parquet(?)", [lake.schema_file(kind)]).fetchall()
    return [(r[0], "double precision" if r[1] == "DOUBLE" else str(r[1]).lower()) for r in rows]


def _columns_differ(engine: Engine, lake: "Lake") -> bool:
    standing = engine.execute(
        "select column_name from information_schema.columns where table_schema = 'raw' and table_name = 'events' "
        "order by ordinal_position"
    )
    return [r[0] for r in standing] != [name for name, _ in _columns(lake, "events")]


def _create(engine: Engine, lake: "Lake", kind: "Kind") -> None:
    columns = ", ".join(f'"{name}" {type_}' for name, type_ in _columns(lake, kind))
    engine.execute(f"drop table if exists raw.{kind} cascade")
    engine.execute(f"create table raw.{kind} ({columns})")


def _copy(
    engine: Engine, lake: "Lake", kind: "Kind", entries: "Sequence[Entry]", file_ids: set[str] | None = None
) -> None:
    """Append the rows of these files; of the landings named in `file_ids` only, if it is given."""
    if not entries:
        return
    columns = _columns(lake, kind)
    paths = [lake.schema_file(kind), *(lake.locate(e.path) for e in entries)]
    rows, parameters = "from read_parquet(?, union_by_name = true, hive_partitioning = false)", [paths]
    if file_ids is not None:
        rows += " where list_contains(?, cast(file_id as varchar))"
        parameters.append(sorted(file_ids))
    with engine.connection.cursor() as cursor, lake.engine() as con:
        con.execute("set threads = 1; set TimeZone = 'UTC'")
        copy(cursor, f"raw.{kind}", columns, con, rows, parameters)
