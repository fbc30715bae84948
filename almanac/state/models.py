"""The tables of the application state; a change here needs a migration (a test compares the two)."""

from datetime import UTC, datetime

from sqlalchemy import DateTime, Dialect, Index, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in Python, naive UTC in the database: SQLite keeps no offset, and so both engines agree."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive datetimes: nobody knows what they mean."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Say that what is stored is UTC."""
        return None if value is None else value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """What all tables share: names of constraints that migrations can rely on."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class WriteKeyRow(Base):
    """A write key: who may send events as which source of which tenant. The key itself is not stored."""

    __tablename__ = "write_keys"
    __table_args__ = (Index(None, "token_hash", unique=True), Index(None, "prefix"))

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64))
    prefix: Mapped[str] = mapped_column(String(16))
    tenant: Mapped[str] = mapped_column(String(63))
    source: Mapped[str] = mapped_column(String(63))
    name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime())
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    events_per_second: Mapped[float | None]
    body_bytes: Mapped[int | None]
    scope: Mapped[str | None] = mapped_column(Text)  # a sorted JSON list of what it may send; empty: everything


class SuppressionRow(Base):
    """A suppressed id of a tenant: of whom nothing may be stored. `secret_id` names the secret of the hash."""

    __tablename__ = "suppressions"

    tenant: Mapped[str] = mapped_column(String(63), primary_key=True)
    id_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    secret_id: Mapped[str] = mapped_column(String(8))
    kind: Mapped[str] = mapped_column(String(16))
    note: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime())


class ErasureRow(Base):
    """An erasure of people from the lake, known by keyed hashes only; not ended while `finished_at` is empty.

    One with a `closed_reason` was given up then: what it left is not known.
    """

    __tablename__ = "erasures"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    tenant: Mapped[str] = mapped_column(String(63))
    id_hashes: Mapped[str] = mapped_column(Text)  # a sorted JSON list
    secret_id: Mapped[str] = mapped_column(String(8))
    note: Mapped[str] = mapped_column(String(200))
    begun_at: Mapped[datetime] = mapped_column(UtcDateTime())
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    events: Mapped[int]
    refused: Mapped[int]
    files: Mapped[int]
    fetched: Mapped[int]
    closed_reason: Mapped[str] = mapped_column(String(200))


class SecretRow(Base):
    """A secret that Almanac made for itself. It is never shown, exported or logged."""

    __tablename__ = "secrets"

    name: Mapped[str] = mapped_column(String(63), primary_key=True)
    value: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime())


class IncidentRow(Base):
    """Something that went wrong, from when it was noticed until it was over."""

    __tablename__ = "incidents"
    __table_args__ = (Index(None, "subject", "closed_at"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    subject: Mapped[str] = mapped_column(String(300))
    title: Mapped[str] = mapped_column(String(300))
    cause: Mapped[str] = mapped_column(String(2000))
    readers_see: Mapped[str] = mapped_column(String(300))
    runbook: Mapped[str] = mapped_column(String(100))
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime())
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime())


class NoticeRow(Base):
    """The message of an incident's opening or closing to one channel. Not sent while `sent_at` is empty."""

    __tablename__ = "notices"

    incident_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    moment: Mapped[str] = mapped_column(String(8), primary_key=True)
    channel: Mapped[str] = mapped_column(String(16), primary_key=True)
    attempts: Mapped[int]
    next_at: Mapped[datetime] = mapped_column(UtcDateTime())
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    error: Mapped[str] = mapped_column(String(500))


class QualityDayRow(Base):
    """What the checks of one subject said on one UTC day: of each check the worst, however often it was judged."""

    __tablename__ = "quality_days"

    day: Mapped[str] = mapped_column(String(10), primary_key=True)  # ISO 8601, UTC
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    subject: Mapped[str] = mapped_column(String(200), primary_key=True)
    errors: Mapped[int]  # checks that block publishing when they fail
    warnings: Mapped[int]  # checks that only tell
    failed: Mapped[str] = mapped_column(Text)  # names of those that failed and blocked, a JSON list
    warned: Mapped[str] = mapped_column(Text)  # names of those that failed and told, a JSON list


class QualityCheckRow(Base):
    """A check of one subject, and when it was first and last judged."""

    __tablename__ = "quality_checks"

    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    subject: Mapped[str] = mapped_column(String(200), primary_key=True)
    name: Mapped[str] = mapped_column(String(300), primary_key=True)
    first_judged_at: Mapped[datetime] = mapped_column(UtcDateTime())
    last_judged_at: Mapped[datetime] = mapped_column(UtcDateTime())


class QualityFailureRow(Base):
    """A check that failed: from the first judgement in which it did until it passed again. Open without `passed_at`."""

    __tablename__ = "quality_failures"

    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    subject: Mapped[str] = mapped_column(String(200), primary_key=True)
    name: Mapped[str] = mapped_column(String(300), primary_key=True)
    failed_at: Mapped[datetime] = mapped_column(UtcDateTime(), primary_key=True)
    last_failed_at: Mapped[datetime] = mapped_column(UtcDateTime())
    passed_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    severity: Mapped[str] = mapped_column(String(8))
    message: Mapped[str] = mapped_column(String(1000))


class PublicationRow(Base):
    """A version that readers were shown, and what waited longest for it."""

    __tablename__ = "publications"

    publication_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    shown_at: Mapped[datetime] = mapped_column(UtcDateTime(), index=True)
    arrived_until: Mapped[datetime] = mapped_column(UtcDateTime())
    oldest_new_at: Mapped[datetime | None] = mapped_column(UtcDateTime())


class CollectorRow(Base):
    """The newest sign of life of a collector."""

    __tablename__ = "collectors"

    place: Mapped[str] = mapped_column(String(512), primary_key=True)
    address: Mapped[str] = mapped_column(String(200))
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime())
    trouble: Mapped[str] = mapped_column(String(63))
    since: Mapped[datetime] = mapped_column(UtcDateTime())
    waiting_files: Mapped[int]
    failing_files: Mapped[int]
    damaged_files: Mapped[int]
