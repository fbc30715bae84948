"""The KPI catalogue: what it reads, and that each refusal names the file and what is wrong in it."""

import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from almanac.errors import AlmanacError
from almanac.kpis import Catalogue, load_catalogue
from almanac.publication_file import definition_hash
from almanac.settings import ROOT

NINE = {
    "sessions", "active_users", "searches", "search_to_book_conversion", "bookings", "gmv", "revenue", "take_rate",
    "average_booking_value",
}  # fmt: skip

FACT = "dbt_project/models/marts/revenue/fact_orders.yml"
SUM = "dbt_project/models/kpis/revenue/net_value.yml"
RATIO = "dbt_project/models/kpis/revenue/order_value.yml"

SETTINGS = {
    "title": "Net value",
    "owner": "revenue",
    "unit": "money",
    "format": "currency",
    "direction": "up_is_good",
    "formula": "Ordered minus returned",
    "time_grains": ["day", "month"],
}
PROJECT: dict[str, dict[str, Any]] = {
    FACT: {
        "models": [
            {
                "name": "fact_orders",
                "agg_time_dimension": "order_date",
                "columns": [
                    {"name": "tenant", "entity": {"type": "foreign", "name": "tenant"}},
                    {"name": "channel", "entity": {"type": "foreign", "name": "channel"}},
                    {"name": "city"},
                ],
                "metrics": [
                    {
                        "name": "ordered_value",
                        "type": "simple",
                        "agg": "sum",
                        "expr": "amount",
                        "description": "Ordered.",
                    },
                    {"name": "returned_value", "type": "simple", "agg": "sum", "description": "Returned."},
                    {"name": "buyer_count", "type": "simple", "agg": "count_distinct", "expr": "person_id"},
                ],
            }
        ]
    },
    SUM: {
        "metrics": [
            {
                "name": "net_value",
                "type": "derived",
                "expr": "ordered_value - 1.5 * returned_value",
                "input_metrics": [{"name": "ordered_value"}, {"name": "returned_value"}],
                "config": {"meta": {"kpi": SETTINGS}},
            }
        ]
    },
    RATIO: {
        "metrics": [
            {
                "name": "order_value",
                "type": "ratio",
                "numerator": "net_value",
                "denominator": {"name": "buyer_count"},
                "config": {"meta": {"kpi": {**SETTINGS, "title": "Order value"}}},
            }
        ]
    },
}


def load(folder: Path, file: str | None = None, change: tuple[str, Any] | None = None) -> Catalogue:
    """The catalogue of the small project above, with one value of one file changed (`...` takes it out)."""
    project = deepcopy(PROJECT)
    if file and change:
        *steps, last = [int(step) if step.isdigit() else step for step in change[0].split(".")]
        place: Any = project.setdefault(file, {})
        for step in steps:
            place = place[step]
        if change[1] is ...:
            del place[last]
        else:
            place[last] = change[1]
    for name, content in project.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(yaml.safe_dump(content), encoding="utf-8")
    return load_catalogue(folder)


def test_the_catalogue_of_this_repository_is_whole() -> None:
    catalogue = load_catalogue(ROOT)
    assert catalogue.kpis.keys() > NINE
    for name, kpi in catalogue.kpis.items():
        assert [g for g in kpi.settings.time_grains if g != "hour"] == ["day", "week", "month", "quarter"]
        assert name not in NINE or "channel" in kpi.settings.dimensions
        assert kpi.file.relative_to(ROOT / "dbt_project/models/kpis").name == f"{name}.yml"
        assert kpi.measures
        assert bool(kpi.denominator) == (" / " in kpi.settings.formula)
    levels = {
        "active_subscriptions", "arr", "community_members", "customer_lifetime_value", "float_balance",
        "invoices_outstanding", "loans_outstanding", "mrr", "open_tickets", "supplier_concentration",
        "top_supplier_share", "market_concentration", "market_top_supplier_share", "backer_lifetime_value",
    }  # fmt: skip
    distinct = {
        "active_communities", "gross_revenue_retention", "mrr_churn_rate", "net_revenue_retention",
        "projects_per_community", "subscription_churn_rate", "backer_conversion_rate", "earned_revenue_per_active_user",
        "active_listings", "active_suppliers", "active_users", "booked_listings", "buyers", "demand_liquidity",
        "revenue_per_active_user", "spend_per_buyer", "supply_demand_ratio", "supply_liquidity",
        "api_latency_p50_ms", "api_latency_p95_ms", "api_latency_p99_ms", "cross_side_rate", "gmv_per_supplier",
        "price_alert_adoption_rate", "selling_suppliers", "lcp_p75_ms", "inp_p75_ms", "cls_p75", "user_churn_rate",
    }  # fmt: skip
    assert {name for name, kpi in catalogue.kpis.items() if not kpi.is_additive} == distinct | levels
    assert {name for name, kpi in catalogue.kpis.items() if kpi.is_level} == levels
    assert {m.fact for m in catalogue.measures.values() if m.is_of_period} == {
        "mv_subscription_periods",
        "mv_user_periods",
    }
    assert {"fact_payments", "fact_revenue", "fact_sessions", "mv_daily_balances"} < set(catalogue.facts)
    assert catalogue.kpi("lost_mrr").settings.dimensions == ["plan_name"]
    assert catalogue.kpi("take_rate").facts == ("fact_revenue",)


