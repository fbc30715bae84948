"""dbt's unit tests, which stand in each model's own YAML: all of them pass, and no fact is without one.

A fixture takes its column types from the relation that it stands for. So they run on a warehouse that was built from an
empty lake, and the one view over the lake's files, which has columns only while a build names files, becomes a table.
"""

from collections import Counter
from typing import Any

import duckdb
import pytest

from almanac.build import run_build
from almanac.dbt_parse import base_arguments
from almanac.dbt_worker import WarmDbt
from almanac.model_lineage import model_graph
from almanac.settings import ROOT, Settings


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings.for_home(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def manifest(settings: Settings) -> Any:
    """The parsed project, on a built warehouse."""
    dbt = WarmDbt()
    result = run_build(settings, runner=dbt)
    assert result.succeeded, (result.error, [(n.name, n.message) for n in result.failed])
    with duckdb.connect(str(settings.warehouse)) as con:
        con.execute("set variable lake_events = (select [path] from ctl.lake_schema where kind = 'events')")
        con.execute("create table staging.columns as from staging.stg_events limit 0")
        con.execute("drop view staging.stg_events")
        con.execute("alter table staging.columns rename to stg_events")
    return dbt.manifest(settings)


def test_every_unit_test_of_a_model_passes(manifest: Any, settings: Settings) -> None:
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    arguments = ["test", *base_arguments(settings), "--select", "test_type:unit", "--no-write-json"]
    done = dbtRunner(manifest=manifest).invoke(arguments)
    DuckDBConnectionManager.close_all_connections()
    assert not done.exception, done.exception
    outcomes = {r.node.unique_id: r for r in done.result.results}
    assert outcomes.keys() == manifest.unit_tests.keys(), "a unit test was declared and did not run"
    failed = "\n".join(f"{name}: {r.message}" for name, r in outcomes.items() if r.status != "pass")
    assert not failed, f"\n{failed}"


def test_every_fact_and_every_incremental_model_has_a_unit_test(manifest: Any) -> None:
    tested = Counter(unit_test.model for unit_test in manifest.unit_tests.values())
    # What is made of KPI definitions cannot have one, for dbt hides them from unit tests: golden rows are its test.
    wanted = {
        node.name
        for node in manifest.nodes.values()
        if node.resource_type == "model"
        and (node.name.startswith("fact_") or node.config.materialized == "incremental")
        and "graph.metrics" not in node.raw_code
    }
    assert len(wanted) > 5
    assert wanted - tested.keys() == set()


def test_the_lineage_that_is_read_from_the_files_is_dbts(manifest: Any) -> None:
    models = {unique_id: node for unique_id, node in manifest.nodes.items() if node.resource_type == "model"}
    wanted = {
        node.name: {models[parent].name for parent in node.depends_on.nodes if parent in models}
        for node in models.values()
    }
    assert model_graph(ROOT).parents == wanted
