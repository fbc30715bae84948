"""The mapping's SQL expressions, evaluated where they can read nothing but the row."""

from collections.abc import Iterator
from typing import Any

import duckdb

from almanac.errors import AlmanacError
from ingestion.sources.column_types import identifier
from ingestion.sources.file_rows import ROW, Rows, key_columns
from ingestion.sources.mapping import Also, Mapping
from ingestion.tracking_plan import Plan

_LOCKED: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
}
_TEXTS = ("event", "user_id", "anonymous_id")
_TIMES = ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "DATE")
_EARLIEST, _LATEST = "timestamptz '0002-01-01 00:00:00+00'", "timestamptz '9999-01-01 00:00:00+00'"
_INEXACT = ("DOUBLE", "FLOAT")
_COMPOSED = ("STRUCT", "MAP", "UNION", "BLOB", "BIT", "INTERVAL", "TIME", "UUID", "ENUM")


class ExpressionFailed(Exception):
    """An expression has no value for a row: the mapping's field, the row (from 1), and why."""

    def __init__(self, field: str, row: int, why: str) -> None:
        super().__init__(why)
        self.field, self.row, self.why = field, row, why


class Expressions:
    """The expressions of one event of a mapping's rows. Holds a locked-down database in memory; close it."""

    def __init__(self, mapping: Mapping, plan: Plan, more: Also | None = None, prefix: str = "") -> None:
        """Of every row's event, or of one `more`, whose fields are called by `prefix` and their name.

        Raises AlmanacError, naming the field, for an expression that cannot be evaluated over the columns.
        """
        self._sql = {
            field: f"cast((\n{text}\n) as varchar)" if field in _TEXTS else f"(\n{text}\n)"
            for field, text in mapping.expressions(more).items()
        }
        self._prefix = prefix
        self._when = f"(\n{more.when}\n)" if more else None
        self._rows = "rows" if more is None else f"(from rows where {self._when})"
        self._first = ", ".join(identifier(name) for name in (ROW, *key_columns(mapping)))
        self.fields = tuple(self._sql)
        self._db = duckdb.connect(":memory:", config=_LOCKED)
        self._db.execute("set timezone = 'UTC'")
        self._db.execute("set lock_configuration = true")
        self.times = self._check(mapping, plan)  # the fields that give times

    def close(self) -> None:
        """Give the memory back."""
        self._db.close()

    def evaluate(self, rows: Rows, size: int) -> tuple[int, Iterator[list[tuple[Any, ...]]]]:
        """How many events the rows have; for each its row's number, its key texts and the values in order of `fields`.

        Gives lists of `size` rows, the last one shorter. Every row has been evaluated before. Raises ExpressionFailed
        for the first row on which an expression fails.
        """
        self._db.execute("drop table if exists evaluated")
        self._db.register("rows", rows.table)
        try:
            columns = [f"{expression} as {identifier(field)}" for field, expression in self._sql.items()]
            try:
                self._db.execute(
                    f"create temp table evaluated as select {', '.join((self._first, *columns))} from {self._rows}"
                )
                ((count,),) = self._db.execute(f"select count(*) from {self._rows}").fetchall()
            except duckdb.Error as error:
                raise self._failure(rows.count, error) from error
            self._refuse_far_times()
            return count, self._parts(size)
        finally:
            self._db.unregister("rows")

    def _parts(self, size: int) -> Iterator[list[tuple[Any, ...]]]:
        """The evaluated rows in lists of `size`, in the file's order; then they are given up."""
        result = self._db.execute(f"select * from evaluated order by {identifier(ROW)}")
        while part := result.fetchmany(size):
            yield part
        self._db.execute("drop table if exists evaluated")

    def _refuse_far_times(self) -> None:
        """Times that have no place in Python's calendar, or none after a change of zone."""
        for field in self.times:
            name = identifier(field)
            far = f"{name} < {_EARLIEST} or {name} >= {_LATEST}"
            ((row,),) = self._db.execute(f"select min({identifier(ROW)}) from evaluated where {far}").fetchall()
            if row is not None:
                raise ExpressionFailed(self._prefix + field, row, "the time lies outside of the years 2 to 9998")

    def _failure(self, count: int, error: duckdb.Error) -> ExpressionFailed:
        """Find the expression and the first row that fails, by halving."""
        whether = {} if self._when is None else {"when": (self._when, "rows")}
        for field, (expression, rows) in (whether | {f: (e, self._rows) for f, e in self._sql.items()}).items():
            why = self._fails(expression, rows, count)
            if why is not None:
                low, high = 1, count
                while low < high:
                    middle = (low + high) // 2
                    if self._fails(expression, rows, middle) is None:
                        low = middle + 1
                    else:
                        high = middle
                return ExpressionFailed(self._prefix + field, low, why)
        return ExpressionFailed("expressions together", 1, _first_line(error))

    def _fails(self, expression: str, rows: str, up_to: int) -> str | None:
        """Why an expression fails on one of the rows up to a number, or None."""
        try:
            self._db.execute(f"select {expression} from {rows} where {identifier(ROW)} <= {up_to}").fetchall()
        except duckdb.Error as error:
            return _first_line(error)
        return None

    def _check(self, mapping: Mapping, plan: Plan) -> frozenset[str]:
        """Bind every expression to the columns, refuse what does not fit, and return the fields that give times."""
        times = set()
        columns = [f"{identifier(n)} {t.sql}" for n, t in mapping.types().items() if not t.ignored]
        self._db.execute(f"create table rows ({', '.join([*columns, f'{identifier(ROW)} bigint'])})")
        declared = {column.name: column.type for column in plan.columns if column.kind == "property"}
        whether = {} if self._when is None else {"when": self._when}
        for field, expression in (whether | self._sql).items():
            where = f"file source {mapping.source}: {self._prefix}{field}"
            try:
                # Beside the row's number, so that an aggregate over all rows is refused.
                described = self._db.execute(f"describe select {identifier(ROW)}, {expression} from rows").fetchall()
            except duckdb.Error as error:
                raise AlmanacError(f"{where}: {_first_line(error)}{_hint(mapping, expression)}") from error
            kind = str(described[1][1])
            if field == "event_at" and kind not in _TIMES:
                raise AlmanacError(f"{where} gives {kind}: it must give a timestamp, an instant or a date")
            if field == "when" and kind != "BOOLEAN":
                raise AlmanacError(f"{where} gives {kind}: it must give true or false")
            if kind.endswith("]") or kind.split("(")[0] in _COMPOSED:
                raise AlmanacError(f"{where} gives {kind}: it must give one plain value")
            if declared.get(field.removeprefix("properties.")) == "money" and kind in _INEXACT:
                raise AlmanacError(
                    f"{where} gives {kind}: money must be exact, declare its columns as money or decimal"
                )
            if kind in _TIMES and kind != "DATE":
                times.add(field)
        self._db.execute("drop table rows")
        return frozenset(times)


def _hint(mapping: Mapping, expression: str) -> str:
    """What to do where the expression that fails is the name of a column and nothing else."""
    name = expression.partition("\n")[2].rpartition("\n")[0].strip()
    return f"; `{name}` is a word of SQL: write '\"{name}\"'" if name in mapping.types() else ""


def _first_line(error: duckdb.Error) -> str:
    return str(error).splitlines()[0]
