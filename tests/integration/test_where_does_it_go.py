"""The README's "where does it go" table holds: a KPI, an event, a card and a dashboard touch only the files it names.

Works in a copy of the repository: writes the files, runs one command, looks at the page, and asks git what changed.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from almanac.dbt_parse import parse
from almanac.settings import ROOT, Settings
from almanac.versions import current
from tests.parsed_project import take_parse_along
from tests.small_lake import FIRST_DAY, land_day

pytestmark = pytest.mark.xdist_group("where_does_it_go")

KPI = {
    "metrics": [
        {
            "name": "searches_per_session",
            "label": "Searches per session",
            "description": "How many searches a visit holds on average.",
            "type": "ratio",
            "numerator": "search_count",
            "denominator": "session_count",
            "config": {
                "meta": {
                    "kpi": {
                        "title": "Searches per session",
                        "owner": "growth",
                        "unit": "ratio",
                        "format": "decimal",
                        "direction": "up_is_good",
                        "formula": "Searches / sessions",
                        "time_grains": ["day", "week", "month"],
                        "dimensions": ["channel"],
                    }
                }
            },
        }
    ]
}
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


def test_a_kpi_is_one_file(copy: Path) -> None:
    file = copy / "dbt_project" / "models" / "kpis" / "growth" / "searches_per_session.yml"
    file.write_text(yaml.safe_dump(KPI, sort_keys=False), encoding="utf-8")
    _almanac(copy, "build")
    with _portal(copy) as base:
        page = _get(f"{base}kpis?tenant=rentals")
    assert "Searches per session" in page
    assert "Searches / sessions" in page
    assert _changed(copy) == ["dbt_project/models/kpis/growth/searches_per_session.yml"]


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
    _almanac(copy, "check")
    found = parse(Settings.for_home(copy / ".almanac", copy)).exposures["exposure.almanac.dashboard_searching"]
    assert set(found.depends_on.nodes) == {"model.almanac.kpi_values", "model.almanac.fact_searches"}
    assert _changed(copy) == ["dashboards/specs/searching.yml"]


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


def _changed(folder: Path) -> list[str]:
    return [line[3:] for line in _git(folder, "status", "--short", "--untracked-files=all").splitlines()]


def _environment(folder: Path) -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith(("ALMANAC_", "DBT_"))}


def _almanac(folder: Path, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "almanac", *arguments],
        cwd=folder,
        env=_environment(folder),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"almanac {arguments}: {done.stdout}{done.stderr}"


@contextmanager
def _portal(folder: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "almanac", "serve", "--port", "0"]
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
