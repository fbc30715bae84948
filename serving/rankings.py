"""Rankings: the values of one dimension over the whole range, each with a bar of its size."""

from dataclasses import dataclass
from decimal import Decimal

from dashboards.specs import Ranking
from serving import formatting
from serving.adding import Parts, add_up
from serving.catalogue import Kpi, Tenant
from serving.ranges import Span
from serving.series import CardError
from serving.values import ALL, Value, Values

UNTOLD = frozenset({"unknown", "none"})  # what a dimension says where it says nothing
_SHARE = formatting.Style("ratio", decimals=1)


@dataclass(frozen=True)
class Ranked:
    """One value of the dimension over the range: its parts added up."""

    name: str
    parts: Parts
    is_complete: bool


@dataclass(frozen=True)
class RankingLine:
    """One line: the value as text, the width of its bar in percent of the widest, its share of all if there is one."""

    name: str
    text: str
    exact: str
    width: float
    share: str


@dataclass(frozen=True)
class RankingView:
    """A ranking ready to show; `subject` names what stands in each line, `note` what is left out."""

    subject: str
    lines: tuple[RankingLine, ...]
    has_shares: bool
    note: str


def ranked(card: Ranking, kpi: Kpi, values: Values, span: Span) -> list[Ranked]:
    """Every value of the dimension, in the order of the card. Raises CardError if the KPI does not add up over days."""
    if card.dimension not in kpi.dimensions:
        raise CardError(f"{kpi.title} does not declare the dimension {card.dimension}.")
    if not kpi.is_additive or "day" not in kpi.time_grains:
        raise CardError(f"{kpi.title} of single days does not add up to a range: show it over time.")
    groups: dict[str, list[Value]] = {}
    for row in values.of(kpi.kpi, "day", span, card.dimension):
        if row.dimension_value != ALL:
            groups.setdefault(row.dimension_value, []).append(row)
    found = [
        Ranked(
            name,
            add_up((row.parts for row in rows), has_denominator=kpi.has_denominator),
            all(row.is_complete for row in rows),
        )
        for name, rows in sorted(groups.items())
    ]
    if card.order == "name":
        return found
    return sorted(found, key=lambda one: (one.parts.value is None, -(one.parts.value or 0), one.name))


def ranking_view(card: Ranking, kpi: Kpi, values: Values, tenant: Tenant, span: Span) -> RankingView:
    """The ranking of a card; see `ranked`."""
    known = [(one, one.parts.value) for one in ranked(card, kpi, values, span)]
    everything = [(one.name, value) for one, value in known if value is not None]
    shown, style = everything[: card.limit], kpi.style(tenant.currency)
    column = formatting.for_column([value for _, value in shown], style)
    widest = max((abs(value) for _, value in shown), default=Decimal(0)) or Decimal(1)
    # Shares of what can be negative, or of a rate, mean nothing.
    is_whole = not kpi.has_denominator and all(value >= 0 for _, value in everything)
    total = sum((value for _, value in everything), Decimal(0)) if is_whole else Decimal(0)
    lines = tuple(
        RankingLine(
            name=name,
            text=formatting.bare(value, column),
            exact=formatting.exact(value, style),
            width=round(float(abs(value) / widest * 100), 2),
            share=formatting.exact(value / total, _SHARE) if total else "",
        )
        for name, value in shown
    )
    note = f"{len(shown)} of {len(everything)} are shown." if len(everything) > len(shown) else ""
    return RankingView(words(card.dimension), lines, bool(total), note)


def words(dimension: str) -> str:
    """A dimension as a header names it."""
    return dimension.replace("_", " ").capitalize()
