"""The KPI dictionary: the catalogue as pages for people, the same text for the same definitions and examples.

One page for each KPI and a page that lists them all. Where the words come from and where the pages go, knows
`almanac/kpi_dictionary.py`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from almanac.exposures import Reader
from almanac.kpi_settings import KpiSettings
from almanac.kpis import Catalogue, Kpi, Measure, Term
from almanac.model_lineage import ModelGraph
from almanac.tables import markdown_head, markdown_row

INDEX = "README.md"  # what hosts of repositories show of a folder
FOLDER = Path("docs") / "kpis"
TITLE = "# KPI dictionary"  # what the index begins with
BACK = f"[All KPIs]({INDEX})"  # what every other page holds, and no page that somebody wrote

_AGGREGATES = {"sum": "sum of", "count": "count of", "count_distinct": "distinct values of"}
_BETTER = {"up_is_good": "higher is better", "down_is_good": "lower is better"}
_VALUES = (
    "kpi_periods",
    "kpi_daily_measures",
    "kpi_measures",
    "kpi_values",
)  # what every KPI passes on its way from the facts
_QUERY = (
    """.venv/bin/almanac query "select tenant, period_start, numerator, denominator, value from kpi_values""",
    """                         where kpi = 'gmv' and time_grain = 'week' and dimension = 'all' order by 1, 2\"""",
)
# Settings that have a line of their own; what else a KPI's file says gets one by its name.
_SAID = frozenset(
    {
        "title",
        "owner",
        "unit",
        "format",
        "direction",
        "formula",
        "time_grains",
        "dimensions",
        "target",
        "threshold",
        "runbook",
        "matures_after_days",
        "looks_back_days",
    }
)


@dataclass(frozen=True)
class Example:
    """A value in words: whose, of which period, what stands over and under the line, and where it comes from."""

    tenant: str
    period: str
    value: str
    numerator: str
    denominator: str  # empty for a KPI without one
    origin: str = ""


@dataclass(frozen=True)
class Surroundings:
    """What the dictionary says of KPIs beside their definitions.

    `events` are the events that make the rows of each fact (None: every event), `models` the graph that the facts stand
    in, `root` what paths are shown from, `examples` a value of each KPI, `readers` who shows it.
    """

    events: Mapping[str, Sequence[str] | None]
    models: ModelGraph
    root: Path
    examples: Mapping[str, Example] = field(default_factory=dict)
    readers: Mapping[str, Sequence[Reader]] = field(default_factory=dict)


def kpi_pages(catalogue: Catalogue, around: Surroundings) -> dict[str, str]:
    """The pages of the dictionary in Markdown by file name: one for each KPI, and `INDEX`."""
    pages = {f"{name}.md": _text(_page(kpi, around)) for name, kpi in catalogue.kpis.items()}
    return {INDEX: _text(_index(catalogue, around)), **pages}


def _index(catalogue: Catalogue, around: Surroundings) -> Iterator[str]:
    yield from (TITLE, "")
    yield from ("Written by `almanac kpis docs`; change the definitions, not these pages.", "")
    yield (
        "Every place that shows a KPI reads `kpi_values`, which is computed from these definitions and from nothing"
        " else. Periods are cut in the tenant's time zone, money is in the tenant's currency. A KPI is one aggregate"
        " over another: a longer period is never the mean of shorter ones."
    )
    yield from ("", "In SQL, on the published version:", "", "```", *_QUERY, "```")
    kpis = sorted(catalogue.kpis.values(), key=lambda kpi: (kpi.file.parent.name, kpi.name))
    for area, members in groupby(kpis, key=lambda kpi: kpi.file.parent.name):
        yield from ("", f"## {_capital(area)}", "")
        yield from markdown_head("KPI", "title", "formula in words", "unit", "owner", "shown on")
        for kpi in members:
            own = kpi.settings
            shown = ", ".join(reader.title for reader in around.readers.get(kpi.name, ())) or "-"
            yield markdown_row(f"[`{kpi.name}`]({kpi.name}.md)", own.title, own.formula, own.unit, own.owner, shown)
    yield from (
        "",
        "## Measures",
        "",
        "What KPIs are made of. Each lies beside its fact, and is stated there alone.",
        "",
    )
    yield from markdown_head("measure", "is", "of", "what it counts", "used by")
    for name, measure in sorted(catalogue.measures.items()):
        users = [kpi.name for kpi in catalogue.kpis.values() if measure in kpi.measures]
        links = ", ".join(f"[`{user}`]({user}.md)" for user in sorted(users)) or "-"
        yield markdown_row(
            f"`{name}`", _aggregate(measure), _file(measure.fact, measure.file, around), measure.description, links
        )


