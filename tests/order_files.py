"""Files of orders for tests of file sources: what is in them, how they are mapped, and what landed of them."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from almanac.settings import Settings
from ingestion.lake import Lake
from ingestion.sources.file_source import FileSource

HEADER = "order,line,when,pieces,price,buyer,note"
NOW = datetime(2026, 3, 31, 12, 0, tzinfo=UTC)

MAPPING: dict[str, Any] = {
    "source": "orders",
    "tenant": "online_retail",
    "time_zone": "Europe/London",
    "currency": "GBP",
    "history_from": date(2010, 1, 1),
    "columns": {
        "order": "string",
        "line": "integer",
        "when": "timestamp",
        "pieces": "integer",
        "price": "money",
        "buyer": "string",
        "note": "string",
    },
    "event": """case when "order" like 'C%' then 'booking_cancelled' else 'booking_confirmed' end""",
    "event_at": '"when"',
    "user_id": '"buyer"',
    "properties": {
        "booking_id": '"order"',
        "amount": "pieces * price",
        "quantity": "pieces",
        "description": "note",
    },
}
RETURNED: dict[str, Any] = {
    "when": "note like 'back on %'",
    "event": "'booking_cancelled'",
    "event_at": "strptime(note, 'back on %Y-%m-%d')",
    "properties": {"booking_id": '"order"', "amount": "price"},
}
GOOD = ("A1,1,2026-03-01 09:30:00,2,1.10,17,tea", 'A1,2,2026-03-01 09:30:00,1,0.001,,"a ""b"", c"')
Open = Callable[..., FileSource]


def landed(tmp_path: Path, kind: str = "events") -> list[dict[str, Any]]:
    lake = Lake.open(Settings.for_home(tmp_path / "home"))
    rows = [
        row
        for entry in lake.entries(kind)  # type: ignore[arg-type]
        for row in pq.ParquetFile(lake.locate(entry.path)).read().to_pylist()
    ]
    return sorted(rows, key=lambda row: (row["received_at"], row["ingest_row"])) if kind == "events" else rows
