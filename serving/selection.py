"""What the address says to show: tenant, days and comparison. Pages and API read the same parameters."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal

from fastapi import Depends, Query

from serving.catalogue import Tenant, arrival_extents, known_tenants
from serving.problems import Problem
from serving.ranges import MOST_DAYS, PRESETS, Extent, Span, compared, preset
from serving.reading import Reading

CUSTOM = "custom"
Compare = Literal["previous_period", "none"]


@dataclass(frozen=True)
class Parameters:
    """The parameters as they stand in the address; None where one is absent."""

    tenant: str | None = None
    range: str | None = None
    first: date | None = None
    last: date | None = None
    compare_to: Compare | None = None


def _parameters(
    tenant: Annotated[str | None, Query(max_length=100, description="Which business.")] = None,
    range: Annotated[
        str | None, Query(max_length=20, description=f"Named range: {', '.join(PRESETS)}; or custom with from and to.")
    ] = None,
    first: Annotated[str | None, Query(alias="from", max_length=10, description="First local day, YYYY-MM-DD.")] = None,
    last: Annotated[str | None, Query(alias="to", max_length=10, description="Last local day, YYYY-MM-DD.")] = None,
    compare_to: Annotated[
        Compare | None, Query(alias="compareTo", description="What to compare with; the period before by default.")
    ] = None,
) -> Parameters:
    # Forms send fields that were left empty; an empty date is an absent one.
    return Parameters(tenant or None, range or None, _day("from", first), _day("to", last), compare_to)


Asked = Annotated[Parameters, Depends(_parameters)]


@dataclass(frozen=True)
class Selection:
    """What to show: a tenant, a range of its local days, the range that it is compared with (None: not compared)."""

    tenant: Tenant
    span: Span
    preset: str
    previous: Span | None

    @property
    def query(self) -> dict[str, str]:
        """The selection as parameters of an address."""
        chosen = {"tenant": self.tenant.tenant, "range": self.preset}
        if self.preset == CUSTOM:
            chosen |= {"from": self.span.first.isoformat(), "to": self.span.last.isoformat()}
        return chosen | {"compareTo": "previous_period" if self.previous else "none"}


def choose_tenant(name: str | None, known: dict[str, Tenant], default: str | None = None) -> Tenant:
    """The named tenant, else the default, else the first. Raises Problem 404 if there is no such tenant."""
    if name is not None and name not in known:
        raise Problem(
            404,
            "unknown_tenant",
            f"No tenant is called {name[:50]!r}: choose one of {_listed(known)}.",
            tenants=list(known),
        )
    if not known:
        raise Problem(404, "no_tenants", "The published version holds no values of any tenant.")
    return known[name or (default if default in known else next(iter(known)))]


def choose_arrivals(reading: Reading, asked: Parameters, default: str | None) -> Selection:
    """A tenant and a range of its days of arrival; today's too, for whoever has just sent an event.

    Raises Problem (400, 404).
    """
    tenant = choose_tenant(asked.tenant, known_tenants(reading), default)
    days = tenant.extent
    first, last = arrival_extents(reading).get(tenant.tenant, (days.first, days.last))
    span, name = choose_span(asked, Extent(min(first, days.first), max(last, days.last), None))
    return Selection(tenant, span, name, None)


def choose_span(asked: Parameters, extent: Extent, default: str = "28d") -> tuple[Span, str]:
    """The range of days and its name (`custom` for one of its own). Raises Problem 400 if it makes no sense."""
    if asked.range and asked.range not in (*PRESETS, CUSTOM):
        raise Problem(400, "bad_range", f"range is {asked.range!r}: use one of {', '.join((*PRESETS, CUSTOM))}.")
    own = asked.range in (None, CUSTOM) and (asked.first or asked.last)
    if not own:
        name = asked.range if asked.range and asked.range != CUSTOM else default
        return preset(name, extent), name
    last = asked.last or max(extent.anchor, asked.first or extent.anchor)
    first = asked.first or min(extent.first, last)
    if first > last:
        raise Problem(400, "bad_range", f"from ({first}) lies after to ({last}): swap them.")
    span = Span(first, last)
    if span.days > MOST_DAYS:
        raise Problem(400, "range_too_long", f"{span.days} days are more than {MOST_DAYS}: choose a shorter range.")
    if first.year < 1970 or last.year > 2200:
        raise Problem(400, "bad_range", "from and to must lie between 1970 and 2200.")
    return span, CUSTOM


def select(asked: Parameters, known: dict[str, Tenant], tenant: str | None = None, range: str = "28d") -> Selection:
    """The selection of a request, with a dashboard's default tenant and range. Raises Problem (400, 404)."""
    chosen = choose_tenant(asked.tenant, known, tenant)
    span, name = choose_span(asked, chosen.extent, range)
    return Selection(chosen, span, name, None if asked.compare_to == "none" else compared(span, name))


def _day(name: str, text: str | None) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Problem(400, "bad_date", f"{name} is {text!r}: write a day as YYYY-MM-DD.") from None


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