def _page(kpi: Kpi, around: Surroundings) -> Iterator[str]:
    own = kpi.settings
    yield from (f"# {own.title}", "", _flat(kpi.description), "", BACK, "")
    yield from markdown_head(f"`{kpi.name}`", "")
    for label, words in _facts_of(kpi, around):
        yield markdown_row(label, words)
    yield from ("", "## Measures", "")
    yield from markdown_head("measure", "is", "of", "what it counts")
    for measure in kpi.measures:
        fact = _file(measure.fact, measure.file, around)
        yield markdown_row(f"`{measure.name}`", _aggregate(measure), fact, measure.description)
    yield from ("", "## Lineage", "", "From the events to the value, in the order in which data flows.", "")
    yield from markdown_head("layer", "")
    yield markdown_row("events", _events(kpi, around))
    upstream = frozenset(kpi.facts).union(*(around.models.upstream(fact) for fact in kpi.facts))
    for layer, models in around.models.by_layer(upstream | set(_VALUES)).items():
        yield markdown_row(layer, ", ".join(_file(model, around.models.files[model], around) for model in models))


def _facts_of(kpi: Kpi, around: Surroundings) -> Iterator[tuple[str, str]]:
    """The lines of a KPI's first table: what a reader wants to know, in the order of asking."""
    own = kpi.settings
    yield "Formula in words", own.formula
    yield ("Numerator" if kpi.denominator else "Computed as"), _side(kpi.numerator)
    if kpi.denominator:
        yield "Denominator", _side(kpi.denominator)
    if example := around.examples.get(kpi.name):
        over = f" = {example.numerator} / {example.denominator}" if example.denominator else ""
        origin = f", {example.origin}" if example.origin else ""
        yield "Example", f"{example.value}{over}; {example.tenant}, {example.period}{origin}"
    yield "Unit", f"{own.unit}, shown as {own.format}; {_BETTER[own.direction]}"
    yield "Owner", own.owner
    yield "Target", "none is set" if own.target is None else f"{own.target:g}"
    yield "Alert threshold", _threshold(own)
    for name, value in own:
        if name not in _SAID and value not in (None, "", [], {}):
            yield _capital(name.replace("_", " ")), _plain(value)
    if own.runbook:
        yield "When it is off", f"[{own.runbook}](../runbooks/{own.runbook})"
    yield "Time grains", ", ".join(own.time_grains)
    yield "Dimensions", ", ".join(map(_plain, own.dimensions)) or "none"
    yield "Longer periods", _longer(kpi)
    if own.matures_after_days:
        yield "Complete", f"{own.matures_after_days} days after the end of a period, because it looks so far ahead"
    if own.looks_back_days:
        yield (
            "Complete",
            f"from {own.looks_back_days} days after the first of the data on, because it looks so far back",
        )
    readers = around.readers.get(kpi.name, ())
    yield "Shown on", ", ".join(f"[{_flat(one.title)}]({_up(one.file)})" for one in readers) or "no dashboard"
    yield "Defined in", _file(kpi.file.name, kpi.file, around)


def _threshold(own: KpiSettings) -> str:
    if own.threshold is None:
        return "none is set"
    return own.threshold.words(lambda value: f"{100 * value:g} %" if own.format == "percent" else f"{value:g}")


def _events(kpi: Kpi, around: Surroundings) -> str:
    named: set[str] = set()
    for fact in kpi.facts:
        made_of = around.events.get(fact, ())
        if made_of is None:
            return "every event"
        named |= set(made_of)
    return ", ".join(f"[`{name}`]({_up(f'ingestion/tracking_plan/{name}.yml')})" for name in sorted(named)) or "none"


def _side(terms: Sequence[Term]) -> str:
    """One side of the formula in measures: `a` + 2 * `b` - `c`."""
    said = ""
    for place, term in enumerate(terms):
        sign = ("-" if term.factor < 0 else "") if place == 0 else (" - " if term.factor < 0 else " + ")
        factor = abs(term.factor)
        said += sign + (f"{factor:g} * " if factor != 1 else "") + f"`{term.measure.name}`"
    return said


def _aggregate(measure: Measure) -> str:
    if measure.percentile:
        return f"{100 * measure.percentile:g}th percentile of `{measure.expr}`"
    return f"{_AGGREGATES[measure.agg]} `{measure.expr}`"


def _longer(kpi: Kpi) -> str:
    if kpi.is_level:
        return "the value at the end of their last day with data"
    if not kpi.is_additive:
        return "each has a value of its own, because days do not add up to a week"
    return "both sides are added up, then divided" if kpi.denominator else "the sum of the days"


def _file(name: str, path: Path, around: Surroundings) -> str:
    return f"[`{name}`]({_up(path.relative_to(around.root).as_posix())})"


def _up(path: str) -> str:
    """A path of the repository as a link from a page of the dictionary."""
    return "../" * len(FOLDER.parts) + path


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_plain(one)}" for name, one in value.items())
    return ", ".join(map(_plain, value)) if isinstance(value, list | tuple) else str(value)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _flat(text: str) -> str:
    return " ".join(text.split())


def _text(lines: Iterator[str]) -> str:
    return "\n".join(lines).rstrip() + "\n"
