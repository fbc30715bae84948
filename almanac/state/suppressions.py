"""Suppressed ids: of whom nothing may be stored any more.

Only HMAC-SHA-256 of an id is stored. Ids are guessable (numbers, e-mail addresses), so a plain digest could be
searched; the secret is made when the first id is suppressed, or given by the settings and then not stored at all. A
row names the secret that it was made with: with another one nobody would be recognised, so reading refuses to go on.
"""

import hmac
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from almanac.errors import AlmanacError
from almanac.state.database import StateDB
from almanac.state.models import SecretRow, SuppressionRow

IdKind = Literal["user", "anonymous", "email"]
SECRET = "suppression"
SHORTEST_SECRET = 16  # characters
LONGEST_NOTE = 200
LONGEST_ID = 320  # characters; an e-mail address has no more


@dataclass(frozen=True)
class SuppressedId:
    """What is known of a suppressed id (time aware, UTC); the id itself is not."""

    tenant: str
    id_hash: str
    kind: IdKind
    note: str
    created_at: datetime


@dataclass(frozen=True)
class SuppressedIds:
    """All suppressed ids by tenant, as hashes made with `secret`."""

    secret: bytes
    by_tenant: Mapping[str, frozenset[str]]


def normal_id(text: str) -> str:
    """An id as it is compared: without space around it, and an e-mail address in lower case."""
    text = text.strip()
    return text.lower() if "@" in text else text


def hash_id(secret: bytes, tenant: str, text: str) -> str:
    """HMAC-SHA-256 of an id within its tenant, in hexadecimal."""
    message = f"{tenant}\n{normal_id(text)}".encode("utf-8", "surrogatepass")
    return hmac.digest(secret, message, "sha256").hex()


def suppress(
    state: StateDB, tenant: str, kind: IdKind, text: str, *, note: str = "", secret: str | None = None
) -> tuple[SuppressedId, bool]:
    """Suppress an id; returns it and whether it was not suppressed before. `secret` is the setting, if there is one.

    Raises AlmanacError for an id or note that cannot be one, or if ids were suppressed with another secret.
    """
    refuse_unfit(kind, text, note)
    with state.write() as session:
        key = secret_in(session, secret, make=True)
        id_hash = hash_id(key, tenant, text)
        row = session.get(SuppressionRow, (tenant, id_hash))
        if row is not None:
            return _suppressed(row), False
        row = SuppressionRow(
            tenant=tenant,
            id_hash=id_hash,
            secret_id=name_of(key),
            kind=kind,
            note=note,
            created_at=datetime.now(UTC),
        )
        session.add(row)
        session.flush()
        return _suppressed(row), True


def unsuppress(state: StateDB, tenant: str, text: str, *, secret: str | None = None) -> SuppressedId | None:
    """Suppress an id no longer, given as such or as the hash that the list shows; None if it was not suppressed.

    Raises AlmanacError if ids were suppressed with another secret, or if a beginning of a hash is that of several.
    """
    with state.write() as session:
        key = secret_in(session, secret, make=False)
        found = []
        if key:
            found = [session.get(SuppressionRow, (tenant, hash_id(key, tenant, text)))]
        if not any(found) and len(text) >= 8:
            query = select(SuppressionRow).where(SuppressionRow.tenant == tenant)
            found = list(session.scalars(query.where(SuppressionRow.id_hash.startswith(text, autoescape=True))))
        rows = [row for row in found if row is not None]
        if len(rows) > 1:
            raise AlmanacError(f"several suppressed ids begin with {text!r}: give more of the hash")
        if not rows:
            return None
        known = _suppressed(rows[0])
        session.delete(rows[0])
        return known


def list_suppressed(state: StateDB, tenant: str | None = None) -> list[SuppressedId]:
    """All suppressed ids (of one tenant), in the order in which they were suppressed."""
    query = select(SuppressionRow).order_by(SuppressionRow.created_at, SuppressionRow.tenant, SuppressionRow.id_hash)
    if tenant is not None:
        query = query.where(SuppressionRow.tenant == tenant)
    with state.read() as session:
        return [_suppressed(row) for row in session.scalars(query)]


def suppressed_ids(state: StateDB, secret: str | None = None) -> SuppressedIds:
    """Every suppressed id, for who has to recognise them. Raises AlmanacError if `secret` is not theirs."""
    with state.read() as session:
        rows = session.execute(select(SuppressionRow.tenant, SuppressionRow.id_hash)).all()
        key = secret_in(session, secret, make=False) if rows else b""
    by_tenant: dict[str, set[str]] = {}
    for tenant, id_hash in rows:
        by_tenant.setdefault(tenant, set()).add(id_hash)
    return SuppressedIds(key, {tenant: frozenset(hashes) for tenant, hashes in by_tenant.items()})


def suppression_version(state: StateDB) -> tuple[int, datetime | None]:
    """Something cheap that changes whenever an id is suppressed, or is so no longer."""
    with state.read() as session:
        query = select(func.count(), func.max(SuppressionRow.created_at)).select_from(SuppressionRow)
        count, newest = session.execute(query).one()
        return count, newest


def secret_in(session: Session, given: str | None, *, make: bool) -> bytes:
    """The secret: the given one, else the stored one, made where there is none (or empty). Refuses a changed one."""
    if given is not None:
        if len(given) < SHORTEST_SECRET:
            raise AlmanacError(f"ALMANAC_SUPPRESSION_SECRET is too short: give at least {SHORTEST_SECRET} characters")
        key = given.encode()
    else:
        row = session.get(SecretRow, SECRET)
        if row is None and make:
            row = SecretRow(name=SECRET, value=secrets.token_hex(32), created_at=datetime.now(UTC))
            session.add(row)
        key = row.value.encode() if row is not None else b""
    _refuse_another(key, session.scalars(select(SuppressionRow.secret_id).distinct()))
    return key


def _refuse_another(key: bytes, used: Iterable[str]) -> None:
    if any(name != name_of(key) for name in used):
        raise AlmanacError(
            "ids were suppressed with another secret than the present one and would not be recognised: "
            "set ALMANAC_SUPPRESSION_SECRET as it was then"
        )


def name_of(key: bytes) -> str:
    """What a secret is known by without telling anything of it."""
    return sha256(b"name of the secret\n" + key).hexdigest()[:8]


def refuse_unfit(kind: IdKind, text: str, note: str) -> None:
    """Raise AlmanacError for an id or a note that cannot be one."""
    if not normal_id(text) or len(text) > LONGEST_ID:
        raise AlmanacError(f"an id has 1 to {LONGEST_ID} characters that are not all spaces")
    if kind == "email" and "@" not in text:
        raise AlmanacError("that is no e-mail address: there is no @ in it")
    refuse_note(note)


def refuse_note(note: str) -> None:
    """Raise AlmanacError for a note that cannot be one."""
    if len(note) > LONGEST_NOTE or not (note.isprintable() or note == ""):
        raise AlmanacError(f"a note is one line of at most {LONGEST_NOTE} characters")


def _suppressed(row: SuppressionRow) -> SuppressedId:
    kind: IdKind = row.kind  # type: ignore[assignment]
    return SuppressedId(row.tenant, row.id_hash, kind, row.note, row.created_at)