def test_a_kpi_that_is_named_after_gmv_says_whether_cancellations_are_taken_off() -> None:
    named = {name: kpi for name, kpi in load_catalogue(ROOT).kpis.items() if "GMV" in kpi.settings.title}
    for name, kpi in named.items():
        is_gross = "booked_value" in {measure.name for measure in kpi.measures}
        assert ("gross GMV" in kpi.settings.title or "Gross GMV" in kpi.settings.title) == is_gross, name
        assert ("before cancellations" in kpi.description) == is_gross, name
    assert named.keys() == {"gmv", "gross_gmv", "gmv_per_supplier", "cancelled_gmv_rate"}


def test_a_kpi_that_is_named_after_a_unit_of_time_has_that_unit() -> None:
    """Whoever takes it into a sheet sees neither a count nor a share in a column of hours."""
    units = {"days": "days", "hours": "hours", "seconds": "seconds", "ms": "milliseconds"}
    named = [
        (kpi, units[word])
        for kpi in load_catalogue(ROOT).kpis.values()
        for word in kpi.name.split("_")
        if word in units
    ]
    assert len(named) > 10
    assert [(kpi.name, kpi.settings.unit, unit) for kpi, unit in named if kpi.settings.unit != unit] == []


def test_a_kpi_says_what_it_reads_and_in_which_words(tmp_path: Path) -> None:
    catalogue = load(tmp_path)
    net, each = catalogue.kpi("net_value"), catalogue.kpi("order_value")
    assert [(t.factor, t.measure.name) for t in net.numerator] == [(1.0, "ordered_value"), (-1.5, "returned_value")]
    assert net.denominator == ()
    assert (net.numerator_label, net.denominator_label) == ("Ordered minus 1.5 x returned", "")
    assert net.is_additive
    assert [m.name for m in each.measures] == ["ordered_value", "returned_value", "buyer_count"]
    assert each.numerator == net.numerator
    assert not each.is_additive
    assert each.facts == ("fact_orders",)
    measure = catalogue.measures["returned_value"]
    assert (measure.fact, measure.agg, measure.expr) == ("fact_orders", "sum", "returned_value")


def test_how_much_there_is_at_the_end_does_not_add_up(tmp_path: Path) -> None:
    project = deepcopy(PROJECT)
    for measure in project[FACT]["models"][0]["metrics"]:
        measure["non_additive_dimension"] = LEVEL
        measure["agg"] = "sum"
    for name, content in project.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(yaml.safe_dump(content), encoding="utf-8")
    catalogue = load_catalogue(tmp_path)
    assert all(measure.is_level for measure in catalogue.measures.values())
    assert not catalogue.kpi("net_value").is_additive


def test_a_percentile_does_not_add_up_and_another_one_is_another_definition(
    tmp_path: Path,
) -> None:
    hashes = set()
    for folder, percentile in (("median", 0.5), ("tail", 0.95)):
        project = deepcopy(PROJECT)
        for measure in project[FACT]["models"][0]["metrics"]:
            measure |= {"agg": "percentile", "percentile": percentile}
        for name, content in project.items():
            (tmp_path / folder / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / folder / name).write_text(yaml.safe_dump(content), encoding="utf-8")
        kpi = load_catalogue(tmp_path / folder).kpi("net_value")
        assert not kpi.is_additive
        assert not kpi.is_level
        hashes.add(definition_hash(kpi))
    assert len(hashes) == 2


