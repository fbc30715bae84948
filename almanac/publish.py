"""The one way to publish: a new immutable DuckDB file with only what may be read, then one pointer moves.

Readers see the old version or the new one, never a part, at whatever point the publisher dies; the next publication
ends as an undisturbed one would.
"""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import expectations
from almanac import durable, history, publication_file, quality
from almanac.checks import CheckResult
from almanac.engines import Engine, open_warehouse
from almanac.errors import AlmanacError
from almanac.kpis import load_catalogue
from almanac.load_log import fingerprint
from almanac.locks import exclusive
from almanac.openlineage.events import Run
from almanac.openlineage.telling import tell_publication, told
from almanac.publication_file import Content
from almanac.serving_store.follow import Followed, follow
from almanac.settings import Settings
from almanac.state import Shown, open_state, remember_shown
from almanac.version_store import kept_versions, prune
from almanac.versions import Version, current, read_status
from expectations.docs import write_docs
from ingestion.lake import Lake

# Written from the lake below, this publication's rows included; the model of that name knows the earlier ones only.
NOT_COPIED = ("kpi_history",)


@dataclass(frozen=True)
class Publication:
    """What `publish` did: the version that is current now, whether it is a new one, and what PostgreSQL serves."""

    version: Version
    is_new: bool
    serving: Followed | None = None  # None: no serving database is configured


def publish(settings: Settings, checks: list[CheckResult], parent: Run | None = None) -> Publication:
    """Publish the warehouse of the DuckDB target if every check passed; without a change it is a no-op.

    `checks` are all results that guard this build (dbt tests, reconciliation, expectations); `parent` is the run that
    asked for it, for lineage. Raises AlmanacError if one of them blocks, if the warehouse was not built whole, or if it
    holds nothing; the old version then stays and `STATUS.json` says why. If there is a serving database, it follows
    afterwards, also where nothing is new; an AlmanacError of it means that the portal already shows the new version.
    """
    settings.versions.mkdir(parents=True, exist_ok=True)
    with told(settings, "publish", parent=parent) as say:
        publication, relations = _publish(settings, checks)
        if publication.is_new:
            say(lambda one: tell_publication(one, settings, relations, publication.version.id))
    return replace(publication, serving=_follow(settings))


def _follow(settings: Settings) -> Followed | None:
    try:
        return follow(settings)
    except AlmanacError as error:
        record_failure(settings, str(error), [])
        raise


def _publish(settings: Settings, checks: list[CheckResult]) -> tuple[Publication, list[str]]:
    """The publication, and the relations that it holds."""
    with exclusive(settings.versions / ".lock", "a publication", wait_seconds=600):
        blocking = [c.name for c in checks if c.blocks]
        if blocking:
            _note_failure(settings, f"{len(blocking)} failed checks", blocking)
            raise AlmanacError(f"not published: {len(blocking)} checks failed: {', '.join(blocking[:5])}")
        with open_warehouse(settings, read_only=True) as engine:
            state = _built_state(engine)
            content = _content(settings, engine, state, checks)
        now = current(settings)
        if now and now.id == content.publication_id:
            _record_success(settings)
            return Publication(now, is_new=False), []
        lake = Lake.open(settings)
        content = _append_history(settings, lake, content)
        # Nothing of a version that still has rows which left the lake may be in the new file, not even unused.
        is_clean = content.corrections == content.previous.get("corrections")
        version = publication_file.write(settings, content, _history_files(lake), now if is_clean else None)
        _remember(settings, lake, content)
        durable.write_text(settings.versions / "CURRENT", version.id + "\n")
        _record_success(settings)
        prune(settings)
        return Publication(version, is_new=True), list(content.relations)


def _remember(settings: Settings, lake: Lake, content: Content) -> None:
    """Keep when this version is shown, up to which arrival, and what waited longest, for promises about freshness.

    A landing of nothing but repeated events is in the version too, although none of its rows counts.
    """
    with open_warehouse(settings, read_only=True) as engine:
        built = {file_id for (file_id,) in engine.execute("select cast(file_id as varchar) from ctl.file")}
        query = "select min(received_at) from marts.fact_events where received_at > ?"
        before = content.previous.get("data_as_of")
        oldest = engine.execute(query, [before])[0][0] if before else None
    arrived = [e.received_max for e in lake.entries("events") if e.received_max and e.parts.keys() <= built]
    covered = max([content.data_as_of, *map(datetime.fromisoformat, arrived)])
    shown_at, until = (moment.replace(tzinfo=UTC) for moment in (content.published_at, covered))
    shown = Shown(content.publication_id, shown_at, until, oldest and oldest.replace(tzinfo=UTC))
    state = open_state(settings)
    try:
        remember_shown(state, shown)
    finally:
        state.close()


def gate(settings: Settings, at: datetime | None = None) -> list[CheckResult]:
    """Every result that guards the warehouse as it is built now: dbt's tests of the last build, then expectations.

    They are written down as a judgement made `at` (aware, default: now), and the page of expectations with them.
    """
    with open_warehouse(settings, read_only=True) as engine:
        rows = engine.execute("select name, kind, subject, severity, passed, message from ctl.check_result")
    built = [CheckResult(*row) for row in rows]
    arrived = expectations.run(settings)
    moment = at or datetime.now(UTC)
    quality.record(settings, [*built, *arrived], is_whole=all(c.was_asked for c in built), at=moment)
    write_docs(settings, arrived, moment)
    return [*built, *arrived]


