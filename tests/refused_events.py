"""A home with refused events and a tracking plan of its own that a test may mend, for tests of the quarantine."""

import hashlib
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from click.testing import CliRunner, Result

from almanac.settings import Settings
from ingestion.envelope import Arrival
from ingestion.lake import Lake
from ingestion.lake_parts import LandResult
from ingestion.quarantine_cli import COMMANDS

REPOSITORY = Path(__file__).resolve().parents[1]
DAY = date(2026, 3, 1)
UNMENDED = "  Signed Up:\n    event: signup_completed"
VILLA = "  Villa Viewed:\n    event: listing_viewed\n    properties: {villa: listing_id}\n"


@dataclass(frozen=True)
class Place:
    """A project folder with a tracking plan, and the home of an installation of it."""

    root: Path
    home: Path

    @property
    def settings(self) -> Settings:
        """The settings of this installation."""
        return Settings.from_env({"ALMANAC_HOME": str(self.home), "ALMANAC_ROOT": str(self.root)})

    @property
    def lake(self) -> Lake:
        """Its lake, judged by the plan as it is now."""
        return Lake.open(self.settings)

    def mend(self) -> None:
        """Let the tenant `rentals` send `Villa Viewed`, with `villa` as the listing's id."""
        path = self.root / "ingestion/tracking_plan/tenants/rentals.yml"
        text = path.read_text(encoding="utf-8")
        assert UNMENDED in text
        path.write_text(text.replace(UNMENDED, VILLA + UNMENDED), encoding="utf-8")

    def run(self, *arguments: str, command: str = "quarantine") -> Result:
        """Run `almanac quarantine` with these arguments."""
        environment = {"ALMANAC_HOME": str(self.home), "ALMANAC_ROOT": str(self.root)}
        return CliRunner().invoke(COMMANDS[command], arguments, env=environment)

    def told(self, *arguments: str) -> list[str]:
        """The lines that a command prints that must succeed."""
        done = self.run(*arguments)
        assert done.exception is None, (done.output, done.exception)
        return done.stdout.splitlines()


def new_place(folder: Path) -> Place:
    """A project and home below `folder`; the project holds what ingestion reads of the repository."""
    for name in ("ingestion/tracking_plan", "ingestion/sources/files"):
        shutil.copytree(REPOSITORY / name, folder / "project" / name, ignore=shutil.ignore_patterns("*.py", "__*"))
    return Place(folder / "project", folder / "home")


def villa(n: int, **fields: Any) -> dict[str, Any]:
    """The n-th event of a kind that the plan does not know before it is mended."""
    return {
        "type": "track",
        "event": "Villa Viewed",
        "messageId": str(UUID(int=n)),
        "userId": f"user-{n}",
        "properties": {"villa": f"v{n}", "view": "sea"},
        **fields,
    }


def noon(n: int = 0, day: date = DAY) -> datetime:
    """Noon (UTC) of a day and n seconds."""
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC) + timedelta(seconds=n)


def land(
    lake: Lake,
    messages: Sequence[dict[str, Any] | bytes],
    day: date = DAY,
    *,
    tenant: str = "rentals",
    source: str = "web",
) -> LandResult:
    """Land messages, the n-th one received at second n after noon."""
    arrivals = [Arrival(noon(n, day), message) for n, message in enumerate(messages)]
    content = hashlib.sha256(repr((tenant, source, day, messages)).encode()).hexdigest()
    received = Counter(one.received_at.date() for one in arrivals)
    return lake.land(tenant, source, arrivals, content_hash=content, received=received)


def rows_of(lake: Lake, kind: Any) -> list[dict[str, Any]]:
    """All rows of one kind of file."""
    return [row for entry in lake.entries(kind) for row in lake.read(entry).to_pylist()]


def books(lake: Lake) -> dict[tuple[str, date], dict[str, int]]:
    """The terms of the reconciliation by source and UTC day of arrival, each counted where its rows lie."""
    found: dict[tuple[str, date], Counter[str]] = {}
    for kind, term in (("events", "accepted"), ("quarantine", "quarantined")):
        for row in rows_of(lake, kind):
            found.setdefault((row["source"], row["received_at"].date()), Counter())[term] += 1
    for row in rows_of(lake, "counters"):
        terms = {name: row[name] for name in ("received", "suppressed", "erased")}
        found.setdefault((row["source"], row["received_date"]), Counter()).update(terms)
    return {key: dict(terms) for key, terms in found.items()}


def difference(terms: Mapping[str, int]) -> int:
    """What was received and is in none of the terms; 0 where nothing was lost."""
    parts = sum(terms.get(name, 0) for name in ("accepted", "quarantined", "suppressed", "erased"))
    return terms.get("received", 0) - parts