def test_a_name_that_no_kpi_has_is_refused_with_the_nearest(tmp_path: Path) -> None:
    catalogue = load(tmp_path)
    with pytest.raises(AlmanacError, match="no KPI is called 'netvalue'; there is net_value"):
        catalogue.kpi("netvalue")
    with pytest.raises(AlmanacError, match="there is net_value, order_value"):
        catalogue.kpi("zzz")


KPI = "metrics.0.config.meta.kpi"
DISTINCT = {"name": "ordered_value", "type": "simple", "agg": "count_distinct", "expr": "city"}
LEVEL = {"name": "order_date", "window_agg": "max", "group_by": ["tenant"]}
REFUSALS = [
    # a measure
    (FACT, "models.0.metrics.0.agg", "average", "measure ordered_value: agg is 'average'"),
    (FACT, "models.0.metrics.0.agg", ..., "measure ordered_value: agg is None"),
    (FACT, "models.0.metrics.0.type", "ratio", "measure ordered_value.* simple"),
    (FACT, "models.0.metrics.0.fill_nulls_with", 0, "measure ordered_value: fill_nulls_with"),
    (FACT, "models.0.metrics.0.non_additive_dimension", {"name": "day"}, "ordered_value: a level is a sum with"),
    (FACT, "models.0.columns.2.name", "period_grain", "buyer_count: a row of fact_orders is a whole period's"),
    (FACT, "models.0.metrics.0.agg", "percentile", "ordered_value: percentile must be a number between 0 and 1"),
    (FACT, "models.0.metrics.0.percentile_type", "discrete", "ordered_value: a percentile has neither"),
    (
        FACT,
        "models.0.metrics.0.config",
        {"meta": {"previous": {"all": "city"}}},
        "previous belongs to a count_distinct",
    ),
    (FACT, "models.0.metrics.0", DISTINCT | {"config": {"meta": {"previous": {"city": "city"}}}}, "all rows, and one"),
    (
        FACT,
        "models.0.metrics.0",
        DISTINCT | {"config": {"meta": {"previous": {"all": "town"}}}},
        "names town, which is",
    ),
    (FACT, "models.0.metrics.1.name", "ordered_value", "measure ordered_value is defined twice"),
    # a KPI's settings
    (SUM, f"{KPI}.owner", ..., r"config\.meta\.kpi\.owner"),
    (SUM, f"{KPI}.title", ["no", "text"], r"config\.meta\.kpi\.title"),
    (SUM, f"{KPI}.unit", "euro", r"config\.meta\.kpi\.unit: .*'money'"),
    (SUM, f"{KPI}.format", "euro", r"config\.meta\.kpi\.format: .*'currency'"),
    (SUM, f"{KPI}.direction", "up", r"config\.meta\.kpi\.direction: .*'up_is_good'"),
    (SUM, f"{KPI}.formula", ..., r"config\.meta\.kpi\.formula"),
    (SUM, f"{KPI}.time_grains", ["day", "year"], r"config\.meta\.kpi\.time_grains\.1: .*'week'"),
    (SUM, f"{KPI}.time_grains", ["hour", "day"], "hour needs a dimension hour_of_day of fact_orders; it has channel"),
    (SUM, f"{KPI}.time_grains", [], r"config\.meta\.kpi\.time_grains"),
    (SUM, f"{KPI}.dimensions", "channel", r"config\.meta\.kpi\.dimensions"),
    (
        SUM,
        f"{KPI}.dimensions",
        ["channel", "colour"],
        "dimensions: colour is no dimension of fact_orders; it has channel",
    ),
    (SUM, f"{KPI}.target", "high", r"config\.meta\.kpi\.target"),
    (SUM, f"{KPI}.threshold", {}, r"config\.meta\.kpi\.threshold: .*give one of above, below and falls_by"),
    (SUM, f"{KPI}.threshold", {"above": 1, "below": 0}, r"threshold: .*give one of"),
    (SUM, f"{KPI}.threshold", {"falls_by": 20}, r"config\.meta\.kpi\.threshold\.falls_by"),
    (SUM, f"{KPI}.matures_after_days", 0, r"config\.meta\.kpi\.matures_after_days"),
    (SUM, f"{KPI}.matures_after_days", "a week", r"config\.meta\.kpi\.matures_after_days"),
    (SUM, f"{KPI}.only_with", "orders", r"config\.meta\.kpi\.only_with: 'orders' is no KPI"),
    (SUM, f"{KPI}.runbook", "none.md", r"config\.meta\.kpi\.runbook: docs/runbooks/none\.md does not exist"),
    (
        SUM,
        f"{KPI}.runbook",
        "../decisions.md",
        r"config\.meta\.kpi\.runbook: docs/runbooks/\.\./decisions\.md does not",
    ),
    (SUM, f"{KPI}.colour", "red", r"config\.meta\.kpi\.colour"),
    # a field that nobody reads
    (SUM, "metrics.0.desciption", "Net.", "net_value: desciption is no field of a metric; is it description"),
    (FACT, "models.0.metrics.0.lable", "Ordered", "ordered_value: lable is no field of a measure; is it label"),
    (SUM, f"{KPI}.title", "", r"config\.meta\.kpi\.title: .*at least 1"),
    (SUM, f"{KPI}.formula", "", r"config\.meta\.kpi\.formula: .*at least 1"),
    (SUM, f"{KPI}.unit", "count", "unit money and format currency go together"),
    (SUM, f"{KPI}.format", "decimal", "unit money and format currency go together"),
    (SUM, KPI, SETTINGS | {"unit": "count", "format": "percent"}, "format percent goes with unit ratio"),
    (SUM, f"{KPI}.time_grains", ["day", "week", "day"], "time_grains names day twice"),
    (SUM, f"{KPI}.time_grains", ["hour"], "hour goes with day"),
    (SUM, f"{KPI}.dimensions", ["channel", "channel"], r"config\.meta\.kpi: dimensions names channel twice"),
    # a file of which nothing would be a KPI, or of which dbt would only say that it cannot be parsed
    ("dbt_project/models/kpis/growth/visits.yml", "metrics", [], r"no metric here has config\.meta\.kpi"),
    (SUM, "metrics.0.config", ..., r"no metric here has config\.meta\.kpi"),
    (SUM, "metrics.0.config", {"kpi": SETTINGS}, r"no metric here has config\.meta\.kpi"),
    (SUM, f"{KPI}.title", "Order value", "the title 'Order value' is that of .*, too"),
    (SUM, "metrics.0.input_metrics", ..., "input_metrics must name exactly the measures of expr"),
    # a KPI's formula
    (SUM, "metrics.0.name", "gross_value", "called 'gross_value'"),
    (SUM, "metrics.0.type", "cumulative", "type is 'cumulative'"),
    (SUM, "metrics.0.filter", "amount > 0", "filter"),
    (SUM, "metrics.0.expr", "", "expr is empty"),
    (SUM, "metrics.0.expr", "ordered_value / returned_value", "expr 'ordered_value / returned_value' is not a linear"),
    (SUM, "metrics.0.expr", "ordered_value * 2", r"expr 'ordered_value \* 2' is not a linear"),
    (SUM, "metrics.0.expr", "ordered_value returned_value", "expr 'ordered_value returned_value' is not a linear"),
    (SUM, "metrics.0.expr", "ordered_value - (returned_value)", "is not a linear"),
    (SUM, "metrics.0.expr", "ordered_value + 1", "is not a linear"),
    (SUM, "metrics.0.expr", "ordered_value + order_value", "expr names 'order_value', which is no measure"),
    (SUM, "metrics.0.expr", "ordered_valeu", "no measure of any fact; is it ordered_value"),
    (RATIO, "metrics.0.numerator", "ordered_valeu", "derived metric over measures; is it ordered_value"),
    (RATIO, "metrics.0.denominator", ..., "denominator is missing; give the name of a measure"),
    (RATIO, "metrics.0.numerator", "orders", "'orders' is neither a measure nor"),
    (RATIO, "metrics.0.denominator", {"name": "orders"}, "'orders' is neither a measure nor"),
    (RATIO, "metrics.0.denominator", "order_value", "'order_value' is neither a measure nor"),
]


