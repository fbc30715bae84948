"""What a range is compared with, and what is summed up where it is not all of it, as pages and API say it."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from fastapi.testclient import TestClient

from almanac.settings import Settings
from serving.app import create_app
from tests.serving.published import publish

TILES = ("gmv", "active_users")
CHARTS = (("line", "day"), ("bar", "day"), ("bar", "week"))


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A dashboard of two tiles, one of which does not add up, of charts of one KPI, and of tables."""
    root = tmp_path_factory.mktemp("root")
    folder = root / "dashboards" / "specs"
    folder.mkdir(parents=True)
    cards: list[dict[str, Any]] = [
        {
            "id": kpi,
            "type": "tile",
            "kpi": kpi,
            "position": {"row": 0, "column": 12 * n},
            "size": {"width": 12, "height": 3},
        }
        for n, kpi in enumerate(TILES)
    ]
    cards += [
        {
            "id": f"{chart}_{grain}", "type": "time_series", "title": f"Sessions per {grain}", "kpis": ["sessions"],
            "chart": chart, "time_grain": grain, "position": {"row": 3 + 7 * n, "column": 0},
            "size": {"width": 24, "height": 7},
        }
        for n, (chart, grain) in enumerate(CHARTS)
    ]  # fmt: skip
    cards += [
        {
            "id": f"per_{grain}", "type": "table", "title": f"Per {grain}", "kpis": ["gmv", "active_users"],
            "time_grain": grain, "position": {"row": 24 + 9 * n, "column": 0}, "size": {"width": 24, "height": 9},
        }
        for n, grain in enumerate(("day", "week"))
    ]  # fmt: skip
    spec = {"title": "One", "description": "x", "section": "revenue", "cards": cards}
    (folder / "one.yml").write_text(yaml.safe_dump(spec), encoding="utf-8")
    settings = Settings.for_home(root / "home", root=root)
    publish(settings)
    with TestClient(create_app(settings)) as made:
        yield made


def page(client: TestClient, **parameters: str) -> str:
    found = client.get("/dashboards/one", params={"tenant": "rentals"} | parameters)
    assert found.status_code == 200
    return str(found.text).replace("\u00a0", " ")


def card(page: str, name: str) -> str:
    return page.partition(f'data-card="{name}"')[2].partition("</article>")[0]


def drawn(page: str, name: str) -> dict[str, list[dict[str, Any]]]:
    """What a chart is given to draw."""
    found = re.search(r'<script type="application/json">(.*?)</script>', card(page, name))
    assert found
    return dict(json.loads(found[1])["datasets"])


@pytest.mark.parametrize(
    ("name", "header", "before"),
    [
        ("last_month", "1–31 Oct 2026, compared with 1–30 Sep 2026", ("2026-09-01", "2026-09-30")),
        ("month", "1–20 Nov 2026, compared with 1–20 Oct 2026", ("2026-10-01", "2026-10-20")),
        ("28d", "24 Oct – 20 Nov 2026, compared with 26 Sep – 23 Oct 2026", ("2026-09-26", "2026-10-23")),
    ],
)
def test_a_named_range_is_compared_with_the_one_before_by_the_calendar(
    client: TestClient, name: str, header: str, before: tuple[str, str]
) -> None:
    assert f"Rentals: {header}<" in page(client, range=name)
    found = client.get("/api/analytics/kpis/gmv", params={"tenant": "rentals", "range": name}).json()
    assert (found["compared"]["from"], found["compared"]["to"]) == before
    assert found["change"]["formatted"] != "n/a"


def test_a_chart_lays_the_first_day_of_a_month_over_the_first_of_the_month_before(client: TestClient) -> None:
    shown = page(client, range="last_month")
    assert '<li class="line-before">1–30 Sep 2026</li>' in card(shown, "line_day")
    data = drawn(shown, "line_day")
    api = client.get("/api/analytics/kpis/sessions?tenant=rentals&from=2026-09-01&to=2026-09-30").json()
    september = [point["value"] for point in api["series"][0]["points"]]
    assert [row["y"] for row in data["previous"]] == [*september, None]
    said = [[name.replace("\u00a0", " ") for name, _ in row["said"]] for row in data["hover"]]
    assert said[0] == ["Sessions", "1 Sep 2026"]
    assert said[30] == ["Sessions"], "September has no 31st day"


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        (
            {"range": "28d"},
            "<b data-period>week of 9 Nov 2026</b> compared with <b data-compared>week of 2 Nov 2026</b>,",
        ),
        ({"range": "last_month"}, "<b data-period>Oct 2026</b>,"),  # as the header says
        ({"range": "28d", "compareTo": "none"}, "<b data-period>week of 9 Nov 2026</b>,"),
    ],
)
def test_a_tile_names_what_it_is_compared_with_where_the_header_names_something_else(
    client: TestClient, parameters: dict[str, str], said: str
) -> None:
    shown = page(client, **parameters)
    assert said in card(shown, "active_users")
    assert "data-compared" not in card(shown, "gmv")


@pytest.mark.parametrize(("grain", "bars"), [("day", 20), ("week", 2)])
def test_bars_draw_the_comparison_that_their_legend_names(client: TestClient, grain: str, bars: int) -> None:
    shown = page(client, range="month")
    data = drawn(shown, f"bar_{grain}")
    api = client.get(f"/api/analytics/kpis/sessions?tenant=rentals&range=all&period={grain}").json()
    values = {point["period_start"]: point["value"] for point in api["series"][0]["points"]}
    firsts = {"day": [f"2026-10-{n:02}" for n in range(1, 21)], "week": ["2026-10-19", "2026-10-26"]}[grain]
    assert [row["y"] for row in data["previous"]] == [values[first] for first in firsts]
    assert [row["t"] for row in data["previous"]] == [row["t"] for row in data["bars"]]
    assert len(data["bars"]) == bars
    legend = {"day": "1–20 Oct 2026", "week": "19 Oct – 1 Nov 2026"}[grain]
    assert f'<li class="bar-before">{legend}</li>' in card(shown, f"bar_{grain}")
    alone = page(client, range="month", compareTo="none")
    assert "-before" not in card(alone, f"bar_{grain}")
    assert "previous" not in drawn(alone, f"bar_{grain}")


def total(page: str, name: str) -> tuple[str, str]:
    """A table's head of the last row without its marks, and the first sum."""
    row = card(page, name).partition("<tfoot>")[2].partition("</tfoot>")[0]
    head, first = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)[:2]
    return head, first


@pytest.mark.parametrize(
    ("range_", "grain", "head", "days"),
    [
        ({"range": "month"}, "week", 'Total<span class="note">2–15 Nov 2026</span>', "from=2026-11-02&to=2026-11-15"),
        ({"range": "month"}, "day", "Total", "range=month"),
        ({"from": "2026-11-02", "to": "2026-11-15"}, "week", "Total", "from=2026-11-02&to=2026-11-15"),
    ],
)
def test_a_tables_total_names_its_days_where_they_are_not_those_of_the_tiles(
    client: TestClient, range_: dict[str, str], grain: str, head: str, days: str
) -> None:
    said, summed = total(page(client, **range_), f"per_{grain}")
    assert said == head
    whole = client.get(f"/api/analytics/kpis/gmv?tenant=rentals&{days}").json()["figure"]["formatted"]
    assert f"€{summed}" == whole
