"""The map of the warehouse: `docs/warehouse.md`, kept in git, written and checked here.

Each model with its grain, the events it comes from and who reads it. Everything on the page follows from the models'
own files and from who names them, so nothing of it is maintained by hand.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from almanac.errors import AlmanacError
from almanac.house.findings import Finding
from almanac.kpi_yaml import entries, read
from almanac.kpis import load_catalogue
from almanac.model_lineage import ModelGraph, model_graph, sql_without_comments
from almanac.tables import markdown_head, markdown_row

PAGE = Path("docs") / "warehouse.md"
COMMAND = "almanac models docs"
EVERY = "every event"
# Packages whose code asks for tables by name, and the page whose questions do.
_PACKAGES = ("alerts", "almanac", "expectations", "ingestion", "orchestration", "serving")
_QUESTIONS = Path("README.md")
_CONTRACTS = Path("ingestion") / "tracking_plan"  # a file for each event, with its name
_ASKED = re.compile(r"\b(?:from|join)\s+(?:\w+\.)?(\w+)", re.IGNORECASE)
_STRING = re.compile(r"""['"](\w+)['"]""")  # of SQL, or of a list from which it is written
_LAYERS = {
    "staging": "Rows of the lake as they are, with their types. Nothing is filtered or counted here.",
    "intermediate": "Steps that several models share. Not published: what they hold may change its form.",
    "marts": "What people and tools read: facts, dimensions, daily tables.",
    "kpis": "The values that every page, chart, alert and export shows.",
}
# What somebody defines on a page, and no event tells: other platforms have a table of it.
_NOT_HERE = ("ReportExecution", "ScheduledReport", "UserSegment")


@dataclass(frozen=True)
class Model:
    """One model in words.

    `grain` are the columns that name a row (none where rows of the same columns add up), `events` those that it is made
    from (None: every one), `staging` the models of the lake's other rows below it.
    """

    name: str
    layer: str
    file: Path
    description: str
    grain: tuple[str, ...]
    events: tuple[str, ...] | None
    staging: tuple[str, ...]
    names_elsewhere: tuple[str, ...]
    readers: tuple[str, ...]
    adds_up: bool


def models(root: Path) -> list[Model]:
    """Every model of the warehouse in the order of data, each layer by name.

    Raises AlmanacError that names the file if a definition cannot be read.
    """
    graph, declared = model_graph(root), _declared(root)
    events, readers = _events(root, graph, declared), _readers(root, graph, declared)
    found = []
    for layer, names in graph.by_layer(frozenset(graph.files)).items():
        for name in names:
            own = declared.get(name, {})
            staging = graph.by_layer(graph.upstream(name)).get("staging", ())
            found.append(
                Model(
                    name,
                    layer,
                    graph.files[name],
                    " ".join(str(own.get("description", "")).split()),
                    _grain(own),
                    events[name],
                    tuple(staging),
                    tuple(_meta(own).get("also_known_as") or ()),
                    tuple(readers[name]),
                    bool(_meta(own).get("adds_up")),
                )
            )
    return found


def warehouse_page(root: Path, found: list[Model]) -> str:
    """What `docs/warehouse.md` of a repository has to hold for its models."""
    return "\n".join(_lines(root, found)).rstrip() + "\n"


def check_warehouse(root: Path) -> list[Finding]:
    """A page that says something else than the models, models that nobody reads, and events that cannot reach one."""
    try:
        found = models(root)
    except AlmanacError:
        return []  # the checks of the KPIs and of lineage say it
    path, problems, graph = root / PAGE, [], model_graph(root)
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    events = {model.name: model.events for model in found}
    for model in found:
        file = model.file.relative_to(root).as_posix()
        if not model.readers:
            problems.append(Finding(file, "nothing reads it: leave it out, or name who does in config.meta.read_by"))
        if not (model.grain or model.adds_up):
            problems.append(
                Finding(
                    file, "nothing says what names a row: test unique_grain, or give it config.meta.grain or adds_up"
                )
            )
        sources = [events[parent] for parent in graph.parents[model.name]]
        if sources and model.events and None not in sources:
            reaching = {event for source in sources for event in source or ()}
            problems += [
                Finding(file, f"asks for the event {event}, which nothing that it reads lets through")
                for event in model.events
                if event not in reaching
            ]
    if text != warehouse_page(root, found):
        said = "is not what the models say" if text else "is missing"
        problems.append(Finding(PAGE.as_posix(), f"{said}: run `{COMMAND}`"))
    return problems


