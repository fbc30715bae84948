"""Runs dbt in this process: what a worker process does for a build, or warm for tests.

dbt-duckdb keeps the warehouse file open after an invocation, so a process that lives on would lock everyone out.
"""

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Protocol

from almanac.dbt_parse import base_arguments, environment, parse
from almanac.dbt_relations import Relation, relations_of
from almanac.dbt_row_counts import row_count
from almanac.dbt_samples import Row, failed_rows
from almanac.settings import Settings

Event = dict[str, Any]
OnEvent = Callable[[Event], None]
NODE_EVENTS = ("LogSeedResult", "LogModelResult", "LogSnapshotResult", "LogTestResult")
PASSED = ("success", "pass", "warn", "no-op")


@dataclass(frozen=True)
class Node:
    """One model or data test: what was declared for this target, and how it ended (status None: it did not run)."""

    unique_id: str
    name: str
    resource_type: str
    subject: str  # the model a test is about; a model's own name
    severity: str  # error | warn
    status: str | None = None
    message: str = ""
    seconds: float = 0.0
    started_at: str = ""
    finished_at: str = ""
    assertion: str = ""  # what a test says of its column, such as `not_null`; empty where it is about no single column
    column: str = ""
    rows: tuple[Row, ...] = ()  # some of those for which a test failed (almanac/dbt_samples.py)

    @property
    def passed(self) -> bool:
        """Whether it ran and ended well (a failed test of severity warn is a warning)."""
        return self.status in PASSED


@dataclass(frozen=True)
class DbtRun:
    """What one dbt build did: every declared model and data test with its outcome, and dbt's own error if any."""

    nodes: list[Node] = field(default_factory=list)
    # `schema.name` of the models that readers may see -> description by column ('' is the model's own)
    published: dict[str, dict[str, str]] = field(default_factory=dict)
    error: str = ""
    relations: dict[str, Relation] = field(default_factory=dict)  # models and sources by unique id

    @property
    def succeeded(self) -> bool:
        """Whether everything that was declared ran and passed; a skipped or missing node counts as a failure."""
        return not self.error and bool(self.nodes) and all(n.passed for n in self.nodes)


class Runner(Protocol):
    """Something that runs dbt for these settings."""

    def build(self, settings: Settings, *, full_refresh: bool, on_event: OnEvent | None = None) -> DbtRun:
        """Build every model and run every data test."""
        ...


class WarmDbt:
    """Runs dbt in this process with a manifest parsed once (tests only: one warehouse at a time).

    Those without a patch share it: the project must not change while the process lives. `data_tests` says whether the
    next builds run dbt's data tests; a data test changes no row, and all of them take a third of a small build.
    `for_models` names models: the next builds make these and what they are made from; without any they make all. (Where
    a whole build follows, these must be all that remember: what a landing brought is not asked for again.)
    """

    _shared: ClassVar[dict[tuple[Path, str], Any]] = {}

    def __init__(
        self,
        patch: Callable[[Any], None] | None = None,
        *,
        data_tests: bool = True,
        for_models: Collection[str] = (),
    ) -> None:
        self._manifest: Any = None
        self._patch = patch  # changes the parsed manifest once (tests of the tests)
        self.data_tests = data_tests
        self.for_models = for_models

    def manifest(self, settings: Settings) -> Any:
        """The manifest, parsed when it is first asked for."""
        key = (settings.root, settings.target)
        if self._patch is None:
            self._manifest = self._shared.get(key) or self._shared.setdefault(key, parse(settings))
        elif self._manifest is None:
            self._manifest = parse(settings)
            self._patch(self._manifest)
        return self._manifest

    def remembering(self, settings: Settings) -> tuple[str, ...]:
        """The models that add to what they hold: all others are made anew by every build, whatever happened before."""
        nodes = self.manifest(settings).nodes.values()
        return tuple(n.name for n in nodes if n.resource_type == "model" and n.config.materialized == "incremental")

    def build(self, settings: Settings, *, full_refresh: bool, on_event: OnEvent | None = None) -> DbtRun:
        """Build in this process and close the warehouse afterwards."""
        from almanac.dbt_shortcuts import build_often

        build_often()
        # Tests share the machine's cores, and what they build is small: a second thread costs more than it gives.
        settings = replace(settings, threads=1)
        nodes = self.manifest(settings).nodes
        left_out = {} if self.data_tests else {name: n for name, n in nodes.items() if n.resource_type == "test"}
        for name in left_out:
            del nodes[name]
        try:
            run = invoke(settings, full_refresh, on_event, self._manifest, self.for_models)
        finally:
            nodes.update(left_out)
        close(settings)
        return run


