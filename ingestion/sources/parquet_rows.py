"""Parquet files: columns are found by name; their values pass through the same exact types as a text file's."""

import duckdb

from ingestion.sources.column_types import identifier, quoted
from ingestion.sources.delivered import Delivered
from ingestion.sources.file_rows import ROW, RowReader, Unreadable
from ingestion.sources.problems import FileProblem

_NESTED = ("STRUCT", "MAP", "UNION")


class ParquetReader(RowReader):
    """Rows of a Parquet file. Nested values become JSON text."""

    def line_of(self, file: Delivered, row: int) -> int | None:
        """None: there are no lines, the row's number says where."""
        return None

    def _load(self, file: Delivered) -> dict[int, Unreadable]:
        rows = f"read_parquet({quoted(str(file.content))}, file_row_number = true)"
        try:
            described = self._db.execute(f"describe select * from {rows}").fetchall()
            found = {str(name): str(kind) for name, kind, *_ in described if name != "file_row_number"}
            self._agree(file, found)
            texts = [f"{self._text(file, name, found[name])} as {identifier(name)}" for name in self._types]
            first = f"file_row_number + 1 as {identifier(ROW)}"
            self._db.execute(f"create temp table raw_rows as select {', '.join([first, *texts])} from {rows}")
        except duckdb.Error as error:
            what = f"cannot be read as Parquet ({str(error).splitlines()[0]}): have it delivered again"
            raise FileProblem(file.origin, what) from error
        return {}

    def _agree(self, file: Delivered, found: dict[str, str]) -> None:
        for name in self._types:
            if name not in found:
                raise FileProblem(file.origin, f"the file lacks it: it has {', '.join(found)}", column=name)
        for name in found:
            if name not in self._types:
                what = "is not declared: add it to the mapping's columns (as `ignore` if nobody needs it)"
                raise FileProblem(file.origin, what, column=name)

    def _text(self, file: Delivered, name: str, kind: str) -> str:
        """SQL: a column's value as text, null where its text is one of the mapping's words for nothing."""
        if self._types[name].ignored:
            return "cast(null as varchar)"
        column = identifier(name)
        if kind == "BLOB":
            raise FileProblem(file.origin, "holds bytes, not text: declare it as `ignore`", column=name)
        nested = kind.endswith("]") or kind.startswith(_NESTED)
        text = f"cast(to_json({column}) as varchar)" if nested else f"cast({column} as varchar)"
        nulls = ", ".join(quoted(word) for word in self._mapping.null_values)
        return f"case when {text} in ({nulls}) then null else {text} end" if nulls else text
