"""The bar that chooses tenant, days and comparison: links and fields whose state is the address."""

from collections.abc import Iterable
from dataclasses import dataclass

from serving import formatting
from serving.catalogue import Tenant
from serving.portal import address
from serving.ranges import PRESETS
from serving.selection import CUSTOM, Selection


@dataclass(frozen=True)
class Choice:
    """One value that can be chosen."""

    value: str
    title: str
    is_chosen: bool
    href: str = ""


@dataclass(frozen=True)
class Filters:
    """The whole bar; `action` is the page that it asks."""

    action: str
    tenants: tuple[Choice, ...]
    ranges: tuple[Choice, ...]
    range: str
    first: str
    last: str
    compares: bool
    compared: bool
    is_custom: bool
    all_days: str  # the address that shows every day there is; empty if no day that is over is left out
    data_days: str  # the days there are, in words


def filters(action: str, chosen: Selection, tenants: Iterable[Tenant], *, compares: bool) -> Filters:
    """The bar of a page for the current selection."""
    extent = chosen.tenant.extent
    is_whole = chosen.span.first <= extent.first and chosen.span.last >= extent.anchor
    days = {"from": chosen.span.first.isoformat(), "to": chosen.span.last.isoformat()}
    ranges = [(name, title, {"range": name}) for name, title in PRESETS.items()]
    ranges.append((CUSTOM, "Custom", {"range": CUSTOM, **days}))
    kept = {"tenant": chosen.tenant.tenant}
    if compares:
        kept["compareTo"] = chosen.query["compareTo"]
    return Filters(
        action=action,
        tenants=tuple(Choice(t.tenant, t.title, t.tenant == chosen.tenant.tenant) for t in tenants),
        ranges=tuple(
            Choice(name, title, name == chosen.preset, address(action, kept | part)) for name, title, part in ranges
        ),
        range=chosen.preset,
        first=chosen.span.first.isoformat(),
        last=chosen.span.last.isoformat(),
        compares=compares,
        compared=chosen.previous is not None,
        is_custom=chosen.preset == CUSTOM,
        all_days="" if is_whole else address(action, {"tenant": chosen.tenant.tenant, "range": "all"}),
        data_days=formatting.span(extent.first, extent.last),
    )
