"""The sources as Dagster shows them: what feeds the lake, a partition for each day of arrival."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg

from almanac.errors import AlmanacError
from ingestion.lake_entries import Entry, received_on
from ingestion.sources.fetched_source import fetched_names, load_fetched
from ingestion.sources.mapping import load_mapping, mapping_names
from ingestion.tracking_plan import Plan
from orchestration.translator import DATA_TEAM, LAYER

Named = tuple[str, str]  # a tenant and its source
AGAIN = timedelta(hours=1)
FILES_AND_FETCHED, COLLECTOR = "docs/sources.md", "docs/collector.md"


@dataclass(frozen=True)
class Arrived:
    """What a source brought on one day of arrival (UTC), as it lies in the lake now."""

    rows: int = 0
    refused: int = 0
    bytes: int = 0
    files: int = 0
    newest: str = ""

    def with_file(self, entry: Entry) -> "Arrived":
        """Together with one more file of that day."""
        is_refused = entry.kind == "quarantine"
        return Arrived(
            rows=self.rows + (0 if is_refused else entry.rows),
            refused=self.refused + (entry.rows if is_refused else 0),
            bytes=self.bytes + entry.bytes,
            files=self.files + 1,
            newest=max(self.newest, entry.received_max or ""),
        )


def build_sources(plan: Plan, root: Path) -> list[dg.AssetSpec]:
    """An asset for each source that a tenant of `plan` lists: no run makes it, its partitions are told of what came."""
    return [
        _spec(plan, (tenant.tenant, source), *_kind(plan, root, (tenant.tenant, source)))
        for tenant in sorted(plan.tenants.values(), key=lambda tenant: tenant.tenant)
        for source in sorted(tenant.sources)
    ]


def source_key(named: Named) -> dg.AssetKey:
    """The key of a source's asset."""
    return dg.AssetKey(["sources", *named])


def days_of(named: Named) -> dg.DynamicPartitionsDefinition:
    """The partitions of a source: every day from its first arrival to its newest, so that a day without any is seen."""
    return dg.DynamicPartitionsDefinition(name="/".join(["sources", *named]))


def tell_arrivals(
    instance: dg.DagsterInstance, sources: Iterable[dg.AssetKey], entries: Iterable[Entry], now: datetime
) -> int:
    """Tell Dagster of the days of arrival that changed since it was last told; returns how many.

    `sources` are the keys of the sources' assets; of others nothing is told. A day that is not over at `now` (aware) is
    told again after an hour: what is told outlives the runs, and in production there is one each minute.
    """
    known = set(sources)
    told = 0
    for named, days in _by_day(entries).items():
        if source_key(named) in known:
            told += _tell(instance, named, days, now)
    return told


def _tell(instance: dg.DagsterInstance, named: Named, days: Mapping[str, Arrived], now: datetime) -> int:
    cursor = "/".join(["almanac", "sources", *named])
    said = instance.daemon_cursor_storage.get_cursor_values({cursor}).get(cursor, "{}")
    remembered: dict[str, dict[str, object]] = json.loads(said)
    changed = [day for day in sorted(days.keys() | remembered.keys()) if _is_news(day, days, remembered, now)]
    if not changed:
        return 0
    partitions = days_of(named).name
    assert partitions
    instance.add_dynamic_partitions(partitions, _all_days(min([changed[0], *days]), max([changed[-1], *days])))
    for day in changed:
        arrived = days.get(day, Arrived())  # erased altogether: nothing is left
        instance.report_runless_asset_event(_materialization(named, day, arrived))
        remembered[day] = {**asdict(arrived), "told_at": now.isoformat()}
    instance.daemon_cursor_storage.set_cursor_values({cursor: json.dumps(remembered)})
    return len(changed)


def _is_news(
    day: str, days: Mapping[str, Arrived], remembered: Mapping[str, Mapping[str, object]], now: datetime
) -> bool:
    last = dict(remembered.get(day, {}))
    told_at = last.pop("told_at", None)
    if last == asdict(days.get(day, Arrived())):
        return False
    is_over = day < now.astimezone(UTC).date().isoformat()
    return is_over or told_at is None or now - datetime.fromisoformat(str(told_at)) >= AGAIN


def _materialization(named: Named, day: str, arrived: Arrived) -> dg.AssetMaterialization:
    return dg.AssetMaterialization(
        source_key(named),
        partition=day,
        metadata={
            "dagster/partition_row_count": arrived.rows,
            "refused": arrived.refused,
            "bytes": arrived.bytes,
            "files": arrived.files,
            "newest arrival (UTC)": arrived.newest or "nothing is left of this day",
        },
    )


def _by_day(entries: Iterable[Entry]) -> dict[Named, dict[str, Arrived]]:
    found: dict[Named, dict[str, Arrived]] = {}
    for entry in entries:
        if entry.kind in ("events", "quarantine", "tables"):
            days = found.setdefault((entry.tenant, entry.source), {})
            day = received_on(entry).isoformat()
            days[day] = days.get(day, Arrived()).with_file(entry)
    return found


def _all_days(first: str, last: str) -> list[str]:
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    return [(start + timedelta(days=n)).isoformat() for n in range((end - start).days + 1)]


def _spec(plan: Plan, named: Named, kind: str, title: str, docs: str) -> dg.AssetSpec:
    tenant = plan.tenants[named[0]]
    expected = {"daily": "Expected every day.", "never": "Expected on no particular day."}
    words = f"{title or 'Events that arrive at the collector'}, for {tenant.title}. "
    return dg.AssetSpec(
        key=source_key(named),
        partitions_def=days_of(named),
        group_name="sources",
        description=f"{words}{expected[tenant.sources[named[1]].expected]} A partition is a day of arrival (UTC); one "
        "that is missing is a day on which nothing came.",
        owners=[DATA_TEAM],
        kinds={kind},
        tags={LAYER: "sources", "almanac/tenant": named[0]},
        metadata={"docs": docs, "file": f"ingestion/tracking_plan/tenants/{named[0]}.yml"},
    )


def _kind(plan: Plan, root: Path, named: Named) -> tuple[str, str, str]:
    """What a source is, its title, and where it is explained. A mapping that is wrong stops no other source."""
    tenant, source = named
    try:
        if source in mapping_names(root) and (mapping := load_mapping(root, source, plan)).tenant == tenant:
            return mapping.format, mapping.title, FILES_AND_FETCHED
        if source in fetched_names(root) and (fetched := load_fetched(root, source, plan)).tenant == tenant:
            return fetched.kind, fetched.title, FILES_AND_FETCHED
    except AlmanacError as error:
        return "yaml", f"Cannot be read: {error}", FILES_AND_FETCHED
    return "http", "", COLLECTOR
