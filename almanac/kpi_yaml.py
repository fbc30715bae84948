"""Reading the YAML of KPIs and measures: shapes that dbt would accept or crash on are refused by file and field."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from almanac.errors import AlmanacError
from almanac.yaml_files import load

AGGREGATIONS = ("sum", "count", "count_distinct", "percentile")
COLUMN = re.compile(r"[a-z][a-z0-9_]*")
_ANY = ("name", "label", "description", "type", "expr", "filter", "config")
FIELDS = {
    "metric": (*_ANY, "numerator", "denominator", "input_metrics"),
    "measure": (*_ANY, "agg", "percentile", "percentile_type", "fill_nulls_with", "non_additive_dimension"),
}
KPIS = "kpis"  # the folder of KPIs, with one for each area


def definition_files(models: Path) -> list[Path]:
    """Every file below `models` that defines something. Raises AlmanacError for one that only dbt would read."""
    if other := sorted(models.rglob("*.yaml")):
        raise AlmanacError(f"{other[0]}: what is defined here ends in .yml: rename it")
    return sorted(models.rglob("*.yml"))


def read(file: Path) -> dict[str, Any]:
    """The mapping that a YAML file holds; empty for an empty file. Equal texts give one object: do not change it."""
    try:
        content = _parsed(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as e:
        raise AlmanacError(f"{file}: not valid YAML: {' '.join(str(e).split())}") from e
    if not isinstance(content, dict):
        raise AlmanacError(f"{file}: the file must hold `models:` or `metrics:`, not a {type(content).__name__}")
    return content


@lru_cache(maxsize=1024)  # a publication reads them all, a portal at every start
def _parsed(text: str) -> Any:
    return load(text) or {}


def entries(owner: dict[str, Any], key: str, file: Path) -> list[dict[str, Any]]:
    """The list under `key`: mappings that each have a name."""
    entries = owner.get(key) or []
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise AlmanacError(f"{file}: {key} must be a list of mappings")
    for entry in entries:
        if not entry.get("name"):
            raise AlmanacError(f"{file}: {key}: an entry has no name")
    return entries


def kpi_settings(metric: dict[str, Any], file: Path) -> Any:
    """What stands under `config.meta.kpi`; None where the metric is no KPI."""
    owner: Any = metric
    for key in ("config", "meta"):
        owner = owner.get(key) or {}
        if not isinstance(owner, dict):
            raise AlmanacError(f"{file}: {metric['name']}: {key} must be a mapping")
    if "kpi" in owner and not isinstance(owner["kpi"], dict):
        raise AlmanacError(f"{file}: config.meta.kpi must be a mapping of the KPI's settings")
    return owner.get("kpi")


def input_name(field: str, value: Any, file: Path) -> str:
    """The name of an input metric. A filter, alias or offset on it would be ignored here, so it is refused."""
    if value is None:
        raise AlmanacError(f"{file}: {field} is missing; give the name of a measure")
    if isinstance(value, dict) and set(value) == {"name"}:
        value = value["name"]
    if not isinstance(value, str):
        raise AlmanacError(
            f"{file}: {field}: give just the name of a measure; a filter or an offset belongs to a measure of its own"
        )
    return value


def dimensions_of(model: dict[str, Any]) -> list[str]:
    """The columns by which measures of a model can be split: foreign entities of the same name, without the tenant."""
    found = []
    for column in model.get("columns") or []:
        entity = column.get("entity") if isinstance(column, dict) else None
        if isinstance(entity, dict) and entity.get("type") == "foreign" and entity.get("name") == column.get("name"):
            found.append(str(column["name"]))
    return [name for name in found if name != "tenant"]


def is_level(metric: dict[str, Any], model: dict[str, Any], file: Path) -> bool:
    """Whether a measure stands at the end of each period; said as dbt says it, and only as the macros compute it."""
    said = metric.get("non_additive_dimension")
    wanted = {"name": model.get("agg_time_dimension"), "window_agg": "max", "group_by": ["tenant"]}
    if said and (said != wanted or metric.get("agg") != "sum"):
        raise AlmanacError(
            f"{file}: measure {metric['name']}: a level is a sum with non_additive_dimension {wanted}, nothing else"
        )
    return bool(said)


def is_of_period(metric: dict[str, Any], model: dict[str, Any], file: Path) -> bool:
    """Whether each row of a measure's model is one period's, which counts in that time grain alone and is summed."""
    found = any(column.get("name") == "period_grain" for column in entries(model, "columns", file))
    if found and metric.get("agg") not in ("sum", "count"):
        raise AlmanacError(
            f"{file}: measure {metric['name']}: a row of {model['name']} is a whole period's (period_grain), so "
            f"{metric.get('agg')} has one row to look at; use sum or count, or a fact with a row for each day or event"
        )
    return found


def check_fields(kind: str, metric: dict[str, Any], file: Path) -> None:
    """A `metric` or `measure` has no field that nobody would read: dbt passes over a mistyped one."""
    for field in metric:
        if field not in FIELDS[kind]:
            near = meant(str(field), FIELDS[kind])
            raise AlmanacError(f"{file}: {metric['name']}: {field} is no field of a {kind}{near}")


def check_measure(metric: dict[str, Any], file: Path) -> None:
    """A measure is a simple metric that the macros can compute; what they would pass over is refused."""
    check_fields("measure", metric, file)
    name, agg = f"{file}: measure {metric['name']}", metric.get("agg")
    if metric.get("type") != "simple":
        raise AlmanacError(f"{name}: type is {metric.get('type')!r}; use simple")
    if agg not in AGGREGATIONS:
        raise AlmanacError(f"{name}: agg is {agg!r}; use one of {', '.join(AGGREGATIONS)}")
    if agg == "count_distinct" and not COLUMN.fullmatch(str(metric.get("expr") or metric["name"])):
        raise AlmanacError(f"{name}: expr of a count_distinct must be a column; give the fact a column that says it")
    if agg == "percentile" and not is_share(metric.get("percentile")):
        raise AlmanacError(f"{name}: percentile must be a number between 0 and 1, such as 0.95")
    if metric.get("percentile_type") or (agg == "percentile" and metric.get("filter")):
        raise AlmanacError(
            f"{name}: a percentile has neither a percentile_type (it is exact) nor a filter; give the fact a column "
            "that is empty where a row does not count"
        )
    if metric.get("fill_nulls_with") is not None:
        raise AlmanacError(
            f"{name}: fill_nulls_with is not supported; put the rule into a model and measure its column"
        )


def check_names(files: Iterable[Path], titles: Mapping[Path, str]) -> None:
    """Every file of a KPI holds one, and no two have one title, label or name: dbt refuses that without saying where.

    Measures have their names and labels among them. `titles` are those of the KPIs by their file. Raises AlmanacError
    that names the file, and the other one.
    """
    known: dict[tuple[str, str], Path] = {}
    for file in files:
        content = read(file)
        if file.parent.parent.name == KPIS and file not in titles:
            raise AlmanacError(f"{file}: no metric here has config.meta.kpi, so nothing of it would be a KPI")
        metrics = [*entries(content, "metrics", file)]
        for model in entries(content, "models", file):
            metrics += entries(model, "metrics", file)
        names = [(key, str(metric[key])) for metric in metrics for key in ("name", "label") if metric.get(key)]
        for kind, name in [*names, *([("title", titles[file])] if file in titles else [])]:
            if (kind, name) in known:
                raise AlmanacError(f"{file}: the {kind} {name!r} is that of {known[kind, name]}, too; give it another")
            known[kind, name] = file


def near_names(name: str, known: Iterable[str]) -> list[str]:
    """Those that somebody may have meant by `name`, the most likely first."""
    import difflib

    return difflib.get_close_matches(name, sorted(known))


def meant(name: str, known: Iterable[str]) -> str:
    """The end of a message about a name that is not known."""
    near = near_names(name, known)
    return f"; is it {' or '.join(near)}?" if near else ""


def is_share(value: Any) -> bool:
    """Whether it is a number between 0 and 1, neither of them."""
    return isinstance(value, float) and 0 < value < 1


def check_previous(metric: dict[str, Any], model: dict[str, Any], file: Path) -> None:
    """`config.meta.previous` names columns that say when a counted value came before: they must be there."""
    previous = ((metric.get("config") or {}).get("meta") or {}).get("previous")
    if previous is None:
        return
    if metric.get("agg") != "count_distinct" or not isinstance(previous, dict) or "all" not in previous:
        raise AlmanacError(
            f"{file}: measure {metric['name']}: previous belongs to a count_distinct and names a column for all rows, "
            "and one for each dimension: previous: {all: previous_active_date}"
        )
    columns = {str(column.get("name")) for column in entries(model, "columns", file)}
    if missing := sorted(str(c) for c in previous.values() if c not in columns):
        raise AlmanacError(f"{file}: measure {metric['name']}: previous names {missing[0]}, which is no column")
