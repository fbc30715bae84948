"""Which KPIs a tenant has values of, and by which dimensions, and what of a dashboard that leaves.

Dashboards are for every business, and no business has everything: what a tenant never had is left out and said once,
instead of a page of empty cards.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import cast

from dashboards.specs import COLUMNS, Card, Dashboard, Position, Ranking, Size, Tile, kpis_of
from serving.catalogue import Kpi, Tenant, kpis, lacking, tenants, valued
from serving.rankings import UNTOLD, words
from serving.reading import Reading


@dataclass(frozen=True)
class Fitted:
    """A dashboard as one tenant sees it: `missing` names in its order what this tenant never had a value of."""

    dashboard: Dashboard
    missing: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left to show."""
        return not self.dashboard.cards


def covered(reading: Reading, tenant: str) -> frozenset[str]:
    """The KPIs of which a tenant has any value on any day that says something of it."""
    return valued(reading).get(tenant, frozenset()) - lacking(reading, tenant)


def has_values(spec: Dashboard, reading: Reading, tenant: str) -> bool:
    """Whether the tenant has a value of any KPI of a dashboard that one of its cards could show."""
    return bool(_shown(spec, reading, tenant))


def fitted(spec: Dashboard, reading: Reading, tenant: str) -> Fitted:
    """A dashboard without the cards and columns of which the tenant never had a value.

    KPIs that the version does not know stay: their card says what is wrong.
    """
    known, there = kpis(reading), covered(reading, tenant)
    gone = {name for card in spec.cards for name in kpis_of(card) if name in known and name not in there}
    untold = [card for card in spec.ordered_cards if card.type == "ranking" and _is_untold(card, reading, tenant)]
    if not gone and not untold:
        return Fitted(spec, ())
    cards = [left for card in spec.ordered_cards if card not in untold and (left := _without(card, gone, known))]
    named = [known[name].title for card in spec.ordered_cards for name in kpis_of(card) if name in gone]
    named += [f"{known[card.kpi].title} by {words(card.dimension).lower()}" for card in untold if card.kpi in there]
    if len(cards) < len(spec.cards):
        most = max(Counter(card.position.row for card in spec.cards).values())
        cards = list(_rows_filled(cards, most))
    # Not validated again: a dashboard without cards is no dashboard, and that is what is_empty says.
    shown = spec.model_copy(update={"cards": tuple(cards)})
    return Fitted(shown, tuple(dict.fromkeys(named)))


def tenants_with(spec: Dashboard, reading: Reading) -> list[Tenant]:
    """The tenants that have a value of any KPI of a dashboard: those with most of them first, then by title."""
    counts = {tenant.tenant: len(_shown(spec, reading, tenant.tenant)) for tenant in tenants(reading).values()}
    found = [tenant for tenant in tenants(reading).values() if counts[tenant.tenant]]
    return sorted(found, key=lambda tenant: -counts[tenant.tenant])


def _shown(spec: Dashboard, reading: Reading, tenant: str) -> frozenset[str]:
    cards = [card for card in spec.cards if card.type != "ranking" or not _is_untold(card, reading, tenant)]
    return covered(reading, tenant).intersection(name for card in cards for name in kpis_of(card))


def _is_untold(card: Ranking, reading: Reading, tenant: str) -> bool:
    """Whether no event of the tenant ever told the dimension of a ranking: all it could list is `unknown`."""
    kpi = kpis(reading).get(card.kpi)
    return bool(kpi and card.dimension in kpi.dimensions and (card.kpi, card.dimension) not in _told(reading, tenant))


def _told(reading: Reading, tenant: str) -> frozenset[tuple[str, str]]:
    """The (KPI, dimension) of which a tenant has a value on any day that says something of the dimension."""
    if "told" not in reading.memo:
        rows = reading.rows(
            "select tenant, list(distinct (kpi, dimension)) from kpi_values where time_grain = 'day'"
            " and dimension != 'all' and not list_contains(?, dimension_value) and value is not null group by tenant",
            [sorted(UNTOLD)],
        )
        reading.memo["told"] = {name: frozenset(tuple(pair) for pair in found) for name, found in rows}
    return cast(dict[str, frozenset[tuple[str, str]]], reading.memo["told"]).get(tenant, frozenset())


def _without(card: Card, gone: set[str], known: dict[str, Kpi]) -> Card | None:
    left = tuple(name for name in kpis_of(card) if name not in gone)
    if not left:
        return None
    if isinstance(card, Tile | Ranking) or left == card.kpis:
        return card
    # A single line has no label of its own, so the title has to name it.
    title = f"{known[left[0]].title} per {card.time_grain}" if len(left) == 1 and left[0] in known else card.title
    return card.model_copy(update={"kpis": left, "title": title})


def _rows_filled(cards: Iterable[Card], most: int) -> Iterator[Card]:
    """Cards share the width of their rows anew, at most `most` in one, so that no hole is left where a card was.

    Tiles that follow each other are one run of rows; of the other cards each row is one.
    """
    for _, group in groupby(cards, key=lambda card: -1 if isinstance(card, Tile) else card.position.row):
        run = list(group)
        rows = -(-len(run) // most)
        for number in range(rows):
            row = run[len(run) * number // rows : len(run) * (number + 1) // rows]
            edges = [COLUMNS * place // len(row) for place in range(len(row) + 1)]
            for card, left, right in zip(row, edges, edges[1:], strict=False):
                position = Position(row=run[0].position.row + number, column=left)
                size = Size(width=right - left, height=card.size.height)
                yield card.model_copy(update={"position": position, "size": size})
