"""Checking dashboards against the KPI catalogue: what `almanac check` says about `dashboards/specs`."""

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from almanac.errors import AlmanacError
from almanac.yaml_files import read_yaml
from dashboards.specs import (
    Dashboard,
    Ranking,
    Tile,
    TimeSeries,
    dashboard_files,
    dimension_of,
    kpis_of,
    load_dashboard,
)

KpiShape = tuple[Collection[str], Collection[str]]  # the time grains and the dimensions that a KPI declares

# A dashboard names KPIs; as soon as it says how to compute one, there are two definitions of the same number.
SQL = re.compile(
    r"\bselect\b.+\bfrom\b|\b(?:insert\s+into|delete\s+from|create\s+(?:table|view)|union\s+(?:all|select))\b"
    r"|\b(?:sum|count|avg|min|max|coalesce|nullif|median)\s?\(|\{\{|--\s|\bgroup\s+by\b.+,",
    re.IGNORECASE | re.DOTALL,
)


def check_dashboards(root: Path, kpis: Mapping[str, KpiShape], units: Mapping[str, str] | None = None) -> list[str]:
    """Everything wrong with the dashboard files of a repository, one line each; empty if all is well.

    `kpis` maps a KPI's name to the time grains and dimensions that it declares, `units` to its unit and
    format where known (KPIs that differ in them cannot share a chart).
    """
    problems: list[str] = []
    for path in dashboard_files(root):
        label = path.relative_to(root).as_posix()
        problems += [f"{label}: {where}: SQL in a dashboard: name a KPI instead" for where in _sql_in(path)]
        try:
            dashboard = load_dashboard(path, root)
        except AlmanacError as error:
            problems.append(str(error))
        else:
            problems += [f"{label}: {problem}" for problem in _against(dashboard, kpis, units or {})]
    return problems


def _against(dashboard: Dashboard, kpis: Mapping[str, KpiShape], units: Mapping[str, str]) -> Iterator[str]:
    for card in dashboard.cards:
        for kpi in kpis_of(card):
            where = f"card {card.id!r}"
            if kpi not in kpis:
                yield f"{where}: unknown KPI {kpi!r}: use one of {', '.join(sorted(kpis))}"
                continue
            grains, dimensions = kpis[kpi]
            grain = None if isinstance(card, Tile) else "day" if isinstance(card, Ranking) else card.time_grain
            if grain and grain not in grains:
                yield f"{where}: {kpi!r} has no time grain {grain!r}: it declares {_listed(grains)}"
            dimension = dimension_of(card)
            if dimension and dimension not in dimensions:
                yield f"{where}: {kpi!r} has no dimension {dimension!r}: it declares {_listed(dimensions)}"
        found = {units[kpi] for kpi in kpis_of(card) if kpi in units}
        if isinstance(card, TimeSeries) and len(found) > 1:
            yield f"card {card.id!r}: a chart has one y axis, its KPIs have the units {_listed(found)}"


def _sql_in(path: Path) -> list[str]:
    try:
        raw = read_yaml(path).content
    except (OSError, AlmanacError):
        return []  # loading the file says what is wrong with it
    return [where for where, text in _texts(raw, "") if SQL.search(text)]


def _texts(node: Any, where: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, str):
        yield where, node
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from _texts(value, f"{where}.{key}" if where else str(key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _texts(value, f"{where}[{index}]")


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names)) or "none"
