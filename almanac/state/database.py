"""Opening the application state: SQLite in the home folder, or PostgreSQL where the settings name one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from errno import EACCES
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.orm import Session

from almanac.errors import AlmanacError
from almanac.settings import Settings
from almanac.state.migrate import WRITE_LOCK, upgrade

# Both kinds of setting are needed: keepalives notice a peer that vanished while we wait for its answer,
# tcp_user_timeout one that vanished while we send.
_POSTGRES_TIMEOUTS = {
    "connect_timeout": 10,
    "tcp_user_timeout": 15_000,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
}
_SQLITE_WAIT_SECONDS = 30
_making = Lock()  # nobody in this process uses the file before its maker has closed it


@dataclass(frozen=True)
class StateDB:
    """The opened application state, at the newest schema. Safe to share between threads."""

    engine: Engine

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that only reads. Raises AlmanacError if the database cannot be reached."""
        with _in_words(self.engine), Session(self.engine) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that commits when its context ends well. Raises AlmanacError if the database refuses."""
        # The lock is taken at once: SQLite cannot turn a reader into a writer while another one waits for the same.
        engine = self.engine.execution_options(sqlite_begin=WRITE_LOCK)
        with _in_words(self.engine), Session(engine) as session, session.begin():
            yield session

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def open_state(settings: Settings) -> StateDB:
    """Open the application state of `settings` and bring its schema up to date (nothing happens if it is).

    Several processes may do so at once. Raises AlmanacError if the URL is no good, the database cannot be reached,
    or a newer Almanac has changed its schema.
    """
    try:
        url = make_url(settings.state_url)
        engine = _sqlite(url) if url.get_backend_name() == "sqlite" else _postgres(url)
    except (ArgumentError, NoSuchModuleError) as error:
        raise AlmanacError(
            "the URL of the application state cannot be read: give ALMANAC_STATE_URL as "
            "postgresql://user:password@host/database, or leave it out for SQLite"
        ) from error
    with _in_words(engine):
        upgrade(engine)
    return StateDB(engine)


def has_state(settings: Settings) -> bool:
    """Whether there is an application state to read; opening it would make one in the home folder."""
    url = make_url(settings.state_url)
    return url.get_backend_name() != "sqlite" or Path(url.database or "").is_file()


def _postgres(url: URL) -> Engine:
    if url.get_backend_name() != "postgresql":
        raise ArgumentError(url.drivername)
    return create_engine(url, connect_args=_POSTGRES_TIMEOUTS, pool_pre_ping=True, hide_parameters=True)


def _sqlite(url: URL) -> Engine:
    if url.database and url.database != ":memory:":
        _make_private(Path(url.database))
    engine = create_engine(url, connect_args={"timeout": _SQLITE_WAIT_SECONDS}, hide_parameters=True)
    event.listen(engine, "connect", _no_hidden_transactions)
    event.listen(engine, "begin", _begin)
    return engine


def _make_private(path: Path) -> None:
    """Make the file where there is none, for nobody else to read; one that is there is not opened.

    POSIX takes all locks of a process on a file from it when any handle of that file is closed: another thread in the
    middle of a transaction would go on without its lock, beside other processes.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _making, suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        if not os.access(path, os.R_OK | os.W_OK):
            raise PermissionError(EACCES, os.strerror(EACCES))
    except OSError as error:
        reason = error.strerror or error
        raise AlmanacError(f"the application state {path} cannot be written: {reason}; check the folder") from error


def _no_hidden_transactions(connection: Any, _record: object) -> None:
    # The driver begins transactions of its own accord, but not for changes of the schema; `_begin` does it for both.
    connection.isolation_level = None


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN"))


@contextmanager
def _in_words(engine: Engine) -> Iterator[None]:
    """Turn what a driver raises into one line that names the place, never the password."""
    try:
        yield
    except DBAPIError as error:
        where = engine.url.render_as_string(hide_password=True)
        reason = " ".join(str(error.orig).split())
        raise AlmanacError(
            f"the application state at {where} cannot be used: {reason}; see to it, then try again"
        ) from error
