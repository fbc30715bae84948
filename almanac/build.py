"""The one way to build: prepare the load log, run dbt, commit the load log only if everything passed.

CLI, Dagster and tests call `run_build`. A failure clears nothing: the next run's work is the union.
"""

import json
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

from almanac import quality, raw_tables
from almanac.checks import NOT_RUN, CheckResult
from almanac.dbt_worker import DbtRun, Node, OnEvent, Runner
from almanac.engines import Engine, open_warehouse
from almanac.errors import AlmanacError
from almanac.fingerprints import code_hash, definitions_hash
from almanac.kpis import load_catalogue
from almanac.load_log import Landing, LoadLog, TenantRow, fingerprint
from almanac.locks import exclusive
from almanac.openlineage.dbt_runs import tell_build
from almanac.openlineage.events import Run
from almanac.openlineage.telling import told
from almanac.publish import record_failure
from almanac.settings import Settings
from almanac.spawned_dbt import SpawnedDbt
from ingestion.lake import Lake
from ingestion.lake_manifest import KINDS, Entry, Kind

WAIT_SECONDS = 600.0  # for another build
Begins = Callable[[bool], None]  # told before dbt starts whether everything is built anew
LAKE_FILE_KINDS: tuple[Kind, ...] = ("quarantine", "counters", "replays", "tables", "history")


