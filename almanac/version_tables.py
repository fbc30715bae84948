"""The tables of a version's file: made whole, or, where it began as a copy of the version before, only what differs.

Nothing is believed about what a build has changed: both sides are read and compared by hash, as reading rows costs a
tenth of writing them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

# What is replaced together: a landing in a fact, a publication in the history of the KPIs.
_REPLACED_TOGETHER = ("file_id", "publication_id")
# Rows of other tables are sorted into so many drawers by their hash: a changed row changes two of them.
_DRAWERS = 65_536
# With more rows than this share to be written, the whole table is cheaper, and leaves no holes in the file.
_WHOLE_FROM = 0.3

# Equal sums of equally many 64-bit hashes are equal rows but for one chance in 2^64 for each unit. The inner hash ends
# with an exclusive or: two rows that swap a value could leave the sum of those as it was (2^32); the outer one mixes.
_DIFFERING = """
create or replace temp table differing as
with wanted as (
    select {unit} as unit, count(*) as rows_, sum(hash(hash({row}))) as content from {relation} group by 1
),
found as (
    select {unit} as unit, count(*) as rows_, sum(hash(hash({row}))) as content from "{name}" group by 1
)
select unit, coalesce(wanted.rows_, 0) as rows_wanted
from wanted
full join found using (unit)
where (wanted.rows_, wanted.content) is distinct from (found.rows_, found.content)
"""


@dataclass(frozen=True)
class Source:
    """What a table is to hold: an expression to select from, and by what its rows are stored in order ('': any)."""

    relation: str
    order: str = ""


def bring(con: duckdb.DuckDBPyConnection, sources: Mapping[str, Source]) -> None:
    """Make the open file hold the table of each source by its name, with exactly its rows, and no other table."""
    query = "select table_name from duckdb_tables() where database_name = current_database()"
    found = {name for (name,) in con.execute(query).fetchall()}
    for name in found - sources.keys():
        con.execute(f'drop table "{name}"')
    for name, source in sources.items():
        columns = _columns(con, source.relation)
        if name in found and columns == _columns(con, f'"{name}"'):
            _replace(con, name, source, columns)
        else:
            _write_whole(con, name, source)


def comment(con: duckdb.DuckDBPyConnection, words: Mapping[str, Mapping[str, str]]) -> None:
    """Give each table (key '') and its columns these comments; one that has another, or should have none, loses it."""
    query = """
    select table_name, '' as column_name, comment from duckdb_tables() where database_name = current_database()
    union all
    select table_name, column_name, comment from duckdb_columns() where database_name = current_database()
    """
    statements = []
    for name, column, said in con.execute(query).fetchall():
        wanted = words.get(name, {}).get(column)
        if wanted != said:
            target = f'column "{name}"."{column}"' if column else f'table "{name}"'
            quoted = "null" if wanted is None else "'" + wanted.replace("'", "''") + "'"
            statements.append(f"comment on {target} is {quoted}")
    con.execute("; ".join(statements or ["select 1"]))  # one call for all: there are hundreds


def _replace(con: duckdb.DuckDBPyConnection, name: str, source: Source, columns: list[tuple[str, str]]) -> None:
    """Replace the rows that differ; a table that is stored in an order is written whole as soon as one does."""
    row = ", ".join(_hashable(column, kind) for column, kind in columns)
    together = [f'hash("{column}")' for column, _ in columns if column in _REPLACED_TOGETHER]
    unit = together[0] if together else f"hash({row}) % {_DRAWERS}"
    con.execute(_DIFFERING.format(unit=unit, row=row, relation=source.relation, name=name))
    units, rows = con.execute("select count(*), coalesce(sum(rows_wanted), 0) from differing").fetchall()[0]
    if not units:
        return
    if source.order or rows > _WHOLE_FROM * con.table(f'"{name}"').count("*").fetchall()[0][0]:
        _write_whole(con, name, source)
        return
    among = f"where {unit} in (select unit from differing)"
    con.execute(f'delete from "{name}" {among}')
    con.execute(f'insert into "{name}" from {source.relation} {among}')


def _hashable(column: str, kind: str) -> str:
    # DuckDB gives an empty list the hash of no list at all.
    nested = kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION"))
    return f'to_json("{column}")' if nested else f'"{column}"'


def _write_whole(con: duckdb.DuckDBPyConnection, name: str, source: Source) -> None:
    order = f" order by {source.order}" if source.order else ""
    # Threads that need not wait for each other write rows of no order a sixth cheaper.
    con.execute(f"set preserve_insertion_order = {'true' if order else 'false'}")
    con.execute(f'create or replace table "{name}" as from {source.relation}{order}')


def _columns(con: duckdb.DuckDBPyConnection, relation: str) -> list[tuple[str, str]]:
    return [(name, kind) for name, kind, *_ in con.execute(f"describe from {relation}").fetchall()]


def has_many_holes(path: Path) -> bool:
    """Whether a third of a version's file is unused: what begins as a copy of it would only carry that on."""
    with duckdb.connect(str(path), read_only=True) as con:
        (total, free) = con.execute("select total_blocks, free_blocks from pragma_database_size()").fetchall()[0]
    return bool(free * 3 > total)
