"""Which KPIs an event counts in: a fact with measures names the events that make its rows (`meta.source_events`)."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from almanac.errors import AlmanacError
from almanac.kpi_yaml import entries, read
from almanac.kpis import Catalogue

ALL = "all"  # every event makes rows of the fact


def source_events(root: Path) -> dict[str, tuple[tuple[str, ...] | None, Path]]:
    """Each fact with measures, its source events (None: every event), and the file that says so.

    Raises AlmanacError that names the file if a fact with measures does not say it.
    """
    found: dict[str, tuple[tuple[str, ...] | None, Path]] = {}
    for file in sorted((root / "dbt_project" / "models").rglob("*.yml")):
        for model in entries(read(file), "models", file):
            if model.get("metrics"):
                found[model["name"]] = (_declared(model, file), file)
    return found


def kpis_by_event(root: Path, catalogue: Catalogue, events: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """For each of `events` the KPIs that it counts in, sorted by name. Raises AlmanacError for a broken definition.

    `catalogue` are the KPIs of the project below `root`.
    """
    sources = source_events(root)
    found: dict[str, list[str]] = {event: [] for event in events}
    for name, kpi in sorted(catalogue.kpis.items()):
        wanted: set[str] = set()
        for fact in kpi.facts:
            names, _ = sources[fact]
            wanted |= set(found if names is None else names)
        for event in wanted & set(found):
            found[event].append(name)
    return {event: tuple(names) for event, names in found.items()}


def _declared(model: dict[str, Any], file: Path) -> tuple[str, ...] | None:
    declared = ((model.get("config") or {}).get("meta") or {}).get("source_events")
    if declared == ALL:
        return None
    if not isinstance(declared, list) or not declared or not all(isinstance(name, str) for name in declared):
        raise AlmanacError(
            f"{file}: {model['name']} has measures: config.meta.source_events must list the events that make its rows, "
            f"or say `{ALL}`"
        )
    return tuple(declared)
