"""The shapes of the tracking plan: what its YAML files may say, and the loaded plan."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache, cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Field, field_validator

from almanac.errors import AlmanacError
from ingestion.tracking_plan.names import NAME, SLUG
from ingestion.tracking_plan.values import PropertyType

if TYPE_CHECKING:
    from ingestion.tracking_plan.contracts import Judges

MessageType = Literal["track", "page", "screen", "identify", "group", "alias"]
MESSAGE_TYPES: tuple[MessageType, ...] = ("track", "page", "screen", "identify", "group", "alias")
Pii = Literal["none", "personal", "sensitive"]
Retention = Literal["behavioural", "interaction", "business"]
Text = Annotated[str, Field(min_length=1, pattern=r"\S")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Property(_Strict):
    """A declared property of an event: its type, whether it must be there, and what it means."""

    type: PropertyType
    required: bool = False
    pii: Pii
    description: Text
    example: Any


class ContextPath(_Strict):
    """A path inside the message's context that becomes a typed column."""

    path: Annotated[str, Field(pattern=r"^[^.\s]+(\.[^.\s]+)*$")]
    type: PropertyType
    pii: Pii
    description: Text
    example: Any


class Limits(_Strict):
    """By what the times of events are judged."""

    skew_seconds: Annotated[int, Field(gt=0)]
    future_minutes: Annotated[int, Field(gt=0)]
    late_hours: Annotated[int, Field(gt=0)]
    too_old_days: Annotated[int, Field(gt=0)]


class Common(_Strict):
    """`common.yml`: what every event may carry, the context's columns, the limits."""

    properties: dict[str, Property]
    context: dict[str, ContextPath]
    limits: Limits


class EventContract(_Strict):
    """One event: what it means, who answers for it, how long it is kept, what it carries.

    `in_visit` says whether it happens while somebody visits, so that it opens and extends sessions; what systems,
    staff or mail programs report does not.
    """

    event: Text
    type: MessageType
    title: Text
    description: Text
    owner: Text
    retention: Retention
    in_visit: bool = True
    properties: dict[str, Property] = Field(default_factory=dict)
    example: dict[str, Any]


class Accepted(_Strict):
    """What a check says of a day (UTC day of arrival) is right, because the world has changed and not the data."""

    day: date
    check: Text
    why: Text


class Source(_Strict):
    """A source of a tenant; `expected: daily` means that its days are judged, and one without rows is a failure."""

    expected: Literal["daily", "never"] = "never"
    accepted: list[Accepted] = Field(default_factory=list)


class Alias(_Strict):
    """What a platform's own event name stands for, and its own property names -> canonical ones."""

    event: Text
    properties: dict[str, Text] = Field(default_factory=dict)


class Privacy(_Strict):
    """What becomes of e-mail addresses and phone numbers where none belong; card numbers are always masked."""

    email: Literal["mask", "quarantine", "keep"] = "mask"
    phone: Literal["mask", "quarantine", "keep"] = "mask"


@cache
def time_zones() -> frozenset[str]:
    """The names of all time zones. Kept: reading them walks through hundreds of files."""
    return frozenset(available_timezones())


class Tenant(_Strict):
    """One business: its days are cut in `time_zone` (IANA), its amounts are in `currency` (ISO 4217).

    `country` (ISO 3166, two letters) says how its people write phone numbers; by default that of its time zone.
    """

    tenant: Annotated[str, Field(pattern=rf"^{SLUG.pattern}$")]
    title: Text
    business: Text
    time_zone: str
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = None
    sources: dict[Annotated[str, Field(pattern=rf"^{SLUG.pattern}$")], Source]
    events: dict[Text, Alias] = Field(default_factory=dict)
    privacy: Privacy = Field(default_factory=Privacy)

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        if zone not in time_zones():
            raise ValueError(f"{zone!r} is not an IANA time zone such as Europe/Berlin")
        return zone

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which the tenant's days are cut."""
        return ZoneInfo(self.time_zone)


@dataclass(frozen=True)
class Column:
    """A typed column of the lake beside the envelope."""

    name: str
    kind: Literal["context", "property"]
    type: PropertyType


@dataclass(frozen=True)
class Windows:
    """The limits of time as durations."""

    skew: timedelta
    future: timedelta
    late: timedelta
    too_old: timedelta


@dataclass(frozen=True)
class Plan:
    """The whole tracking plan, validated. `version` is the SHA-256 of its files."""

    version: str
    events: dict[str, EventContract]
    tenants: dict[str, Tenant]
    common: Common
    columns: tuple[Column, ...] = field(default=())

    @property
    def limits(self) -> Limits:
        """By what the times of events are judged."""
        return self.common.limits

    def declared(self) -> list[tuple[str, str, str, bool]]:
        """Every property that an event may carry: event, property, its type, and whether it is required."""
        return [
            (event, name, prop.type, prop.required)
            for event, contract in sorted(self.events.items())
            for name, prop in {**self.common.properties, **contract.properties}.items()
        ]

    def tenant(self, name: str) -> Tenant:
        """The tenant called `name`. Raises AlmanacError, naming those that exist, if there is none."""
        found = self.tenants.get(name)
        if found is None:
            raise AlmanacError(f"tenant {name!r} is unknown: use one of {', '.join(sorted(self.tenants))}")
        return found

    @cached_property
    def windows(self) -> Windows:
        """The limits as durations, made once because every event is compared with them."""
        limits = self.limits
        return Windows(
            skew=timedelta(seconds=limits.skew_seconds),
            future=timedelta(minutes=limits.future_minutes),
            late=timedelta(hours=limits.late_hours),
            too_old=timedelta(days=limits.too_old_days),
        )

    @cached_property
    def judges(self) -> "Judges":
        """The compiled contracts, made once for a plan."""
        # Imported here: the compiler needs the shapes above.
        from ingestion.tracking_plan.contracts import compile_judges

        return compile_judges(self)


__all__ = [
    "MESSAGE_TYPES",
    "NAME",
    "Alias",
    "Column",
    "Common",
    "ContextPath",
    "EventContract",
    "Limits",
    "MessageType",
    "Pii",
    "Plan",
    "Privacy",
    "Property",
    "Retention",
    "Source",
    "Tenant",
]
