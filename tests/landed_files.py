"""Lands files of any format by a mapping, into a lake of their own."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from shutil import copytree
from typing import Any

import yaml

from almanac.settings import ROOT, Settings
from ingestion.lake import Lake
from ingestion.sources.file_source import FileResult, FileSource
from ingestion.sources.mapping import FOLDER

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
BOOKINGS: dict[str, Any] = {
    "source": "bookings",
    "tenant": "rentals",
    "time_zone": "Europe/Berlin",
    "currency": "EUR",
    "columns": {"id": "string", "at": "instant", "price": "money", "buyer.id": "string", "nights": "integer"},
    "event": "'booking_confirmed'",
    "event_at": '"at"',
    "user_id": '"buyer.id"',
    "properties": {"booking_id": "id", "amount": "price", "nights": "nights"},
}
LOG: dict[str, Any] = {
    "source": "bookings",
    "tenant": "rentals",
    "format": "access_log",
    "time_zone": "UTC",
    "currency": "EUR",
    "event": "'api_request'",
    "event_at": "requested_at",
    "anonymous_id": "host",
    "properties": {
        "route": "coalesce(path, 'unmatched')",
        "http_method": "coalesce(method, '-')",
        "status_code": "status",
    },
}
Ingest = Callable[..., FileResult]


def ingester(tmp_path: Path) -> Iterator[Ingest]:
    """What lands a file of a name and content by a mapping with changes; for a fixture."""
    root, opened = tmp_path / "root", []
    copytree(ROOT / "ingestion" / "tracking_plan", root / "ingestion" / "tracking_plan")
    (root / FOLDER).mkdir(parents=True)
    tenant = root / "ingestion" / "tracking_plan" / "tenants" / "rentals.yml"
    tenant.write_text(tenant.read_text().replace("sources:\n", "sources:\n  bookings: {expected: never}\n"))

    def land(name: str, content: bytes, base: dict[str, Any] = BOOKINGS, **changes: Any) -> FileResult:
        (root / FOLDER / "bookings.yml").write_text(yaml.safe_dump(base | changes))
        (tmp_path / name).write_bytes(content)
        opened.append(FileSource.open(Settings.for_home(tmp_path / "home", root=root), "bookings"))
        return opened[-1].ingest_file(tmp_path / name, NOW)

    yield land
    for source in opened:
        source.__exit__(None, None, None)


def landed(tmp_path: Path, kind: Any = "events") -> list[dict[str, Any]]:
    """The rows of a kind that lie in the lake."""
    lake = Lake.open(Settings.for_home(tmp_path / "home"))
    return [row for entry in lake.entries(kind) for row in lake.read(entry).to_pylist()]


def lines(*rows: Any) -> bytes:
    """A file with a line for each; what is no text is written as JSON."""
    return "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows).encode()
