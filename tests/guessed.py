"""Files that `almanac ingest` guesses in tests: how it is run, and what it wrote."""

from collections.abc import Callable
from pathlib import Path

from click.testing import Result

from ingestion.sources.mapping import FOLDER

Ingest = Callable[..., Result]


def written(root: Path) -> list[str]:
    files = [*(root / FOLDER).glob("*.yml"), root / "ingestion" / "tracking_plan" / "tenants" / "mine.yml"]
    return sorted(path.name for path in files if path.exists())
