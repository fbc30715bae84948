"""Replays what waits in one home after the other, each in its own process: `python -m tests.integration.replaying`."""

from dataclasses import replace
from pathlib import Path

import pyarrow.parquet  # noqa: F401 - imported once, before children are forked

from almanac.settings import Settings
from ingestion.lake import Lake
from ingestion.quarantine import replay as module
from ingestion.quarantine.again import Again
from ingestion.quarantine.choice import Choice
from ingestion.quarantine.replay import replay
from ingestion.tracking_plan import load_plan
from tests.refused_events import REPOSITORY
from tests.traced_jobs import serve

PLAN = load_plan()
FORGOTTEN = "Property Viewed"  # an event that the plan knew only later


def before_it_was_mended(home: Path) -> Lake:
    """The lake of a home, by a plan that does not know one of its tenant's events yet."""
    own = PLAN.tenants["rentals"]
    known = {name: alias for name, alias in own.events.items() if name != FORGOTTEN}
    tenants = {**PLAN.tenants, "rentals": own.model_copy(update={"events": known})}
    return Lake.open(Settings.for_home(home), replace(PLAN, tenants=tenants))


def opened(home: Path) -> Lake:
    """The lake of a home, by the plan of today."""
    return Lake.open(Settings.for_home(home), PLAN)


def replay_all(home: Path) -> int:
    """What `almanac quarantine replay --all` does; how many landed."""
    return replay(opened(home), Again(PLAN, REPOSITORY), Choice(replayed=False)).landed


if __name__ == "__main__":
    module.PART_ROWS = 2  # events of one landing, so that a replay has several
    serve(lambda home: replay_all(Path(home)))