@pytest.mark.parametrize(("file", "field", "value", "said"), REFUSALS)
def test_a_wrong_definition_is_refused_by_file_and_field(
    file: str, field: str, value: Any, said: str, tmp_path: Path
) -> None:
    with pytest.raises(AlmanacError, match=said) as refused:
        load(tmp_path, file, (field, value))
    assert str(tmp_path / file) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_kpi_that_looks_ahead_says_so_and_has_no_hours(tmp_path: Path) -> None:
    ahead = (f"{KPI}.matures_after_days", 14)
    kpi = load(tmp_path, SUM, ahead).kpi("net_value")
    assert kpi.settings.matures_after_days == 14
    assert definition_hash(kpi) != definition_hash(load(tmp_path).kpi("net_value"))
    with pytest.raises(AlmanacError, match="goes with days and longer, not with hour"):
        load(tmp_path, SUM, (KPI, SETTINGS | {"matures_after_days": 14, "time_grains": ["hour", "day"]}))


def test_a_kpi_that_looks_back_says_so_and_has_no_hours(tmp_path: Path) -> None:
    kpi = load(tmp_path, SUM, (f"{KPI}.looks_back_days", 28)).kpi("net_value")
    assert kpi.settings.looks_back_days == 28
    assert definition_hash(kpi) != definition_hash(load(tmp_path).kpi("net_value"))
    with pytest.raises(AlmanacError, match="looks_back_days goes with days and longer, not with hour"):
        load(tmp_path, SUM, (KPI, SETTINGS | {"looks_back_days": 28, "time_grains": ["hour", "day"]}))


