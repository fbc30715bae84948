"""MetricFlow, asked for every KPI, gives the rows and values of `kpi_values`: two readers of one definition agree."""

import json
import math
from collections.abc import Iterator
from datetime import date
from itertools import product
from typing import Any

import duckdb
import pytest

from almanac.build import run_build
from almanac.dbt_parse import parse
from almanac.dbt_worker import WarmDbt
from almanac.kpis import HOUR, load_catalogue
from almanac.settings import ROOT, Settings
from ingestion.simulator.run import simulate
from tests.golden.golden import LANDINGS, land

# Of a fact that has rows for each time grain those of one are asked for.
OF_PERIOD = "{{{{ Dimension('tenant_period_of_{what}__period_grain') }}}} = '{grain}'"
WHAT = {"mv_subscription_periods": "subscriptions", "mv_user_periods": "users"}
Rows = dict[tuple[Any, ...], float | None]


class Referee:
    """A built warehouse and MetricFlow on the semantic manifest of the same definitions."""

    def __init__(self, settings: Settings, connection: duckdb.DuckDBPyConnection) -> None:
        self._definitions = json.loads((settings.dbt_target / "semantic_manifest.json").read_text(encoding="utf-8"))
        self._engines: dict[frozenset[str], Any] = {}
        self._connection = connection
        self._catalogue = load_catalogue(ROOT)

    def engine(self, facts: frozenset[str] = frozenset()) -> Any:
        """MetricFlow on the definitions of some facts (on all of them, if none is named).

        For each question it looks at every fact that it knows: of those of its KPI alone it answers in half the time.
        """
        from dbt.adapters.factory import get_adapter_by_type
        from dbt_metricflow.cli.dbt_connectors.adapter_backed_client import AdapterBackedSqlClient
        from metricflow.engine.metricflow_engine import MetricFlowEngine
        from metricflow_semantics.model.dbt_manifest_parser import parse_manifest_from_dbt_generated_manifest
        from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup

        if facts not in self._engines:
            definitions = parse_manifest_from_dbt_generated_manifest(json.dumps(self._of(facts)))
            # The adapter is the one that dbt registered while parsing; it only tells MetricFlow which SQL to write.
            self._engines[facts] = MetricFlowEngine(
                semantic_manifest_lookup=SemanticManifestLookup(definitions),
                sql_client=AdapterBackedSqlClient(get_adapter_by_type("duckdb")),
            )
        return self._engines[facts]

    def _of(self, facts: frozenset[str]) -> dict[str, Any]:
        """The definitions of these facts, their measures, and what is made of no others."""
        if not facts:
            return self._definitions
        names = {measure.name for measure in self._catalogue.measures.values() if measure.fact in facts}
        for _ in ("sums of measures", "ratios of sums"):
            names |= {m["name"] for m in self._definitions["metrics"] if names >= _inputs(m) > set()}
        metrics = [metric for metric in self._definitions["metrics"] if metric["name"] in names]
        models = [model for model in self._definitions["semantic_models"] if model["name"] in facts]
        return self._definitions | {"semantic_models": models, "metrics": metrics}

    def asked(self, kpi: str, grain: str, dimension: str | None, *, is_whole: bool = False) -> Rows:
        """MetricFlow's answer per tenant, period and value of the dimension, on all definitions if `is_whole`."""
        from metricflow.engine.metricflow_engine import MetricFlowQueryRequest

        measures = self._catalogue.kpi(kpi).measures
        facts = {measure.fact for measure in measures if measure.is_of_period}
        periods = [OF_PERIOD.format(what=WHAT[fact], grain=grain) for fact in facts]
        if grain == "hour":  # a day's hour of the day
            grain, dimension = "day", HOUR
        period = f"metric_time__{grain}"
        groups = ["tenant", period, *([dimension] if dimension else [])]
        request = MetricFlowQueryRequest.create(metric_names=[kpi], group_by_names=groups, where_constraints=periods)
        engine = self.engine(frozenset() if is_whole else frozenset(measure.fact for measure in measures))
        query = engine.explain(request)
        value = dimension or "'all'"
        return self._rows(f"select tenant, cast({period} as date), {value}, {kpi} from ({query.sql_statement.sql})")

    def stored(self, kpi: str, grain: str, dimension: str | None) -> Rows:
        """The same from `kpi_values`, or by hour of the day from `kpi_hourly_values`."""
        if grain == "hour":
            return self._rows(
                "select tenant, cast(hour_start as date), strftime(hour_start, '%H'), value "
                f"from kpis.kpi_hourly_values where kpi = '{kpi}'"
            )
        return self._rows(
            "select tenant, period_start, dimension_value, value from kpis.kpi_values "
            f"where kpi = '{kpi}' and time_grain = '{grain}' and dimension = '{dimension or 'all'}'"
        )

    def _rows(self, sql: str) -> Rows:
        found: dict[tuple[str, date, str], float | None] = {}
        for *key, value in self._connection.execute(sql).fetchall():
            assert tuple(key) not in found, f"repeated: {key}"
            found[tuple(key)] = None if value is None else float(value)
        return found


