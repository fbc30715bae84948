"""Ways in which the incremental build could be wrong, each applied to a copy: every one of them must be caught.

A mutation changes the parsed manifest (a model's code, its meta, a macro) or a function of the load log. The seed is
one whose history catches it; it is kept, so that the test is the same on every machine.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from almanac.load_log import Landing, LoadLog

Patch = Callable[[Any], None]


@dataclass(frozen=True)
class Mutation:
    """One planted mistake and the seed of a history that shows it."""

    name: str
    seed: int
    patch: Patch | None = None
    replace: Callable[[pytest.MonkeyPatch], None] | None = None
    aim: Literal["full refresh", "restore", "compaction"] | None = None


def in_macro(name: str, *changes: tuple[str, str]) -> Patch:
    """Other text in a macro."""

    def patch(manifest: Any) -> None:
        macro = manifest.macros[f"macro.almanac.{name}"]
        macro.macro_sql = _changed(macro.macro_sql, changes)

    return patch


def in_model(name: str, *changes: tuple[str, str]) -> Patch:
    """Other text in a model's SQL."""

    def patch(manifest: Any) -> None:
        node = manifest.nodes[f"model.almanac.{name}"]
        node.raw_code = _changed(node.raw_code, changes)

    return patch


def in_meta(name: str, key: str, keep: Callable[[dict[str, str]], bool]) -> Patch:
    """Entries taken out of a list in what a model says of its incremental runs."""

    def patch(manifest: Any) -> None:
        incremental = manifest.nodes[f"model.almanac.{name}"].config.meta["incremental"]
        kept = [entry for entry in incremental[key] if keep(entry)]
        if len(kept) == len(incremental[key]):
            raise LookupError(f"{name}: nothing to take out")
        incremental[key] = kept

    return patch


def in_spec(name: str, path: tuple[str | int, ...], value: str) -> Patch:
    """Another value at a place of what a model says of its incremental runs."""

    def patch(manifest: Any) -> None:
        place = manifest.nodes[f"model.almanac.{name}"].config.meta["incremental"]
        for step in path[:-1]:
            place = place[step]
        if place[path[-1]] == value:
            raise LookupError(f"{name}: nothing to change")
        place[path[-1]] = value

    return patch


def _changed(text: str, changes: tuple[tuple[str, str], ...]) -> str:
    for old, new in changes:
        if old not in text:  # not an AssertionError: that would count as caught
            raise LookupError(f"the text to mutate is gone: {old}")
        text = text.replace(old, new)
    return text


def _forget_changed_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = LoadLog.begin

    def forget(self: LoadLog, full_refresh: bool) -> None:
        begin(self, full_refresh)
        self.engine.execute("delete from ctl.changed")

    monkeypatch.setattr(LoadLog, "begin", forget)


def _no_dirty_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    def begin(self: LoadLog, full_refresh: bool) -> None:
        self.remember("full_refresh", "true" if full_refresh else self.state("full_refresh"))

    monkeypatch.setattr(LoadLog, "begin", begin)


def _no_full_refresh_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    def begin(self: LoadLog, full_refresh: bool) -> None:
        self.engine.execute("update ctl.file set built_version = null where version is distinct from built_version")

    monkeypatch.setattr(LoadLog, "begin", begin)


def _compaction_builds(monkeypatch: pytest.MonkeyPatch) -> None:
    sync = LoadLog.sync_landings

    def marks_moved_as_built(self: LoadLog, landings: Iterable[Landing]) -> None:
        before = {str(file_id): path for file_id, path in self.engine.execute("select file_id, path from ctl.file")}
        sync(self, landings)
        for file_id, path in self.engine.execute("select file_id, path from ctl.file where path like '%compacted-%'"):
            if path != before.get(str(file_id), path):
                self.engine.execute("update ctl.file set built_version = version where file_id = ?", [file_id])

    monkeypatch.setattr(LoadLog, "sync_landings", marks_moved_as_built)


