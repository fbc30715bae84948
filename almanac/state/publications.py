"""When readers were first shown which data: a row each time a new version is published.

Kept is what cannot be had again: versions are pruned, and the lake does not know when somebody could read it.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from almanac.state.database import StateDB
from almanac.state.models import PublicationRow


@dataclass(frozen=True)
class Shown:
    """A version and when it was published; all times aware, UTC.

    `arrived_until` is the newest arrival among its landings, also of an event that came twice; `oldest_new_at` the
    oldest arrival that no version before it had: what waited longest. None for the first version, and where nothing
    new had arrived.
    """

    publication_id: str
    shown_at: datetime
    arrived_until: datetime
    oldest_new_at: datetime | None


def remember_shown(state: StateDB, shown: Shown) -> None:
    """Keep a publication; one that is attempted again after a crash keeps its first time."""
    with state.write() as session:
        if session.get(PublicationRow, shown.publication_id) is None:
            session.add(
                PublicationRow(
                    publication_id=shown.publication_id,
                    shown_at=shown.shown_at,
                    arrived_until=shown.arrived_until,
                    oldest_new_at=shown.oldest_new_at,
                )
            )


def shown_since(state: StateDB, since: datetime | None = None) -> list[Shown]:
    """What was published from a moment (aware) on, oldest first; everything without one."""
    query = select(PublicationRow).order_by(PublicationRow.shown_at)
    if since:
        query = query.where(PublicationRow.shown_at >= since)
    with state.read() as session:
        rows = session.scalars(query).all()
        return [Shown(r.publication_id, r.shown_at, r.arrived_until, r.oldest_new_at) for r in rows]
