"""The README's "where does it go" table holds: a KPI, an event, a card and a dashboard touch only the files it names.

Works in a copy of the repository: writes the files, runs one command, looks at the page, and asks git what changed.
"""

import json
import os
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from almanac.dbt_parse import parse
from almanac.settings import ROOT, Settings
from almanac.versions import current
from tests import warm_start
from tests.parsed_project import take_parse_along
from tests.small_lake import FIRST_DAY, land_day

pytestmark = pytest.mark.xdist_group("where_does_it_go")


def kpi_file(name: str, title: str, formula: str, **computed: Any) -> dict[str, Any]:
    """The content of a KPI's one file."""
    settings = {
        "title": title,
        "owner": "growth",
        "unit": "ratio" if computed["type"] == "ratio" else "count",
        "format": "decimal" if computed["type"] == "ratio" else "integer",
        "direction": "up_is_good",
        "formula": formula,
        "time_grains": ["day", "week", "month"],
        "dimensions": ["channel"],
    }
    words = {"name": name, "label": title, "description": f"{title}, as somebody asked for it."}
    return {"metrics": [{**words, **computed, "config": {"meta": {"kpi": settings}}}]}


# A ratio and a distinct count over measures that there are, and one that needs a measure which there is not.
KPIS = {
    "searches_per_session": (
        kpi_file(
            "searches_per_session", "Searches per session", "Searches / sessions",
            type="ratio", numerator="search_count", denominator="session_count",
        ),
        "select (select count(*) from marts.fact_searches where tenant = 'rentals')"
        " / (select count(*) from marts.fact_sessions where tenant = 'rentals')",
    ),
    "visitors": (
        kpi_file(
            "visitors", "Visitors", "Distinct persons who came",
            type="derived", expr="active_person_count", input_metrics=[{"name": "active_person_count"}],
        ),
        "select count(distinct person_id) from marts.fact_user_days where tenant = 'rentals'",
    ),
    "searching_persons": (
        kpi_file(
            "searching_persons", "Searching persons", "Distinct persons who searched",
            type="derived", expr="searching_person_count", input_metrics=[{"name": "searching_person_count"}],
        ),
        "select count(distinct person_id) from marts.fact_searches where tenant = 'rentals'",
    ),
}  # fmt: skip
MEASURE = """
  - name: searching_person_count
    type: simple
    label: Searching person count
    description: Distinct persons who searched.
    agg: count_distinct
    expr: person_id
"""
EVENT = {
    "event": "wishlist_item_added",
    "type": "track",
    "title": "Wishlist item added",
    "description": "A visitor put a listing on the wishlist.",
    "owner": "growth",
    "retention": "behavioural",
    "properties": {
        "listing_id": {
            "type": "string",
            "required": True,
            "pii": "none",
            "description": "The listing.",
            "example": "L-1",
        }
    },
    "example": {"listing_id": "L-1"},
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the working tree as a repository of its own, with a small lake."""
    folder = tmp_path_factory.mktemp("copy") / "almanac"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    if listed.returncode:
        pytest.skip("this is not a git checkout")
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    take_parse_along(folder)
    _git(folder, "init", "--quiet")
    _git(folder, "add", "--all")
    _git(folder, "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "--quiet", "-m", "copy")
    for n in range(3):
        land_day(Settings.for_home(folder / ".almanac", folder), FIRST_DAY + timedelta(days=n))
    return folder


@pytest.fixture(autouse=True)
def restored(copy: Path) -> Iterator[None]:
    """Every test starts from the commit; what a build writes is ignored by git and stays."""
    yield
    _git(copy, "checkout", "--quiet", ".")
    _git(copy, "clean", "--quiet", "--force", "-d")


def test_a_kpi_is_one_file_and_a_new_measure_a_second(copy: Path) -> None:
    folder = copy / "dbt_project" / "models"
    for name, (content, _) in KPIS.items():
        (folder / "kpis" / "growth" / f"{name}.yml").write_text(yaml.safe_dump(content, sort_keys=False))
    fact = folder / "marts" / "growth" / "fact_searches.yml"
    fact.write_text(fact.read_text(encoding="utf-8").replace("\n  metrics:\n", f"\n  metrics:{MEASURE}", 1))
    _almanac(copy, "build")
    with duckdb.connect(str(Settings.for_home(copy / ".almanac", copy).warehouse), read_only=True) as con:
        for name, (_, by_hand) in KPIS.items():
            values = con.execute(
                "select value from kpis.kpi_values where kpi = ? and tenant = 'rentals' and time_grain = 'month' "
                "and dimension = 'all'",
                [name],
            ).fetchall()
            assert values == con.execute(by_hand).fetchall()  # all of it lies in one month
    _write_generated(copy)
    for name, (content, _) in KPIS.items():
        assert content["metrics"][0]["description"] in (copy / "docs" / "kpis" / f"{name}.md").read_text()
    with _portal(copy) as base:
        page = _get(f"{base}kpis?tenant=rentals")
    for title, formula in (("Searches per session", "Searches / sessions"), ("Visitors", "Distinct persons who came")):
        assert title in page
        assert formula in page
    assert "Searching persons" in page
    kpis = [f"dbt_project/models/kpis/growth/{name}.yml" for name in KPIS]
    assert sorted(_changed(copy)) == sorted([*kpis, "dbt_project/models/marts/growth/fact_searches.yml"])


def test_an_event_is_one_file(copy: Path) -> None:
    settings = Settings.for_home(copy / ".almanac", copy)
    file = copy / "ingestion" / "tracking_plan" / "wishlist_item_added.yml"
    file.write_text(yaml.safe_dump(EVENT, sort_keys=False), encoding="utf-8")
    message = {
        "type": "track",
        "event": "wishlist_item_added",
        "messageId": "w1",
        "anonymousId": "visitor-1",
        "timestamp": f"{FIRST_DAY + timedelta(days=3)}T10:00:00Z",
        "properties": {"listing_id": "L-1"},
    }
    land_day(settings, FIRST_DAY + timedelta(days=3), extra=[message])
    _almanac(copy, "build")
    day = f"from={FIRST_DAY}&to={FIRST_DAY + timedelta(days=3)}"
    with _portal(copy) as base:
        page = _get(f"{base}events?tenant=rentals&{day}")
    assert "wishlist_item_added" in page
    assert _changed(copy) == ["ingestion/tracking_plan/wishlist_item_added.yml"]


def test_a_card_is_a_few_lines_of_a_dashboard(copy: Path) -> None:
    if not current(Settings.for_home(copy / ".almanac", copy)):
        _almanac(copy, "build")
    spec = copy / "dashboards" / "specs" / "overview.yml"
    content = yaml.safe_load(spec.read_text(encoding="utf-8"))
    bottom = max(c["position"]["row"] + c["size"]["height"] for c in content["cards"])
    card = {
        "id": "bookings_by_week",
        "title": "Bookings, week by week",
        "type": "table",
        "kpis": ["bookings"],
        "time_grain": "week",
        "position": {"row": bottom, "column": 0},
        "size": {"width": 24, "height": 6},
    }
    spec.write_text(spec.read_text(encoding="utf-8") + "\n  - " + json.dumps(card) + "\n", encoding="utf-8")
    _almanac(copy, "check")
    with _portal(copy) as base:
        page = _get(f"{base}dashboards/overview?tenant=rentals")
    assert "Bookings, week by week" in page
    assert _changed(copy) == ["dashboards/specs/overview.yml"]


def test_a_dashboard_is_one_file_and_dbt_knows_what_it_reads(copy: Path) -> None:
    spec = copy / "dashboards" / "specs" / "searching.yml"
    place = {"position": {"row": 0, "column": 0}, "size": {"width": 24, "height": 3}}
    cards = [{"id": "searches", "type": "tile", "kpi": "searches", **place}]
    spec.write_text(yaml.safe_dump({"title": "Searching", "description": "What is looked for.", "cards": cards}))
    _write_generated(copy)
    _almanac(copy, "check")
    assert "[Searching](../../dashboards/specs/searching.yml)" in (copy / "docs" / "kpis" / "searches.md").read_text()
    found = parse(Settings.for_home(copy / ".almanac", copy)).exposures["exposure.almanac.dashboard_searching"]
    assert set(found.depends_on.nodes) == {"model.almanac.kpi_values", "model.almanac.fact_searches"}
    assert _changed(copy) == ["dashboards/specs/searching.yml"]


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


def _write_generated(folder: Path) -> None:
    """What `make format` writes."""
    _almanac(folder, "kpis", "docs")
    _almanac(folder, "models", "docs")


def _changed(folder: Path) -> list[str]:
    """The files that a person wrote: all that changed but those that are generated."""
    paths = [line[3:] for line in _git(folder, "status", "--short", "--untracked-files=all").splitlines()]
    return [path for path in paths if not path.startswith("docs/kpis/")]


def _environment(folder: Path) -> dict[str, str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("ALMANAC_", "DBT_"))}
    return inherited | {"ALMANAC_ROOT": str(folder), "ALMANAC_THREADS": "1"}


def _almanac(folder: Path, *arguments: str) -> None:
    done = subprocess.run(
        warm_start.command(*arguments),
        cwd=folder,
        env=_environment(folder),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"almanac {arguments}: {done.stdout}{done.stderr}"


@contextmanager
def _portal(folder: Path) -> Iterator[str]:
    command = warm_start.command("serve", "--port", "0")
    with subprocess.Popen(command, cwd=folder, env=_environment(folder), stdout=subprocess.PIPE, text=True) as portal:
        assert portal.stdout
        found = next((m for line in portal.stdout if (m := re.search(r"http://\S+", line))), None)
        try:
            assert found, "the portal ended without saying its address"
            yield found[0]
        finally:
            portal.terminate()


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return str(answer.read().decode())
