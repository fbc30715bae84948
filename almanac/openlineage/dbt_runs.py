"""dbt's results as runs of OpenLineage: each model that ran is one, and so are the tests of each model."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

from almanac.dbt_relations import Relation
from almanac.dbt_worker import DbtRun, Node
from almanac.openlineage import datasets
from almanac.openlineage.datasets import Dataset
from almanac.openlineage.events import Event, Run, Telling, event
from almanac.openlineage.telling import Told
from almanac.settings import Settings

LOAD_LOG = "source."  # what begins so is written by the build itself, before and after dbt


def tell_build(told: Told, settings: Settings, run: DbtRun, error: str) -> None:
    """Tell of a build: its models, their tests, and what it did itself, which is to bring the lake to dbt.

    `error` says why the build failed; empty if it did not.
    """
    kinds = sorted({kind for relation in run.relations.values() for kind in relation.lake})
    written = [_named(settings, one) for key, one in run.relations.items() if key.startswith(LOAD_LOG)]
    if settings.target == "postgres":
        written += [_landed(settings, run, kind) for kind in kinds]
    told.error = error
    told.add(list(_runs(told.run, settings, run)), [datasets.lake(settings, kind) for kind in kinds], written)


def _runs(build: Run, settings: Settings, run: DbtRun) -> Iterator[list[Event]]:
    by_model: dict[str, list[Node]] = {}
    for node in run.nodes:
        if node.resource_type == "test" and _ran(node):
            by_model.setdefault(node.subject, []).append(node)
    for node in run.nodes:
        if node.resource_type != "model" or node.unique_id not in run.relations:
            continue
        relation = run.relations[node.unique_id]
        if _ran(node):
            yield _model(build, settings, run, node, relation)
        if tests := by_model.get(node.name):
            yield _tests(build, settings, tests, node.name, relation)


def _model(build: Run, settings: Settings, run: DbtRun, node: Node, relation: Relation) -> list[Event]:
    telling = Telling(_part(build, node.name), "DBT", "MODEL", build)
    inputs = [_landed(settings, run, kind) for kind in relation.lake]
    inputs += [_named(settings, run.relations[key]) for key in relation.reads if key in run.relations]
    error = "" if node.passed else node.message or "failed"
    return [
        event(telling, "START", _time(node.started_at)),
        event(
            telling,
            "COMPLETE" if node.passed else "FAIL",
            _time(node.finished_at),
            inputs=inputs,
            outputs=[_described(settings, relation)],
            error=error,
        ),
    ]


def _tests(build: Run, settings: Settings, tests: list[Node], model: str, relation: Relation) -> list[Event]:
    """One run for all tests of a model, because a test's result is said of what the test reads."""
    telling = Telling(_part(build, f"{model}.tests"), "DBT", "TEST", build)
    failed = [node for node in tests if not node.passed]
    assertions = tuple(
        {
            "assertion": node.assertion or node.name,
            "success": node.passed and node.status != "warn",
            "severity": node.severity,
            "name": node.name,  # beyond the specification: by it the test is found in dbt and Dagster
            **({"column": node.column} if node.column else {}),
        }
        for node in tests
    )
    tested = datasets.table(settings, relation.database, relation.schema, relation.name, assertions=assertions)
    error = f"{failed[0].name}: {failed[0].message}" if failed else ""
    return [
        event(telling, "START", min(_time(node.started_at) for node in tests)),
        event(
            telling,
            "FAIL" if failed else "COMPLETE",
            max(_time(node.finished_at) for node in tests),
            inputs=[tested],
            error=error,
        ),
    ]


def _part(build: Run, name: str) -> Run:
    """The run of a part of a build; asked again it has the same id."""
    return Run(build.namespace, f"{build.job}.{name}", str(uuid.uuid5(uuid.UUID(build.id), name)))


def _ran(node: Node) -> bool:
    return node.status not in (None, "skipped")


def _named(settings: Settings, relation: Relation) -> Dataset:
    return datasets.table(settings, relation.database, relation.schema, relation.name)


def _described(settings: Settings, relation: Relation) -> Dataset:
    fields = tuple({"name": c.name, "type": c.type, "description": c.description} for c in relation.columns)
    return datasets.table(
        settings,
        relation.database,
        relation.schema,
        relation.name,
        fields=fields,
        description=relation.description,
    )


def _landed(settings: Settings, run: DbtRun, kind: str) -> Dataset:
    """What a model reads of the lake: the files themselves, on PostgreSQL the copy that the build made of them."""
    if settings.target == "duckdb":
        return datasets.lake(settings, kind)
    return datasets.table(settings, next(iter(run.relations.values())).database, "raw", kind)


def _time(said: str) -> datetime:
    """dbt's time, which is UTC; now where it said none, as for a model that failed before it began."""
    if not said:
        return datetime.now(UTC)
    at = datetime.fromisoformat(said)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
