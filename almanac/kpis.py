"""The KPI catalogue, typed: one YAML per KPI, over measures that lie beside their fact.

dbt does not validate `config.meta.kpi`; this module does, and refuses by name any KPI that is not a linear
combination of measures over another one (such a KPI becomes a model with a measure first).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from almanac.errors import AlmanacError
from almanac.kpi_settings import KpiSettings
from almanac.kpi_yaml import (
    check_fields,
    check_measure,
    check_names,
    check_previous,
    definition_files,
    dimensions_of,
    entries,
    input_name,
    is_level,
    is_of_period,
    kpi_settings,
    meant,
    near_names,
    read,
)

HOUR = "hour_of_day"  # the column by which a fact has the time grain `hour`
TERM = re.compile(r"\s*([+-]?)\s*(?:(\d+(?:\.\d+)?)\s*\*\s*)?([a-z][a-z0-9_]*)\s*")


@dataclass(frozen=True)
class Measure:
    """A simple metric: an aggregate of one column (or expression) of one fact."""

    name: str
    fact: str
    agg: str
    expr: str
    description: str
    file: Path
    is_level: bool = False  # how much there is at the end of a period, not what happened in it
    percentile: float | None = None  # which one, from 0 to 1, where that is the aggregate
    is_of_period: bool = False  # of a fact that has rows for each time grain, which count in that one alone

    @property
    def is_additive(self) -> bool:
        """Whether its values add up over periods."""
        return self.agg in ("sum", "count") and not self.is_level and not self.is_of_period


@dataclass(frozen=True)
class Term:
    """One summand of a KPI's side: a factor times a measure."""

    factor: float
    measure: Measure


@dataclass(frozen=True)
class Kpi:
    """One KPI: numerator and denominator as linear combinations of measures (no denominator: 1)."""

    name: str
    description: str
    settings: KpiSettings
    numerator: tuple[Term, ...]
    denominator: tuple[Term, ...]
    file: Path

    @property
    def measures(self) -> tuple[Measure, ...]:
        """Every measure it reads, each once."""
        return tuple(dict.fromkeys(t.measure for t in (*self.numerator, *self.denominator)))

    @property
    def is_additive(self) -> bool:
        """Whether numerator and denominator add up over periods."""
        return all(m.is_additive for m in self.measures)

    @property
    def is_level(self) -> bool:
        """Whether a longer period has the value of its last day."""
        return all(m.is_level for m in self.measures)

    @property
    def facts(self) -> tuple[str, ...]:
        """The facts it reads, each once."""
        return tuple(dict.fromkeys(m.fact for m in self.measures))

    @property
    def numerator_label(self) -> str:
        """The numerator in words."""
        return _label(self.numerator)

    @property
    def denominator_label(self) -> str:
        """The denominator in words; empty for a KPI without one."""
        return _label(self.denominator)


@dataclass(frozen=True)
class Catalogue:
    """All KPIs and measures of the project."""

    kpis: dict[str, Kpi]
    measures: dict[str, Measure]

    @cached_property
    def facts(self) -> tuple[str, ...]:
        """Every fact with a measure, in the order of their names."""
        return tuple(sorted({m.fact for m in self.measures.values()}))

    def kpi(self, name: str) -> Kpi:
        """The KPI of that name. Raises AlmanacError with the nearest names if there is none."""
        if name in self.kpis:
            return self.kpis[name]
        near = near_names(name, self.kpis) or sorted(self.kpis)
        raise AlmanacError(f"no KPI is called {name!r}; there is {', '.join(near)}")


def load_catalogue(root: Path) -> Catalogue:
    """Read every KPI and measure below `root`/dbt_project/models.

    Raises AlmanacError that names the file and the field if a definition is wrong.
    """
    measures: dict[str, Measure] = {}
    dimensions: dict[str, list[str]] = {}
    raw: dict[str, tuple[dict[str, Any], Path]] = {}
    files = definition_files(root / "dbt_project" / "models")
    for file in files:
        content = read(file)
        dimensions |= {model["name"]: dimensions_of(model) for model in entries(content, "models", file)}
        for measure in _measures(content, file):
            if measure.name in measures:
                raise AlmanacError(f"{file}: measure {measure.name} is defined twice; give one another name")
            measures[measure.name] = measure
        for metric in entries(content, "metrics", file):
            name = metric["name"]
            if name in raw:
                raise AlmanacError(f"{file}: metric {name} is defined twice, also in {raw[name][1]}")
            check_fields("metric", metric, file)
            raw[name] = (metric, file)
    kpis = {
        name: _kpi(metric, file, measures, raw, dimensions)
        for name, (metric, file) in raw.items()
        if kpi_settings(metric, file) is not None
    }
    check_names(files, {kpi.file: kpi.settings.title for kpi in kpis.values()})
    runbooks = {file.name for file in (root / "docs" / "runbooks").glob("*.md")}
    for kpi in kpis.values():
        if (other := kpi.settings.only_with) and other not in kpis:
            raise AlmanacError(f"{kpi.file}: config.meta.kpi.only_with: {other!r} is no KPI")
        if (runbook := kpi.settings.runbook) and runbook not in runbooks:
            raise AlmanacError(f"{kpi.file}: config.meta.kpi.runbook: docs/runbooks/{runbook} does not exist")
    return Catalogue(dict(sorted(kpis.items())), dict(sorted(measures.items())))


