"""What Dagster loads (`workspace.yaml`): assets, checks, the jobs, when they run, and what is watched."""

import dagster as dg

from almanac.dbt_worker import OnEvent, Runner
from almanac.settings import Settings
from ingestion.tracking_plan import load_plan
from orchestration.assets.arrivals import build_arrivals
from orchestration.assets.dashboards import build_dashboards
from orchestration.assets.lake import build_lake, tracking_plan
from orchestration.assets.models import build_models
from orchestration.assets.published import version
from orchestration.assets.sources import build_sources
from orchestration.failure_notices import build_failure_notices
from orchestration.jobs import JOBS, QUEUED
from orchestration.manifest import load_manifest
from orchestration.old_runs import build_old_runs
from orchestration.resources import Almanac, almanac_resource
from orchestration.retries import build_queue_retries
from orchestration.schedules import build_schedules
from orchestration.sensors import build_new_landings, lost_runs


def build_defs(
    settings: Settings | None = None, *, runner: Runner | None = None, on_event: OnEvent | None = None
) -> dg.Definitions:
    """All definitions for `settings` (default: those of the environment).

    The dbt project is parsed first if it has changed. `runner` runs dbt (default: a fresh process for each build);
    `on_event` is told of each model and test as it finishes. Raises AlmanacError if the dbt project cannot be parsed.
    """
    settings = settings or Settings.from_env()
    is_production = settings.environment == "production"
    manifest = load_manifest(settings)
    plan = load_plan(settings.root)
    sources = build_sources(plan, settings.root)
    warehouse = [build_lake(sources), build_models(manifest), build_arrivals(plan), version]
    return dg.Definitions(
        assets=[*sources, tracking_plan, *warehouse, *build_dashboards(manifest)],
        jobs=JOBS,
        schedules=build_schedules((t.time_zone for t in plan.tenants.values()), is_production=is_production),
        sensors=[
            lost_runs,
            build_new_landings(is_production),
            build_failure_notices(is_production),
            build_queue_retries(QUEUED, is_production=is_production),
            build_old_runs(is_production=is_production),
        ],
        resources={"almanac": almanac_resource(Almanac(settings, runner, on_event))},
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions of this installation; nothing is read before Dagster asks for them."""
    return build_defs()
