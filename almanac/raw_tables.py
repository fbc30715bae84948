"""PostgreSQL cannot read Parquet: the rows that a build reads are first copied into `raw` tables, by landing."""

import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from almanac.engines import Engine
from almanac.load_log import Landing

if TYPE_CHECKING:
    from ingestion.lake import Lake
    from ingestion.lake_manifest import Entry, Kind

CHUNK_ROWS = 20_000


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
    names = ", ".join(f'"{name}"' for name, _ in _columns(lake, kind))
    with engine.connection.cursor() as cursor:
        for lines in _lines(lake, kind, entries, file_ids):
            cursor.copy_expert(f"copy raw.{kind} ({names}) from stdin", io.StringIO(lines))


def _lines(lake: "Lake", kind: "Kind", entries: "Sequence[Entry]", file_ids: set[str] | None) -> Iterator[str]:
    """The rows in PostgreSQL's own text format, some thousand at a time.

    DuckDB writes the lines: a Python object for every value of sixty columns would take minutes per million rows.
    """
    paths = [lake.schema_file(kind), *(lake.locate(e.path) for e in entries)]
    fields = ", ".join(_field(name, type_) for name, type_ in _columns(lake, kind))
    with lake.engine() as con:
        con.execute("set threads = 1; set TimeZone = 'UTC'")
        con.execute(
            f"select concat_ws(chr(9), {fields}) || chr(10) "
            "from read_parquet(?, union_by_name = true, hive_partitioning = false)"
            + (" where list_contains(?, cast(file_id as varchar))" if file_ids is not None else ""),
            [paths, *([sorted(file_ids)] if file_ids is not None else [])],
        )
        while chunk := con.fetchmany(CHUNK_ROWS):
            yield "".join(line for (line,) in chunk)


def _field(name: str, type_: str) -> str:
    """A column as a field of COPY's text format: its control characters escaped, null as `\\N`."""
    text = f'cast("{name}" as varchar)'
    if type_ == "varchar":
        text = f"replace({text}, '\\', '\\\\')"
        for code, escaped in ((9, "\\t"), (10, "\\n"), (13, "\\r")):
            text = f"replace({text}, chr({code}), '{escaped}')"
    return f"coalesce({text}, '\\N')"
