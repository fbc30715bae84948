"""Which installation fills a serving database: two that do take it from each other, one publication after the other."""

from typing import Any
from uuid import uuid4

from almanac import durable
from almanac.serving_store import ACCESS
from almanac.settings import Settings

FILE = "INSTALLATION"  # beside the versions: who has other versions is another installation


def installation(settings: Settings) -> str:
    """The name that this home gives itself when it publishes for the first time. The caller holds its lock."""
    path = settings.versions / FILE
    if not path.exists():
        durable.write_text(path, f"{uuid4().hex}\n")
    return path.read_text(encoding="utf-8").strip()


def displaced(cursor: Any, own: str) -> list[str]:
    """A note, if what is served until now was published by another installation than `own`."""
    cursor.execute(
        "select to_char(filled_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI') "
        f"from {ACCESS}.version where is_current and filled_by <> %s",
        [own],
    )
    found = cursor.fetchone()
    if found is None:
        return []
    return [
        f"until now it served what another installation published ({found[0]} UTC): two that share a database take it "
        "from each other, so give each its own"
    ]
