"""The published version: what portal, API and every other reader see."""

import dagster as dg

from almanac.checks import CheckResult
from almanac.errors import AlmanacError
from almanac.publish import Publication, publish, record_failure
from almanac.settings import Settings
from almanac.state import open_state, shown_since
from almanac.versions import read_status
from orchestration.assets.arrivals import ARRIVALS
from orchestration.assets.models import LOAD_LOG
from orchestration.lag import lag
from orchestration.queues import AGGREGATION
from orchestration.resources import Almanac, lineage_of
from orchestration.translator import DATA_TEAM, LAYER

VERSION = dg.AssetKey(["published", "version"])


@dg.asset(
    key=VERSION,
    deps=[LOAD_LOG, ARRIVALS],
    group_name="published",
    pool=AGGREGATION,
    description="The version that readers see: an immutable copy of the marts and KPIs, switched to in one step. "
    "Asked for by a run in which anything failed, it stays the old one.",
    owners=[DATA_TEAM],
    kinds={"duckdb"},
    tags={LAYER: "published"},
    metadata={"docs": "docs/architecture.md"},
)
def version(context: dg.AssetExecutionContext, almanac: dg.ResourceParam[Almanac]) -> dg.MaterializeResult[None]:
    """Publish the warehouse, guarded by every result; without a change the current version stays."""
    publication = publish_built(almanac, context.run)
    status = read_status(almanac.settings)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(publication.version.id),
        metadata={
            "version": publication.version.id,
            "new": publication.is_new,
            "published at (UTC)": status.published_at.isoformat() if status.published_at else "never",
            "bytes": publication.version.path.stat().st_size,
            "file": dg.MetadataValue.path(publication.version.path),
            **_waited(almanac.settings),
            **_served(publication),
        },
    )


def _waited(settings: Settings) -> dict[str, float]:
    """How long the newest arrival in the version had been there when readers first saw it."""
    state = open_state(settings)
    try:
        shown = shown_since(state)
    finally:
        state.close()
    if not shown:
        return {}
    return lag("seconds from the newest arrival to readers", shown[-1].arrived_until, shown[-1].shown_at)


def _served(publication: Publication) -> dict[str, str]:
    """What PostgreSQL serves, if it is to."""
    if publication.serving is None:
        return {}
    return {"PostgreSQL": "; ".join([publication.serving.version_id, *publication.serving.notes])}


def publish_built(almanac: Almanac, run: dg.DagsterRun) -> Publication:
    """Publish what is built, guarded by what this `run` knows of it.

    Raises dg.Failure, with a note for readers, if a check blocks it or it cannot be done.
    """
    results: list[CheckResult] = []
    try:
        results = almanac.judgement.known(almanac.settings)
        return publish(almanac.settings, results, lineage_of(almanac.settings, run))
    except AlmanacError as error:
        if not any(result.blocks for result in results):  # a blocking check has left its own note
            record_failure(almanac.settings, str(error), [])
        raise dg.Failure(str(error), allow_retries=False) from error
