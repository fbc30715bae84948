"""Runs dbt: in a worker process that ends with the run, or warm in this process for tests.

dbt-duckdb keeps the warehouse file open after an invocation, so a process that lives on would lock everyone out.
"""

import ctypes
import multiprocessing
import os
import queue
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import unquote, urlparse

from almanac.errors import AlmanacError
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

    @property
    def passed(self) -> bool:
        """Whether it ran and ended well (a failed test of severity warn is a warning)."""
        return self.status in PASSED


@dataclass(frozen=True)
class DbtRun:
    """What one dbt build did: every declared model and data test with its outcome, and dbt's own error if any."""

    nodes: list[Node] = field(default_factory=list)
    published: list[str] = field(default_factory=list)  # `schema.name` of the models that readers may see
    error: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether everything that was declared ran and passed; a skipped or missing node counts as a failure."""
        return not self.error and bool(self.nodes) and all(n.passed for n in self.nodes)


class Runner(Protocol):
    """Something that runs dbt for these settings."""

    def build(self, settings: Settings, *, full_refresh: bool, on_event: OnEvent | None = None) -> DbtRun:
        """Build every model and run every data test."""
        ...


class SpawnedDbt:
    """Runs dbt in a fresh process that ends with the run; a killed worker is a clear failure."""

    def build(self, settings: Settings, *, full_refresh: bool, on_event: OnEvent | None = None) -> DbtRun:
        """Build in a spawned process; `on_event` sees each model and test as it finishes."""
        context = multiprocessing.get_context("spawn")
        messages: Any = context.Queue()
        process = context.Process(target=_work, args=(settings, full_refresh, messages, os.getpid()), daemon=True)
        process.start()
        run: DbtRun | None = None
        while run is None:
            try:
                kind, payload = messages.get(timeout=0.2)
            except queue.Empty:
                if process.is_alive():
                    continue
                break
            if kind == "done":
                run = payload
            elif on_event:
                on_event(payload)
        process.join()
        return run or DbtRun(error=f"the dbt worker ended with exit code {process.exitcode} before the build was done")


class WarmDbt:
    """Runs dbt in this process with a manifest parsed once (tests only: one warehouse at a time)."""

    def __init__(self, patch: Callable[[Any], None] | None = None) -> None:
        self._manifest: Any = None
        self._patch = patch  # changes the parsed manifest once (tests of the tests)

    def manifest(self, settings: Settings) -> Any:
        """The manifest, parsed when it is first asked for."""
        if self._manifest is None:
            self._manifest = parse(settings)
            if self._patch:
                self._patch(self._manifest)
        return self._manifest

    def build(self, settings: Settings, *, full_refresh: bool, on_event: OnEvent | None = None) -> DbtRun:
        """Build in this process and close the warehouse afterwards."""
        run = _invoke(settings, full_refresh, on_event, self.manifest(settings))
        _close(settings)
        return run


def _work(settings: Settings, full_refresh: bool, messages: Any, parent: int) -> None:
    _die_with(parent)
    try:
        run = _invoke(settings, full_refresh, lambda event: messages.put(("event", event)), parse(settings))
        _close(settings)
    except Exception as e:
        run = DbtRun(error=f"{type(e).__name__}: {e}")
    messages.put(("done", run))
    messages.close()
    messages.join_thread()


def _die_with(parent: int) -> None:
    """End this process when its parent is killed: an orphan would go on writing and hold the warehouse's lock."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)


def parse(settings: Settings) -> Any:
    """dbt's manifest of the project for these settings. Raises AlmanacError if dbt cannot parse it."""
    from dbt.cli.main import dbtRunner

    os.environ.update(environment(settings))
    parsed = dbtRunner().invoke(["parse", *base_arguments(settings)])
    if not parsed.success:
        raise AlmanacError(f"dbt cannot parse the project: {parsed.exception or 'see the log'}")
    return parsed.result


def _invoke(settings: Settings, full_refresh: bool, on_event: OnEvent | None, manifest: Any) -> DbtRun:
    from dbt.cli.main import dbtRunner

    os.environ.update(environment(settings))
    arguments = ["build", *base_arguments(settings), "--exclude-resource-types", "unit_test", "--no-write-json", "--no-populate-cache"]
    if full_refresh:
        arguments.append("--full-refresh")
    callbacks = [_forward(on_event)] if on_event else []
    result = dbtRunner(manifest=manifest, callbacks=callbacks).invoke(arguments)
    outcomes = {r.node.unique_id: r for r in getattr(result.result, "results", None) or ()}
    nodes = [_node(n, outcomes.get(n.unique_id)) for n in _declared(manifest)]
    published = [
        f"{n.schema}.{n.name}"
        for n in _declared(manifest)
        if n.resource_type == "model" and (n.config.meta or {}).get("published")
    ]
    error = str(result.exception) if result.exception else ""
    return DbtRun(nodes, published, error)


def base_arguments(settings: Settings) -> list[str]:
    """dbt's arguments that every command of this project needs."""
    return [
        "--project-dir", str(settings.root), "--profiles-dir", str(settings.root), "--target", settings.target,
        "--target-path", str(settings.dbt_target), "--log-path", str(settings.home / "dbt" / "logs"),
        "--log-level", "none", "--log-level-file", "info",
    ]  # fmt: skip


def environment(settings: Settings) -> dict[str, str]:
    """The variables that `profiles.yml` reads."""
    variables = {"ALMANAC_DBT_WAREHOUSE": str(settings.warehouse), "DO_NOT_TRACK": "1"}
    if settings.postgres_dsn:
        dsn = urlparse(settings.postgres_dsn)
        variables |= {
            "ALMANAC_DBT_PG_HOST": dsn.hostname or "127.0.0.1",
            "ALMANAC_DBT_PG_PORT": str(dsn.port or 5432),
            "ALMANAC_DBT_PG_USER": unquote(dsn.username or "postgres"),
            "ALMANAC_DBT_PG_PASSWORD": unquote(dsn.password or ""),
            "ALMANAC_DBT_PG_DATABASE": dsn.path.lstrip("/") or "almanac",
        }
    return variables


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


def _node(declared: Any, outcome: Any) -> Node:
    subject = declared.name
    if declared.resource_type == "test":
        attached = getattr(declared, "attached_node", None) or next(iter(declared.depends_on.nodes), declared.name)
        subject = attached.split(".")[-1]
    severity = "warn" if str(getattr(declared.config, "severity", "error")).lower() == "warn" else "error"
    if outcome is None:
        return Node(declared.unique_id, declared.name, declared.resource_type, subject, severity)
    times = [t for t in outcome.timing if t.started_at and t.completed_at]
    return Node(
        unique_id=declared.unique_id,
        name=declared.name,
        resource_type=declared.resource_type,
        subject=subject,
        severity=severity,
        status=str(getattr(outcome.status, "value", outcome.status)),
        message=str(outcome.message or ""),
        seconds=float(outcome.execution_time or 0),
        started_at=str(times[0].started_at) if times else "",
        finished_at=str(times[-1].completed_at) if times else "",
    )


def _forward(on_event: OnEvent) -> Callable[[Any], None]:
    """A dbt callback that passes on the end of every model and test, as a plain dictionary."""
    from google.protobuf.json_format import MessageToDict

    def forward(event: Any) -> None:
        if event.info.name in NODE_EVENTS:
            on_event(MessageToDict(event, preserving_proto_field_name=True))

    return forward


def _close(settings: Settings) -> None:
    if settings.target == "duckdb":
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager

        DuckDBConnectionManager.close_all_connections()
