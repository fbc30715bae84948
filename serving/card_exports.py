"""The rows of `kpi_values` behind a card, as CSV."""

from typing import Any

from dashboards.specs import AnyCard, Ranking, Table, Tile, TimeSeries, kpis_of
from serving.cards import CardSource
from serving.catalogue import Kpi, Tenant
from serving.exports import csv_text
from serving.figures import Figure, compare
from serving.problems import Problem
from serving.ranges import period_span, periods, shown_grain
from serving.rankings import ranked
from serving.series import offered_grains
from serving.values import ALL

HEADER = ("tenant", "kpi", "unit", "time_grain", "period_start", "period_end", "dimension", "dimension_value")
VALUES = ("numerator", "denominator", "value", "is_complete")


def card_csv(card: AnyCard, source: CardSource) -> str:
    """What a card shows: a tile's figure and the compared one, a ranking's whole list, the rows of a chart or table.

    Raises Problem 404 if the version lacks one of its KPIs.
    """
    kpis = []
    for name in kpis_of(card):
        if name not in source.kpis:
            raise Problem(404, "unknown_kpi", f"The published numbers have no KPI {name}.")
        kpis.append(source.kpis[name])
    if isinstance(card, Tile):
        rows = _figures(kpis[0], source)
    elif isinstance(card, Ranking):
        rows = _ranked(card, kpis[0], source)
    else:
        rows = _periods(card, kpis, source)
    return csv_text((*HEADER, *VALUES), rows)


def _figures(kpi: Kpi, source: CardSource) -> list[tuple[Any, ...]]:
    chosen = source.selection
    compared = compare(source.values, kpi, chosen.tenant, chosen.span, chosen.previous)
    return [_figure(kpi, chosen.tenant, f) for f in (compared.now, compared.before) if f and f.has_rows]


def _figure(kpi: Kpi, tenant: Tenant, figure: Figure) -> tuple[Any, ...]:
    where = (figure.time_grain or "total", figure.span.first, figure.span.last, ALL, ALL)
    return (
        *_of(kpi, tenant),
        *where,
        figure.parts.numerator,
        figure.parts.denominator,
        figure.value,
        figure.is_complete,
    )


def _ranked(card: Ranking, kpi: Kpi, source: CardSource) -> list[tuple[Any, ...]]:
    chosen = source.selection
    where = ("total", chosen.span.first, chosen.span.last, card.dimension)
    return [
        (*_of(kpi, chosen.tenant), *where, one.name, one.parts.numerator, one.parts.denominator, one.parts.value,
         one.is_complete)
        for one in ranked(card, kpi, source.values, chosen.span)
    ]  # fmt: skip


def _periods(card: TimeSeries | Table, kpis: list[Kpi], source: CardSource) -> list[tuple[Any, ...]]:
    chosen = source.selection
    grain = shown_grain(card.time_grain, chosen.span, offered_grains(kpis) or (card.time_grain,))
    dimension = card.dimension or ALL
    whole = set(periods(chosen.span, grain))
    return [
        (*_of(kpi, chosen.tenant), grain, v.period_start, period_span(v.period_start, grain).last, dimension,
         v.dimension_value, v.numerator, v.denominator, v.value, v.is_complete)
        for kpi in kpis
        for v in source.values.of(kpi.kpi, grain, chosen.span, dimension)
        if v.period_start in whole
    ]  # fmt: skip


def _of(kpi: Kpi, tenant: Tenant) -> tuple[str, str, str]:
    return tenant.tenant, kpi.kpi, tenant.currency if kpi.unit == "money" else kpi.unit
