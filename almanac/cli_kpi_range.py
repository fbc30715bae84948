"""`almanac kpis range`: KPIs over a range of days, compared with the one before, and the dates that lack a value."""

import json
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import click

from almanac.errors import AlmanacError
from almanac.settings import Settings

if TYPE_CHECKING:
    from serving.figures import Figure
    from serving.ranges import Extent
    from serving.selection import Selection
    from serving.summaries import Missing, Summary

DAY = click.DateTime(["%Y-%m-%d"])
MOST_DATES = 10  # that a line lists; --json has them all


@click.command("range")
@click.argument("name", required=False)
@click.option("--tenant", help="Whose numbers; the first tenant by default.")
@click.option("--from", "first", type=DAY, help="First local day.")
@click.option("--to", "last", type=DAY, help="Last local day; without both, the last 28 days that are over.")
@click.option(
    "--by", "grain", metavar="GRAIN", help="Also each day, week, month or quarter of the range, with its change."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON: one object a KPI.")
def kpi_range(
    name: str | None,
    tenant: str | None,
    first: datetime | None,
    last: datetime | None,
    grain: str | None,
    as_json: bool,
) -> None:
    """Sum up KPI NAME, or every KPI, over a range of days, and compare it with the range before.

    The total is shown where the KPI adds up, its last day where it is a level, else its largest period that fits, as in
    the portal. Whole months are compared with as many months, the first days of a month with the same days of the month
    before, all others with as many days. Dates of the range on which the KPI has no value are named, and those on which
    no event happened at all, which is what a day looks like that never arrived. Of a KPI of which the business never
    had a value, that is said instead.
    """
    from serving.problems import Problem

    if grain and not (name or as_json):
        raise AlmanacError("--by lists the periods of one KPI: name it, or take --json")
    try:
        chosen, found = _summaries(Settings.from_env(), name, tenant, first, last, grain)
    except Problem as problem:
        raise AlmanacError(problem.message) from problem
    if as_json:
        click.echo(json.dumps([_document(one, chosen) for one in found], indent=2, ensure_ascii=False))
        return
    lines = _detail(found[0], chosen, grain) if name else _overview(found, chosen)
    click.echo("\n".join(lines).replace("\u00a0", " "))


def _summaries(
    settings: Settings,
    name: str | None,
    tenant: str | None,
    first: datetime | None,
    last: datetime | None,
    grain: str | None,
) -> "tuple[Selection, list[Summary]]":
    from serving.catalogue import kpis, tenants
    from serving.ranges import GRAINS
    from serving.reading import Versions
    from serving.selection import Parameters, select
    from serving.summaries import summarise

    step = next((one for one in GRAINS if one == grain), None)
    if grain and step is None:
        raise AlmanacError(f"--by is {grain!r}: use one of {', '.join(GRAINS)}")
    versions = Versions(settings)
    try:
        with versions.reading() as reading:
            asked = Parameters(tenant, None, first.date() if first else None, last.date() if last else None)
            chosen, known = select(asked, tenants(reading)), kpis(reading)
            if name and name not in known:
                raise AlmanacError(f"no published KPI is called {name!r}; there is {', '.join(sorted(known))}")
            wanted = [known[name]] if name else list(known.values())
            if step and name and step not in wanted[0].time_grains:
                raise AlmanacError(f"{name} declares {', '.join(wanted[0].time_grains)}, not {step}")
            return chosen, summarise(reading, wanted, chosen, step)
    finally:
        versions.close()


def _detail(one: "Summary", chosen: "Selection", grain: str | None) -> Iterator[str]:
    """One KPI: the figure, the one before, each period, the missing dates."""
    from almanac.tables import text_table
    from serving.formatting import exact, span
    from serving.ranges import shorter

    style = one.kpi.style(chosen.tenant.currency)
    now, old = one.compared.now, one.compared.before
    if one.absent:
        yield f"{one.kpi.title}, {chosen.tenant.tenant}: {one.absent}."
        return
    yield f"{one.kpi.title}, {chosen.tenant.tenant}, {now.label}: {_figure(now, one, chosen)}"
    if old and one.compared.change:
        reason = f" ({one.compared.change.reason})" if one.compared.change.reason else ""
        yield f"{old.label}: {_figure(old, one, chosen)}, change {one.compared.change.text}{reason}"
    if one.steps:
        rows = [
            (
                step.label,
                exact(step.value.value if step.value else None, style),
                step.change.text,
                "" if step.value is None or step.value.is_complete else "not complete",
            )
            for step in one.steps
        ]
        yield "\n" + text_table(("period", "value", "change", ""), rows, right=("value", "change")) + "\n"
        if days := shorter(chosen.span, one.steps[0].time_grain):
            yield f"Only what lies wholly in the range is listed: {span(days.first, days.last)}."
    elif grain:
        yield f"No whole {grain} lies in {span(chosen.span.first, chosen.span.last)}."
    if one.missing:
        yield _missing(one.missing, chosen.tenant.extent)
        yield from _eventless(one.missing)


def _overview(found: "Sequence[Summary]", chosen: "Selection") -> Iterator[str]:
    """Every KPI: a line each, then the dates on which nothing happened."""
    from almanac.tables import text_table
    from serving.formatting import span

    rows = []
    for one in found:
        now, old = one.compared.now, one.compared.before
        own = [now.label, _figure(now, one, chosen), _figure(old, one, chosen) if old else "-"]
        moved = one.compared.change.text if one.compared.change else "-"
        rows.append((one.kpi.kpi, *own, moved, len(one.missing.without_value) if one.missing else None))
    heads = ("kpi", "period", "value", "before", "change", "dates without a value")
    against = f", compared with {span(chosen.previous.first, chosen.previous.last)}" if chosen.previous else ""
    yield f"{chosen.tenant.title}, {span(chosen.span.first, chosen.span.last)}{against}"
    if any(one.compared.now.time_grain for one in found):
        yield "Where one period stands for the range, it is compared with the one of its kind before it."
    yield ""
    yield text_table(heads, rows, right=heads[2:]) + "\n"
    missing = next((one.missing for one in found if one.missing), None)
    yield from _eventless(missing) if missing else ()


def _missing(missing: "Missing", extent: "Extent") -> str:
    if not missing.asked:
        return f"None of these dates is a whole day of the data, which is from {extent.first} to {extent.anchor}."
    if not missing.without_value:
        return f"Each of the {missing.asked} dates has a value."
    listed = _listed(missing.without_value)
    return f"{len(missing.without_value)} of {missing.asked} dates have no value: {listed}"


def _eventless(missing: "Missing") -> Iterator[str]:
    if missing.without_event:
        yield f"Without any event, so perhaps they never arrived: {_listed(missing.without_event)}"


def _listed(dates: "tuple[date, ...]") -> str:
    more = f" and {len(dates) - MOST_DATES} more" if len(dates) > MOST_DATES else ""
    return ", ".join(day.isoformat() for day in dates[:MOST_DATES]) + more


def _figure(figure: "Figure", one: "Summary", chosen: "Selection") -> str:
    from serving.formatting import exact

    text = exact(figure.value, one.kpi.style(chosen.tenant.currency))
    return text if figure.is_complete or not figure.has_rows else f"{text} (not complete)"


def _document(one: "Summary", chosen: "Selection") -> dict[str, Any]:
    """The summary for programs: numbers as stored, dates as text."""
    moved = one.compared.change
    return {
        "kpi": one.kpi.kpi,
        "tenant": chosen.tenant.tenant,
        "currency": one.kpi.style(chosen.tenant.currency).currency,
        "figure": _numbers(one.compared.now),
        "before": _numbers(one.compared.before) if one.compared.before else None,
        "change": {"text": moved.text, "tone": moved.tone, "reason": moved.reason} if moved else None,
        "periods": [
            {
                "period_start": step.start.isoformat(),
                "time_grain": step.time_grain,
                "value": step.value.value if step.value else None,
                "is_complete": step.value.is_complete if step.value else None,
                "change": step.change.text,
            }
            for step in one.steps
        ],
        "absent": one.absent or None,
        "dates": one.missing and one.missing.asked,
        "dates_without_value": [day.isoformat() for day in one.missing.without_value] if one.missing else None,
        "dates_without_event": [day.isoformat() for day in one.missing.without_event] if one.missing else None,
    }


def _numbers(figure: "Figure") -> dict[str, Any]:
    parts = (figure.parts.numerator, figure.parts.denominator, figure.value)
    numerator, denominator, value = (None if part is None else float(part) for part in parts)
    return {
        "from": figure.span.first.isoformat(),
        "to": figure.span.last.isoformat(),
        "time_grain": figure.time_grain or "total",
        "numerator": numerator,
        "denominator": denominator,
        "value": value,
        "is_complete": figure.is_complete,
    }
