"""The job that looks after the lake: is every file what was written, and are closed days one file each."""

import dagster as dg

from almanac.locks import any_held
from ingestion.lake import Lake
from ingestion.lake_replaced import KEEP
from orchestration.resources import Almanac


@dg.op(description="Compares every file of the lake with the manifest: its size and every byte.")
def verify_lake(context: dg.OpExecutionContext, almanac: dg.ResourceParam[Almanac]) -> dg.Output[None]:
    """Fail with the first problem, all of them in the log."""
    lake = Lake.open(almanac.settings)
    entries = lake.entries()
    problems = [str(problem) for problem in lake.verify()]
    for problem in problems:
        context.log.error(problem)
    if problems:
        raise dg.Failure(
            f"{problems[0]}; {len(problems):,} problems in all, and builds stop at them", allow_retries=False
        )
    return dg.Output(None, metadata={"files": len(entries), "bytes": sum(entry.bytes for entry in entries)})


@dg.op(
    ins={"verified": dg.In(dg.Nothing)},
    description="Makes one file of each tenant's closed day, and deletes what was replaced and is read no more.",
)
def compact_lake(almanac: dg.ResourceParam[Almanac]) -> dg.Output[None]:
    """Compact; no row changes, and it is no work for a build."""
    lake = Lake.open(almanac.settings)
    # A build may be reading files that were replaced.
    building = any_held(almanac.settings.home / "warehouse")
    done = lake.compact(keep=None if building else KEEP)
    return dg.Output(None, metadata={"replaced": done.replaced, "written": done.written, "deleted": done.deleted})


@dg.job(
    name="lake_upkeep",
    description="Verifies every file of the lake, then makes few files of many. Safe beside collectors and builds.",
    executor_def=dg.in_process_executor,
    tags={"dagster/max_runtime": "21600"},
)
def lake_upkeep() -> None:
    """The job."""
    compact_lake(verify_lake())
