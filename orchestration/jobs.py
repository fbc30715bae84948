"""The jobs: from the lake to published numbers in one run or in two, upkeep of the lake, review of a quarter."""

import dagster as dg

from orchestration.assets.arrivals import ARRIVALS
from orchestration.assets.models import LOAD_LOG
from orchestration.assets.published import VERSION
from orchestration.backfills import backfill
from orchestration.quality import quality_review
from orchestration.queues import AGGREGATION, in_queue
from orchestration.upkeep import lake_upkeep

# What `dagster.yaml` allows once at a time.
_WRITES = {"almanac/writes": "warehouse"}
_LIMITED = {**_WRITES, **in_queue(AGGREGATION)}

daily = dg.define_asset_job(
    name="daily",
    selection=dg.AssetSelection.all(),
    description="From the lake to published numbers: take stock, build and test what has arrived, judge the arrivals, "
    "publish. Whatever fails ends the run, and readers keep the numbers they have.",
    # One process for the four steps: starting one for each would cost more than their work.
    executor_def=dg.in_process_executor,
    tags=_LIMITED,
)

increment = dg.define_asset_job(
    name="increment",
    selection=dg.AssetSelection.assets(LOAD_LOG).upstream(),
    description="The first half of `daily`: take stock, build and test what has arrived. Readers see none of it yet.",
    executor_def=dg.in_process_executor,
    tags=_LIMITED,
)

publication = dg.define_asset_job(
    name="publication",
    selection=dg.AssetSelection.assets(ARRIVALS, VERSION),
    description="The second half of `daily`: judge the arrivals and publish what is built. Without a change the "
    "current version stays.",
    executor_def=dg.in_process_executor,
    tags=_LIMITED,
)

QUEUED = (daily, increment, publication)
OTHERS = (lake_upkeep, quality_review)  # what builds and publishes nothing
JOBS = (*QUEUED, backfill, *OTHERS)
