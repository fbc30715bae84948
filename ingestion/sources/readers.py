"""Formats of delivered files: which reader reads them, and which files of a folder are theirs."""

import re
from collections.abc import Iterable
from pathlib import Path

from almanac.errors import AlmanacError
from ingestion.sources.access_log import AccessLogReader
from ingestion.sources.csv_rows import CsvReader
from ingestion.sources.file_rows import RowReader
from ingestion.sources.jsonl_rows import JsonlReader
from ingestion.sources.mapping import Format, Mapping
from ingestion.sources.parquet_rows import ParquetReader

_READERS: dict[Format, type[RowReader]] = {
    "csv": CsvReader,
    "jsonl": JsonlReader,
    "parquet": ParquetReader,
    "access_log": AccessLogReader,
}
_NAMES: dict[Format, tuple[str, str]] = {
    "csv": (r"\.csv(\.gz)?", ".csv or .csv.gz"),
    "jsonl": (r"\.(jsonl|ndjson|json)(\.gz)?", ".jsonl, .ndjson or .json, each perhaps with .gz"),
    "parquet": (r"\.parquet", ".parquet"),
    "access_log": (r"\.log(\.\d+)?(\.gz)?", ".log, .log.1 and so on, each perhaps with .gz"),
}


def reader_of(mapping: Mapping) -> RowReader:
    """The reader of a mapping's files; close it."""
    return _READERS[mapping.format](mapping)


def find_files(paths: Iterable[Path], file_format: Format = "csv") -> list[Path]:
    """The files that `paths` name: files as they are, folders with all their files of the format, in order of names.

    Raises AlmanacError for a path that does not exist and a folder without any such file.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = files_in(path, file_format)
            if not inside:
                raise AlmanacError(
                    f"{path} holds no file ending in {_NAMES[file_format][1]}: name another folder or files"
                )
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise AlmanacError(f"{path} does not exist: name files or folders that do")
    return found


def files_in(folder: Path, file_format: Format) -> list[Path]:
    """The files of a format in a folder and those below it, in order of their names."""
    return sorted(path for path in folder.rglob("*") if is_of(path.name, file_format) and path.is_file())


def is_of(name: str, file_format: Format) -> bool:
    """Whether a file of this name is taken for one of the format."""
    return re.fullmatch(rf".*{_NAMES[file_format][0]}", name, re.IGNORECASE) is not None
