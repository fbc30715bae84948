"""The KPI dictionary says everything about every KPI, always in the same words, and cannot fall behind unnoticed."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from almanac.cli_kpis import COMMANDS
from almanac.event_lineage import source_events
from almanac.kpi_dictionary import FOLDER, GOLDEN, check_pages, committed_pages
from almanac.kpi_docs import INDEX, Example, Surroundings, kpi_pages
from almanac.kpis import Catalogue, Measure, Term, load_catalogue
from almanac.model_lineage import model_graph
from almanac.settings import ROOT, Settings
from tests.serving.published import publish


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue(ROOT)


@pytest.fixture(scope="module")
def committed() -> dict[str, str]:
    return committed_pages(ROOT)


def pages(catalogue: Catalogue, examples: dict[str, Example] | None = None) -> dict[str, str]:
    events = {fact: names for fact, (names, _) in source_events(ROOT).items()}
    return kpi_pages(catalogue, Surroundings(events, model_graph(ROOT), ROOT, examples or {}))


def test_it_says_everything_of_every_kpi(catalogue: Catalogue, committed: dict[str, str]) -> None:
    golden = {line.split(",")[1] for file in (ROOT / GOLDEN).glob("*.csv") for line in file.read_text().splitlines()}
    assert committed.keys() == {INDEX, *(f"{name}.md" for name in catalogue.kpis)}
    for name, kpi in catalogue.kpis.items():
        page, own = committed[f"{name}.md"], kpi.settings
        for said in (own.title, own.formula, own.owner, *own.time_grains, *own.dimensions, kpi.description):
            assert said in page
        for named in (name, kpi.file.name, *kpi.facts, *(m.name for m in kpi.measures), "stg_events", "kpi_values"):
            assert f"`{named}`" in page
        assert ("computed by hand in [the golden events]" in page) == (name in golden)
        assert f"[`{name}`]({name}.md)" in committed[INDEX]
    assert all(f"| `{name}` |" in committed[INDEX] for name in catalogue.measures)


def test_its_links_lead_somewhere(committed: dict[str, str]) -> None:
    links = {(name, link.split(")")[0]) for name, text in committed.items() for link in text.split("](")[1:]}
    assert len(links) > 30
    assert [link for link in links if not (ROOT / FOLDER / link[1]).exists()] == []


def test_a_ratio_names_both_sides_and_what_becomes_of_longer_periods(catalogue: Catalogue) -> None:
    example = Example("rentals", "25 Nov 2026", "12.5 %", "10.00", "80.00", "published")
    page = pages(catalogue, {"take_rate": example})["take_rate.md"]
    assert "| Numerator | `commission_value` |\n| Denominator | `gmv_value` |\n" in page
    assert "both sides are added up, then divided" in page
    assert "| Example | 12.5 % = 10.00 / 80.00; rentals, 25 Nov 2026, published |" in page
    assert "days do not add up" in pages(catalogue)["active_users.md"]
    assert "at the end of their last day" in pages(catalogue)["mrr.md"]


def test_a_combination_of_measures_and_a_target_are_written_as_in_the_file(catalogue: Catalogue) -> None:
    kpi = catalogue.kpis["gmv"]
    a, b = (Measure(name, "fact_revenue", "sum", name, name, kpi.file) for name in "ab")
    settings = kpi.settings.model_copy(update={"target": 0.25})
    changed = type(kpi)("gmv", "", settings, (Term(1.0, a), Term(-2.0, b)), (), kpi.file)
    page = pages(Catalogue({"gmv": changed}, {}))["gmv.md"]
    assert "| Computed as | `a` - 2 * `b` |\n" in page
    assert "| Target | 0.25 |\n" in page


def test_from_where_on_an_owner_is_alarmed_is_said_in_the_kpis_own_unit(catalogue: Catalogue) -> None:
    found = pages(catalogue)
    assert "| Alert threshold | above 1 % |\n" in found["api_error_rate.md"]
    assert "| Alert threshold | above 2000 |\n" in found["api_latency_p95_ms.md"]
    assert (
        "| Alert threshold | falls by more than 20 % against the period before |\n"
        in found["search_to_book_conversion.md"]
    )
    assert "| Alert threshold | none is set |\n" in found["gmv.md"]
    assert "95th percentile of `cast(answer_ms as double precision)`" in found["api_latency_p95_ms.md"]


def test_lineage_names_the_models_of_a_macro_and_not_those_of_a_comment(tmp_path: Path) -> None:
    for path, text in {
        "macros/inner.sql": "{% macro inner() %}{{ ref('stg_a') }}{% endmacro %}",
        "macros/outer.sql": "{% macro outer() %}{{ inner() }}{% endmacro %}",
        "models/staging/stg_a.sql": "select 1",
        "models/staging/stg_b.sql": "select 1",
        "models/marts/fact_a.sql": "{# ref('stg_b') #} select * from {{ outer() }}",
        "models/marts/mv_a.sql": "-- depends_on: {{ ref('fact_a') }}\nselect 1",
    }.items():
        (tmp_path / "dbt_project" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "dbt_project" / path).write_text(text)
    graph = model_graph(tmp_path)
    assert graph.upstream("mv_a") == {"fact_a", "stg_a"}
    assert graph.by_layer(graph.upstream("mv_a")) == {"staging": ["stg_a"], "marts": ["fact_a"]}


def test_pages_that_fall_behind_are_named_with_the_command_that_mends_them(
    committed: dict[str, str], tmp_path: Path
) -> None:
    for name in ("dbt_project", "dashboards", "ingestion", "tests"):
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / FOLDER, tmp_path / FOLDER)
    assert check_pages(tmp_path) == []
    (tmp_path / FOLDER / "gmv.md").unlink()
    (tmp_path / FOLDER / "revenue.md").write_text(committed["revenue.md"] + "More.\n")
    (tmp_path / FOLDER / "notes.md").write_text("# Notes\n")
    (tmp_path / FOLDER / "old.md").write_text(committed["gmv.md"])
    assert list(map(str, check_pages(tmp_path))) == [
        "docs/kpis/gmv.md: is missing: run `almanac kpis docs`",
        "docs/kpis/notes.md: no KPI is called that: move it elsewhere",
        "docs/kpis/old.md: no KPI is called that: run `almanac kpis docs`",
        "docs/kpis/revenue.md: is not what the definitions say: run `almanac kpis docs`",
    ]
    assert write(tmp_path, "--output", str(tmp_path / FOLDER)).exit_code == 0
    (left,) = check_pages(tmp_path)
    assert left.path == "docs/kpis/notes.md", "what somebody wrote is not taken away"


def write(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(COMMANDS["kpis"], ["docs", *arguments], env={"ALMANAC_HOME": str(home)})


def test_its_examples_may_come_from_the_published_version(tmp_path: Path) -> None:
    done = write(tmp_path, "--published", "--output", str(tmp_path / "new" / "kpis"))
    assert (done.exit_code, "without examples" in done.output) == (0, True)
    publish(Settings.for_home(tmp_path))
    assert write(tmp_path, "--published", "--output", str(tmp_path / "kpis")).exit_code == 0
    assert "| Example | ₹4,26,764.43; advisory, " in (tmp_path / "kpis" / "gmv.md").read_text()
    assert " = " in (tmp_path / "kpis" / "take_rate.md").read_text().split("| Example |")[1].splitlines()[0]


def test_an_index_that_somebody_wrote_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / INDEX).write_text("# Ours\n")
    assert "README.md is no KPI dictionary" in str(write(tmp_path, "--output", str(tmp_path)).exception)
    assert [path.name for path in tmp_path.iterdir()] == [INDEX]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = write(tmp_path, "--output", str(tmp_path / "file" / "kpis"))
    assert "choose another place with --output" in str(done.exception)
