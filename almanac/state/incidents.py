"""Incidents: what went wrong, from when it was noticed until it was over, and which messages about it are due.

A subject has at most one open incident, and each channel gets at most one message when it opens and one when it closes:
messages are written down in the transaction that opens or closes, and claimed before they are sent.
"""

import random
import secrets
from collections.abc import Callable, Collection, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from almanac.state.database import StateDB
from almanac.state.models import IncidentRow, NoticeRow

Moment = Literal["opened", "closed"]
MOST_ATTEMPTS = 8  # within about four hours
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)
_JITTER = 0.25  # of a pause, so that many installations do not come back at the same second
_LONGEST = {"subject": 300, "title": 300, "cause": 2000, "readers_see": 300, "runbook": 100}


@dataclass(frozen=True)
class Problem:
    """Something that is wrong now. `subject` says what it is about and stays the same while it is wrong."""

    subject: str
    title: str
    cause: str
    readers_see: str
    runbook: str  # a file of docs/runbooks


@dataclass(frozen=True)
class Incident:
    """A problem with its time (aware, UTC); `closed_at` is None while it lasts."""

    id: str
    problem: Problem
    opened_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True)
class Message:
    """A message that is due: about which incident, what happened to it, to which channel, and which attempt it is."""

    incident: Incident
    moment: Moment
    channel: str
    attempt: int


@dataclass(frozen=True)
class Undelivered:
    """A message that was not delivered: how often it was tried, and what the last attempt met."""

    message: Message
    error: str
    is_given_up: bool


def track(
    state: StateDB,
    problems: Iterable[Problem],
    channels: Collection[str],
    now: datetime,
    is_over: Callable[[Incident], bool] = lambda incident: True,
) -> tuple[list[Incident], list[Incident]]:
    """Open an incident for every problem that has none, close those whose problem is gone; returns both.

    Who does not see everything says of an incident without a problem whether it `is_over`.
    An open incident takes over what its problem says now. Messages to `channels` become due; one of an opening that was
    never sent is dropped when its incident closes.
    """
    current = {problem.subject[: _LONGEST["subject"]]: problem for problem in problems}
    with state.write() as session:
        rows = {row.subject: row for row in session.scalars(select(IncidentRow).where(IncidentRow.closed_at.is_(None)))}
        gone = [row for subject, row in rows.items() if subject not in current and is_over(_incident(row))]
        closed = [_close(session, row, channels, now) for row in gone]
        opened = []
        for subject, problem in current.items():
            if subject in rows:
                _describe(rows[subject], problem)
            else:
                opened.append(_open(session, problem, channels, now))
        session.flush()
        return [_incident(row) for row in opened], [_incident(row) for row in closed]


def claim(state: StateDB, channels: Collection[str], now: datetime) -> Message | None:
    """The message that is due for longest, or None; until its next attempt is due nobody else gets it."""
    with state.write() as session:
        due = (
            select(NoticeRow)
            .where(
                NoticeRow.sent_at.is_(None),
                NoticeRow.next_at <= now,
                NoticeRow.attempts < MOST_ATTEMPTS,
                NoticeRow.channel.in_(channels),
            )
            .order_by(NoticeRow.next_at, NoticeRow.incident_id, NoticeRow.moment, NoticeRow.channel)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        row = session.scalars(due).first()
        if row is None:
            return None
        row.attempts += 1
        row.next_at = now + pause(row.attempts)
        return _message(session, row)


def pause(attempts: int, chance: Callable[[], float] = random.random) -> timedelta:
    """How long to wait after so many attempts: twice as long each time, at most an hour, and a little by chance."""
    plain = min(_FIRST_PAUSE * (1 << (attempts - 1)), _LONGEST_PAUSE)
    return plain * (1 + _JITTER * chance())


def delivered(state: StateDB, message: Message, now: datetime) -> None:
    """Note that a claimed message was sent."""
    _note(state, message, sent_at=now, error="")


def not_delivered(state: StateDB, message: Message, error: str, not_before: datetime | None = None) -> None:
    """Note why a claimed message could not be sent; the channel may say before when it must not be tried again."""
    _note(state, message, error=error[:500], **({"next_at": not_before} if not_before else {}))


def incidents(state: StateDB, limit: int = 50) -> list[Incident]:
    """The newest incidents, open ones first."""
    order = (IncidentRow.closed_at.is_not(None), IncidentRow.opened_at.desc(), IncidentRow.id)
    with state.read() as session:
        return [_incident(row) for row in session.scalars(select(IncidentRow).order_by(*order).limit(limit))]


def undelivered(state: StateDB) -> list[Undelivered]:
    """Every message that has met an error and was not sent since."""
    query = select(NoticeRow).where(NoticeRow.sent_at.is_(None), NoticeRow.error != "").order_by(NoticeRow.next_at)
    with state.read() as session:
        return [
            Undelivered(_message(session, row), row.error, row.attempts >= MOST_ATTEMPTS)
            for row in session.scalars(query)
        ]


def _open(session: Session, problem: Problem, channels: Collection[str], now: datetime) -> IncidentRow:
    row = IncidentRow(id=secrets.token_hex(8), opened_at=now, closed_at=None)
    _describe(row, problem)
    session.add(row)
    session.flush()
    _announce(session, row, "opened", channels, now)
    return row


def _close(session: Session, row: IncidentRow, channels: Collection[str], now: datetime) -> IncidentRow:
    row.closed_at = now
    own = NoticeRow.incident_id == row.id
    told = set(session.scalars(select(NoticeRow.channel).where(own, NoticeRow.sent_at.is_not(None))))
    unsent = (own, NoticeRow.sent_at.is_(None))
    session.execute(delete(NoticeRow).where(*unsent, NoticeRow.attempts == 0))
    session.execute(update(NoticeRow).where(*unsent).values(attempts=MOST_ATTEMPTS))  # the error stays to be seen
    _announce(session, row, "closed", [channel for channel in channels if channel in told], now)
    return row


def _announce(session: Session, row: IncidentRow, moment: Moment, channels: Iterable[str], now: datetime) -> None:
    for channel in channels:
        session.add(
            NoticeRow(
                incident_id=row.id, moment=moment, channel=channel, attempts=0, next_at=now, sent_at=None, error=""
            )
        )


def _describe(row: IncidentRow, problem: Problem) -> None:
    for name, text in asdict(problem).items():
        setattr(row, name, text[: _LONGEST[name]])


def _note(state: StateDB, message: Message, **values: object) -> None:
    with state.write() as session:
        session.execute(
            update(NoticeRow)
            .where(
                NoticeRow.incident_id == message.incident.id,
                NoticeRow.moment == message.moment,
                NoticeRow.channel == message.channel,
            )
            .values(**values)
        )


def _incident(row: IncidentRow) -> Incident:
    problem = Problem(row.subject, row.title, row.cause, row.readers_see, row.runbook)
    return Incident(row.id, problem, row.opened_at, row.closed_at)


def _message(session: Session, row: NoticeRow) -> Message:
    incident = session.get_one(IncidentRow, row.incident_id)
    moment: Moment = "closed" if row.moment == "closed" else "opened"
    return Message(_incident(incident), moment, row.channel, row.attempts)
