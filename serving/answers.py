"""The shapes of the API's answers."""

from datetime import date, datetime

from pydantic import BaseModel, Field


class PublicationAnswer(BaseModel):
    """Which publication the numbers come from."""

    id: str
    published_at: datetime
    data_as_of: datetime


class ValueAnswer(BaseModel):
    """One value; `formatted` is what the portal shows."""

    numerator: float | None
    denominator: float | None
    value: float | None
    formatted: str
    is_complete: bool


class PointAnswer(ValueAnswer):
    """One period of a series."""

    period_start: date


class HourAnswer(ValueAnswer):
    """One hour of the tenant's clocks, by its beginning."""

    hour_start: datetime


class HoursAnswer(BaseModel):
    """A KPI by hour of the tenant's local days, oldest first; an hour in which nothing happened is not there."""

    kpi: str
    title: str
    unit: str
    currency: str | None
    tenant: str
    time_zone: str
    first: date = Field(serialization_alias="from")
    last: date = Field(serialization_alias="to")
    publication: PublicationAnswer
    hours: list[HourAnswer]


class SeriesAnswer(BaseModel):
    """The periods of one value of the dimension (`all`: of the total), oldest first; without data no period."""

    group: str
    points: list[PointAnswer]


class FigureAnswer(ValueAnswer):
    """One number over the range; `period` is `total`, or the time grain of the single period that it stands for."""

    first: date = Field(serialization_alias="from")
    last: date = Field(serialization_alias="to")
    period: str
    label: str


class ChangeAnswer(BaseModel):
    """The change against the compared figure as the portal shows it."""

    formatted: str
    tone: str
    reason: str


class KpiAnswer(BaseModel):
    """A KPI over a range of days."""

    kpi: str
    title: str
    unit: str
    currency: str | None
    tenant: str
    first: date = Field(serialization_alias="from")
    last: date = Field(serialization_alias="to")
    period: str
    group_by: str | None = Field(serialization_alias="groupBy")
    publication: PublicationAnswer
    figure: FigureAnswer | None
    compared: FigureAnswer | None
    change: ChangeAnswer | None
    series: list[SeriesAnswer]


class ThresholdAnswer(BaseModel):
    """From where on a KPI's owner is to be alarmed: one of the three is set, a value of its unit or a share."""

    above: float | None
    below: float | None
    falls_by: float | None = Field(description="Share by which it falls against the period before, from 0 to 1.")
    formatted: str


class KpiSummary(BaseModel):
    """A KPI of the catalogue."""

    kpi: str
    title: str
    description: str
    owner: str
    unit: str
    direction: str
    formula: str
    numerator: str
    denominator: str | None
    is_additive: bool
    time_grains: list[str]
    dimensions: list[str]
    target: float | None
    threshold: ThresholdAnswer | None
    checks_passed: int
    checks: int


class TenantAnswer(BaseModel):
    """A tenant whose numbers can be asked for."""

    tenant: str
    title: str
    time_zone: str
    currency: str
    first_day: date
    last_day: date


class CatalogueAnswer(BaseModel):
    """Everything that can be asked for."""

    publication: PublicationAnswer
    tenants: list[TenantAnswer]
    kpis: list[KpiSummary]


class ArrivalAnswer(BaseModel):
    """The reconciliation of one UTC day of arrival and source; of the accepted, how many arrived within what time."""

    received_date: date
    source: str
    received: int
    accepted: int
    duplicate: int
    quarantined: int
    suppressed: int
    erased: int
    late: int
    within_minute: int
    within_hour: int
    within_day: int
    difference: int


class DriftAnswer(BaseModel):
    """A property that events of one UTC day of arrival carried otherwise than the plan and the days before say."""

    received_date: date
    event: str
    property: str
    drift: str
    json_type: str
    declared_type: str
    drift_count: int
    event_count: int


class EventDayAnswer(BaseModel):
    """Events of one name and day."""

    event: str
    day: date
    events: int


class EventsAnswer(BaseModel):
    """What arrived of a tenant: accepted by local day, quarantined and reconciliation by UTC day of arrival."""

    tenant: str
    first: date = Field(serialization_alias="from")
    last: date = Field(serialization_alias="to")
    publication: PublicationAnswer
    reconciliation: list[ArrivalAnswer]
    accepted: list[EventDayAnswer]
    quarantined: list[EventDayAnswer]
    drift: list[DriftAnswer]


class QualityDayAnswer(BaseModel):
    """What the checks of a source or model said on one UTC day, as the published table `data_quality` has it."""

    day: date
    subject_kind: str
    subject: str
    checks: int
    passed: int
    warned: int
    failed: int
    score: float | None
    failed_checks: list[str]


class QualitySubjectAnswer(QualityDayAnswer):
    """The newest day of a source or model, and its score a week before."""

    score_before: float | None


class FailureAnswer(BaseModel):
    """A check that failed; `passed_at` is null while it does."""

    check: str
    subject_kind: str
    subject: str
    severity: str
    message: str
    failed_at: datetime
    last_failed_at: datetime
    passed_at: datetime | None
    runbook: str


class QualityAnswer(BaseModel):
    """Data quality of all models and of a tenant's sources over UTC days; empty as long as nothing was judged."""

    tenant: str
    first: date | None = Field(serialization_alias="from")
    last: date | None = Field(serialization_alias="to")
    subjects: list[QualitySubjectAnswer]
    failures: list[FailureAnswer]
    days: list[QualityDayAnswer]


class ProblemAnswer(BaseModel):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    message: str


class PromiseAnswer(BaseModel):
    """A promise about freshness; `target` and `kept` are shares of time, `budget_left` is below 0 once it is broken."""

    promise: str
    title: str
    owner: str
    max_wait_minutes: int
    target: float
    kept: float | None
    budget_left: float | None
    broken_since: datetime | None
    burning: list[str]
    runbook: str


class ReachAnswer(BaseModel):
    """Up to which local day a KPI has a value, and how far behind the newest of the tenant's KPIs that is."""

    kpi: str
    newest_day: date
    days_behind: int


class FreshnessAnswer(BaseModel):
    """How fresh a tenant's numbers are; `waiting_since` is the oldest arrival that is not in them, null if none is."""

    tenant: str
    data_as_of: datetime
    published_at: datetime
    waiting_since: datetime | None
    promises: list[PromiseAnswer]
    kpis: list[ReachAnswer]