MUTATIONS = (
    Mutation(
        "built-in delete+insert: entities that became empty stay",
        0,
        in_macro(
            "get_incremental_replace_changed_sql",
            (
                "(select o.row_locator from {{ old_rows }} as o)",
                "(select o.row_locator from {{ old_rows }} as o where exists (select 1 from {{ new_rows }} as n "
                "where n.tenant = o.tenant and n.{{ spec.key }} = o.{{ spec.key }}))",
            ),
        ),
    ),
    Mutation("changed keys forgotten after a failure", 2, replace=_forget_changed_keys),
    Mutation(
        "anti-join with the target instead of equality with the winner",
        0,
        in_model(
            "fact_events",
            ("select file_id, ingest_row\n", "select message_id, file_id, ingest_row\n"),
            (
                "winners as w on w.file_id = l.file_id and w.ingest_row = l.ingest_row\n",
                "winners as w on w.message_id = l.message_id {% if is_incremental() %}and not exists "
                "(select 1 from {{ this }} as s where s.tenant = l.tenant "
                "and s.message_id = l.message_id and s.file_id not in "
                "(select c.file_id from fact_events__changed as c))"
                "{% else %}and w.file_id = l.file_id and w.ingest_row = l.ingest_row{% endif %}\n",
            ),
        ),
    ),
    Mutation(
        "copies ordered by landing instead of received_at",
        0,
        in_model(
            "int_events__keys", ("order by c.received_at, c.file_id, c.ingest_row", "order by c.file_id, c.ingest_row")
        ),
    ),
    Mutation(
        "lost ids not searched in other landings",
        1,
        in_macro(
            "prepare_event_keys",
            ("where\n            not exists", "where false and not exists"),
        ),
    ),
    Mutation(
        "only built landings lose winners",
        0,
        in_macro(
            "prepare_event_keys",
            (
                "select k.tenant, k.message_id from int_events__keys__standing as k\n    {%",
                "select k.tenant, k.message_id from int_events__keys__standing as k "
                "where k.file_id in (select f.file_id from {{ source('ctl', 'file') }} as f "
                "where f.version is distinct from f.built_version and f.built_version is not null)\n    {%",
            ),
        ),
    ),
    Mutation(
        "counters of files that left the lake stay",
        0,
        in_macro("duckdb__changed_lake_files", ("where f.file_hash is null or t.file_hash", "where t.file_hash")),
    ),
    Mutation(
        "rows of keys that had none before are not passed on",
        0,
        in_macro("differing_rows", ("not in (select", "in (select")),
    ),
    Mutation(
        "fact_events ignores propagated files",
        0,
        in_meta("fact_events", "changed", lambda origin: "producer" not in origin),
    ),
    Mutation(
        "the identity map does not propagate the anonymous id",
        0,
        in_meta("int_identity__map", "propagates", lambda passed: passed["entity"] != "anonymous_id"),
    ),
    Mutation(
        "a period with as many rows as before counts as the same",
        0,
        in_model("kpi_periods", ("{{ content_of(read) }}", "{{ content_of(['1']) }}")),
    ),
    Mutation(
        "no day's measures are made anew",
        0,
        in_spec("kpi_daily_measures", ("changed", 0, "kind"), "start"),
    ),
    Mutation(
        "a period that completed keeps saying that it is not",
        1,
        in_meta("kpi_values", "changed", lambda origin: "query" not in origin),
    ),
    Mutation(
        "nobody is told whose profile changed",
        0,
        in_meta("int_events__business", "propagates", lambda passed: False),
    ),
    Mutation("a failed full refresh is retried incrementally", 0, replace=_no_full_refresh_flag, aim="full refresh"),
    Mutation("pending landings are not marked dirty before a run", 3, replace=_no_dirty_mark, aim="restore"),
    Mutation("compaction marks its landings as built", 9, replace=_compaction_builds, aim="compaction"),
)
