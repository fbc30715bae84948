"""The content of a published version: the published relations, the KPI catalogue, the checks, the publication."""

import json
import os
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from shutil import copyfile as copy_file
from typing import Any, Self

import duckdb
import pyarrow as pa

from almanac import durable
from almanac.checks import CheckResult
from almanac.kpis import Catalogue, Kpi
from almanac.load_log import fingerprint
from almanac.object_store import let_read
from almanac.publication_words import WRITTEN
from almanac.settings import Settings
from almanac.version_tables import Source, bring, comment, has_many_holes
from almanac.versions import Version

# Readers filter the long table by KPI and grain: stored in that order, a series is one small range.
ORDER = {
    "kpi_values": "tenant, kpi, time_grain, dimension, dimension_value, period_start",
    "kpi_hourly_values": "tenant, kpi, hour_start",
}
# How DuckDB says that a file is damaged or not to be opened; a statement that is wrong must not be hidden by these.
UNREADABLE = (
    duckdb.IOException,
    duckdb.ConnectionException,
    duckdb.SerializationException,
    duckdb.InternalException,
    duckdb.FatalException,
)


@dataclass(frozen=True)
class Content:
    """Everything a version holds beside the copied relations. Times are naive UTC."""

    publication_id: str
    published_at: datetime
    data_as_of: datetime
    state: str
    corrections: int
    relations: dict[str, dict[str, str]]  # `schema.name` in the build file -> description by column ('': its own)
    catalogue: Catalogue
    checks: list[CheckResult]
    quality: pa.Table  # what checks said, by day and subject (almanac/quality.py)
    previous: dict[str, Any] = field(default_factory=dict)  # the publication it follows
    history_words: dict[str, str] = field(default_factory=dict)  # description of `kpi_history` by column

    def at(self, published_at: datetime) -> Self:
        """The same content with another publication time."""
        return replace(self, published_at=published_at)


def write(settings: Settings, content: Content, history_files: list[str], before: Version | None = None) -> Version:
    """Write `versions/<id>.duckdb`: aside under a temporary name, checked for leftovers, fsync, rename.

    With the version `before`, the file begins as a copy of it and only what differs is written; one that cannot be
    read is left alone. A version that is there already is whole (a crash after the rename, or a rollback): it is never
    replaced.
    """
    path = settings.versions / f"{content.publication_id}.duckdb"
    if path.exists():
        return Version(content.publication_id, path)
    temporary = path.with_name(path.name + ".tmp")
    try:
        _write_aside(temporary, settings, content, history_files, before)
    except UNREADABLE:
        if before is None:
            raise
        _write_aside(temporary, settings, content, history_files, None)
    if Path(f"{temporary}.wal").exists():
        raise RuntimeError(f"{temporary} still has a write-ahead log after its checkpoint")
    durable.sync_file(temporary)
    os.replace(temporary, path)
    durable.sync_folder(path.parent)
    return Version(content.publication_id, path)


def _write_aside(
    temporary: Path, settings: Settings, content: Content, history_files: list[str], before: Version | None
) -> None:
    for leftover in (temporary, Path(f"{temporary}.wal")):
        leftover.unlink(missing_ok=True)
    if before and not has_many_holes(before.path):
        copy_file(before.path, temporary)
    described = {relation.split(".")[1]: words for relation, words in content.relations.items()}
    sources = {r.split(".")[1]: Source(f"build.{r}", ORDER.get(r.split(".")[1], "")) for r in content.relations}
    with duckdb.connect(str(temporary)) as con:
        con.execute("set TimeZone = 'UTC'")
        let_read(con, settings.object_store)
        con.execute(f"attach '{settings.warehouse}' as build (read_only)")
        con.begin()  # one commit and one fsync instead of one a statement
        bring(con, {**sources, "kpi_history": Source(history_relation(history_files))})
        _create(con, "publication", [_publication_row(content)])
        _create(con, "kpi_catalogue", [_catalogue_row(k) for k in content.catalogue.kpis.values()])
        _create(con, "check_results", [_check_row(c) for c in content.checks] or [_check_row(NO_CHECK)])
        _store(con, "data_quality", content.quality)
        comment(con, {**described, "kpi_history": content.history_words, **WRITTEN})
        con.commit()
        con.execute("detach build")
        con.execute("checkpoint")