@dataclass(frozen=True)
class BuildResult:
    """How a build ended. `built` is False where there was nothing to do."""

    run_id: str
    built: bool
    full_refresh: bool
    pending: int
    nodes: list[Node] = field(default_factory=list)
    error: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether the warehouse now holds all of the lake, with every check passed."""
        return not self.error and all(n.passed for n in self.nodes)

    @property
    def reason(self) -> str:
        """Why it failed, in few words; empty if it did not."""
        return "" if self.succeeded else self.error or f"did not pass: {', '.join(n.name for n in self.failed[:5])}"

    @property
    def failed(self) -> list[Node]:
        """Models and tests that did not end well, those that never ran included."""
        return [n for n in self.nodes if not n.passed]


@dataclass(frozen=True)
class _Work:
    run_id: str
    full_refresh: bool
    pending: list[Landing]
    remembered: dict[str, str]


def run_build(
    settings: Settings,
    *,
    full_refresh: bool = False,
    runner: Runner | None = None,
    on_event: OnEvent | None = None,
    again: Callable[[Entry], bool] | None = None,
    begins: Begins | None = None,
    wait_seconds: float = WAIT_SECONDS,
    parent: Run | None = None,
) -> BuildResult:
    """Bring the warehouse of `settings.target` up to the lake.

    `begins` is told, before dbt starts, whether everything is built anew; `on_event` sees dbt's result event of each
    model and test as it finishes. Landings in files of events for which
    `again` says yes are built once more, in this build or, if it fails, in the next one. A second build of the same
    warehouse waits up to `wait_seconds`. `parent` is the run that asked for it, for lineage. Raises
    AlmanacError if the lake is damaged or the warehouse cannot be opened; a failed model or test is not an exception
    but a result.
    """
    with build_lock(settings, wait_seconds):
        with _told(settings):
            work = _prepare(settings, Lake.open(settings), full_refresh, again)
        if work is None:
            return BuildResult(run_id="", built=False, full_refresh=False, pending=0)
        if begins:
            begins(work.full_refresh)
        with told(settings, "build", work.run_id, parent) as say:
            say(lambda one: one.begins())
            run = (runner or SpawnedDbt()).build(settings, full_refresh=work.full_refresh, on_event=on_event)
            result = _finish(settings, work, run)
            say(lambda one: tell_build(one, settings, run, result.reason))
        return result


@contextmanager
def _told(settings: Settings) -> Iterator[None]:
    """What keeps a build from beginning is told to readers, as a failed build is by its caller."""
    try:
        yield
    except AlmanacError as error:
        if settings.target == "duckdb":
            record_failure(settings, f"the build did not begin: {error}", [])
        raise


def build_lock(settings: Settings, wait_seconds: float = WAIT_SECONDS) -> AbstractContextManager[None]:
    """What a build of the warehouse of `settings.target` holds; nobody else may write to it meanwhile."""
    return exclusive(settings.home / "warehouse" / f"{settings.target}.lock", "a build", wait_seconds=wait_seconds)


def _prepare(settings: Settings, lake: Lake, full_refresh: bool, again: Callable[[Entry], bool] | None) -> _Work | None:
    entries = lake.entries()
    tenants = [TenantRow(t.tenant, t.title, t.business, t.time_zone, t.currency) for t in lake.plan.tenants.values()]
    properties = lake.plan.declared()
    outside = sorted(name for name, contract in lake.plan.events.items() if not contract.in_visit)
    remembered = {
        "code": code_hash(settings.root, tenants, outside),
        "definitions": definitions_hash(settings.root),
        "lake": content_of(entries),
        "tenants": fingerprint([repr(t) for t in tenants]),
        "properties": fingerprint(properties),
    }
    with open_warehouse(settings) as engine:
        log = LoadLog(engine)
        log.sync_landings(_landings(lake, entries))
        if again:
            log.mark_not_built([i for e in entries if e.kind == "events" and again(e) for i in e.parts])
        pending = log.pending()
        if not full_refresh and not pending and all(log.state(k) == v for k, v in remembered.items()):
            return None
        if log.state("definitions") != remembered["definitions"]:
            load_catalogue(settings.root)  # says what is wrong by file and field; dbt says little, a publication late
        # A first build, changed model code and a failed full refresh all start from nothing.
        full = full_refresh or log.state("code") != remembered["code"] or log.state("full_refresh") is not None
        _verify(lake, entries, pending, full)
        log.replace_tenants(tenants, {e.tenant for e in entries})
        log.replace_properties(properties)
        log.replace_outside_events(outside)
        log.replace_lake_files(
            [(e.kind, lake.locate(e.path), e.tenant, e.sha256) for e in entries if e.kind in LAKE_FILE_KINDS],
            [(kind, lake.schema_file(kind)) for kind in KINDS],
        )
        # First the mark that these landings are not built: raw rows that a crash leaves behind are then filled again.
        log.begin(full)
        if not full and log.state("definitions") != remembered["definitions"]:
            _forget_measures(engine, log)
        raw_tables.fill(engine, lake, entries, pending, full)
    return _Work(uuid.uuid4().hex, full, pending, remembered)


def _forget_measures(engine: Engine, log: LoadLog) -> None:
    """Other definitions: what is kept of measures is in other blocks, and made anew. Holds until a build succeeds."""
    with engine.transaction():
        for model in ("kpi_periods", "kpi_daily_measures", "kpi_measures", "kpi_values"):
            engine.execute(f"drop table if exists kpis.{model}")
        log.remember("definitions", None)


def content_of(entries: Iterable[Entry]) -> str:
    """What the lake holds that is work for a build, whichever files it lies in: its landings and their versions.

    Counters and replay marks have no version of their own: they come with a landing, and change with one. The history
    of KPI values comes from publications.
    """
    kinds = ("events", "quarantine", "tables")
    return fingerprint(sorted({(e.kind, i, n) for e in entries if e.kind in kinds for i, n in e.parts.items()}))


def _landings(lake: Lake, entries: list[Entry]) -> list[Landing]:
    return [
        Landing(file_id, e.tenant, lake.locate(e.path), version)
        for e in entries
        if e.kind == "events"
        for file_id, version in e.parts.items()
    ]


def _verify(lake: Lake, entries: list[Entry], pending: list[Landing], full: bool) -> None:
    """Hash the files that this build reads; all others must exist with their size, and none may be unknown.

    An erasure may make the build look for other copies in any file of the tenant, so then its files are hashed too.
    """
    tenants = {p.tenant for p in pending if p.version != 1}
    paths = {p.path for p in pending}
    problems = lake.verify(
        hashed={
            e.path for e in entries if full or e.kind != "events" or e.tenant in tenants or lake.locate(e.path) in paths
        }
    )
    if problems:
        more = f" and {len(problems) - 1} more (`almanac lake verify` lists them)" if len(problems) > 1 else ""
        raise AlmanacError(f"the lake is damaged, nothing was built: {problems[0]}{more}")


def _finish(settings: Settings, work: _Work, run: DbtRun) -> BuildResult:
    result = BuildResult(work.run_id, True, work.full_refresh, len(work.pending), run.nodes, run.error)
    if not run.error and not run.nodes:
        raise AlmanacError("dbt declared no model: is dbt_project/models empty?")
    checks = _checks(run.nodes)
    with open_warehouse(settings) as engine:
        log = LoadLog(engine)
        log.record_checks(checks)
        log.remember("published_relations", json.dumps(run.published))
        if result.succeeded:
            _refuse_leftovers(engine)
            log.commit(work.run_id, {**work.remembered, "run_id": work.run_id})
    if not result.succeeded and settings.target == "duckdb":
        # Nobody judges what was not built whole, so this is the only word about it.
        quality.record(settings, checks, is_whole=False)
    return result


def _checks(nodes: list[Node]) -> list[CheckResult]:
    return [
        CheckResult(
            name=n.name,
            kind="dbt",
            subject=n.subject,
            severity="warn" if n.severity == "warn" else "error",
            passed=n.passed and n.status != "warn",
            message=NOT_RUN if n.status in (None, "skipped") else n.message,
        )
        for n in nodes
    ]


def _refuse_leftovers(engine: Engine) -> None:
    """dbt-duckdb can leave `__dbt_` relations after a full refresh; a published copy must never come from one."""
    left = engine.execute(
        "select table_schema, table_name from information_schema.tables "
        "where table_name like '%\\_\\_dbt\\_%' escape '\\' and table_schema not like 'pg_temp%'"
    )
    for schema, name in left:
        engine.execute(f'drop table if exists "{schema}"."{name}" cascade')
