"""A repository with a source that is fetched, and a lake for its rows."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copytree
from typing import Any

import yaml

from almanac.settings import ROOT, Settings
from ingestion.lake import Lake
from ingestion.lake_tables import Table, current_rows
from ingestion.sources.fetched_source import FOLDER, load_fetched
from ingestion.sources.fetching import fetch_all
from ingestion.sources.outbox import take_outbox
from ingestion.tracking_plan import load_plan

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)


class Place:
    """A repository with one fetched source `shop` of tenant `rentals`, and a lake."""

    def __init__(self, folder: Path, url: str, **source: Any) -> None:
        self.root = folder / "root"
        copytree(ROOT / "ingestion" / "tracking_plan", self.root / "ingestion" / "tracking_plan")
        tenant = self.root / "ingestion" / "tracking_plan" / "tenants" / "rentals.yml"
        tenant.write_text(tenant.read_text().replace("sources:\n", "sources:\n  shop: {expected: never}\n"))
        (self.root / FOLDER).mkdir(parents=True)
        given = {"source": "shop", "tenant": "rentals", **source}
        (self.root / FOLDER / "shop.yml").write_text(yaml.safe_dump(given))
        self.settings = replace(
            Settings.for_home(folder / "home", self.root), sources=(("ALMANAC_SOURCE_SHOP_URL", url),)
        )
        self.lake = Lake.open(self.settings)

    def fetch(self, days: int = 0) -> list[tuple[int, int]]:
        source = load_fetched(self.root, "shop", load_plan(self.root))
        return [(f.read, f.landed) for f in fetch_all(self.settings, source, self.lake, NOW + timedelta(days=days))]

    def take(self, days: int = 0) -> tuple[int, int, int]:
        source = load_fetched(self.root, "shop", load_plan(self.root))
        taken = take_outbox(self.settings, source, self.lake, NOW + timedelta(days=days))
        return taken.received, taken.accepted, taken.quarantined

    def rows(self, table: str = "orders") -> list[dict[str, Any]]:
        entries = Table("rentals", "shop", table).entries(self.lake)
        return [json.loads(row["data"]) for entry in entries for row in self.lake.read(entry).to_pylist()]

    def current(self, table: str = "orders") -> dict[str, Any]:
        entries = Table("rentals", "shop", table).entries(self.lake)
        return {key: json.loads(data) for key, _, data in current_rows(self.lake, entries)}
