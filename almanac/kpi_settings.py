"""What `config.meta.kpi` of a metric may say, and which values."""

from collections.abc import Callable
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Words = Annotated[str, Field(min_length=1)]
TimeGrain = Literal["hour", "day", "week", "month", "quarter"]


class Threshold(BaseModel):
    """From where on a KPI's owner is to be alarmed: one of these, in the KPI's own unit (a ratio from 0 to 1)."""

    model_config = ConfigDict(extra="forbid")

    above: float | None = None
    below: float | None = None
    falls_by: float | None = Field(default=None, gt=0, lt=1, description="Share, against the period before.")

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError("give one of above, below and falls_by")
        return self

    def words(self, shown: Callable[[float], str]) -> str:
        """The threshold in words, such as `above 5 %`; `shown` writes a value of the KPI."""
        if self.falls_by is not None:
            return f"falls by more than {100 * self.falls_by:g} % against the period before"
        return f"above {shown(self.above)}" if self.above is not None else f"below {shown(self.below or 0)}"


class KpiSettings(BaseModel):
    """`config.meta.kpi` of a metric."""

    model_config = ConfigDict(extra="forbid")

    title: Words
    owner: Words
    unit: Literal[
        "count", "money", "ratio", "points", "days", "hours", "seconds", "milliseconds", "bytes", "per second"
    ]
    format: Literal["integer", "currency", "percent", "decimal"]
    direction: Literal["up_is_good", "down_is_good"]
    formula: Words = Field(description="The formula in words; a ratio as `numerator / denominator`.")
    matures_after_days: int | None = Field(
        default=None, gt=0, description="Days it looks ahead: until they have passed, no period is complete."
    )
    looks_back_days: int | None = Field(
        default=None, gt=0, description="Days it looks back: before the data covers them, no period is complete."
    )
    time_grains: list[TimeGrain] = Field(min_length=1)
    dimensions: list[str] = []
    target: float | None = None
    threshold: Threshold | None = None
    runbook: str | None = Field(default=None, description="File of docs/runbooks that says what to do when it is off.")
    only_with: str | None = Field(
        default=None, description="KPI without any value of which it says nothing of a business, whatever its own are."
    )

    @property
    def scale(self) -> str:
        """How its values are shown: KPIs that differ in it cannot share the axis of a chart."""
        return f"{self.unit} as {self.format}"

    @model_validator(mode="after")
    def _is_shown_as_what_it_is(self) -> Self:
        if (self.format == "currency") != (self.unit == "money"):
            raise ValueError("unit money and format currency go together")
        if self.format == "percent" and self.unit != "ratio":
            raise ValueError("format percent goes with unit ratio")
        return self

    @model_validator(mode="after")
    def _nothing_is_named_twice(self) -> Self:
        for field in ("time_grains", "dimensions"):
            names = getattr(self, field)
            if again := next((name for name in names if names.count(name) > 1), None):
                raise ValueError(f"{field} names {again} twice")
        return self

    @model_validator(mode="after")
    def _hours_are_final(self) -> Self:
        if self.time_grains == ["hour"]:
            raise ValueError("time_grains: hour goes with day, of which its hours are made")
        for field in ("matures_after_days", "looks_back_days"):
            if getattr(self, field) and "hour" in self.time_grains:
                raise ValueError(f"{field} goes with days and longer, not with hour")
        return self
