"""The shape of an unknown CSV file: its encoding, what separates its values, its header."""

import codecs
import csv
from itertools import islice
from pathlib import Path

from ingestion.sources.csv_rows import ADVICE, NO_HEADER
from ingestion.sources.delivered import Delivered, delivered
from ingestion.sources.problems import FileProblem, longest_fields

DELIMITERS = ",;\t|"
MOST_COLUMNS = 1_000
_SAMPLE = 500  # records by which the delimiter is told


def encoding_of(path: Path) -> str:
    """UTF-8 if every byte of the file is, UTF-16 if it says so, else what Windows writes in the west."""
    try:
        with delivered(path, "utf-8"):
            return "utf-8"
    except FileProblem as problem:
        if "is not utf-8" not in str(problem):
            raise
    with delivered(path, None) as file, file.content.open("rb") as f:
        first = f.read(2)
    return "utf-16" if first in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "cp1252"


def shape(file: Delivered) -> tuple[str, list[str]]:
    """The delimiter that gives all records one width, the widest of such, and the header.

    Raises FileProblem, for the first record that has another width than the header, if there is no such delimiter.
    """
    origin = file.origin
    read = {delimiter: _records(file.content, delimiter) for delimiter in DELIMITERS}
    if not file.content.stat().st_size or any(records and not records[0][1] for records in read.values()):
        raise FileProblem(origin, NO_HEADER, line=1)
    found = {delimiter: records[0][1] for delimiter, records in read.items() if records and _odd(records) is None}
    delimiter = max(found, key=lambda d: len(found[d]), default="")
    if not found or len(found[delimiter]) < 2:
        raise _no_table(origin, read)
    header = found[delimiter]
    if len(header) > MOST_COLUMNS:
        what = (
            f"has {len(header):,} columns, of which at most {MOST_COLUMNS:,} can be looked at: is the delimiter right?"
        )
        raise FileProblem(origin, what, line=1)
    if len({name.lower() for name in header}) < len(header) or not all(name.strip() for name in header):
        raise FileProblem(origin, "the first line must name every column, each differently", line=1)
    if any(name.strip("+-.,").replace(".", "").isdigit() for name in header):
        raise FileProblem(origin, "the first line holds numbers: it must be a header that names the columns", line=1)
    return delimiter, header


_Records = list[tuple[int, list[str]]]  # each with the line on which it begins; an empty line is an empty one


def _records(content: Path, delimiter: str) -> _Records:
    """The first records; none if they cannot be read with this delimiter."""
    longest_fields()
    found: _Records = []
    with content.open(encoding="utf-8", newline="") as f:
        reader = csv.reader(f, delimiter=delimiter)
        line = 1
        try:
            for record in islice(reader, _SAMPLE):
                found.append((line, record))
                line = reader.line_num + 1
        except csv.Error:
            return []
    return found


def _odd(records: _Records) -> tuple[int, list[str]] | None:
    """The first record that has not the first one's width, with its line."""
    width = len(records[0][1])
    return next(((line, record) for line, record in records if record and len(record) != width), None)


def _no_table(origin: Path, read: dict[str, _Records]) -> FileProblem:
    """What is wrong with the records, by the delimiter that the header most likely has."""
    widths = {delimiter: len(records[0][1]) for delimiter, records in read.items() if records}
    delimiter = max(widths, key=lambda d: widths[d], default="")
    odd = _odd(read[delimiter]) if delimiter and widths[delimiter] > 1 else None
    if odd is None:
        what = "is no CSV file whose rows all have the header's columns (separated by comma, semicolon, tab or |)"
        return FileProblem(origin, f"{what}: write a mapping for it, see docs/sources.md")
    line, record = odd
    width = len(record)
    kind = "TOO MANY COLUMNS" if width > widths[delimiter] else "MISSING COLUMNS"
    if any("\n" in value for value in record):  # a quote took the lines below for a value
        kind = "UNQUOTED VALUE"
    advice = ADVICE[kind]
    counts = f"{width} where the header has {widths[delimiter]}, separated by {delimiter!r}"
    return FileProblem(origin, f"{advice} ({counts})", line=line)
