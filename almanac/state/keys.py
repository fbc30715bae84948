"""Write keys: who may send events as which source of which tenant.

Only the SHA-256 of a key is stored. A slow password hash protects secrets that people choose and others can guess;
a key is 256 random bits, which nobody can guess or search, so it would protect nothing and cost every request.
A plain digest can also be looked up by index.
"""

import json
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from uuid import uuid4

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from almanac.errors import AlmanacError
from almanac.state.database import StateDB
from almanac.state.models import WriteKeyRow

KEY_MARK = "alm_"
KEY_BYTES = 32
PREFIX_LENGTH = len(KEY_MARK) + 8  # 48 of the 256 bits: enough to recognise a key by, far too few to use it
LONGEST_NAME = 200
LARGEST_BODY_BYTES = 16 * 1024 * 1024

# Tenants and sources become folder names of the lake.
_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_SCOPE = re.compile(r"[a-z][a-z0-9_]{0,62}")  # a type of message, or an event of the tracking plan


@dataclass(frozen=True)
class WriteKey:
    """What is known of a write key (times are aware, UTC); `prefix` is how people recognise it.

    `events_per_second` and `body_bytes` (of one request) are how much it may send; None: no limit of its own. `scope`
    is what: types of messages (track, identify, ...) and events by their names in the tracking plan; None: everything.
    """

    id: str
    prefix: str
    tenant: str
    source: str
    name: str
    created_at: datetime
    revoked_at: datetime | None = None
    events_per_second: float | None = None
    body_bytes: int | None = None
    scope: frozenset[str] | None = None


def hash_key(plaintext: str) -> str:
    """What is stored of a key: its SHA-256 in hexadecimal."""
    return sha256(plaintext.encode("utf-8", "surrogatepass")).hexdigest()


def create_key(
    state: StateDB,
    tenant: str,
    source: str,
    name: str = "",
    *,
    events_per_second: float | None = None,
    body_bytes: int | None = None,
    scope: Collection[str] | None = None,
) -> tuple[WriteKey, str]:
    """Make a write key for a source of a tenant; returns it with its plain text, which nobody can read again.

    Raises AlmanacError for a tenant or source that cannot be a folder of the lake, a name that is too long, or a limit
    or scope that is none.
    """
    _check_limits(events_per_second, body_bytes)
    allowed = _scope_text(scope)
    for what, slug in (("tenant", tenant), ("source", source)):
        if not _SLUG.fullmatch(slug):
            raise AlmanacError(f"{what} {slug[:80]!r} is not allowed: use a-z, 0-9, _ and -, at most 63 characters")
    if len(name) > LONGEST_NAME or not (name.isprintable() or name == ""):
        raise AlmanacError(f"the name of a write key is one line of at most {LONGEST_NAME} characters")
    plaintext = KEY_MARK + secrets.token_urlsafe(KEY_BYTES)
    row = WriteKeyRow(
        id=uuid4().hex,
        token_hash=hash_key(plaintext),
        prefix=plaintext[:PREFIX_LENGTH],
        tenant=tenant,
        source=source,
        name=name,
        created_at=datetime.now(UTC),
        events_per_second=events_per_second,
        body_bytes=body_bytes,
        scope=allowed,
    )
    with state.write() as session:
        session.add(row)
        session.flush()
        key = _key(row)
    return key, plaintext


def find_key(state: StateDB, plaintext: str) -> WriteKey | None:
    """The key with this plain text, or None if it is unknown or revoked."""
    with state.read() as session:
        query = select(WriteKeyRow).where(WriteKeyRow.token_hash == hash_key(plaintext))
        row = session.scalars(query.where(WriteKeyRow.revoked_at.is_(None))).one_or_none()
        return None if row is None else _key(row)


def active_keys(state: StateDB) -> dict[str, WriteKey]:
    """Every key that is not revoked, by the hash of its plain text (`hash_key`)."""
    with state.read() as session:
        rows = session.scalars(select(WriteKeyRow).where(WriteKeyRow.revoked_at.is_(None)))
        return {row.token_hash: _key(row) for row in rows}


def list_keys(state: StateDB, tenant: str | None = None) -> list[WriteKey]:
    """All keys (of one tenant), revoked ones too, in the order in which they were made."""
    query = select(WriteKeyRow).order_by(WriteKeyRow.created_at, WriteKeyRow.id)
    if tenant is not None:
        query = query.where(WriteKeyRow.tenant == tenant)
    with state.read() as session:
        return [_key(row) for row in session.scalars(query)]


def revoke_key(state: StateDB, key: str) -> WriteKey:
    """Revoke the key with this id or prefix (what follows the prefix is not looked at); again changes nothing.

    Raises AlmanacError if there is no such key, or if the prefix is that of several.
    """
    with state.write() as session:
        row = _find(session, key)
        if row.revoked_at is None:
            row.revoked_at = datetime.now(UTC)
        return _key(row)


def limit_key(state: StateDB, key: str, *, events_per_second: float | None, body_bytes: int | None) -> WriteKey:
    """Set both limits of the key with this id or prefix; None takes a limit away.

    Raises AlmanacError if there is no such key, if the prefix is that of several, or for a limit that is none.
    """
    _check_limits(events_per_second, body_bytes)
    with state.write() as session:
        row = _find(session, key)
        row.events_per_second, row.body_bytes = events_per_second, body_bytes
        return _key(row)


def scope_key(state: StateDB, key: str, scope: Collection[str] | None) -> WriteKey:
    """Set what the key with this id or prefix may send; None: everything.

    Raises AlmanacError if there is no such key, if the prefix is that of several, or for a scope that is none.
    """
    allowed = _scope_text(scope)
    with state.write() as session:
        row = _find(session, key)
        row.scope = allowed
        return _key(row)


def _find(session: Session, key: str) -> WriteKeyRow:
    prefix = key[:PREFIX_LENGTH]
    rows = session.scalars(select(WriteKeyRow).where(or_(WriteKeyRow.id == key, WriteKeyRow.prefix == prefix))).all()
    if not rows:
        raise AlmanacError(f"there is no write key {prefix!r}: see `almanac keys list`")
    if len(rows) > 1:
        raise AlmanacError(f"several write keys begin with {prefix!r}: give the id that `almanac keys list` shows")
    return rows[0]


def _check_limits(events_per_second: float | None, body_bytes: int | None) -> None:
    if events_per_second is not None and not 0 < events_per_second < float("inf"):
        raise AlmanacError(f"{events_per_second} events per second is no rate: use a number above 0")
    if body_bytes is not None and not 1 <= body_bytes <= LARGEST_BODY_BYTES:
        raise AlmanacError(f"a request may hold 1 to {LARGEST_BODY_BYTES:,} bytes, not {body_bytes:,}")


def _scope_text(scope: Collection[str] | None) -> str | None:
    if scope is None:
        return None
    if not scope or not all(_SCOPE.fullmatch(name) for name in scope):
        raise AlmanacError("a write key may send types of messages and events of the tracking plan: name at least one")
    return json.dumps(sorted(set(scope)))


def _key(row: WriteKeyRow) -> WriteKey:
    return WriteKey(
        row.id,
        row.prefix,
        row.tenant,
        row.source,
        row.name,
        row.created_at,
        row.revoked_at,
        row.events_per_second,
        row.body_bytes,
        None if row.scope is None else frozenset(json.loads(row.scope)),
    )
