"""The job that builds some days of arrival once more; its days are given in the launchpad of Dagster's page."""

from datetime import date

import dagster as dg
from pydantic import Field

from almanac.backfill import CHUNK_DAYS, Backfill, Chunk, Span, run_backfill
from almanac.build import BuildResult
from almanac.errors import AlmanacError
from orchestration.assets.published import publish_built
from orchestration.resources import Almanac, lineage_of


class BackfillConfig(dg.Config):
    """What to build once more. Days are days of arrival (UTC), written like 2026-03-01."""

    first_day: str = Field(description="The first day of arrival, such as 2026-03-01.")
    last_day: str = Field(description="The last day of arrival; it is part of the backfill.")
    tenant: str | None = Field(default=None, description="Only what this tenant sent; all tenants if it is left out.")
    chunk_days: int = Field(default=CHUNK_DAYS, ge=1, description="How many days are one build.")


@dg.op(description="Builds the days chunk by chunk. Stopped or failed, a new run goes on with the first chunk left.")
def build_once_more(context: dg.OpExecutionContext, config: BackfillConfig, almanac: dg.ResourceParam[Almanac]) -> None:
    """Run the backfill, then publish."""

    def say(made: Backfill, chunk: Chunk, result: BuildResult) -> None:
        done = len(made.chunks) - len(made.waiting)
        days = f"{chunk.span.first} to {chunk.span.last}"
        context.log.info("%d of %d: %s, %d landings", done, len(made.chunks), days, result.pending)

    try:
        span = Span(_day(config.first_day), _day(config.last_day), config.tenant)
        made = run_backfill(
            almanac.settings,
            span,
            chunk_days=config.chunk_days,
            runner=almanac.runner,
            on_event=almanac.on_event,
            on_chunk=say,
            parent=lineage_of(almanac.settings, context.run),
        )
    except AlmanacError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    publication = publish_built(almanac, context.run)
    context.add_output_metadata({"chunks": len(made.chunks), "version": publication.version.id})


@dg.job(
    name="backfill",
    description="Builds what arrived in some days once more from the lake, some days at a time, and publishes it. "
    "Give the days in the launchpad.",
    executor_def=dg.in_process_executor,
    # 0: without the time limit of other runs; how long it takes is a matter of how many days it spans.
    tags={"almanac/writes": "warehouse", "dagster/max_runtime": "0"},
)
def backfill() -> None:
    """The job."""
    build_once_more()


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise AlmanacError(f"{text!r} is no day; write it like 2026-03-01") from None
