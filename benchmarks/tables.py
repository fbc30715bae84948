"""What each table costs on either side, and the core of both: what any business needs before its first KPI."""

from collections.abc import Mapping

from benchmarks.clock import Took

PREFIX = "table "  # of the phases that are single tables
# Events, identity, sessions, user days, searches, bookings, revenue, daily rollups, KPI values: by either side's names.
CORE = {
    "models": (
        "int_events__keys", "fact_events", "int_identity__map", "int_identity__changed_persons", "fact_sessions",
        "fact_user_days", "int_events__in_sessions", "int_bookings__movements",
        "int_bookings__in_sessions", "dim_listings", "fact_revenue", "fact_bookings", "dim_date",
        "dim_tenants", "mv_daily_conversions", "mv_daily_events", "kpi_daily_measures", "kpi_measures",
        "kpi_values", "kpi_hourly_values",
    ),
    "hand": (
        "losers", "fact_events", "identities", "half_hours", "fact_sessions", "fact_user_days", "fact_searches",
        "fact_listing_views", "movements", "dim_listings", "fact_revenue", "fact_bookings", "dim_date", "dim_tenants",
        "mv_daily_conversions", "mv_daily_events", "kpi_values", "kpi_hourly_values",
    ),
}  # fmt: skip
Row = tuple[str, str, str, str]


def core(side: str, phases: Mapping[str, Took]) -> Took:
    """What the core of a side took. Raises KeyError for a table of it that was not made."""
    tables = [phases[PREFIX + name] for name in CORE[side]]
    return Took(sum(t.wall for t in tables), sum(t.cpu for t in tables))


def slowest(models: Mapping[str, Took], hand: Mapping[str, Took], most: int = 10) -> list[Row]:
    """The models that cost most: name, CPU and wall seconds, CPU seconds of the same table by hand, if it is there."""
    found = {name: took for name, took in models.items() if name.startswith(PREFIX)}
    ordered = sorted(found, key=lambda name: -found[name].cpu)[:most]
    return [
        (
            name.removeprefix(PREFIX),
            f"{found[name].cpu:.2f}",
            f"{found[name].wall:.2f}",
            f"{hand[name].cpu:.2f}" if name in hand else "-",
        )
        for name in ordered
    ]


def core_of_day(models: Mapping[str, float], hand: Mapping[str, Took]) -> tuple[float, float]:
    """Wall seconds of the core of either side for one more day."""
    return (
        sum(models[name] for name in CORE["models"] if name in models),
        sum(hand[PREFIX + name].wall for name in CORE["hand"] if PREFIX + name in hand),
    )


def growth(long: Mapping[str, float], short: Mapping[str, float], more: int) -> dict[str, float]:
    """Seconds per million events that each model takes longer for one more day, on a history `more` events longer."""
    return {name: (took - short[name]) / more * 1e6 for name, took in long.items()}


def dearest_of_day(
    models: Mapping[str, float], hand: Mapping[str, Took], grows: Mapping[str, float], most: int = 12
) -> list[Row]:
    """The models that take longest for one more day: name, wall seconds, those of the table by hand, growth.

    Those that grow most come behind them, as far as they are others.
    """
    ordered = sorted(models, key=lambda name: -models[name])[:most]
    ordered += [name for name in sorted(grows, key=lambda name: -grows[name])[:most] if name not in ordered]
    return [
        (
            name,
            f"{models[name]:.2f}",
            f"{hand[PREFIX + name].wall:.2f}" if PREFIX + name in hand else "-",
            f"{grows[name]:.3f}",
        )
        for name in ordered
    ]
