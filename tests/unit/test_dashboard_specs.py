"""Dashboard files: what they may say, and errors that name file and field."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from almanac.errors import AlmanacError
from dashboards.check import check_dashboards
from dashboards.specs import Tile, dashboard_files, in_order, kpis_of, load_dashboard, load_dashboards

SHAPES = {"gmv": (["day", "week"], ["channel"]), "take_rate": (["day"], []), "sessions": (["day"], ["channel"])}
UNITS = {"gmv": "money", "take_rate": "ratio", "sessions": "count"}


def tile(**changed: Any) -> dict[str, Any]:
    card = {"id": "gmv", "type": "tile", "kpi": "gmv"}
    return card | {"position": {"row": 0, "column": 0}, "size": {"width": 8, "height": 3}} | changed


def chart(**changed: Any) -> dict[str, Any]:
    card = {"id": "line", "type": "time_series", "title": "GMV per day", "kpis": ["gmv"], "time_grain": "day"}
    return card | {"position": {"row": 3, "column": 0}, "size": {"width": 12, "height": 7}} | changed


def write(root: Path, *cards: dict[str, Any], name: str = "one", **changed: Any) -> Path:
    spec: dict[str, Any] = {"title": "One", "description": "Words.", "cards": list(cards) or [tile()]}
    path = root / "dashboards" / "specs" / f"{name}.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(spec | changed), encoding="utf-8")
    return path


def fault(root: Path, path: Path) -> str:
    with pytest.raises(AlmanacError) as error:
        load_dashboard(path, root)
    text = str(error.value)
    assert "\n" not in text
    return text


def test_the_dashboards_of_the_repository_are_right(root: Path) -> None:
    from almanac.kpis import load_catalogue

    kpis = load_catalogue(root).kpis
    shapes = {name: (kpi.settings.time_grains, kpi.settings.dimensions) for name, kpi in kpis.items()}
    assert check_dashboards(root, shapes, {name: kpi.settings.scale for name, kpi in kpis.items()}) == []


def test_a_chart_of_what_is_measured_in_a_unit_of_its_own_names_it(root: Path) -> None:
    from almanac.kpis import load_catalogue

    kpis = load_catalogue(root).kpis
    charts = [card for board in load_dashboards(root).values() for card in board.cards if card.type == "time_series"]
    measured = [
        (card.title, unit[1])
        for card in charts
        for name in card.kpis
        if (unit := re.search(r"\((ms|seconds)\)$", kpis[name].settings.title))
    ]
    assert measured
    assert [title for title, unit in measured if not re.search(rf"\b{unit}\b", title or "")] == []


def test_the_overview_shows_every_way_to_look_at_the_main_kpis(root: Path) -> None:
    overview = load_dashboards(root)["overview"]
    tiles = [card.kpi for card in overview.cards if isinstance(card, Tile)]
    assert tiles[:3] == ["gmv", "revenue", "take_rate"]
    assert len(tiles) >= 9
    assert {card.type for card in overview.cards} == {"tile", "time_series", "table"}


def test_every_kpi_is_on_a_dashboard_whose_title_is_a_question(root: Path) -> None:
    from almanac.kpis import load_catalogue

    found = load_dashboards(root)
    assert {kpi for one in found.values() for card in one.cards for kpi in kpis_of(card)} == set(
        load_catalogue(root).kpis
    )
    questions = {name: one for name, one in found.items() if name != "overview"}
    assert {name for name, one in questions.items() if not one.title.endswith("?") or one.section == "other"} == set()
    assert {name: len(one.cards) for name, one in questions.items() if not 6 <= len(one.cards) <= 10} == {}
    assert in_order(found.values())[0].name == "overview"


def test_dashboards_are_listed_by_section_then_by_name(tmp_path: Path) -> None:
    for name, section in (("a", "customer"), ("b", "revenue"), ("c", "leadership"), ("d", "revenue")):
        write(tmp_path, name=name, section=section)
    write(tmp_path, name="e")
    assert [one.name for one in in_order(load_dashboards(tmp_path).values())] == ["c", "b", "d", "a", "e"]
    assert "section: " in fault(tmp_path, write(tmp_path, name="f", section="sales"))


def test_cards_come_in_reading_order(tmp_path: Path) -> None:
    low, right = tile(id="low", position={"row": 5, "column": 0}), tile(id="right", position={"row": 0, "column": 8})
    spec = load_dashboard(write(tmp_path, low, right, tile()), tmp_path)
    assert [card.id for card in spec.ordered_cards] == ["gmv", "right", "low"]
    assert (spec.name, spec.range_default, spec.tenant_default) == ("one", "28d", None)
    assert kpis_of(spec.cards[0]) == ("gmv",)


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path)
    assert load_dashboard(path, tmp_path).title == "One"
    write(tmp_path, title="Another title")
    assert load_dashboard(path, tmp_path).title == "Another title"


@pytest.mark.parametrize(
    ("card", "expected"),
    [
        (tile(colour="red"), r"cards\[0\] \(gmv\)\.colour: unknown field"),
        (tile(sql="select 1"), r"cards\[0\] \(gmv\)\.sql: unknown field"),
        (tile(kpi="GMV!"), r"cards\[0\] \(gmv\)\.kpi: .*not 'GMV!'"),
        (tile(type="pie"), r"cards\[0\] \(gmv\).*'pie'"),
        (tile(size={"width": 20, "height": 3}, position={"row": 0, "column": 8}), r"leaves the grid"),
        (tile(size={"height": 3}), r"cards\[0\] \(gmv\)\.size\.width: missing"),
        (chart(time_grain="hour"), r"cards\[0\] \(line\)\.time_grain: .*not 'hour'"),
        (chart(title=None), r"title is missing"),
        (chart(kpis=["gmv", "gmv"]), r"names a KPI twice"),
        (chart(kpis=[]), r"cards\[0\] \(line\)\.kpis"),
        (chart(kpis=["gmv", "sessions"], dimension="channel"), r"dimension needs exactly one KPI"),
        (chart(kpis=["gmv", "sessions"], chart="area"), r"area is for one series"),
        (chart(kpis=["gmv", "sessions"], chart="bar"), r"bar would stack different KPIs"),
    ],
)
def test_a_wrong_card_is_named_with_its_field(tmp_path: Path, card: dict[str, Any], expected: str) -> None:
    text = fault(tmp_path, write(tmp_path, card))
    assert text.startswith("dashboards/specs/one.yml: ")
    assert re.search(expected, text), text


def test_two_cards_may_not_share_an_id_or_a_place(tmp_path: Path) -> None:
    assert "used twice" in fault(tmp_path, write(tmp_path, tile(), tile(position={"row": 9, "column": 0})))
    assert "on top of each other" in fault(tmp_path, write(tmp_path, tile(), tile(id="two")))


def test_a_file_that_is_no_dashboard_is_named(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_text("cards: [", encoding="utf-8")
    assert fault(tmp_path, path).startswith("dashboards/specs/one.yml:2:1: is not valid YAML")
    path.write_text("title: one\ntitle: two\n", encoding="utf-8")
    assert "twice" in fault(tmp_path, path)
    path.write_text("- a list\n", encoding="utf-8")
    assert "must be a mapping" in fault(tmp_path, path)
    path.write_text("name: other\n", encoding="utf-8")
    assert "the file's name says 'one'" in fault(tmp_path, path)
    assert "cannot be read" in fault(tmp_path, path.with_name("absent.yml"))


def test_filters_are_one_tenant_and_one_date_range(tmp_path: Path) -> None:
    assert "one of type date_range" in fault(tmp_path, write(tmp_path, filters=[{"type": "tenant"}]))
    wrong = [{"type": "tenant"}, {"type": "date_range", "default": "5d"}]
    assert "filters[1].default" in fault(tmp_path, write(tmp_path, filters=wrong))


def test_the_check_names_what_a_kpi_does_not_declare(tmp_path: Path) -> None:
    write(
        tmp_path,
        tile(kpi="unknown_kpi"),
        chart(kpis=["take_rate"], time_grain="week", dimension="channel"),
        chart(id="mixed", kpis=["gmv", "sessions"], position={"row": 12, "column": 0}),
    )
    problems = check_dashboards(tmp_path, SHAPES, UNITS)
    assert all(p.startswith("dashboards/specs/one.yml: card ") for p in problems)
    text = "\n".join(problems)
    assert "card 'gmv': unknown KPI 'unknown_kpi': use one of gmv, sessions, take_rate" in text
    assert "'take_rate' has no time grain 'week': it declares day" in text
    assert "'take_rate' has no dimension 'channel': it declares none" in text
    assert "card 'mixed': a chart has one y axis, its KPIs have the units count, money" in text
    assert len(problems) == 4


@pytest.mark.parametrize(
    "text",
    ["select amount from fact_bookings", "sum(amount) / count(*)", "{{ gmv }}", "coalesce(gmv, 0)"],
)
def test_sql_is_found_wherever_it_stands(tmp_path: Path, text: str) -> None:
    write(tmp_path, tile(description=text))
    assert check_dashboards(tmp_path, SHAPES) == [
        "dashboards/specs/one.yml: cards[0].description: SQL in a dashboard: name a KPI instead"
    ]


def test_ordinary_words_are_no_sql(tmp_path: Path) -> None:
    write(tmp_path, tile(description="Choose from the list. Sum and count of what people select, group by group."))
    assert check_dashboards(tmp_path, SHAPES) == []


def test_a_broken_file_does_not_hide_the_others(tmp_path: Path) -> None:
    write(tmp_path, tile(kpi="unknown_kpi"), name="a")
    write(tmp_path, name="b").write_text("cards: [", encoding="utf-8")
    assert len(dashboard_files(tmp_path)) == 2
    assert [p.split(":")[0] for p in check_dashboards(tmp_path, SHAPES)] == [
        "dashboards/specs/a.yml",
        "dashboards/specs/b.yml",
    ]
