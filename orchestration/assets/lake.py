"""The lake as Dagster shows it: what has arrived from the sources, and the tracking plan by which it was judged."""

from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg

from ingestion.lake import Lake
from ingestion.lake_manifest import Entry
from orchestration.assets.sources import tell_arrivals
from orchestration.lag import lag
from orchestration.resources import Almanac
from orchestration.translator import DATA_TEAM, LAKE, LAYER, TRACKING_PLAN

tracking_plan = dg.AssetSpec(
    key=TRACKING_PLAN,
    group_name="tracking_plan",
    description="The tracking plan: one contract per event, the tenants with their time zones and names of events.",
    owners=[DATA_TEAM],
    kinds={"yaml"},
    tags={LAYER: "sources"},
    metadata={"docs": "docs/architecture.md", "file": "ingestion/tracking_plan/"},
)


def build_lake(sources: Sequence[dg.AssetSpec]) -> dg.AssetsDefinition:
    """The asset that takes stock of the lake, and tells the assets of `sources` which days have arrived."""
    keys = [source.key for source in sources]

    @dg.asset(
        key=LAKE,
        deps=keys,
        group_name="lake",
        description="Every event that arrived, untouched, in immutable Parquet files: events, quarantine and counters "
        "by tenant and day of arrival. The collector and the file sources write it; a run takes stock of it.",
        owners=[DATA_TEAM],
        kinds={"parquet"},
        tags={LAYER: "lake"},
        metadata={"docs": "docs/lake.md"},
    )
    def landings(context: dg.AssetExecutionContext, almanac: dg.ResourceParam[Almanac]) -> dg.MaterializeResult[None]:
        """Count what has landed so far; the version changes only when something has."""
        entries = Lake.open(almanac.settings).entries()
        events = [entry for entry in entries if entry.kind == "events"]
        newest = max((entry.received_max for entry in events if entry.received_max), default=None)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": sum(entry.rows for entry in events),
                "bytes": sum(entry.bytes for entry in entries),
                "landings": len({part for entry in events for part in entry.parts}),
                "files": len(entries),
                "quarantined": sum(entry.rows for entry in entries if entry.kind == "quarantine"),
                "days of arrival told": tell_arrivals(context.instance, keys, entries, datetime.now(UTC)),
                "newest arrival (UTC)": newest or "nothing yet",
                **lag("seconds since the newest arrival", newest),
                "by tenant": dg.MetadataValue.md(_by_tenant(events)),
            }
        )

    return landings


def _by_tenant(events: list[Entry]) -> str:
    rows = ["| tenant | source | events | bytes |", "|---|---|---:|---:|"]
    for tenant, source in sorted({(entry.tenant, entry.source) for entry in events}):
        own = [entry for entry in events if (entry.tenant, entry.source) == (tenant, source)]
        count, size = sum(entry.rows for entry in own), sum(entry.bytes for entry in own)
        rows.append(f"| {tenant} | {source} | {count:,} | {size:,} |")
    return "\n".join(rows)