def _closure(nodes: dict[str, Any], names: Collection[str]) -> set[str]:
    """The unique ids of these models and of all that they are made from."""
    found, open_ = set[str](), [f"model.almanac.{name}" for name in names]
    while open_:
        found.add(unique_id := open_.pop())
        open_ += [i for i in nodes[unique_id].depends_on.nodes if i in nodes and i not in found]
    return found


def invoke(
    settings: Settings,
    full_refresh: bool,
    on_event: OnEvent | None,
    manifest: Any,
    for_models: Collection[str] = (),
) -> DbtRun:
    """Build every model and run every data test in this process; the warehouse stays open until `close`.

    `for_models` names models: what is neither one of them nor one that they are made from is left out as if it were not
    declared.
    """
    from dbt.cli.main import dbtRunner

    from almanac.dbt_shortcuts import take_shortcuts

    take_shortcuts()
    os.environ.update(environment(settings))
    arguments = [
        "build",
        *base_arguments(settings),
        "--exclude-resource-types",
        "unit_test",
        "--no-write-json",
        "--no-populate-cache",
    ]
    if full_refresh:
        arguments.append("--full-refresh")
    only = _closure(manifest.nodes, for_models)
    if only:
        # Not each of them by its name: dbt compares every name with every node.
        arguments += ["--select", *(f"+{name}" for name in sorted(for_models)), "--indirect-selection", "cautious"]
    callbacks = [_forward(on_event)] if on_event else []
    result = dbtRunner(manifest=manifest, callbacks=callbacks).invoke(arguments)
    outcomes = {r.node.unique_id: r for r in getattr(result.result, "results", None) or ()}
    rows = failed_rows(settings, outcomes)
    declared = [n for n in _declared(manifest) if not only or n.unique_id in only or n.unique_id in outcomes]
    nodes = [_node(n, outcomes.get(n.unique_id), rows.get(n.unique_id, ())) for n in declared]
    published = {
        f"{n.schema}.{n.name}": {"": n.description} | {c.name: c.description for c in n.columns.values()}
        for n in declared
        if n.resource_type == "model" and (n.config.meta or {}).get("published")
    }
    error = str(result.exception) if result.exception else ""
    return DbtRun(nodes, published, error, relations_of(manifest))


def _declared(manifest: Any) -> list[Any]:
    """Every enabled model and data test of the manifest; ephemeral models do not run."""
    return sorted(
        (
            n
            for n in manifest.nodes.values()
            if n.resource_type in ("model", "test", "seed") and n.config.materialized != "ephemeral"
        ),
        key=lambda n: n.unique_id,
    )


def _node(declared: Any, outcome: Any, rows: tuple[Row, ...]) -> Node:
    # Plain words: a node of dbt's own types would make whoever reads it load dbt.
    subject, kind = declared.name, str(declared.resource_type.value)
    if declared.resource_type == "test":
        attached = getattr(declared, "attached_node", None) or next(iter(declared.depends_on.nodes), declared.name)
        subject = attached.split(".")[-1]
    severity = "warn" if str(getattr(declared.config, "severity", "error")).lower() == "warn" else "error"
    column = str(getattr(declared, "column_name", None) or "")
    assertion = declared.test_metadata.name if column else ""
    if outcome is None:
        return Node(declared.unique_id, declared.name, kind, subject, severity, assertion=assertion, column=column)
    times = [t for t in outcome.timing if t.started_at and t.completed_at]
    return Node(
        unique_id=declared.unique_id,
        name=declared.name,
        resource_type=kind,
        subject=subject,
        severity=severity,
        status=str(getattr(outcome.status, "value", outcome.status)),
        message=str(outcome.message or ""),
        seconds=float(outcome.execution_time or 0),
        started_at=str(times[0].started_at) if times else "",
        finished_at=str(times[-1].completed_at) if times else "",
        assertion=assertion,
        column=column,
        rows=rows,
    )


def _forward(on_event: OnEvent) -> Callable[[Any], None]:
    """A dbt callback that passes on the end of every model (with its rows) and test, as a plain dictionary."""
    from google.protobuf.json_format import MessageToDict

    def forward(event: Any) -> None:
        if event.info.name in NODE_EVENTS:
            said = MessageToDict(event, preserving_proto_field_name=True)
            on_event(said | {"rows": row_count(said)})

    return forward


def close(settings: Settings) -> None:
    """Close the warehouse that dbt keeps open."""
    if settings.target == "duckdb":
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager

        DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]
