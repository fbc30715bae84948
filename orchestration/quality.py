"""The job that looks back at a quarter's data quality."""

from datetime import UTC, datetime

import dagster as dg

from expectations.review import last_quarter, write_review
from orchestration.resources import Almanac


@dg.op(description="Writes the page of the last quarter that is over: scores, failed checks, what they never found.")
def review_quarter(almanac: dg.ResourceParam[Almanac]) -> dg.Output[None]:
    """Write the review; again, it is replaced."""
    period = last_quarter(datetime.now(UTC).date())
    page = write_review(almanac.settings, period)
    return dg.Output(None, metadata={"quarter": period.name, "page": dg.MetadataValue.path(page)})


@dg.job(
    name="quality_review",
    description="The review of the last quarter's data quality, from what the checks of its days said. It reads the "
    "application state and the tracking plan, and writes one page below the home.",
    executor_def=dg.in_process_executor,
    tags={"dagster/max_runtime": "600"},
)
def quality_review() -> None:
    """The job."""
    review_quarter()
