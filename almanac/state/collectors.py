"""Signs of life of the collectors: a row each, written anew twice a minute, so that the end of one is noticed.

What passes by itself is no decision: a backup leaves these rows out.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select

from almanac.state.database import StateDB
from almanac.state.models import CollectorRow

REMEMBERED = timedelta(days=7)  # a collector that is silent for so long is not coming back


@dataclass(frozen=True)
class CollectorSign:
    """What a collector said of itself; times are aware, UTC.

    `place` is host and log folder, which only one collector can have; `trouble` is the code of why it takes nothing,
    empty if it takes events, and `since` from when on that is so.
    """

    place: str
    address: str
    seen_at: datetime
    trouble: str
    since: datetime
    waiting_files: int
    failing_files: int
    damaged_files: int


def give_sign(state: StateDB, sign: CollectorSign) -> None:
    """Write a sign over the collector's last one, and forget collectors that have been silent for long.

    `since` stays that of the last sign if it said the same. Raises AlmanacError if the state cannot be written.
    """
    with state.write() as session:
        session.execute(delete(CollectorRow).where(CollectorRow.seen_at < sign.seen_at - REMEMBERED))
        last = session.get(CollectorRow, sign.place)
        since = last.since if last is not None and last.trouble == sign.trouble else sign.since
        session.merge(
            CollectorRow(
                place=sign.place,
                address=sign.address,
                seen_at=sign.seen_at,
                trouble=sign.trouble,
                since=since,
                waiting_files=sign.waiting_files,
                failing_files=sign.failing_files,
                damaged_files=sign.damaged_files,
            )
        )


def forget_collector(state: StateDB, place: str) -> None:
    """Nobody waits for a collector that ended because it was asked to. Raises AlmanacError."""
    with state.write() as session:
        session.execute(delete(CollectorRow).where(CollectorRow.place == place))


def collector_signs(state: StateDB) -> list[CollectorSign]:
    """The newest sign of each collector, by place. Raises AlmanacError if the state cannot be read."""
    with state.read() as session:
        rows = session.scalars(select(CollectorRow).order_by(CollectorRow.place)).all()
        return [
            CollectorSign(
                place=row.place,
                address=row.address,
                seen_at=row.seen_at,
                trouble=row.trouble,
                since=row.since,
                waiting_files=row.waiting_files,
                failing_files=row.failing_files,
                damaged_files=row.damaged_files,
            )
            for row in rows
        ]