def _measures(content: dict[str, Any], file: Path) -> Iterator[Measure]:
    for model in entries(content, "models", file):
        for metric in entries(model, "metrics", file):
            check_measure(metric, file)
            check_previous(metric, model, file)
            yield Measure(
                metric["name"], model["name"], metric["agg"], str(metric.get("expr") or metric["name"]),
                str(metric.get("description") or metric["name"]).rstrip("."), file, is_level(metric, model, file),
                metric.get("percentile"), is_of_period(metric, model, file),
            )  # fmt: skip


def _kpi(
    metric: dict[str, Any],
    file: Path,
    measures: dict[str, Measure],
    raw: dict[str, tuple[dict[str, Any], Path]],
    dimensions: dict[str, list[str]],
) -> Kpi:
    name = metric["name"]
    if name != file.stem:
        raise AlmanacError(f"{file}: one file is one KPI of the same name, but this one is called {name!r}")
    try:
        settings = KpiSettings.model_validate(kpi_settings(metric, file))
    except ValidationError as e:
        first = e.errors()[0]
        where = ".".join(("config.meta.kpi", *(str(p) for p in first["loc"])))
        raise AlmanacError(f"{file}: {where}: {first['msg'].removeprefix('Value error, ')}") from e
    if metric.get("filter"):
        raise AlmanacError(f"{file}: a KPI has no filter; filter its measure or measure a column that says it")
    numerator: tuple[Term, ...]
    denominator: tuple[Term, ...]
    if metric.get("type") == "ratio":
        numerator = _side("numerator", metric, file, measures, raw)
        denominator = _side("denominator", metric, file, measures, raw)
    elif metric.get("type") == "derived":
        numerator, denominator = _derived(metric, file, measures), ()
    else:
        raise AlmanacError(f"{file}: type is {metric.get('type')!r}; a KPI is `ratio` or `derived`")
    kpi = Kpi(name, str(metric.get("description") or settings.title), settings, numerator, denominator, file)
    for fact in kpi.facts:
        if "hour" in settings.time_grains and HOUR not in dimensions[fact]:
            raise AlmanacError(
                f"{file}: config.meta.kpi.time_grains: hour needs a dimension {HOUR} of {fact}; "
                f"it has {', '.join(dimensions[fact]) or 'none'}"
            )
        if unknown := sorted(set(settings.dimensions) - set(dimensions[fact])):
            raise AlmanacError(
                f"{file}: config.meta.kpi.dimensions: {', '.join(unknown)} is no dimension of {fact}; "
                f"it has {', '.join(dimensions[fact]) or 'none'}"
            )
    return kpi


def _side(
    field: str,
    metric: dict[str, Any],
    file: Path,
    measures: dict[str, Measure],
    raw: dict[str, tuple[dict[str, Any], Path]],
) -> tuple[Term, ...]:
    name = input_name(field, metric.get(field), file)
    if name in measures:
        return (Term(1.0, measures[name]),)
    if name in raw and raw[name][0].get("type") == "derived":
        return _derived(raw[name][0], raw[name][1], measures)
    near = meant(name, measures)
    raise AlmanacError(f"{file}: {field}: {name!r} is neither a measure nor a derived metric over measures{near}")


def _derived(metric: dict[str, Any], file: Path, measures: dict[str, Measure]) -> tuple[Term, ...]:
    """The terms of a derived metric's `expr`; its `input_metrics` must name the same measures."""
    if not isinstance(metric.get("expr"), str):
        raise AlmanacError(f"{file}: expr is missing; name at least one measure")
    terms = _terms(metric["expr"], file, measures)
    inputs = metric.get("input_metrics") or []
    if not isinstance(inputs, list):
        raise AlmanacError(f"{file}: input_metrics must be a list")
    named = {input_name("input_metrics", value, file) for value in inputs}
    if named != {t.measure.name for t in terms}:
        raise AlmanacError(f"{file}: input_metrics must name exactly the measures of expr {metric['expr']!r}")
    return terms


def _terms(expr: str, file: Path, measures: dict[str, Measure]) -> tuple[Term, ...]:
    terms: list[Term] = []
    position = 0
    while position < len(expr):
        match = TERM.match(expr, position)
        if not match or (terms and not match[1]):
            raise AlmanacError(
                f"{file}: expr {expr!r} is not a linear combination of measures (`a + b - 2 * c`); "
                "anything else becomes a model with a measure first"
            )
        if match[3] not in measures:
            near = meant(match[3], measures)
            raise AlmanacError(f"{file}: expr names {match[3]!r}, which is no measure of any fact{near}")
        factor = float(match[2] or 1) * (-1 if match[1] == "-" else 1)
        terms.append(Term(factor, measures[match[3]]))
        position = match.end()
    if not terms:
        raise AlmanacError(f"{file}: expr is empty; name at least one measure")
    return tuple(terms)


def _label(terms: tuple[Term, ...]) -> str:
    words = []
    for n, term in enumerate(terms):
        sign = "minus " if term.factor < 0 else ("plus " if n else "")
        factor = "" if abs(term.factor) == 1 else f"{abs(term.factor):g} x "
        text = term.measure.description
        words.append(sign + factor + (text if not n else text[:1].lower() + text[1:]))
    return " ".join(words)