NO_CHECK = CheckResult("no checks", "lake", "", "warn", False, "This version was published without any check.")


def read_publication(version: Version) -> dict[str, Any]:
    """The row of `publication` of a version, with the definition hash of each KPI under `definitions`."""
    with duckdb.connect(str(version.path), read_only=True) as con:
        result = con.execute("select * from publication")
        names = [d[0] for d in result.description]
        row = dict(zip(names, result.fetchone() or (), strict=True))
        row["definitions"] = dict(con.execute("select kpi, definition_hash from kpi_catalogue").fetchall())
    return row


def redefined(content: Content) -> list[str]:
    """KPIs whose definition differs from that of the publication before; empty for the first one."""
    before = content.previous.get("definitions") or {}
    return [
        name for name, kpi in content.catalogue.kpis.items() if name in before and before[name] != definition_hash(kpi)
    ]


def definition_hash(kpi: Kpi) -> str:
    """Hash of what a KPI's value depends on: its measures and factors and when it is complete, not its words."""
    ahead, back = kpi.settings.matures_after_days, kpi.settings.looks_back_days
    sides = [
        [
            (
                t.factor,
                t.measure.fact,
                t.measure.agg,
                t.measure.expr,
                *(["level"] if t.measure.is_level else []),
                *(["period"] if t.measure.is_of_period else []),
                *([t.measure.percentile] if t.measure.percentile else []),
            )
            for t in side
        ]
        for side in (kpi.numerator, kpi.denominator)
    ]
    return fingerprint([*sides, *([ahead] if ahead else []), *([["back", back]] if back else [])])


def history_relation(files: list[str]) -> str:
    """A table expression over the history files of the lake (the zero-row schema file first)."""
    listed = ", ".join("'" + f.replace("'", "''") + "'" for f in files)
    return f"read_parquet([{listed}], union_by_name = true, hive_partitioning = false)"


def _create(con: duckdb.DuckDBPyConnection, name: str, rows: list[dict[str, Any]]) -> None:
    table = pa.Table.from_pylist(rows)
    # A column that is null in every row has no type of its own.
    types = [
        pa.float64() if f.name == "target" else pa.string() if f.type == pa.null() else f.type for f in table.schema
    ]
    _store(con, name, table.cast(pa.schema(list(zip(table.column_names, types, strict=True)))))


def _store(con: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
    con.register("rows_to_store", table)
    con.execute(f"create table {name} as from rows_to_store")
    con.unregister("rows_to_store")


def _publication_row(content: Content) -> dict[str, Any]:
    return {
        "publication_id": content.publication_id,
        "published_at": content.published_at,
        "data_as_of": content.data_as_of,
        "definitions_hash": fingerprint([definition_hash(k) for k in content.catalogue.kpis.values()]),
        "state": content.state,
        "corrections": content.corrections,
    }


def _catalogue_row(kpi: Kpi) -> dict[str, Any]:
    s = kpi.settings
    return {
        "kpi": kpi.name,
        "title": s.title,
        "description": kpi.description,
        "owner": s.owner,
        "unit": s.unit,
        "format": s.format,
        "direction": s.direction,
        "formula": s.formula,
        "numerator_label": kpi.numerator_label,
        "denominator_label": kpi.denominator_label,
        "is_additive": kpi.is_additive,
        "is_level": kpi.is_level,
        "time_grains": json.dumps(s.time_grains),
        "dimensions": json.dumps(s.dimensions),
        "target": s.target,
        "threshold": s.threshold.model_dump_json(exclude_none=True) if s.threshold else None,
        "runbook": s.runbook,
        "only_with": s.only_with,
        "facts": json.dumps(kpi.facts),
        "definition_hash": definition_hash(kpi),
    }


def _check_row(check: CheckResult) -> dict[str, Any]:
    return {
        "name": check.name,
        "kind": check.kind,
        "subject": check.subject,
        "severity": check.severity,
        "passed": check.passed,
        "message": check.message,
    }
