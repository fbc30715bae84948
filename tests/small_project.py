"""A copy of the project with a part of its models: for tests of what happens to a build, not of what it computes.

Left out are the marts that are made of business events (payments, tickets, scans and the like), with the KPIs and
dashboards that need them. Visits, searches and bookings stay, with every step that remembers something. dbt takes about
as long for a model without a row as for one with some, so a build of this copy costs half of a whole one.
"""

import atexit
import re
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from almanac.settings import ROOT, Settings
from tests.parsed_project import take_parse_along

FILES = ("dbt_project.yml", "profiles.yml", "workspace.yaml")
FOLDERS = ("dbt_project", "dashboards", "docs", "expectations", "ingestion")
BUSINESS = {"int_events__business", "int_events__telemetry", "int_events__choices"}
# A user's page is made of the first, and it remembers; bookings and sign-ups are described by the others, or judged.
KEPT = {"dim_users_history", "dim_listings", "dim_suppliers", "fact_signups", "fact_pledges"}
_REF = re.compile(r"""ref\(\s*["'](\w+)["']\s*\)""")
_CODE = shutil.ignore_patterns("__pycache__", "*.py")


def small_project(folder: Path) -> Path:
    """Make the copy in `folder`, which must not exist; returns it."""
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=_CODE)
    for name in FILES:
        shutil.copy(ROOT / name, folder / name)
    left_out = _leave_out_marts(folder / "dbt_project" / "models")
    kpis = _leave_out_kpis(folder / "dbt_project" / "models")
    assert left_out, "nothing is made of business events any more"
    _leave_out_dashboards(folder / "dashboards", kpis)
    take_parse_along(folder)
    return folder


def _leave_out_marts(models: Path) -> set[str]:
    """Delete what is made of business events; returns the names."""
    marts = {path.stem: path for path in (models / "marts").rglob("*.sql")}
    reads = {name: set(_REF.findall(path.read_text(encoding="utf-8"))) for name, path in marts.items()}
    gone = set(BUSINESS)
    while more := {n for n, read in reads.items() if read & gone} - gone - KEPT:
        gone |= more
    gone -= BUSINESS
    for name in gone:
        marts[name].unlink()
        marts[name].with_suffix(".yml").unlink()
    measures = models / "kpis" / "kpi_periods.sql"
    lines = measures.read_text(encoding="utf-8").splitlines(keepends=True)
    measures.write_text("".join(line for line in lines if not _names(line) & gone), encoding="utf-8")
    return gone


def _leave_out_kpis(models: Path) -> set[str]:
    """Delete the KPIs of measures that are gone; returns their names."""
    measures = {
        metric["name"]
        for path in (models / "marts").rglob("*.yml")
        for model in _yaml(path)["models"]
        for metric in model.get("metrics", [])
    }
    gone = set()
    for path in (models / "kpis").glob("*/*.yml"):
        own = _yaml(path)["metrics"]
        known = measures | {metric["name"] for metric in own}
        needed = [n for m in own for n in (m.get("numerator"), m.get("denominator"), *_inputs(m)) if n]
        if not known.issuperset(needed):
            gone.add(path.stem)
            path.unlink()
    return gone


def _leave_out_dashboards(dashboards: Path, kpis: set[str]) -> None:
    """Delete the dashboards that show a KPI that is gone."""
    for path in dashboards.rglob("*.yml"):
        if _names(path.read_text(encoding="utf-8")) & kpis:
            path.unlink()


def _inputs(metric: dict[str, Any]) -> list[str]:
    return [one["name"] for one in metric.get("input_metrics", [])]


def _names(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def _yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@cache
def small_root() -> Path:
    """The copy of this process, made when it is first asked for; nothing may change it."""
    folder = Path(tempfile.mkdtemp(prefix="almanac-small-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return small_project(folder / "project")


def small_settings(home: Path) -> Settings:
    """Settings of a home on that copy."""
    return Settings.for_home(home, small_root())