def record_failure(settings: Settings, reason: str, failed_checks: list[str]) -> None:
    """Note in `STATUS.json` that an attempt failed; readers keep the old version and say since when."""
    settings.versions.mkdir(parents=True, exist_ok=True)
    with exclusive(settings.versions / ".lock", "a note of a failure", wait_seconds=60):
        _note_failure(settings, reason, failed_checks)


def _note_failure(settings: Settings, reason: str, failed_checks: list[str]) -> None:
    _write_status(settings, False, reason, failed_checks, read_status(settings).published_at)


def rollback(settings: Settings, to: str | None = None) -> Version:
    """Move the pointer back to the version before the current one, or to the version `to`; PostgreSQL follows.

    Raises AlmanacError if there is no such version, or (the pointer has moved then) if PostgreSQL could not follow.
    """
    target = _move_back(settings, to)
    follow(settings)
    return target


def _move_back(settings: Settings, to: str | None) -> Version:
    with exclusive(settings.versions / ".lock", "a rollback", wait_seconds=60):
        kept, now = kept_versions(settings), current(settings)
        if to is None:
            ids = [v.id for v in kept]
            position = ids.index(now.id) if now and now.id in ids else 0
            if position == 0:
                raise AlmanacError("there is no earlier version to roll back to")
            target = kept[position - 1]
        else:
            found = [v for v in kept if v.id == to]
            if not found:
                raise AlmanacError(f"no version is called {to!r}; there is {', '.join(v.id for v in kept) or 'none'}")
            target = found[0]
        durable.write_text(settings.versions / "CURRENT", target.id + "\n")
        return target


def _built_state(engine: Engine) -> dict[str, str]:
    has_log = engine.execute("select 1 from information_schema.tables where table_schema = 'ctl' limit 1")
    state = dict(engine.execute("select name, value from ctl.state")) if has_log else {}
    if not state.get("run_id"):
        raise AlmanacError("nothing was built whole yet; run `almanac build` first")
    unfinished = engine.execute("select 1 from ctl.file where version is distinct from built_version limit 1")
    if unfinished or "full_refresh" in state:
        raise AlmanacError("the last build did not finish; run `almanac build` again before publishing")
    landings = engine.execute("select cast(file_id as varchar), built_version from ctl.file order by 1")
    state["state"] = fingerprint([landings, state["code"], state["definitions"], state["lake"], state["tenants"]])
    return state


def _content(settings: Settings, engine: Engine, state: dict[str, str], checks: list[CheckResult]) -> Content:
    data_as_of = engine.execute("select max(received_at) from marts.fact_events")[0][0]
    if data_as_of is None:
        raise AlmanacError("the warehouse holds no event; land some first (`almanac simulate`, `almanac ingest`)")
    previous = current(settings)
    before = publication_file.read_publication(previous) if previous else {}
    if previous and before.get("state") == state["state"]:
        publication_id = previous.id
    else:
        # Chained to the version it follows: a repeated attempt after a crash gets the same id, a return to an
        # earlier state of data or definitions gets a new one.
        digest = fingerprint([previous.id if previous else "", state["state"]])
        publication_id = f"{data_as_of:%Y%m%dT%H%M%SZ}-{digest[:12]}"
    described = json.loads(state["published_relations"])
    return Content(
        publication_id=publication_id,
        published_at=datetime.now(UTC).replace(tzinfo=None, microsecond=0),
        data_as_of=data_as_of,
        state=state["state"],
        corrections=int(state.get("corrections") or 0),
        relations={r: words for r, words in described.items() if r.split(".")[1] not in NOT_COPIED},
        catalogue=load_catalogue(settings.root),
        checks=checks,
        quality=quality.table(quality.remembered(settings).days),
        previous=before,
        history_words=described.get("kpis.kpi_history", {}),
    )


def _append_history(settings: Settings, lake: Lake, content: Content) -> Content:
    """Append what this publication changes to the lake; an attempt that died after this keeps its first time."""
    known = lake.history(content.publication_id)
    if known:
        with lake.engine() as con:
            found = con.execute("select min(published_at) from read_parquet(?)", [lake.locate(known.path)]).fetchone()
        return content.at(found[0]) if found and found[0] else content
    with lake.engine() as con:
        con.execute("set TimeZone = 'UTC'")
        con.execute(f"attach '{settings.warehouse}' as build (read_only)")
        table = history.changes(
            con,
            "build.kpis.kpi_values",
            publication_file.history_relation(_history_files(lake)),
            publication_id=content.publication_id,
            published_at=content.published_at,
            corrected=content.corrections != content.previous.get("corrections", content.corrections),
            redefined=publication_file.redefined(content),
        )
    lake.append_history(content.publication_id, table)
    return content


def _history_files(lake: Lake) -> list[str]:
    return [lake.schema_file("history"), *(lake.locate(e.path) for e in lake.entries("history"))]


def _record_success(settings: Settings) -> None:
    version = current(settings)
    published = publication_file.read_publication(version) if version else {}
    _write_status(settings, True, "", [], published.get("published_at"))


def _write_status(
    settings: Settings, succeeded: bool, reason: str, failed_checks: list[str], published_at: datetime | None
) -> None:
    if published_at and published_at.tzinfo is None:
        published_at = published_at.replace(tzinfo=UTC)
    status = {
        "attempted_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "succeeded": succeeded,
        "reason": reason,
        "failed_checks": failed_checks,
        "published_at": published_at.isoformat() if published_at else None,
    }
    durable.write_text(settings.versions / "STATUS.json", json.dumps(status, indent=1) + "\n")
