"""PostgreSQL follows `CURRENT`: what it does not hold yet is copied, and a rename in one transaction shows it."""

import time
from dataclasses import dataclass
from typing import Any

import psycopg2
from psycopg2.errors import DeadlockDetected, DependentObjectsStillExist, LockNotAvailable
from psycopg2.sql import SQL, Identifier

from almanac.errors import AlmanacError
from almanac.locks import exclusive
from almanac.postgres import first_line
from almanac.serving_store import ACCESS, SERVED, access, schema_of, walls
from almanac.serving_store.declared import load_declared
from almanac.serving_store.fill import fill
from almanac.serving_store.publisher import displaced, installation
from almanac.serving_store.session import WHO, changing, connection
from almanac.settings import Settings
from almanac.version_store import KEEP, kept_versions
from almanac.versions import Version, current, hold

# While the served tables are waited for, their new readers wait too: therefore briefly, less than the second after
# which PostgreSQL looks for deadlocks, and with pauses in which readers go on.
LOCK_SECONDS, PAUSE_SECONDS, PATIENCE_SECONDS = 0.1, 0.2, 10.0
RENAME_SECONDS = 5.0  # for somebody who changes the schemas in a transaction of theirs; readers never hold these


@dataclass(frozen=True)
class Followed:
    """The version that PostgreSQL serves now, whether that is new, and what its operator should know."""

    version_id: str
    is_new: bool
    notes: tuple[str, ...] = ()


def follow(settings: Settings, *, wait_seconds: float = 600) -> Followed | None:
    """Bring PostgreSQL to the version that `CURRENT` names; None if no serving database is configured.

    Another publication of this installation is waited for up to `wait_seconds`. Raises AlmanacError that says why
    PostgreSQL stayed with what it served before; calling it again is all that is ever to be done.
    """
    if not settings.serving_dsn:
        return None
    # Not the lock of the versions: a copy may take minutes, in which notes of failures are to be written.
    with exclusive(settings.versions / ".serving.lock", "a copy to PostgreSQL", wait_seconds=wait_seconds):
        version = current(settings)
        if version is None:
            raise AlmanacError("nothing is published yet; run `almanac build` first")
        try:
            with hold(version), connection(settings) as opened:
                return _bring(opened, settings, version)
        except AlmanacError as error:
            raise AlmanacError(
                f"PostgreSQL was not brought to version {version.id}, which the portal shows: {error}; the next "
                "publication does it, or `almanac serving publish`"
            ) from error


def _bring(opened: Any, settings: Settings, version: Version) -> Followed:
    with changing(opened, "a publication") as cursor:
        access.prepare(cursor)
        serving = served(cursor)
        if serving == version.id:
            return Followed(version.id, is_new=False)
        if serving is None:
            _refuse_what_is_not_ours(cursor)
        notes = displaced(cursor, installation(settings))
        notes += _switch(cursor, settings, version, serving)
    return Followed(version.id, is_new=True, notes=(*notes, *_drop_old(opened, settings)))


def served(cursor: Any) -> str | None:
    """The id of the version that is served, if there is one and its schema is where it belongs."""
    cursor.execute(f"select id, to_regnamespace(%s) is not null from {ACCESS}.version where is_current", [SERVED])
    found = cursor.fetchone()
    if found and not found[1]:
        cursor.execute(f"delete from {ACCESS}.version where id = %s", [found[0]])  # somebody dropped it
        return None
    return str(found[0]) if found else None


def _refuse_what_is_not_ours(cursor: Any) -> None:
    cursor.execute("select 1 where to_regnamespace(%s) is not null", [SERVED])
    if cursor.fetchone():
        raise AlmanacError(f"there is a schema {SERVED} that Almanac did not make: rename it, or give it a database")


def _switch(cursor: Any, settings: Settings, version: Version, serving: str | None) -> list[str]:
    """Fill the version's schema unless it is there, put up its walls, and give it the name that readers know."""
    schema = schema_of(version.id)
    cursor.execute(f"select to_regnamespace(schema_name) is not null from {ACCESS}.version where id = %s", [version.id])
    known = cursor.fetchone()
    if not known or not known[0]:
        fill(cursor, version, schema, load_declared(settings.root))
        cursor.execute(
            f"insert into {ACCESS}.version (id, schema_name, filled_by) values (%s, %s, %s) "
            "on conflict (id) do nothing",
            [version.id, schema, installation(settings)],
        )
    readers = access.readers(cursor)
    walls.open_to(cursor, schema, [r for r in readers if not r.problem])
    for reader in (r for r in readers if r.problem and r.exists):
        for kept in access.schemas(cursor):
            walls.close_to(cursor, kept, reader.role)
    if holes := walls.holes(cursor, schema):
        raise AlmanacError(f"walls between tenants have holes, nothing was switched: {'; '.join(holes)}")
    notes = [f"role {r.role} {r.problem}: it was not let in" for r in readers if r.problem]
    if serving:
        notes += _wait_for_readers(cursor)
    try:
        cursor.execute("select set_config('lock_timeout', %s, true)", [f"{RENAME_SECONDS * 1000:.0f}ms"])
        if serving:
            _rename(cursor, SERVED, schema_of(serving), serving, is_current=False)
        _rename(cursor, schema, SERVED, version.id, is_current=True)
    except LockNotAvailable:
        cursor.connection.rollback()
        raise AlmanacError(f"the switch waited {RENAME_SECONDS:g} s in vain: {_writers(cursor)}") from None
    return notes


