"""Access logs of web servers in Apache's combined (or common) format, as nginx writes it too."""

import re
from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from ingestion.privacy.cleaning import truncated
from ingestion.sources.column_types import identifier
from ingestion.sources.delivered import Delivered
from ingestion.sources.file_rows import PART, ROW, RowReader, Unreadable
from ingestion.sources.problems import FileProblem, shown

_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_LINE = re.compile(rf"(\S+) (\S+) (.+?) \[([^\]]+)\] {_QUOTED} (\d{{3}}) (\d+|-)(?: {_QUOTED} {_QUOTED})?")
_REQUEST = re.compile(r"([!-~]+) ([^\s?]*)(?:\?(\S*))?(?: (HTTP/\S+))?")
_ERRORS = "surrogateescape"  # bytes that are no text spoil their own line, and can be shown as they came
_NO_FIT = "is no line of an access log in combined format"


class AccessLogReader(RowReader):
    """Rows of an access log. Anyone can write into a log: a line that does not fit or is no text is quarantined alone.

    A host given as its address loses the last part of it, as at the collector's door. A line is named by what it says
    and how many equal ones stand above it, because logs grow and are rotated: the same lines come in many files.
    """

    decoding_errors = _ERRORS

    def line_of(self, file: Delivered, row: int) -> int | None:
        """The line on which a row stands: empty lines are no rows."""
        return next((line for line, found, _ in _lines(file) if found == row), None)

    def _load(self, file: Delivered) -> dict[int, Unreadable]:
        self._create()
        unreadable: dict[int, Unreadable] = {}
        rows = self._rows(file, unreadable)
        count = 0
        while part := list(islice(rows, PART)):
            self._insert(part)
            count += len(part)
        if len(unreadable) > count:
            text, line, why = next(iter(unreadable.values()))
            what = f"{shown(text)} {why}, nor are most other lines: is this another format?"
            if why != _NO_FIT:
                what = f"{why}, nor can most other lines be read: correct the file, or the mapping's encoding"
            raise FileProblem(file.origin, what, line=line)
        return unreadable

    def _keys(self) -> list[str]:
        if self._mapping.natural_key:
            return super()._keys()
        # Of the values as they are kept: a name made of a whole address would give the address away.
        values = ", ".join(f"coalesce({identifier(name)}, '-')" for name in self._types)
        said = f"md5(concat_ws(chr(10), {values}))"
        return [f"{said} || ' ' || row_number() over (partition by {said} order by {identifier(ROW)})"]

    def _rows(self, file: Delivered, unreadable: dict[int, Unreadable]) -> Iterator[list[int | str | None]]:
        for line, row, text in _lines(file):
            why = self._no_text(text)
            values = parse(text) if why is None else None
            if values is None:
                address, space, rest = text.encode("utf-8", _ERRORS).decode("utf-8", "backslashreplace").partition(" ")
                kept = f"{truncated(address) or address}{space}{rest}"
                unreadable[row] = Unreadable(kept, line, why or _NO_FIT)
            else:
                yield [row, *(values[name] for name in self._types)]

    def _no_text(self, line: str) -> str | None:
        """Which byte of a line is no text, or None if all are."""
        try:
            line.encode()
        except UnicodeEncodeError as error:
            byte = line[error.start].encode("utf-8", _ERRORS)[0]
            return f"has a byte ({byte:#04x}, at character {error.start + 1:,}) that is not {self._mapping.encoding}"
        return None


def _lines(file: Delivered) -> Iterator[tuple[int, int, str]]:
    """Number of the line, number of the row, text; empty lines are left out."""
    row = 0
    with file.content.open(encoding="utf-8", errors=_ERRORS, newline="\n") as f:
        for line, text in enumerate(f, start=1):
            text = text.rstrip("\r\n")
            if text:
                row += 1
                yield line, row, text


def parse(line: str) -> dict[str, str | None] | None:
    """The values of one line by column, None where the log has a dash; None if the line does not fit the format."""
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    host, ident, user, time, request, status, size, referrer, agent = match.groups()
    try:
        requested_at = datetime.strptime(time, "%d/%b/%Y:%H:%M:%S %z").isoformat()
    except ValueError:
        return None
    asked = _REQUEST.fullmatch(request)  # what is no request (a scanner's bytes) is kept as it is
    method, path, query, protocol = asked.groups() if asked else (None, None, None, None)
    values = {
        "host": truncated(host) or host,
        "ident": ident,
        "remote_user": user,
        "requested_at": requested_at,
        "request": request,
        "method": method,
        "path": path,
        "query": query,
        "protocol": protocol,
        "status": status,
        "bytes": size,
        "referrer": referrer,
        "user_agent": agent,
    }
    return {name: None if value in ("-", "") else value for name, value in values.items()}
