"""A small installation that tests run: what lands in it, the run of its job, and what a run says."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from almanac.dbt_worker import WarmDbt
from almanac.settings import Settings
from dashboards.specs import dashboard_files
from ingestion.envelope import Arrival
from ingestion.lake import Lake
from ingestion.tracking_plan import load_plan
from orchestration.assets.sources import source_key
from orchestration.definitions import build_defs

VERSION = dg.AssetKey(["published", "version"])
OVERVIEW = dg.AssetKey(["dashboards", "overview"])
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
START = datetime(2026, 3, 2, 6, tzinfo=UTC)
OPENED: list[dg.DagsterInstance] = []  # the one that the tests of a process share


def dashboards_of(root: Path) -> set[dg.AssetKey]:
    """An asset for each file of a dashboard."""
    return {dg.AssetKey(["dashboards", path.stem]) for path in dashboard_files(root)}


def sources_of(root: Path) -> set[dg.AssetKey]:
    """An asset for each source that a tenant lists."""
    return {source_key((t.tenant, name)) for t in load_plan(root).tenants.values() for name in t.sources}


def told(result: dg.ExecuteInProcessResult, key: dg.AssetKey) -> dict[str, Any]:
    """What a run says of one asset that it made."""
    [event] = [e for e in result.get_asset_materialization_events() if e.asset_key == key]
    return {name: value.value for name, value in event.materialization.metadata.items()}


def land(settings: Settings, day: int, received: int = 30, tag: str = "") -> None:
    """One landing of 30 page views on a day; `received` is what the door claims to have counted."""
    at = START + timedelta(days=day)
    arrivals = [
        Arrival(
            at + timedelta(minutes=n),
            {
                "type": "page",
                "name": "Home",
                "messageId": f"{tag}{day}-{n}",
                "anonymousId": f"device-{n % 5}",
                "timestamp": (at + timedelta(minutes=n)).isoformat(),
            },
        )
        for n in range(30)
    ]
    Lake.open(settings).land("rentals", "web", arrivals, content_hash=f"{tag}{day}", received={at.date(): received})


def run(settings: Settings, dbt: WarmDbt, only: list[dg.AssetKey] | None = None) -> dg.ExecuteInProcessResult:
    """Run the job `daily`, or of its assets only these."""
    job = build_defs(settings, runner=dbt).resolve_job_def("daily")
    (instance,) = OPENED
    return job.execute_in_process(instance=instance, run_config=QUIET, raise_on_error=False, asset_selection=only)


def materialized(result: dg.ExecuteInProcessResult) -> set[dg.AssetKey]:
    return {event.asset_key for event in result.get_asset_materialization_events() if event.asset_key}


def steps(result: dg.ExecuteInProcessResult, kind: str) -> set[str | None]:
    return {event.step_key for event in result.all_events if event.event_type_value == kind}


def models_in_folders(root: Path) -> dict[dg.AssetKey, str]:
    """Key and group of every model as its file says: layer and name, layer and area."""
    models = root / "dbt_project" / "models"
    return {
        dg.AssetKey([path.relative_to(models).parts[0], path.stem]): "_".join(path.relative_to(models).parts[:-1])
        for path in models.rglob("*.sql")
    }
