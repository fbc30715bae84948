"""dbt's exposures: who reads which models. They follow from what readers such as dashboards name, which are KPIs.

Belongs here: what a reader is, and its exposure. Who the readers of a repository are, `almanac/readers.py` knows.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from almanac.kpis import Catalogue

VALUES = "kpi_values"  # where whoever shows a KPI reads it
DATA_TEAM = "data"  # owns what KPIs of several teams go into


@dataclass(frozen=True)
class Reader:
    """Something that shows KPIs to people. `kind` is one of dbt's types of exposures."""

    name: str
    title: str
    description: str
    kind: Literal["dashboard", "notebook", "analysis", "ml", "application"]
    kpis: tuple[str, ...]
    file: str  # of the repository, where it is defined
    page: str = ""  # where the portal shows it, without a slash before it; empty if it does not


def exposures(found: Iterable[Reader], catalogue: Catalogue, portal_url: str = "") -> list[dict[str, Any]]:
    """An exposure for each reader, as dbt reads them from YAML; without an address of the portal, `url` is a path.

    It depends on the table of values and on the facts that its KPIs are made of; a KPI that does not exist is left out
    (`almanac check` names it).
    """
    return [_exposure(reader, catalogue, portal_url) for reader in found]


def _exposure(reader: Reader, catalogue: Catalogue, portal_url: str) -> dict[str, Any]:
    kpis = [catalogue.kpis[name] for name in reader.kpis if name in catalogue.kpis]
    owners = {kpi.settings.owner for kpi in kpis}
    facts = sorted({fact for kpi in kpis for fact in kpi.facts})
    exposure = {
        "name": f"{reader.kind}_{reader.name}",
        "label": _plain(reader.title),
        "type": reader.kind,
        "description": _plain(reader.description),
        "owner": {"name": owners.pop() if len(owners) == 1 else DATA_TEAM},
        "depends_on": [f"ref('{model}')" for model in ([VALUES, *facts] if kpis else [])],
        "config": {"meta": {"kpis": [kpi.name for kpi in kpis], "file": reader.file}},
    }
    return exposure | ({"url": f"{portal_url.rstrip('/')}/{reader.page}"} if reader.page else {})


def _plain(text: str) -> str:
    """Words for people hold no code: dbt would run what stands in double braces."""
    return text.replace("{", "(").replace("}", ")")
