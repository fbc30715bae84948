"""The job that leads from the lake to published numbers."""

import dagster as dg

daily = dg.define_asset_job(
    name="daily",
    selection=dg.AssetSelection.all(),
    description="From the lake to published numbers: take stock, build and test what has arrived, judge the arrivals, "
    "publish. Whatever fails ends the run, and readers keep the numbers they have.",
    # One process for the four steps: starting one for each would cost more than their work.
    executor_def=dg.in_process_executor,
    tags={"almanac/writes": "warehouse", "dagster/max_runtime": "21600"},
)
"""`almanac/writes` is what `dagster.yaml` allows once at a time."""
