"""Erasures: a log of whom was erased from the lake, when and how much, in which nobody is named.

Ids are kept as the hashes by which suppressed people are known (`suppressions.py`). So an erasure that was interrupted
can go on without being told once more whom it was about.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from sqlalchemy import or_, select

from almanac.errors import AlmanacError
from almanac.state.database import StateDB
from almanac.state.models import ErasureRow
from almanac.state.suppressions import IdKind, hash_id, name_of, refuse_note, refuse_unfit, secret_in

SHOWN = 8  # characters of an erasure's id that are shown, and enough to name it


class OtherSecret(AlmanacError):
    """Ids were hashed with another secret than the one that is known now: nobody can be recognised by them."""


@dataclass(frozen=True)
class Erasure:
    """One erasure (times aware, UTC): the rows that it has dropped so far, also out of a log that landed later; `files`
    are those in which rows were found when it began. One with a `closed_reason` was given up when it `finished`."""

    id: str
    tenant: str
    id_hashes: frozenset[str]
    note: str
    begun_at: datetime
    finished_at: datetime | None
    events: int
    refused: int
    fetched: int
    files: int
    closed_reason: str = ""


def begin_erasure(
    state: StateDB,
    tenant: str,
    ids: Collection[tuple[IdKind, str]],
    *,
    files: int,
    note: str = "",
    secret: str | None = None,
) -> Erasure:
    """Write down that people are going to be erased, before the first row of the lake is; `secret` as in `suppress`.

    One of the same ids that was begun and has not ended goes on instead. Raises AlmanacError for an id or note that
    cannot be one.
    """
    for kind, text in ids:
        refuse_unfit(kind, text, note)
    with state.write() as session:
        key = secret_in(session, secret, make=True)
        hashes = json.dumps(sorted({hash_id(key, tenant, text) for _, text in ids}))
        same = select(ErasureRow).where(ErasureRow.tenant == tenant, ErasureRow.id_hashes == hashes)
        row = session.scalars(same.where(ErasureRow.finished_at.is_(None))).first()
        if row is None:
            row = ErasureRow(
                id=uuid4().hex,
                tenant=tenant,
                id_hashes=hashes,
                secret_id=name_of(key),
                note=note,
                begun_at=datetime.now(UTC),
                finished_at=None,
                events=0,
                refused=0,
                fetched=0,
                files=files,
                closed_reason="",
            )
            session.add(row)
            session.flush()
        return _erasure(row)


def erasure_secret(state: StateDB, erasure: Erasure, given: str | None = None) -> bytes:
    """The secret by which the people of an erasure are recognised. Raises OtherSecret if it is another one now."""
    with state.read() as session:
        row = session.get(ErasureRow, erasure.id)
        key = secret_in(session, given, make=False)
        if row is None or row.secret_id != name_of(key):
            raise OtherSecret(
                f"the erasure of {erasure.begun_at:%Y-%m-%d %H:%M} UTC was begun with another secret: set "
                "ALMANAC_SUPPRESSION_SECRET as it was then and resume it; without it nobody can be recognised, so "
                f"erase whoever it was anew and close this one: `almanac erase close {erasure.id[:SHOWN]} --reason ...`"
            )
        return key


def add_to_erasure(state: StateDB, erasure: Erasure, *, events: int = 0, refused: int = 0, fetched: int = 0) -> None:
    """Write down that so many more rows of these people were dropped."""
    with state.write() as session:
        row = session.get_one(ErasureRow, erasure.id)
        row.events, row.refused = row.events + events, row.refused + refused
        row.fetched += fetched


def finish_erasure(state: StateDB, erasure: Erasure) -> Erasure:
    """Write down that nothing of these people is left; returns it with all that it dropped."""
    with state.write() as session:
        row = session.get_one(ErasureRow, erasure.id)
        row.finished_at = datetime.now(UTC)
        return _erasure(row)


def close_erasure(state: StateDB, begun: str, reason: str, given: str | None = None) -> Erasure:
    """Give up an erasure that can never be ended, by the beginning of its id; `given` as in `erasure_secret`.

    Raises AlmanacError for a reason that is none, an id that is of no pending erasure or of several, and an erasure
    whose secret is known: that one can be ended.
    """
    refuse_note(reason)
    if not reason.strip():
        raise AlmanacError("say why it is closed, and what became of the person: --reason 'erased anew on 2026-03-31'")
    found = [one for one in list_erasures(state) if len(begun) >= SHOWN and one.id.startswith(begun)]
    if len(found) != 1:
        raise AlmanacError(f"{begun!r} is the id of no erasure: `almanac erase list` shows them")
    if found[0].finished_at is not None:
        raise AlmanacError(f"the erasure {begun} is not pending: it ended at {found[0].finished_at:%Y-%m-%d %H:%M} UTC")
    try:
        erasure_secret(state, found[0], given)
    except OtherSecret:
        pass
    else:
        raise AlmanacError(f"the erasure {begun} has the secret of now: end it with `almanac erase resume`")
    with state.write() as session:
        row = session.get_one(ErasureRow, found[0].id)
        if row.finished_at is None:
            row.finished_at, row.closed_reason = datetime.now(UTC), reason
        return _erasure(row)


def erasures_after(state: StateDB, moment: datetime) -> list[Erasure]:
    """The erasures that have not ended, or ended at or after a moment (aware), in the order in which they began.

    Those that were closed are left out: nobody can be recognised by them.
    """
    query = select(ErasureRow).order_by(ErasureRow.begun_at, ErasureRow.id)
    query = query.where(or_(ErasureRow.finished_at.is_(None), ErasureRow.finished_at >= moment))
    query = query.where(ErasureRow.closed_reason == "")
    with state.read() as session:
        return [_erasure(row) for row in session.scalars(query)]


def list_erasures(state: StateDB, *, unfinished: bool = False) -> list[Erasure]:
    """All erasures, or only those that have not ended, in the order in which they began."""
    query = select(ErasureRow).order_by(ErasureRow.begun_at, ErasureRow.id)
    if unfinished:
        query = query.where(ErasureRow.finished_at.is_(None))
    with state.read() as session:
        return [_erasure(row) for row in session.scalars(query)]


def _erasure(row: ErasureRow) -> Erasure:
    return Erasure(
        row.id,
        row.tenant,
        frozenset(json.loads(row.id_hashes)),
        row.note,
        row.begun_at,
        row.finished_at,
        row.events,
        row.refused,
        row.fetched,
        row.files,
        row.closed_reason,
    )
