"""The KPI dictionary says everything about every KPI, always in the same words."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from almanac.cli_kpis import COMMANDS
from almanac.event_lineage import source_events
from almanac.kpi_docs import Example, kpi_dictionary
from almanac.kpis import Catalogue, Measure, Term, load_catalogue
from almanac.settings import ROOT, Settings
from tests.serving.published import publish


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue(ROOT)


def dictionary(catalogue: Catalogue, examples: dict[str, Example] | None = None) -> str:
    events = {fact: names for fact, (names, _) in source_events(ROOT).items()}
    return kpi_dictionary(catalogue, events, ROOT, examples)


def section(page: str, name: str) -> str:
    """What the page says about one KPI."""
    return page.split(f"\n## {name}\n")[1].split("\n## ")[0]


def test_it_says_everything_and_always_the_same(catalogue: Catalogue) -> None:
    page = dictionary(catalogue)
    assert page == dictionary(load_catalogue(ROOT))
    for name, kpi in catalogue.kpis.items():
        own = section(page, name)
        for said in (kpi.settings.title, kpi.settings.formula, kpi.settings.owner, *kpi.settings.time_grains):
            assert said in own
        assert f"`{kpi.file.relative_to(ROOT).as_posix()}`" in own
        assert all(f"`{measure.name}`" in own for measure in kpi.measures)
        assert all(f"`{fact}` → `kpi_measures`" in own for fact in kpi.facts)
        assert "Example" not in own
    assert all(f"| `{name}` |" in page for name in catalogue.measures)


def test_a_ratio_names_both_sides_and_what_becomes_of_longer_periods(catalogue: Catalogue) -> None:
    page = dictionary(catalogue, {"take_rate": Example("rentals", "25 Nov 2026", "12.5 %", "10.00", "80.00")})
    own = section(page, "take_rate")
    assert "- Computed as: `commission_value`, over `gmv_value`\n" in own
    assert "both sides are added up, then divided" in own
    assert "- Example: 12.5 % (10.00 / 80.00), rentals, 25 Nov 2026" in own
    assert "counted anew" in section(page, "active_users")


def test_a_combination_of_measures_is_written_as_in_its_file(catalogue: Catalogue) -> None:
    kpi = catalogue.kpis["gmv"]
    a, b = (Measure(name, "fact_x", "sum", name, name, kpi.file) for name in "ab")
    changed = type(kpi)("gmv", "", kpi.settings, (Term(1.0, a), Term(-2.0, b)), (), kpi.file)
    assert "- Computed as: `a` - 2 * `b`\n" in dictionary(Catalogue({"gmv": changed}, {}))


def write(home: Path, output: Path) -> Result:
    return CliRunner().invoke(COMMANDS["kpis"], ["docs", "--output", str(output)], env={"ALMANAC_HOME": str(home)})


def test_its_examples_come_from_the_published_version(tmp_path: Path) -> None:
    done = write(tmp_path, tmp_path / "new" / "kpis.md")
    assert (done.exit_code, "without examples" in done.output) == (0, True)
    publish(Settings.for_home(tmp_path))
    assert write(tmp_path, tmp_path / "kpis.md").exit_code == 0
    page = (tmp_path / "kpis.md").read_text()
    assert "₹4,26,764.43, advisory" in section(page, "gmv").split("- Example: ")[1]
    assert " / " in section(page, "take_rate").split("- Example: ")[1]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = write(tmp_path, tmp_path / "file" / "kpis.md")
    assert "choose another place with --output" in str(done.exception)
