"""A real build and publication, told to an endpoint over HTTP: from the lake to the version that readers see."""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from almanac.build import run_build
from almanac.checks import CheckResult
from almanac.dbt_worker import WarmDbt
from almanac.errors import AlmanacError
from almanac.openlineage.events import Run
from almanac.publish import publish
from almanac.settings import Settings
from tests.lineage_endpoint import Event, assert_valid, endpoint, name, upstream
from tests.small_lake import FIRST_DAY, PASSED, land_day

pytestmark = pytest.mark.xdist_group("lineage")

BALANCE = "reconciliation_received_equals_the_parts"


class Told(NamedTuple):
    settings: Settings
    whole: list[Event]  # a build and a publication that went well
    failed: list[Event]  # a build in which a test failed, and a publication that this stopped
    run_id: str


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    dbt = WarmDbt(data_tests=False)
    with endpoint() as kept:
        settings = kept.told(Settings.for_home(tmp_path_factory.mktemp("lineage")))
        by = Run("almanac", "daily", str(uuid.uuid4()))
        land_day(settings, FIRST_DAY)
        assert run_build(settings, runner=dbt, parent=by).succeeded
        assert publish(settings, PASSED, by).is_new
        whole = list(kept.events)
        assert not publish(settings, PASSED, by).is_new
        assert kept.events == whole, "nothing was published"
        kept.events.clear()
        land_day(settings, FIRST_DAY + timedelta(days=1), claimed=1)
        dbt.data_tests = True
        assert not run_build(settings, runner=dbt, parent=by).succeeded
        with pytest.raises(AlmanacError, match="not published"):
            publish(settings, [CheckResult(BALANCE, "dbt", "mv_daily_arrivals", "error", False)], by)
        yield Told(settings, whole, list(kept.events), by.id)


def test_every_event_is_what_the_specification_asks_for(told: Told) -> None:
    for event in (*told.whole, *told.failed):
        assert_valid(event)
    for events in (told.whole, told.failed):
        states: dict[str, list[str]] = {}
        for event in events:
            states.setdefault(event["run"]["runId"], []).append(event["eventType"])
        assert all(len(said) == 2 and "START" in said for said in states.values())


def test_every_model_is_a_job_below_the_build_below_the_run_of_dagster(told: Told, root: Path) -> None:
    ends = {e["job"]["name"]: e for e in told.whole if e["eventType"] != "START"}
    models = {path.stem for path in (root / "dbt_project" / "models").rglob("*.sql")}
    assert {f"build.{model}" for model in models} <= set(ends)
    assert {e["eventType"] for e in ends.values()} == {"COMPLETE"}
    build = ends["build"]["run"]
    for job, event in ends.items():
        above = event["run"]["facets"]["parent"]
        expected = told.run_id if job in ("build", "publish") else build["runId"]
        assert above["run"]["runId"] == expected, job
    assert build["facets"]["parent"]["job"] == {"namespace": "almanac", "name": "daily"}


def test_the_lineage_is_whole_from_the_lake_to_the_published_version(told: Told) -> None:
    warehouse, lake = f"duckdb://{told.settings.warehouse}", ("file", f"{told.settings.lake}/events")
    # A model's own way, without what the build as a whole has read.
    models = [e for e in told.whole if e["job"]["name"] != "build"]
    assert lake in upstream(models, (warehouse, "build.marts.fact_sessions"))
    assert lake not in upstream(models, (warehouse, "build.marts.dim_tenants"))
    published = upstream(models, ("file", str(told.settings.versions)))
    assert {lake, (warehouse, "build.kpis.kpi_values"), (warehouse, "build.marts.fact_sessions")} <= published
    version = next(e for e in told.whole if e["job"]["name"] == "publish" and e["eventType"] == "COMPLETE")
    assert version["outputs"][0]["facets"]["version"]["datasetVersion"]
    # Whatever is read is written by somebody or lies in the lake.
    written = {name(out) for e in told.whole for out in e["outputs"]}
    read = {name(one) for e in told.whole for one in e["inputs"]}
    assert all(one in written or one[0] == "file" for one in read)


def test_columns_come_with_type_and_description(told: Told) -> None:
    [event] = [e for e in told.whole if e["job"]["name"] == "build.fact_sessions" and e["outputs"]]
    fields = {one["name"]: one for one in event["outputs"][0]["facets"]["schema"]["fields"]}
    assert fields["session_id"] == {
        "name": "session_id",
        "type": "uuid",
        "description": "Session, named by its first event.",
    }


def test_a_failed_test_is_a_failed_assertion_on_its_model(told: Told) -> None:
    failed = {e["job"]["name"]: e for e in told.failed if e["eventType"] == "FAIL"}
    tests = failed["build.mv_daily_arrivals.tests"]
    assertions = tests["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"]
    [one] = [one for one in assertions if not one["success"]]
    assert (one["name"], one["assertion"], one["column"]) == (BALANCE, "equals_zero", "difference")
    assert len(assertions) > 1
    assert BALANCE in failed["build"]["run"]["facets"]["errorMessage"]["message"]
    assert "not published" in failed["publish"]["run"]["facets"]["errorMessage"]["message"]
    assert set(failed) == {"build", "build.mv_daily_arrivals.tests", "publish"}
