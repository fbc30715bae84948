"""A copy of the project with more tenants, and dbt kept warm on it; mutations patch this copy, never the project."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from almanac.dbt_worker import DbtRun, OnEvent, WarmDbt
from almanac.settings import ROOT, Settings
from tests.replay.histories import ZONES

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


def copy_project(folder: Path) -> Path:
    """Copy what a build reads into `folder` and add a tenant for every zone of the histories."""
    for part in PARTS:
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, folder / name)
    tenants = folder / "ingestion" / "tracking_plan" / "tenants"
    for tenant, zone in ZONES.items():
        if not (tenants / f"{tenant}.yml").exists():
            (tenants / f"{tenant}.yml").write_text(
                f"tenant: {tenant}\ntitle: {tenant}\nbusiness: Property rental marketplace\n"
                f"time_zone: {zone}\ncurrency: EUR\nsources: {{}}\nevents: {{}}\n",
                encoding="utf-8",
            )
    return folder


class FailingDbt:
    """Warm dbt in which one chosen model fails in the next run, and whose data tests run only when they are asked for.

    A data test changes no row, and what the histories compare is stronger; without tests a run takes half as long.
    """

    def __init__(self, patch: Callable[[Any], None] | None = None) -> None:
        self._warm = WarmDbt(patch)
        self.fails: str | None = None
        self.tests = True

    def build(self, settings: Settings, *, full_refresh: bool, on_event: OnEvent | None = None) -> DbtRun:
        """Build; the model named by `fails` breaks in its own statement, after its pre-hook."""
        nodes = self._warm.manifest(settings).nodes
        tests = {} if self.tests else {name: node for name, node in nodes.items() if node.resource_type == "test"}
        broken = nodes[f"model.almanac.{self.fails}"] if self.fails else None
        self.fails = None
        whole = broken.raw_code if broken else ""
        for name in tests:
            del nodes[name]
        if broken:
            broken.raw_code = whole + "\n-- planned failure\nunion all select * from planned.failure"
        try:
            return self._warm.build(settings, full_refresh=full_refresh, on_event=on_event)
        finally:
            nodes.update(tests)
            if broken:
                broken.raw_code = whole


def settings_for(root: Path, home: Path, lake: Path | None = None) -> Settings:
    """Settings on a copied project, with their own warehouse and optionally a shared lake."""
    own = Settings.for_home(home, root)
    return replace(own, lake=lake) if lake else own
