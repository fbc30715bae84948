"""Dashboards are dbt's exposures: made from their files, never written by hand, and never in the way of a parse."""

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from almanac.cli_kpis import COMMANDS
from almanac.exposures import Reader, exposures
from almanac.kpis import load_catalogue
from almanac.readers import FILE, readers, readers_by_kpi, write_exposures
from almanac.settings import ROOT, Settings
from dashboards.specs import load_dashboards

SALES = """
title: "Sales: {{ all }}"
description: What is sold.
cards:
  - {id: a, type: tile, kpi: gmv, position: {row: 0, column: 0}, size: {width: 8, height: 3}}
  - {id: b, type: tile, kpi: revenue, position: {row: 0, column: 8}, size: {width: 8, height: 3}}
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Settings:
    """What exposures are made from, with one dashboard."""
    models = tmp_path / "dbt_project" / "models"
    for file in (ROOT / "dbt_project" / "models").rglob("*.yml"):
        copy = models / file.relative_to(ROOT / "dbt_project" / "models")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)
    specs = tmp_path / "dashboards" / "specs"
    specs.mkdir(parents=True)
    (specs / "sales.yml").write_text(SALES)
    return Settings.for_home(tmp_path / "home", tmp_path)


def written(settings: Settings) -> dict[str, dict[str, Any]]:
    write_exposures(settings)
    file = settings.root / FILE
    return {one["name"]: one for one in yaml.safe_load(file.read_text())["exposures"]} if file.exists() else {}


def test_an_exposure_depends_on_the_values_and_the_facts_of_its_kpis(checkout: Settings) -> None:
    one = written(replace(checkout, portal_url="https://numbers.example/"))["dashboard_sales"]
    assert one["depends_on"] == ["ref('kpi_values')", "ref('fact_revenue')"]
    assert one["config"]["meta"] == {"kpis": ["gmv", "revenue"], "file": "dashboards/specs/sales.yml"}
    assert one["label"] == "Sales: (( all ))", "dbt would run it"
    assert (one["type"], one["owner"]) == ("dashboard", {"name": "revenue"})
    assert one["url"] == "https://numbers.example/dashboards/sales"


def test_every_dashboard_of_the_repository_has_one_that_names_all_of_its_kpis() -> None:
    found = {reader.name: reader for reader in readers(ROOT) if reader.kind == "dashboard"}
    assert set(found) == set(load_dashboards(ROOT))
    assert {"gmv", "search_to_book_conversion"} <= set(found["overview"].kpis)
    assert [reader.name for reader in readers_by_kpi(ROOT)["gmv"]][:1] == ["overview"]


def test_whatever_shows_kpis_can_have_one() -> None:
    report = Reader("weekly", "Weekly", "The week.", "analysis", ("gmv", "searches", "no_such"), "alerts/weekly.yml")
    [one] = exposures([report], load_catalogue(ROOT))
    assert one["name"] == "analysis_weekly"
    assert one["owner"] == {"name": "data"}, "its KPIs belong to two teams"
    assert one["config"]["meta"]["kpis"] == ["gmv", "searches"], "what does not exist cannot be depended on"
    assert "url" not in one


def test_what_has_not_changed_is_not_touched(checkout: Settings) -> None:
    written(checkout)
    file = checkout.root / FILE
    os.utime(file, (1_000, 1_000))
    written(checkout)
    kpi = next((checkout.root / "dbt_project").rglob("sessions.yml"))
    os.utime(kpi, (1_000, 1_000))
    written(checkout)
    assert file.stat().st_mtime == 1_000
    (checkout.root / "dashboards" / "specs" / "more.yml").write_text(SALES)
    assert set(written(checkout)) == {"dashboard_sales", "dashboard_more"}


def test_a_file_that_somebody_removed_comes_back(checkout: Settings) -> None:
    written(checkout)
    (checkout.root / FILE).unlink()
    assert set(written(checkout)) == {"dashboard_sales"}


def test_nothing_that_is_wrong_or_gone_stays(checkout: Settings) -> None:
    specs = checkout.root / "dashboards" / "specs"
    (specs / "broken.yml").write_text("title: [")
    assert set(written(checkout)) == {"dashboard_sales"}
    (checkout.root / "dbt_project" / "models" / "marts" / "broken.yml").write_text("models: 1")
    assert written(checkout) == {}, "with KPIs that cannot be read there is none"
    (checkout.root / "dbt_project" / "models" / "marts" / "broken.yml").unlink()
    for file in specs.iterdir():
        file.unlink()
    assert written(checkout) == {}


def test_a_checkout_that_nobody_may_write_to_is_no_error(checkout: Settings) -> None:
    (checkout.root / "target").write_text("a file, where a folder would have to be")
    write_exposures(checkout)


def test_git_never_sees_the_file() -> None:
    asked = subprocess.run(["git", "check-ignore", "--quiet", str(FILE)], cwd=ROOT)
    if asked.returncode == 128:
        pytest.skip("this is not a git checkout")
    assert asked.returncode == 0
    assert str(FILE.parent) in yaml.safe_load((ROOT / "dbt_project.yml").read_text())["model-paths"]


def test_a_kpi_says_which_dashboards_show_it() -> None:
    shown = CliRunner().invoke(COMMANDS["kpis"], ["show", "gmv"])
    assert "shown on     Overview" in shown.output