def test_a_kpi_names_a_runbook_that_exists(tmp_path: Path) -> None:
    (tmp_path / "docs" / "runbooks").mkdir(parents=True)
    (tmp_path / "docs" / "decisions.md").touch()
    (tmp_path / "docs" / "runbooks" / "net.md").touch()
    assert load(tmp_path, SUM, (f"{KPI}.runbook", "net.md")).kpi("net_value").settings.runbook == "net.md"
    with pytest.raises(AlmanacError, match="does not exist"):
        load(tmp_path, SUM, (f"{KPI}.runbook", "../decisions.md"))


def test_a_metric_that_two_files_define_is_refused_by_both(tmp_path: Path) -> None:
    other = "dbt_project/models/kpis/growth/net_value.yml"
    with pytest.raises(AlmanacError, match="metric net_value is defined twice") as refused:
        load(tmp_path, other, ("metrics", PROJECT[SUM]["metrics"]))
    assert {str(tmp_path / other), str(tmp_path / SUM)} <= set(str(refused.value).replace(":", " ").split())


def test_a_label_that_two_metrics_have_is_refused_by_both(tmp_path: Path) -> None:
    load(tmp_path, SUM, ("metrics.0.label", "Net"))
    ratio = PROJECT[RATIO]["metrics"][0] | {"label": "Net"}
    (tmp_path / RATIO).write_text(yaml.safe_dump({"metrics": [ratio]}), encoding="utf-8")
    with pytest.raises(AlmanacError, match="the label 'Net' is that of") as refused:
        load_catalogue(tmp_path)
    assert {str(tmp_path / RATIO), str(tmp_path / SUM)} <= set(re.findall(r"[^\s,:]+", str(refused.value)))


def test_a_measure_and_a_kpi_of_one_name_are_refused_by_both(tmp_path: Path) -> None:
    measures = PROJECT[FACT]["models"][0]["metrics"]
    twice = {"name": "net_value", "type": "simple", "agg": "sum", "expr": "amount", "description": "Net."}
    with pytest.raises(AlmanacError, match="the name 'net_value' is that of") as refused:
        load(tmp_path, FACT, ("models.0.metrics", [*measures, twice]))
    assert {str(tmp_path / FACT), str(tmp_path / SUM)} <= set(re.findall(r"[^\s,:;]+", str(refused.value)))


def test_a_file_with_another_ending_is_refused_because_only_dbt_would_read_it(tmp_path: Path) -> None:
    load(tmp_path)
    (tmp_path / SUM).rename((tmp_path / SUM).with_suffix(".yaml"))
    with pytest.raises(AlmanacError, match=r"net_value\.yaml: what is defined here ends in \.yml: rename it"):
        load_catalogue(tmp_path)


def test_a_file_that_is_not_yaml_is_refused_by_name_and_line(tmp_path: Path) -> None:
    file = tmp_path / SUM
    file.parent.mkdir(parents=True)
    file.write_text("metrics:\n- name: [\n", encoding="utf-8")
    with pytest.raises(AlmanacError, match=r"not valid YAML: .* line 3") as refused:
        load_catalogue(tmp_path)
    assert str(file) in str(refused.value)


def test_a_measure_may_be_multiplied_and_lead_with_a_sign(tmp_path: Path) -> None:
    kpi = load(tmp_path, SUM, ("metrics.0.expr", "- 2 * returned_value+0.5*ordered_value")).kpi("net_value")
    assert [(t.factor, t.measure.name) for t in kpi.numerator] == [(-2.0, "returned_value"), (0.5, "ordered_value")]
    assert kpi.numerator_label == "minus 2 x Returned plus 0.5 x ordered"
