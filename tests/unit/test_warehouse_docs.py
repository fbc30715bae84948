"""The map of the warehouse names every model, its readers and its events, and cannot fall behind unnoticed."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from almanac.cli_models import COMMANDS
from almanac.settings import ROOT
from almanac.warehouse_docs import PAGE, Model, check_warehouse, models, warehouse_page


@pytest.fixture(scope="module")
def found() -> dict[str, Model]:
    return {model.name: model for model in models(ROOT)}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A repository as small as the page needs it: models, tracking plan, questions and the page itself."""
    for folder in ("dbt_project", "ingestion/tracking_plan", "docs"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    shutil.copyfile(ROOT / "README.md", tmp_path / "README.md")
    for package in ("serving", "expectations", "orchestration", "almanac", "alerts", "ingestion"):
        for file in (ROOT / package).rglob("*.py"):
            target = tmp_path / file.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
    return tmp_path


def test_every_model_is_on_the_page_with_its_description_and_a_reader(found: dict[str, Model]) -> None:
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    assert found.keys() == {path.stem for path in (ROOT / "dbt_project" / "models").rglob("*.sql")}
    for model in found.values():
        assert f"[`{model.name}`]" in text
        assert model.description
        assert model.description.replace("|", r"\|") in text
        assert model.readers, model.name
    links = [link.split(")")[0] for link in text.split("](")[1:]]
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []


def test_events_come_from_the_sql_of_a_model_or_from_what_it_is_made_of(found: dict[str, Model]) -> None:
    assert found["fact_searches"].events == ("search_performed",)
    assert found["int_bookings__movements"].events == ("booking_cancelled", "booking_confirmed")
    assert {"booking_cancelled", "booking_confirmed", "search_performed"} <= set(found["fact_bookings"].events)
    assert found["fact_sessions"].events is None
    assert found["mv_daily_quarantine"].events == ()
    assert found["mv_daily_quarantine"].staging == ("stg_quarantine", "stg_replays")


def test_readers_are_models_code_questions_and_kpis(found: dict[str, Model]) -> None:
    assert "`fact_bookings`" in found["fact_revenue"].readers
    assert "[KPIs](kpis/README.md)" in found["fact_revenue"].readers
    assert "`serving`" in found["mv_daily_drift"].readers
    assert "[questions](../README.md)" in found["dim_users"].readers
    assert "MetricFlow" in found["dim_date"].readers
    assert found["fact_bookings"].grain == ("tenant", "booking_id")


def test_every_model_says_what_names_a_row_or_that_rows_add_up(found: dict[str, Model], copy: Path) -> None:
    assert found["int_events__as_of"].grain == ("tenant",)
    assert found["stg_events"].grain == ("file_id", "ingest_row")
    assert [name for name, model in found.items() if not model.grain] == [
        name for name, model in found.items() if model.adds_up
    ]
    assert {name for name, model in found.items() if model.adds_up} == {
        "stg_counters", "kpi_daily_measures", "kpi_measures"
    }  # fmt: skip
    file = copy / "dbt_project/models/staging/lake/stg_counters.yml"
    file.write_text(file.read_text(encoding="utf-8").replace("adds_up: true", "adds_up: false"), encoding="utf-8")
    assert any("nothing says what names a row" in finding.message for finding in check_warehouse(copy))


def test_every_table_that_others_call_otherwise_is_on_the_page(found: dict[str, Model]) -> None:
    """The names of the texts: each has a model, or it is said that there is none."""
    named = {name: model.name for model in found.values() for name in model.names_elsewhere}
    assert named["AnalyticsEvent"] == named["analytics_events"] == "fact_events"
    assert named["Experiment"] == named["ab_tests"] == "fact_experiment_exposures"
    assert "MetricSnapshot" in found["kpi_values"].names_elsewhere
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    wanted = {
        "user_analytics", "property_analytics", "platform_metrics", "search_analytics", "booking_analytics",
        "conversion_funnel", "revenue_analytics", "DailyMetric", "MetricSnapshot", "UserSession", "Experiment",
        "ScheduledReport", "ReportExecution", "UserSegment", "FeatureFlag", "ExperimentAssignment", "AnalyticsEvent",
        "ab_tests", "ab_test_assignments", "ab_test_conversions", "analytics_events",
    }  # fmt: skip
    assert {name for name in wanted if f"`{name}`" not in text} == set()


def test_a_page_behind_its_models_and_a_model_that_nobody_reads_are_findings(copy: Path) -> None:
    assert check_warehouse(copy) == []
    new = copy / "dbt_project" / "models" / "marts" / "core" / "fact_nothing.sql"
    new.write_text("select * from {{ ref('fact_events') }} where event = 'search_performed'\n")
    said = [str(finding) for finding in check_warehouse(copy)]
    assert any("fact_nothing.sql" in one and "nothing reads it" in one for one in said)
    assert any(PAGE.as_posix() in one and "is not what the models say" in one for one in said)
    assert "| [`fact_nothing`](../dbt_project/models/marts/core/fact_nothing.sql) |" in warehouse_page(
        copy, models(copy)
    )
    (copy / PAGE).unlink()
    assert any("is missing" in str(finding) for finding in check_warehouse(copy))


def test_an_event_that_cannot_reach_a_model_is_a_finding(copy: Path) -> None:
    between = copy / "dbt_project" / "models" / "intermediate" / "events" / "int_events__business.sql"
    between.write_text(between.read_text().replace('    "scan_failed": "scan_id",\n', ""))
    said = [str(finding) for finding in check_warehouse(copy)]
    assert any("fact_equipment_scans.sql" in one and "asks for the event scan_failed" in one for one in said)


def test_the_command_lists_them(found: dict[str, Model]) -> None:
    told = CliRunner().invoke(COMMANDS["models"], ["list", "--json"], catch_exceptions=False)
    assert {row["name"] for row in json.loads(told.output)} == found.keys()
    lines = CliRunner().invoke(COMMANDS["models"], ["list"], catch_exceptions=False).output
    assert "tenant, booking_id" in lines
