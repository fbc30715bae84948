"""JSON Lines: one object a line; a declared column is a key, or a path such as `buyer.id` into nested objects."""

import re
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from json import JSONDecodeError, JSONDecoder
from typing import Any, NoReturn

import msgspec

from ingestion.sources.delivered import Delivered
from ingestion.sources.file_rows import PART, RowReader, Unreadable
from ingestion.sources.problems import FileProblem, shown

_LARGEST_EXPONENT = 400  # of a number that is written out; larger ones fit no type anyway
_HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]")
_compact = msgspec.json.Encoder(decimal_format="number").encode


class JsonlReader(RowReader):
    """Rows of a JSON Lines file. A key that a line lacks has no value; one that is not declared is refused."""

    def line_of(self, file: Delivered, row: int) -> int | None:
        """The line on which a row stands: empty lines are no rows."""
        return next((line for line, found, _ in _lines(file) if found == row), None)

    def _load(self, file: Delivered) -> dict[int, Unreadable]:
        self._create()
        rows = self._rows(file)
        while part := list(islice(rows, PART)):
            self._insert(part)
        return {}

    def _rows(self, file: Delivered) -> Iterator[list[int | str | None]]:
        paths = [name.split(".") for name in self._types]
        tops = set(self._types) | {path[0] for path in paths}
        nulls = set(self._mapping.null_values)
        for line, row, text in _lines(file):
            value = _parsed(file, line, text)
            for key in value:
                if key not in tops:
                    what = "is not declared: add it to the mapping's columns (as `ignore` if nobody needs it)"
                    raise FileProblem(file.origin, what, line=line, row=row, column=key)
            texts = (_text(_at(value, name, path)) for name, path in zip(self._types, paths, strict=True))
            yield [row, *(None if text in nulls else text for text in texts)]


def _lines(file: Delivered) -> Iterator[tuple[int, int, str]]:
    """Number of the line, number of the row, text; lines without any text are left out."""
    row = 0
    with file.content.open(encoding="utf-8", newline="\n") as f:
        for line, text in enumerate(f, start=1):
            text = text.strip(" \t\r\n")
            if text:
                row += 1
                yield line, row, text


def _parsed(file: Delivered, line: int, text: str) -> dict[str, Any]:
    try:
        value = _DECODER.decode(text)
    except JSONDecodeError as error:
        what = f"is not JSON ({error.msg} at column {error.colno}): each line must be one object"
        raise FileProblem(file.origin, what, line=line) from error
    except RecursionError:
        raise FileProblem(file.origin, "is nested too deeply to be read", line=line) from None
    except ValueError as error:
        raise FileProblem(file.origin, str(error), line=line) from error
    if not isinstance(value, dict):
        raise FileProblem(file.origin, f"{shown(text)} is not a JSON object: each line must be one", line=line)
    if _HALF_PAIR.search(text) and not _can_be_stored(value):
        raise FileProblem(file.origin, "holds half of a character (a lone surrogate): send the whole", line=line)
    return value


def _can_be_stored(value: dict[str, Any]) -> bool:
    try:
        return bool(_compact(value))
    except UnicodeEncodeError:
        return False


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON: numbers must be finite")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {shown(next(n for n in names if names.count(n) > 1))} stands twice in one object")
    return found


# Numbers are kept as they are written: a price must not pass through binary floating point.
_DECODER = JSONDecoder(parse_float=Decimal, parse_constant=_no_constant, object_pairs_hook=_unique)


def _at(value: dict[str, Any], name: str, path: list[str]) -> Any:
    """What stands under a column's name; a key that holds dots itself comes before the path."""
    if name in value:
        return value[name]
    found: Any = value
    for step in path:
        if not isinstance(found, dict):
            return None
        found = found.get(step)
    return found


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f") if abs(value.adjusted()) <= _LARGEST_EXPONENT else str(value)
    if isinstance(value, int):
        return str(value)
    return _compact(value).decode()
