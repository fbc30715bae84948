"""A copy of the project with more tenants, and dbt kept warm on it; mutations patch this copy, never the project."""

import shutil
from dataclasses import replace
from pathlib import Path

from almanac.dbt_worker import DbtRun, OnEvent, WarmDbt
from almanac.settings import ROOT, Settings
from tests.parsed_project import take_parse_along
from tests.replay.histories import ZONES
from tests.small_project import small_project

PARTS = ("dbt_project", "ingestion/tracking_plan")
FILES = ("dbt_project.yml", "profiles.yml")
# Every model whose failure in the middle of a run leaves other work for the next one.
FAILING = (
    "int_events__keys",
    "fact_events",
    "int_identity__map",
    "fact_sessions",
    "int_bookings__movements",
    "kpi_values",
)


def copy_project(folder: Path, *, is_small: bool = False) -> Path:
    """Copy what a build reads into `folder` and add a tenant for every zone of the histories.

    A small copy has all that remembers, and of the rest what visits, searches and bookings need.
    """
    if is_small:
        small_project(folder)
    else:
        for part in PARTS:
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        for name in FILES:
            shutil.copy(ROOT / name, folder / name)
        take_parse_along(folder)
    tenants = folder / "ingestion" / "tracking_plan" / "tenants"
    for tenant, zone in ZONES.items():
        if not (tenants / f"{tenant}.yml").exists():
            (tenants / f"{tenant}.yml").write_text(
                f"tenant: {tenant}\ntitle: {tenant}\nbusiness: Property rental marketplace\n"
                f"time_zone: {zone}\ncurrency: EUR\nsources: {{}}\nevents: {{}}\n",
                encoding="utf-8",
            )
    return folder


class FailingDbt(WarmDbt):
    """Warm dbt in which one chosen model fails in the next run."""

    fails: str | None = None

    def build(self, settings: Settings, *, full_refresh: bool, on_event: OnEvent | None = None) -> DbtRun:
        """Build; the model named by `fails` breaks in its own statement, after its pre-hook."""
        model, self.fails = self.fails, None
        if model is None:
            return super().build(settings, full_refresh=full_refresh, on_event=on_event)
        node = self.manifest(settings).nodes[f"model.almanac.{model}"]
        whole = node.raw_code
        node.raw_code = whole + "\n-- planned failure\nunion all select * from planned.failure"
        try:
            return super().build(settings, full_refresh=full_refresh, on_event=on_event)
        finally:
            node.raw_code = whole


def settings_for(root: Path, home: Path, lake: Path | None = None) -> Settings:
    """Settings on a copied project, with their own warehouse and optionally a shared lake."""
    own = Settings.for_home(home, root)
    return replace(own, lake=lake) if lake else own
