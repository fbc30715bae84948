"""The load log (`ctl`): which landings are built, what is pending, and the flags that survive a failed run.

It lies in the warehouse itself and is written before and after dbt, never by a model. What is new is "manifest minus
built", a set difference, never a watermark in time.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from almanac.checks import CheckResult
from almanac.engines import Engine
from almanac.local_days import local_days

TABLES = {
    "file": "file_id uuid, tenant varchar, path varchar, version bigint, built_version bigint, built_by_run varchar",
    "changed": "producer varchar, kind varchar, tenant varchar, entity varchar, since timestamp",
    "replaced": "model varchar, tenant varchar, entity varchar, since timestamp",
    "cause": "run_id varchar, producer varchar, kind varchar, tenant varchar, entity varchar, since timestamp",
    "tenant": "tenant varchar, title varchar, business varchar, time_zone varchar, currency varchar",
    "outside_event": "event varchar",
    "property": "event varchar, property varchar, type varchar, is_required boolean",
    "local_day": "time_zone varchar, utc_date date, offset_seconds integer, changes_at timestamp, "
    "offset_after_seconds integer",
    "lake_file": "kind varchar, path varchar, tenant varchar, file_hash varchar",
    "lake_schema": "kind varchar, path varchar",
    "state": "name varchar, value varchar",
    "backfill": "backfill_id varchar, tenant varchar, first_day date, last_day date, chunk_first date, "
    "chunk_last date, run_id varchar, started_at timestamp, finished_at timestamp",
    "check_result": "name varchar, kind varchar, subject varchar, severity varchar, passed boolean, message varchar",
}

GONE = 0  # the version of a landing that left the lake; no build ever makes it the built one


@dataclass(frozen=True)
class Landing:
    """One landing as the manifest lists it now: the physical file that holds it and its version (1 as it landed)."""

    file_id: str
    tenant: str
    path: str
    version: int


@dataclass(frozen=True)
class TenantRow:
    """A tenant as the warehouse knows it."""

    tenant: str
    title: str
    business: str
    time_zone: str
    currency: str


class LoadLog:
    """The `ctl` schema of one open warehouse."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        engine.execute("create schema if not exists ctl")
        for name, columns in TABLES.items():
            engine.execute(f"create table if not exists ctl.{name} ({columns})")
        self._widen()

    def _widen(self) -> None:
        """A load log made when versions were small counters, and changed keys had changed over all of time.

        Or when all small files were read by each build.
        """
        for table in ("changed", "cause"):
            if "since" not in self.engine.column_types("ctl", table):
                self.engine.execute(f"alter table ctl.{table} add column since timestamp")
        if "file_hash" not in self.engine.column_types("ctl", "lake_file"):
            for name in ("tenant", "file_hash"):  # filled anew by each build
                self.engine.execute(f"alter table ctl.lake_file add column {name} varchar")
        types = self.engine.column_types("ctl", "file")
        for name in ("version", "built_version"):
            if types[name] == "integer":
                self.engine.execute(f"alter table ctl.file alter column {name} type bigint")

    def state(self, name: str) -> str | None:
        """A remembered value, or None."""
        rows = self.engine.execute("select value from ctl.state where name = ?", [name])
        return rows[0][0] if rows else None

    def remember(self, name: str, value: str | None) -> None:
        """Set or (None) forget a remembered value."""
        self.engine.execute("delete from ctl.state where name = ?", [name])
        if value is not None:
            self.engine.execute("insert into ctl.state values (?, ?)", [name, value])

    def sync_landings(self, landings: Iterable[Landing]) -> None:
        """Take over the manifest's landings: new ones come in pending, moved ones change path only.

        A landing that the manifest no longer lists (a lake restored from a back-up) loses its path and is pending until
        a build is through, even if it was never built: a failed run may have taken rows from it.
        """
        now = {one.file_id: one for one in landings}
        known = {
            str(file_id): (path, version)
            for file_id, path, version in self.engine.execute("select file_id, path, version from ctl.file")
        }
        stale = [i for i, stands in known.items() if i not in now or stands != (now[i].path, now[i].version)]
        with self.engine.transaction():
            built = self._take_out(stale)
            fresh = [i for i in now if i not in known]
            self.engine.insert(
                "ctl.file",
                [
                    (i, now[i].tenant, now[i].path, now[i].version, *built.get(i, (None, None, None))[1:])
                    for i in (*fresh, *(s for s in stale if s in now))
                ],
            )
            self.engine.insert("ctl.file", [(i, built[i][0], None, GONE, *built[i][1:]) for i in stale if i not in now])

    def _take_out(self, file_ids: Sequence[str]) -> dict[str, tuple[Any, ...]]:
        if not file_ids:
            return {}
        self.engine.execute("create temporary table stale (file_id uuid)")
        self.engine.insert("stale", [(i,) for i in file_ids])
        rows = self.engine.execute(
            "select file_id, tenant, built_version, built_by_run from ctl.file "
            "where file_id in (select file_id from stale)"
        )
        self.engine.execute("delete from ctl.file where file_id in (select file_id from stale)")
        self.engine.execute("drop table stale")
        return {str(r[0]): r[1:] for r in rows}

    def pending(self) -> list[Landing]:
        """Landings whose version is not the built one; an empty path means that it left the lake."""
        rows = self.engine.execute(
            "select file_id, tenant, path, version from ctl.file where version is distinct from built_version"
        )
        return [Landing(str(i), tenant, path or "", version) for i, tenant, path, version in rows]

    def mark_not_built(self, file_ids: Sequence[str]) -> None:
        """Make these landings pending, whether they were built or not."""
        if file_ids:
            self.engine.execute("create temporary table again (file_id uuid)")
            self.engine.insert("again", [(i,) for i in file_ids])
            self.engine.execute("update ctl.file set built_version = null where file_id in (select file_id from again)")
            self.engine.execute("drop table again")

    def replace_lake_files(
        self, files: Iterable[tuple[str, str, str, str]], schemas: Iterable[tuple[str, str]]
    ) -> None:
        """Take over the quarantine, counters, replays, tables and history files, and the zero-row schema files.

        A file comes as kind, path, tenant and SHA-256, a schema file as kind and path.
        """
        with self.engine.transaction():
            for table, rows in (("lake_file", files), ("lake_schema", schemas)):
                self.engine.execute(f"delete from ctl.{table}")
                self.engine.insert(f"ctl.{table}", rows)

    def replace_tenants(self, tenants: Iterable[TenantRow], landed: Collection[str]) -> None:
        """Take over the tenants of the tracking plan, with the local days of the time zones of those that `landed`.

        A zone has 33,000 days; what nobody has an event in would be most of a small warehouse. The days of a zone whose
        landings all left the lake go with them: a warehouse made anew would not have them either.
        """
        tenants = list(tenants)
        with self.engine.transaction():
            self._replace("tenant", [(t.tenant, t.title, t.business, t.time_zone, t.currency) for t in tenants])
            known = {r[0] for r in self.engine.execute("select distinct time_zone from ctl.local_day")}
            wanted = {t.time_zone for t in tenants if t.tenant in landed}
            for zone in sorted(known - wanted):
                self.engine.execute("delete from ctl.local_day where time_zone = ?", [zone])
            for zone in sorted(wanted - known):
                self.engine.insert_table("ctl.local_day", local_days(zone))

    def replace_properties(self, properties: Iterable[tuple[str, str, str, bool]]) -> None:
        """Take over what the tracking plan declares: event, property, its type, and whether it is required."""
        with self.engine.transaction():
            self._replace("property", list(properties))

    def replace_outside_events(self, events: Iterable[str]) -> None:
        """Take over the events that, by their contracts, are no part of a visit."""
        with self.engine.transaction():
            self._replace("outside_event", [(event,) for event in events])

    def _replace(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        if set(self.engine.execute(f"select * from ctl.{table}")) != set(rows):  # most builds change nothing of it
            self.engine.execute(f"delete from ctl.{table}")
            self.engine.insert(f"ctl.{table}", rows)

    def begin(self, full_refresh: bool) -> None:
        """Mark what is pending as not built, so that a landing restored after a failure does not look built."""
        with self.engine.transaction():
            self.engine.execute("update ctl.file set built_version = null where version is distinct from built_version")
            self.engine.execute("delete from ctl.replaced")
            self.remember("full_refresh", "true" if full_refresh else self.state("full_refresh"))

    def record_checks(self, results: Iterable[CheckResult]) -> None:
        """Keep the results of this run's checks; a run that built nothing keeps the earlier ones."""
        with self.engine.transaction():
            self.engine.execute("delete from ctl.check_result")
            self.engine.insert(
                "ctl.check_result",
                [(r.name, r.kind, r.subject, r.severity, r.passed, r.message) for r in results],
            )

    def commit(self, run_id: str, remembered: dict[str, str]) -> None:
        """Everything was selected and passed: what was pending is built, the changed keys are only a cause now."""
        with self.engine.transaction():
            if self.engine.execute(
                "select 1 from ctl.file where version > 1 and version is distinct from built_version"
            ):
                self.remember("corrections", str(int(self.state("corrections") or 0) + 1))
            self.engine.execute("delete from ctl.cause")
            self.engine.execute("insert into ctl.cause select ?, * from ctl.changed", [run_id])
            self.engine.execute(
                "update ctl.file set built_version = version, built_by_run = ? "
                "where version is distinct from built_version",
                [run_id],
            )
            self.engine.execute("delete from ctl.file where path is null")
            self.engine.execute("delete from ctl.changed")
            self.engine.execute("delete from ctl.replaced")
            self.remember("full_refresh", None)
            for name, value in remembered.items():
                self.remember(name, value)


def fingerprint(parts: Iterable[object]) -> str:
    """SHA-256 (hex) of a sequence of JSON-able values."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(json.dumps(part, sort_keys=True, default=str).encode())
        digest.update(b"\n")
    return digest.hexdigest()