def _lines(root: Path, found: list[Model]) -> Iterator[str]:
    yield from ("# The warehouse", "")
    yield (
        f"Written by `{COMMAND}` from the models and from who reads them; change those. {len(found)} models: their"
        " columns are described beside each, and as comments in the published tables (`almanac query` without a"
        " question lists them)."
    )
    for layer, words in _LAYERS.items():
        yield from ("", f"## {layer.capitalize() if layer != 'kpis' else 'KPIs'}", "", words, "")
        yield from markdown_head("model", "holds", "grain", "made from", "read by")
        for model in found:
            if model.layer == layer:
                link = f"[`{model.name}`](../{model.file.relative_to(root).as_posix()})"
                grain = ", ".join(f"`{column}`" for column in model.grain) or "rows add up"
                yield markdown_row(link, model.description, grain, _made_from(model), ", ".join(model.readers))
    yield from ("", "## Common table names and the model that answers each", "")
    yield "What other platforms and texts call a table, and where the same answer is here."
    yield from ("", *markdown_head("name elsewhere", "model"))
    pairs = ((name, model.name) for model in found for name in model.names_elsewhere)
    for name, model_name in sorted(pairs, key=lambda pair: (pair[0].lower(), pair)):
        yield markdown_row(f"`{name}`", f"`{model_name}`")
    names = ", ".join(f"`{name}`" for name in _NOT_HERE)
    yield from ("", f"No model answers {names}: they hold what somebody has set up, which no event tells.")


def _made_from(model: Model) -> str:
    if model.events is None:
        return EVERY
    named = model.events or model.staging
    return ", ".join(f"`{one}`" for one in named) or ("the lake" if model.layer == "staging" else "no event")


def _declared(root: Path) -> dict[str, dict[str, Any]]:
    """What each model's YAML file says of it, by name."""
    files = sorted((root / "dbt_project" / "models").rglob("*.yml"))
    return {model["name"]: model for file in files for model in entries(read(file), "models", file)}


def _meta(model: Mapping[str, Any]) -> Mapping[str, Any]:
    return (model.get("config") or {}).get("meta") or {}


def _grain(model: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns of a model's `unique_grain` test, its one column that is unique, or what `config.meta.grain` says."""
    for test in model.get("data_tests") or []:
        if isinstance(test, dict) and "unique_grain" in test:
            return tuple((test["unique_grain"].get("arguments") or {}).get("columns") or ())
    unique = [column["name"] for column in model.get("columns") or [] if "unique" in (column.get("data_tests") or [])]
    return tuple(unique or _meta(model).get("grain") or ())


def _events(
    root: Path, graph: ModelGraph, declared: Mapping[str, Mapping[str, Any]]
) -> dict[str, tuple[str, ...] | None]:
    """The events of each model: those it says, those its SQL names, or else those of the models that it is made of."""
    plan = {path.stem for path in (root / _CONTRACTS).glob("*.yml")}

    @cache
    def of(name: str) -> tuple[str, ...] | None:
        said = _meta(declared.get(name, {})).get("source_events")
        if said is not None:
            return None if said == "all" else tuple(sorted(said))
        code = sql_without_comments(graph.files[name])
        if named := {word for word in _STRING.findall(code) if word in plan}:
            return tuple(sorted(named))
        if name == "stg_events":
            return None
        parents = [of(parent) for parent in graph.parents[name]]
        return None if None in parents else tuple(sorted({event for events in parents for event in events or ()}))

    return {name: of(name) for name in graph.files}


def _readers(root: Path, graph: ModelGraph, declared: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """Who reads each model: models, KPIs through `kpi_measures`, packages, questions, and whom it names itself."""
    found: dict[str, list[str]] = {name: [] for name in graph.files}
    for name, parents in sorted(graph.parents.items()):
        for parent in parents:
            found[parent].append(f"`{name}`")
    for name in {fact for kpi in load_catalogue(root).kpis.values() for fact in kpi.facts} & graph.files.keys():
        found[name].append("[KPIs](kpis/README.md)")
    for package in _PACKAGES:
        text = "\n".join(path.read_text(encoding="utf-8") for path in sorted((root / package).rglob("*.py")))
        for name in sorted(set(re.findall(r"\w+", text)) & graph.files.keys()):
            found[name].append(f"`{package}`")
    questions = root / _QUESTIONS
    asked = set(_ASKED.findall(questions.read_text(encoding="utf-8"))) if questions.is_file() else set()
    for name in sorted(asked & graph.files.keys()):
        found[name].append(f"[questions](../{_QUESTIONS.name})")
    for name, readers in found.items():
        readers += _named_by_itself(declared.get(name, {}), has_others=bool(readers))
    return found


def _named_by_itself(model: Mapping[str, Any], *, has_others: bool) -> Iterator[str]:
    if "time_spine" in model:
        yield "MetricFlow"
    if said := _meta(model).get("read_by"):
        yield said
    elif not has_others and _meta(model).get("also_known_as"):
        yield "whoever asks for it by another name, below"
