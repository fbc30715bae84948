"""The suite itself: Great Expectations on a pandas frame with one row per judged day of one source.

Great Expectations takes seconds to import, so this module is imported only when something is judged.
"""

# ruff: noqa: E402  (what is loaded later has to be said before Great Expectations is imported)
from functools import cache
from typing import Any

from expectations.later import load_later

load_later("altair", "scipy", "scipy.stats")

import great_expectations as gx
import pandas as pd
from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults
from great_expectations.expectations.core.expect_column_pair_values_a_to_be_greater_than_b import (
    ExpectColumnPairValuesAToBeGreaterThanB,
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
PRESENT = "every_day_is_present"  # the check that counts days; the others compare values
_WITH_CHECKS = {"result_format": "COMPLETE", "unexpected_index_column_names": ["check"]}
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


# What each check compares: a column of the frame with its bounds (none: 0).
_BOUNDS: dict[str, tuple[str, str | None, str | None]] = {
    "rows_are_usual": ("received", "received_min", "received_max"),
    "late_share_is_usual": ("late_share", None, "late_share_limit"),
    "quarantined_share_is_usual": ("quarantined_share", None, "quarantined_share_limit"),
    "repeated_share_is_usual": ("repeated_share", None, "repeated_share_limit"),
    "no_column_is_silent": ("silent_columns", None, None),
    **{check: (check, None, None) for check in PROFILED},
}


def compared(arrivals: Any) -> Any:
    """The frame of days as one of comparisons: a row per check and day, columns `check`, `value`, `low` and `high`.

    Great Expectations takes as long for a row as for a thousand, so all checks are a handful of expectations.
    """
    parts = [
        pd.DataFrame(
            {
                "check": check,
                "value": arrivals[value].astype("float64"),
                "low": arrivals[low].astype("float64") if low else 0.0,
                "high": arrivals[high].astype("float64") if high else 0.0,
            }
        )
        for check, (value, low, high) in _BOUNDS.items()
    ]
    return pd.concat(parts, ignore_index=True)


def suite(expected_days: int) -> Any:
    """The expectations on the comparisons of so many days.

    Expectations on values pass on a frame without rows and on a column without values, so rows are counted, and no
    value and no bound may be absent.
    """

    def at_least(larger: str, smaller: str) -> Any:
        return ExpectColumnPairValuesAToBeGreaterThanB(
            column_A=larger, column_B=smaller, or_equal=True, ignore_row_if="neither"
        )

    return gx.ExpectationSuite(
        name=SUITE,
        expectations=[
            ExpectTableRowCountToEqual(value=expected_days * len(_BOUNDS), meta={"check": PRESENT}),
            at_least("value", "low"),
            at_least("high", "value"),
            *(ExpectColumnValuesToNotBeNull(column=column) for column in ("value", "low", "high")),
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
        batch = self._batches.get_batch(batch_parameters={"dataframe": compared(arrivals)})
        outcome = dict.fromkeys((PRESENT, *_BOUNDS), True)
        for result in batch.validate(suite(expected_days), result_format=_WITH_CHECKS).results:
            if not result.success:
                outcome |= dict.fromkeys(_failed(result), False)
        return outcome


def _failed(result: Any) -> set[str]:
    """The checks that an expectation failed for: those of its rows, or all that it is about if it names none."""
    if named := (result.expectation_config.meta or {}).get("check"):
        return {named}
    return {row["check"] for row in (result.result or {}).get("unexpected_index_list") or ()} or set(_BOUNDS)


@cache
def validator() -> Validator:
    """The validator of this process."""
    return Validator()
