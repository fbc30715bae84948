"""Every KPI, per time grain and channel, is what a person computed by hand; and no formula can change unnoticed."""

import shutil
from datetime import datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import duckdb
import pytest

from almanac.build import run_build
from almanac.dbt_worker import WarmDbt
from almanac.kpis import load_catalogue
from almanac.settings import ROOT, Settings
from tests.fact_ids import wrong_ids
from tests.golden.golden import (
    BUSINESS,
    CHOICES,
    COMMUNITY,
    EVENTS,
    LANDINGS,
    LEDGER,
    LEVELS,
    PLATFORM,
    differences,
    events,
    expected,
    expected_hours,
    land,
    measured,
    measured_hours,
)
from tests.golden.mutations import MUTATIONS, TOGETHER, Mutation, build_kpis

pytestmark = pytest.mark.xdist_group("golden")  # what its tests share is made once


@pytest.fixture(scope="module")
def dbt() -> WarmDbt:
    return WarmDbt()


@pytest.fixture(scope="module")
def at_once(dbt: WarmDbt, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a warehouse that was built once, from everything landed at once."""
    settings = Settings.for_home(tmp_path_factory.mktemp("at_once"))
    land(settings, *LANDINGS)
    build(settings, dbt)
    return settings


@pytest.fixture(scope="module")
def mutable(at_once: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a copy of that warehouse, whose KPI models may be run with wrong formulas."""
    settings = Settings.for_home(tmp_path_factory.mktemp("mutable"))
    settings.warehouse.parent.mkdir(parents=True)
    shutil.copy(at_once.warehouse, settings.warehouse)
    return settings


def build(settings: Settings, dbt: WarmDbt) -> None:
    result = run_build(settings, runner=dbt)
    assert result.succeeded, (result.error, [(n.name, n.message) for n in result.failed])


def test_the_golden_events_can_be_read_by_a_person() -> None:
    assert len(list(events(EVENTS))) <= 40
    assert len(list(events(BUSINESS))) <= 120
    assert len(list(events(COMMUNITY))) <= 40
    assert len(list(events(PLATFORM))) <= 50
    assert len(list(events(CHOICES))) <= 40
    assert len(list(events(LEDGER))) <= 40
    assert len(list(events(LEVELS))) <= 40


def test_every_kpi_of_the_catalogue_has_golden_rows_of_every_grain_and_a_mutation() -> None:
    kpis = load_catalogue(ROOT).kpis
    wanted = {(kpi, grain) for kpi in kpis for grain in kpis[kpi].settings.time_grains}
    assert {(key[1], key[2]) for key in (*expected(), *expected_hours())} == wanted, (
        "compute the rows of a new KPI by hand: README.md"
    )
    assert {m.kpi for m in (*MUTATIONS, *TOGETHER)} == set(kpis)


def test_everything_at_once_gives_the_expected_values(at_once: Settings) -> None:
    assert differences(measured(at_once.warehouse), expected()) == []
    assert differences(measured_hours(at_once.warehouse), expected_hours()) == []


def test_facts_show_the_ids_that_their_events_tell(at_once: Settings) -> None:
    # An invoice names its subscription besides, a refund its payment, a line of the ledger its invoice.
    assert wrong_ids(at_once) == {}


def test_one_landing_after_another_gives_the_expected_values_once_the_visitor_is_identified(
    tmp_path: Path,
) -> None:
    settings, dbt = Settings.for_home(tmp_path), WarmDbt(data_tests=False, for_models=["kpi_values"])
    wrong = []
    for landing in LANDINGS:
        land(settings, landing)
        build(settings, dbt)
        wrong.append(differences(measured(settings.warehouse), expected()))
    assert wrong[-1] == []
    # Each landing changes numbers of days long past, the identify alone too: it is all that the last one brings.
    assert all(any("2026-03" in line for line in lines) for lines in wrong[:-1])


def test_the_golden_events_tell_every_two_measures_apart(at_once: Settings) -> None:
    # Whatever formula names one measure for another is then wrong somewhere.
    with duckdb.connect(str(at_once.warehouse), read_only=True) as con:
        rows = con.execute(
            """
            select fact, block, name, tenant, time_grain, period_start, dimension, dimension_value, sum(value)
            from (unpivot kpis.kpi_measures on columns('value_') into name name value value)
            group by all
            """
        ).fetchall()
    columns: dict[tuple[str, int, str], set[tuple[Any, ...]]] = {}
    for fact, block, name, *place in rows:
        columns.setdefault((fact, block, name), set()).add(tuple(place))
    assert len(columns) == len(load_catalogue(ROOT).measures)
    assert [pair for pair in combinations(columns, 2) if columns[pair[0]] == columns[pair[1]]] == []


def test_an_hour_before_the_first_date_of_its_tenant_is_not_complete(
    dbt: WarmDbt, at_once: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings.for_home(tmp_path)
    settings.warehouse.parent.mkdir(parents=True)
    shutil.copy(at_once.warehouse, settings.warehouse)
    with duckdb.connect(str(settings.warehouse)) as con:
        con.execute("update intermediate.int_events__as_of set first_date = '2026-04-02' where tenant = 'rentals'")
    build_kpis(settings, dbt.manifest(settings), (), monkeypatch, ["kpi_hourly_values"])
    own = {key: found for key, found in measured_hours(settings.warehouse).items() if key[0] == "rentals"}
    # Every golden hour of the business is complete if its data begins on its first day.
    assert {found.is_complete for key, found in own.items() if key[3] >= datetime(2026, 4, 2)} == {True}
    assert {found.is_complete for key, found in own.items() if key[3] < datetime(2026, 4, 2)} == {False}


def test_without_a_mutation_the_kpi_models_give_the_expected_values(
    dbt: WarmDbt, mutable: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_kpis(mutable, dbt.manifest(mutable), (), monkeypatch)
    assert differences(measured(mutable.warehouse), expected()) == []


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: f"{m.kpi}: {m.mistake}")
def test_a_wrong_formula_turns_a_golden_row_of_its_kpi_red(
    mutation: Mutation, dbt: WarmDbt, mutable: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_kpis(mutable, dbt.manifest(mutable), (mutation,), monkeypatch)
    red = differences(measured(mutable.warehouse), expected())
    assert any(f" {mutation.kpi} " in line for line in red)


def test_formulas_that_are_wrong_together_each_turn_a_row_of_their_own_kpi_red(
    dbt: WarmDbt, mutable: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each changes its own KPI and no measure, so that none can hide behind another; one run instead of forty.
    build_kpis(mutable, dbt.manifest(mutable), TOGETHER, monkeypatch)
    red = differences(measured(mutable.warehouse), expected())
    assert [m for m in TOGETHER if not any(f" {m.kpi} " in line for line in red)] == []
    assert {line.split(": ")[1 if line.startswith(("missing", "not")) else 0].split()[1] for line in red} == {
        m.kpi for m in TOGETHER
    }