def _rename(cursor: Any, schema: str, name: str, version_id: str, *, is_current: bool) -> None:
    cursor.execute(SQL("alter schema {} rename to {}").format(Identifier(schema), Identifier(name)))
    cursor.execute(
        f"update {ACCESS}.version set schema_name = %s, is_current = %s where id = %s", [name, is_current, version_id]
    )


def _wait_for_readers(cursor: Any) -> list[str]:
    """Lock what is served for the moment of the switch, so that no transaction meets two versions.

    A statement finds its tables by name, one after the other. Whoever has one of the old tables is let finish; after
    `PATIENCE_SECONDS` the switch comes all the same, and the note says who would have had to finish.
    """
    relations = _relations(cursor, SERVED, "r", "p")
    if not relations:
        return []
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        cursor.execute("savepoint before_lock")
        try:
            cursor.execute("select set_config('lock_timeout', %s, true)", [f"{LOCK_SECONDS * 1000:.0f}ms"])
            cursor.execute(SQL("lock table {} in access exclusive mode").format(SQL(", ").join(relations)))
        except (LockNotAvailable, DeadlockDetected):
            cursor.execute("rollback to savepoint before_lock")  # the former limit too
        else:
            return []
        if time.monotonic() >= deadline:
            return [
                f"readers were not waited for any longer, and may have met two versions: {_holders(cursor, SERVED)}"
            ]
        time.sleep(PAUSE_SECONDS)


def _holders(cursor: Any, schema: str) -> str:
    """Who has relations of a schema in an open transaction, in words."""
    cursor.execute(
        f"select distinct {WHO} from pg_locks l join pg_stat_activity a using (pid) "
        "join pg_class c on c.oid = l.relation where c.relnamespace = %s::regnamespace and l.granted "
        "and l.pid <> pg_backend_pid() and a.datname = current_database() and a.datid = l.database "
        "order by 1 limit 3",
        [f'"{schema}"'],
    )
    return "; ".join(said for (said,) in cursor.fetchall()) or "they have ended meanwhile"


def _writers(cursor: Any) -> str:
    """Who has changed something in a transaction that is still open, in words."""
    cursor.execute(
        f"select {WHO} from pg_stat_activity a where a.datname = current_database() and a.backend_xid is not null "
        "and a.pid <> pg_backend_pid() order by a.xact_start limit 3"
    )
    return "; ".join(said for (said,) in cursor.fetchall()) or "whoever held a lock has ended meanwhile: try again"


def _relations(cursor: Any, schema: str, *kinds: str) -> list[Identifier]:
    cursor.execute(
        "select relname from pg_class where relnamespace = %s::regnamespace and relkind::text = any(%s) order by 1",
        [f'"{schema}"', list(kinds)],
    )
    return [Identifier(schema, name) for (name,) in cursor.fetchall()]


def _drop_old(opened: Any, settings: Settings) -> list[str]:
    """Drop all but the newest versions, and those whose file is gone; one that somebody reads or builds on stays."""
    notes = []
    files = [version.id for version in kept_versions(settings)]
    try:
        with changing(opened, "a look for old versions") as cursor:
            cursor.execute(
                "select id, schema_name from "
                f"(select *, row_number() over (order by is_current desc, filled_at desc) n from {ACCESS}.version) v "
                "where not is_current and (n > %s or id <> all(%s)) order by n",
                [KEEP, files],
            )
            old = cursor.fetchall()
        for version_id, schema in old:
            if why := _drop_unused(opened, version_id, schema):
                notes.append(f"the old version {version_id} stays for now: {why}")
    except (psycopg2.Error, AlmanacError) as error:
        notes.append(f"old versions stay for now: {first_line(error)}")  # what was asked for is done
    return notes


def _drop_unused(opened: Any, version_id: str, schema: str) -> str:
    """Drop a version, or say why it cannot be."""
    try:
        with changing(opened, "removing an old version") as cursor:
            cursor.execute("select set_config('lock_timeout', %s, true)", [f"{LOCK_SECONDS * 1000:.0f}ms"])
            _drop(cursor, schema)
            cursor.execute(f"delete from {ACCESS}.version where id = %s", [version_id])
    except LockNotAvailable:
        with changing(opened, "a look for readers") as cursor:
            return f"{_holders(cursor, schema)} reads it"
    except DependentObjectsStillExist as error:
        return (error.diag.message_detail or first_line(error)).splitlines()[0]
    return ""


def _drop(cursor: Any, schema: str) -> None:
    """Without cascade: a view that somebody made over an old version is not ours to drop."""
    cursor.execute("select to_regnamespace(%s) is not null", [f'"{schema}"'])
    if not cursor.fetchone()[0]:
        return
    if tables := _relations(cursor, schema, "r", "p"):
        cursor.execute(SQL("drop table {}").format(SQL(", ").join(tables)))
    cursor.execute(SQL("drop schema {}").format(Identifier(schema)))
