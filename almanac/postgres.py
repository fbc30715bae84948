"""Connecting to PostgreSQL so that a dead network becomes an error within 15 seconds, never a hang."""

from typing import Any

from almanac.errors import AlmanacError

# Each covers a case that the others leave hanging: a server that does not answer while the connection is made, one that
# goes away while it is waited for (5 + 3 * 3 seconds), and one that goes away while something is sent to it.
NEVER_HANG: dict[str, Any] = {
    "connect_timeout": 7,  # for each address of the name: `localhost` has two
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 12_000,
}
# Else what can be sent depends on the database and on PGCLIENTENCODING: one of SQL_ASCII takes no letter of another
# alphabet. What a database cannot hold, the server says.
TEXT = {"client_encoding": "UTF8"}


def connect(dsn: str, variable: str) -> Any:
    """A psycopg2 connection to the database of `dsn`, which the setting `variable` holds.

    What the DSN itself says of timeouts and keepalives goes before `NEVER_HANG`. Raises AlmanacError that names the
    variable, host and port, and no password, if the DSN is none or the server cannot be reached.
    """
    import psycopg2
    from psycopg2.extensions import parse_dsn

    try:
        given = parse_dsn(dsn)
    except psycopg2.ProgrammingError:  # its words may repeat the password
        raise AlmanacError(f"{variable} is no address such as postgresql://user:secret@host:5432/database") from None
    try:
        return psycopg2.connect(**(NEVER_HANG | given | TEXT))
    except psycopg2.OperationalError as error:
        raise AlmanacError(f"PostgreSQL of {variable} cannot be reached: {first_line(error)}") from error


def first_line(error: BaseException) -> str:
    """What an error says first; its further lines show the statement."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
