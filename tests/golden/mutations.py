"""Wrong formulas, at least one for every KPI: what a slip of the pen could make of it.

Each changes the parsed manifest, so that only the two KPI models are run again; the golden rows must notice.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from almanac.dbt_parse import base_arguments, environment
from almanac.settings import Settings

Change = Callable[[Any], None]


@dataclass(frozen=True)
class Mutation:
    """A wrong formula of one KPI, in words, and what it changes in the manifest."""

    kpi: str
    mistake: str
    change: Change


def _metric(manifest: Any, name: str) -> Any:
    return manifest.metrics[f"metric.almanac.{name}"].type_params


def _expr(kpi: str, expr: str) -> Change:
    """A derived KPI over another expression of measures."""

    def change(manifest: Any) -> None:
        _metric(manifest, kpi).expr = expr

    return change


def _ratio(kpi: str, *, numerator: str | None = None, denominator: str | None = None) -> Change:
    """A ratio KPI over another measure."""

    def change(manifest: Any) -> None:
        parts = _metric(manifest, kpi)
        parts.numerator.name = numerator or parts.numerator.name
        parts.denominator.name = denominator or parts.denominator.name

    return change


def _measure(name: str, *, agg: str | None = None, expr: str | None = None) -> Change:
    """A measure that aggregates otherwise, or something else."""

    def change(manifest: Any) -> None:
        parts = _metric(manifest, name)
        parts.expr = expr or parts.expr
        if agg:
            how = parts.metric_aggregation_params
            how.agg = type(how.agg)(agg)

    return change


MUTATIONS = (
    Mutation("sessions", "only those with a search", _expr("sessions", "search_session_count")),
    Mutation("sessions", "persons instead", _measure("session_count", agg="count_distinct", expr="person_id")),
    Mutation("active_users", "days of persons instead of persons", _measure("active_person_count", agg="count")),
    Mutation("active_users", "sessions instead", _expr("active_users", "session_count")),
    Mutation("searches", "sessions with a search", _measure("search_count", agg="count_distinct", expr="session_id")),
    Mutation("searches", "counted twice", _expr("searches", "search_count + search_count")),
    Mutation(
        "search_to_book_conversion",
        "a booking before the search counts",
        _measure("search_booking_session_count", expr="case when has_search and has_booking then 1 else 0 end"),
    ),
    Mutation(
        "search_to_book_conversion",
        "of all sessions",
        _ratio("search_to_book_conversion", denominator="session_count"),
    ),
    Mutation(
        "bookings",
        "every day with a line counts",
        _measure("booking_count", expr="case when movement = 'booked' then 1 else 0 end"),
    ),
    Mutation("bookings", "cancellations count", _measure("booking_count", expr="case when is_first then 1 else 0 end")),
    Mutation("gmv", "before cancellations", _expr("gmv", "booked_value")),
    Mutation("gmv", "the wrong sign", _expr("gmv", "- gmv_value")),
    Mutation("revenue", "GMV instead", _expr("revenue", "gmv_value")),
    Mutation(
        "revenue",
        "no commission is given back",
        _measure("commission_value", expr="case when movement = 'booked' then commission_amount else 0 end"),
    ),
    Mutation("take_rate", "of the amount booked", _ratio("take_rate", denominator="booked_value")),
    Mutation("take_rate", "upside down", _ratio("take_rate", numerator="gmv_value", denominator="commission_value")),
    Mutation("average_booking_value", "after cancellations", _ratio("average_booking_value", numerator="gmv_value")),
    Mutation(
        "average_booking_value",
        "per line instead of per booking",
        _measure("booking_count", expr="case when movement = 'booked' then line_count else 0 end"),
    ),
)


def build_kpis(settings: Settings, manifest: Any, mutation: Mutation | None, monkeypatch: Any) -> None:
    """Run the KPI models of a warehouse that is already built, with one formula changed."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    for name, value in environment(settings).items():
        monkeypatch.setenv(name, value)
    right = deepcopy(manifest.metrics)
    if mutation:
        mutation.change(manifest)
    manifest.build_flat_graph()
    arguments = ["run", *base_arguments(settings), "--select", "kpi_measures", "kpi_values"]
    try:
        done = dbtRunner(manifest=manifest).invoke([*arguments, "--no-write-json", "--no-populate-cache"])
    finally:
        manifest.metrics = right
        manifest.build_flat_graph()
        DuckDBConnectionManager.close_all_connections()
    assert done.success, done.exception or [r.message for r in done.result]
