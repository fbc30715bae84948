"""The suite itself: Great Expectations on a pandas frame with one row per judged day of one source.

Great Expectations takes seconds to import, so this module is imported only when something is judged.
"""

# ruff: noqa: E402  (what is loaded later has to be said before Great Expectations is imported)
from typing import Any

from expectations.later import load_later

load_later("altair", "scipy", "scipy.stats")

import great_expectations as gx
import pandas as pd
from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults
from great_expectations.expectations.core.expect_column_pair_values_a_to_be_greater_than_b import (
    ExpectColumnPairValuesAToBeGreaterThanB,
)
from great_expectations.expectations.core.expect_column_values_to_be_between import (
    ExpectColumnValuesToBeBetween,
)
from great_expectations.expectations.core.expect_column_values_to_not_be_null import (
    ExpectColumnValuesToNotBeNull,
)
from great_expectations.expectations.core.expect_table_row_count_to_equal import (
    ExpectTableRowCountToEqual,
)

from expectations.arrivals import Judged
from expectations.profile import PROFILED

SUITE = "arriving_data"
COLUMNS = (
    "received",
    "received_min",
    "received_max",
    "late_share",
    "late_share_limit",
    "quarantined_share",
    "quarantined_share_limit",
    "repeated_share",
    "repeated_share_limit",
    "silent_columns",
    *PROFILED,
)


def frame(days: tuple[Judged, ...]) -> Any:
    """The days as a pandas frame: one row per day, columns `received_date` and `COLUMNS`."""
    rows = [
        {
            "received_date": j.day.received_date,
            "received": j.day.received,
            "received_min": j.received_min,
            "received_max": j.received_max,
            "late_share": j.late_share,
            "late_share_limit": j.late_share_limit,
            "quarantined_share": j.quarantined_share,
            "quarantined_share_limit": j.quarantined_share_limit,
            "repeated_share": j.repeated_share,
            "repeated_share_limit": j.repeated_share_limit,
            "silent_columns": len(j.silent),
            **{check: len(j.unusual.get(check, ())) for check in PROFILED},
        }
        for j in days
    ]
    return pd.DataFrame(rows, columns=["received_date", *COLUMNS])


def suite(expected_days: int) -> Any:
    """The expectations, each with the name of the check it belongs to in `meta`.

    Expectations on values pass on a frame without rows and on a column without values, so each check also asks that its
    columns are filled, and the first one that there are rows.
    """

    def at_least(check: str, larger: str, smaller: str) -> list[Any]:
        pair = ExpectColumnPairValuesAToBeGreaterThanB(
            column_A=larger, column_B=smaller, or_equal=True, ignore_row_if="neither", meta={"check": check}
        )
        return [pair, filled(check, larger), filled(check, smaller)]

    def filled(check: str, column: str) -> Any:
        return ExpectColumnValuesToNotBeNull(column=column, meta={"check": check})

    def none(check: str, column: str) -> list[Any]:
        return [ExpectColumnValuesToBeBetween(column=column, max_value=0, meta={"check": check}), filled(check, column)]

    return gx.ExpectationSuite(
        name=SUITE,
        expectations=[
            ExpectTableRowCountToEqual(value=expected_days, meta={"check": "every_day_is_present"}),
            *at_least("rows_are_usual", "received", "received_min"),
            *at_least("rows_are_usual", "received_max", "received"),
            *at_least("late_share_is_usual", "late_share_limit", "late_share"),
            *at_least("quarantined_share_is_usual", "quarantined_share_limit", "quarantined_share"),
            *at_least("repeated_share_is_usual", "repeated_share_limit", "repeated_share"),
            *none("no_column_is_silent", "silent_columns"),
            *(one for check in PROFILED for one in none(check, check)),
        ],
    )


class Validator:
    """Validates frames in one context that keeps nothing and writes nothing."""

    def __init__(self) -> None:
        in_memory = InMemoryStoreBackendDefaults(init_temp_docs_sites=False)
        self._context = gx.get_context(
            mode="ephemeral", project_config=DataContextConfig(store_backend_defaults=in_memory)
        )
        bars = {"globally": False, "metric_calculations": False}
        self._context.variables.progress_bars = bars  # type: ignore[assignment]  # a plain mapping is what it takes
        asset = self._context.data_sources.add_pandas("warehouse").add_dataframe_asset("arrivals")
        self._batches = asset.add_batch_definition_whole_dataframe("judged days")

    def passed(self, arrivals: Any, expected_days: int) -> dict[str, bool]:
        """Whether each of our expectations holds for a frame of `COLUMNS` (one that cannot be computed does not)."""
        batch = self._batches.get_batch(batch_parameters={"dataframe": arrivals})
        outcome: dict[str, bool] = {}
        for result in batch.validate(suite(expected_days)).results:
            name = result.expectation_config.meta["check"]
            outcome[name] = outcome.get(name, True) and bool(result.success)
        return outcome
