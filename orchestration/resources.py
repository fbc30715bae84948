"""What the assets share: the settings, and how dbt is run."""

from dataclasses import dataclass, field, replace

import dagster as dg

from almanac.dbt_worker import OnEvent, Runner
from almanac.openlineage.events import Run
from almanac.settings import Settings
from orchestration.judgement import Judgement
from orchestration.lost_runs import mark


@dataclass(frozen=True)
class Almanac:
    """The installation that the assets work on."""

    settings: Settings
    runner: Runner | None = None  # None: a fresh worker process for each build
    on_event: OnEvent | None = None  # also told of each model and test as it finishes
    judgement: Judgement = field(default_factory=Judgement)  # of one run


def lineage_of(settings: Settings, run: dg.DagsterRun) -> Run | None:
    """A run of Dagster as the parent of the builds and publications that it makes; None where nobody is told."""
    return Run(settings.openlineage.namespace, run.job_name, run.run_id) if settings.openlineage else None


def almanac_resource(almanac: Almanac) -> dg.ResourceDefinition:
    """The installation as a Dagster resource; a run that uses it is marked with the process it lives in."""

    def start(context: dg.InitResourceContext) -> Almanac:
        if context.instance and context.run:
            context.instance.add_run_tags(context.run.run_id, mark())
        return replace(almanac, judgement=Judgement())

    return dg.ResourceDefinition(resource_fn=start, description="The installation: settings, and how dbt is run.")
