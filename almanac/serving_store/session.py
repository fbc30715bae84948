"""One transaction at a time on the serving database: under its lock, with limits, and with errors people can act on."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
from psycopg2.errors import InsufficientPrivilege, LockNotAvailable

from almanac import postgres
from almanac.errors import AlmanacError
from almanac.settings import SERVING_DSN, Settings

OLDEST = 15  # views that read with the rights of their reader exist since then
LOCK_KEY = 0x616C6D616E6163  # "almanac": held by whoever changes what is served
WAIT_SECONDS = 60.0
# A publisher whose machine vanished must not hold its locks for the two hours that are usual. A role may have a
# `statement_timeout`, and a copy takes as long as it takes.
LIMITS = (
    "set local timezone = 'UTC'; set local statement_timeout = 0; set local lock_timeout = '5s'; "
    "set local idle_in_transaction_session_timeout = '10min'; set local client_connection_check_interval = '2s'; "
    "set local tcp_keepalives_idle = 5; set local tcp_keepalives_interval = 3; set local tcp_keepalives_count = 3"
)


@contextmanager
def connection(settings: Settings) -> Iterator[Any]:
    """A connection to the serving database; what PostgreSQL refuses becomes an AlmanacError."""
    if not settings.serving_dsn:
        raise AlmanacError(f"no serving database is configured: set {SERVING_DSN} (docs/production.md)")
    opened = postgres.connect(settings.serving_dsn, SERVING_DSN)
    try:
        if opened.server_version < OLDEST * 10_000:
            raise AlmanacError(f"PostgreSQL of {SERVING_DSN} is older than {OLDEST}: use a newer server")
        yield opened
    except InsufficientPrivilege as error:
        user, database = opened.info.user, opened.info.dbname
        raise AlmanacError(
            f"PostgreSQL refused: {postgres.first_line(error)}; the role {user} must own the database {database} or "
            f'have been granted create on it (`grant create on database "{database}" to "{user}"`)'
        ) from error
    except psycopg2.Error as error:
        raise AlmanacError(f"PostgreSQL of {SERVING_DSN} failed: {postgres.first_line(error)}") from error
    finally:
        opened.close()


@contextmanager
def changing(opened: Any, what: str) -> Iterator[Any]:
    """A cursor in one transaction that changes what is served: all of it at its end, or nothing.

    Raises AlmanacError that says who is changing it meanwhile, if that takes longer than `WAIT_SECONDS`.
    """
    with opened.cursor() as cursor:
        try:
            _begin(opened, cursor, what)
            yield cursor
            opened.commit()
        except BaseException:
            if not opened.closed:  # else the reason for that would be lost
                opened.rollback()
            raise


def _begin(opened: Any, cursor: Any, what: str) -> None:
    # A pooler may give the next transaction another connection: nothing is set for longer than this one.
    cursor.execute(LIMITS)
    cursor.execute("select set_config('application_name', %s, true)", [f"almanac: {what}"])
    cursor.execute("select set_config('lock_timeout', %s, true)", [f"{WAIT_SECONDS * 1000:.0f}ms"])
    try:
        cursor.execute("select pg_advisory_xact_lock(%s)", [LOCK_KEY])
    except LockNotAvailable:
        opened.rollback()
        raise AlmanacError(f"{what} has to wait: {_holder(cursor)}; try again when it has ended") from None
    cursor.execute(LIMITS)


def _holder(cursor: Any) -> str:
    cursor.execute(
        f"select {WHO} from pg_locks l join pg_stat_activity a using (pid) "
        "where l.locktype = 'advisory' and l.granted and (l.classid::bigint << 32) | l.objid::bigint = %s",
        [LOCK_KEY],
    )
    return "; ".join(said for (said,) in cursor.fetchall()) or "somebody else changes what is served"


# In words, as far as the server lets the publisher see other sessions.
WHO = (
    "concat(coalesce(nullif(a.application_name, ''), 'a program'), ' of ', coalesce(a.usename, '?'), ', session ', "
    "a.pid, "
    "' from ' || a.client_addr::text, ', since ' || to_char(a.xact_start at time zone 'UTC', 'HH24:MI:SS') || ' UTC')"
)