def _inputs(metric: dict[str, Any]) -> set[str]:
    """The names of what a ratio or a sum is made of."""
    params = metric["type_params"]
    sides = (params.get("numerator"), params.get("denominator"), *(params.get("metrics") or ()))
    return {side["name"] for side in sides if side}


@pytest.fixture(scope="module")
def referee(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Referee]:
    """Asks about the golden weeks of March and April, and about simulated ones before them."""
    from dbt.contracts.graph.semantic_manifest import SemanticManifest

    settings = Settings.for_home(tmp_path_factory.mktemp("home"))
    land(settings, *LANDINGS)
    for tenant, users in (("rentals", 60), ("advisory", 30)):
        simulate(settings, tenant, users=users, days=40, last_day=date(2026, 3, 10))
    result = run_build(settings, runner=WarmDbt(data_tests=False))
    assert result.succeeded, (result.error, [(n.name, n.message) for n in result.failed])
    SemanticManifest(parse(settings)).write_json_to_file(str(settings.dbt_target / "semantic_manifest.json"))
    with duckdb.connect(str(settings.warehouse), read_only=True) as connection:
        yield Referee(settings, connection)


def test_metricflow_gives_the_same_rows_for_every_kpi_time_grain_and_dimension(referee: Referee) -> None:
    # One test, because the lake is dear and the questions are cheap.
    wrong, compared, undefined = {}, 0, 0
    for kpi in load_catalogue(ROOT).kpis.values():
        for grain, dimension in product(kpi.settings.time_grains, (None, *kpi.settings.dimensions)):
            if grain == "hour" and dimension:
                continue
            is_first = grain == kpi.settings.time_grains[0] and not dimension
            asked = referee.asked(kpi.name, grain, dimension, is_whole=is_first)
            stored = referee.stored(kpi.name, grain, dimension)
            if not kpi.denominator:  # a level that is not there yet is no row, and MetricFlow has one without a value
                asked = {key: value for key, value in asked.items() if value is not None}
            assert stored, f"{kpi.name} by {grain} and {dimension}: comparing nothing with nothing proves nothing"
            wrong |= {
                (kpi.name, grain, *key): (asked.get(key, "missing"), stored.get(key, "missing"))
                for key in asked.keys() | stored.keys()
                if key not in asked or key not in stored or not same(asked[key], stored[key])
            }
            compared, undefined = compared + len(stored), undefined + list(stored.values()).count(None)
    assert wrong == {}, "(tenant, period, value of the dimension): (MetricFlow's answer, the stored value)"
    assert compared > 1000
    assert undefined > 10, "no ratio without a denominator was compared"


def same(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=1e-9)
