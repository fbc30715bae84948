"""Signs of life of Dagster's daemon, read without Dagster from where it writes them: for who must notice its end."""

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from almanac.errors import AlmanacError
from almanac.settings import DAGSTER_DSN, Settings

SILENT_AFTER = timedelta(minutes=5)  # each part gives a sign twice a minute
# Parts without which nothing runs by itself, by Dagster's name: a thread of the daemon can end alone.
PARTS = {
    "SCHEDULER": "schedules",
    "SENSOR": "sensors",
    "QUEUED_RUN_COORDINATOR": "the queue of runs",
    "MONITORING": "the watch over runs",
}
_QUERY = "select daemon_type, body from daemon_heartbeats"


@dataclass(frozen=True)
class Daemon:
    """The newest sign of each part (aware, UTC), by its name in words, and the parts that are silent."""

    signs: dict[str, datetime]
    silent: tuple[str, ...] = ()

    @property
    def silent_since(self) -> datetime | None:
        """The last sign of the part that has been silent longest; None if none is."""
        return min((self.signs[name] for name in self.silent), default=None)


def look(settings: Settings, now: datetime) -> Daemon:
    """What the daemon of this installation has said until `now` (aware); nothing if it has never run.

    Raises AlmanacError if the database in which Dagster keeps its runs cannot be read.
    """
    rows = _postgres(settings.dagster_dsn) if settings.dagster_dsn else _sqlite(settings)
    # The column `timestamp` is in the time zone of whichever session wrote it; the text beside it is not.
    signs = {
        PARTS[kind]: datetime.fromtimestamp(json.loads(body)["timestamp"], UTC) for kind, body in rows if kind in PARTS
    }
    return Daemon(signs, tuple(name for name, at in sorted(signs.items()) if now - at > SILENT_AFTER))


def _sqlite(settings: Settings) -> list[tuple[str, str]]:
    path = settings.dagster_home / "storage" / "history" / "runs.db"
    if not path.is_file():
        return []
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=2)) as con:
            known = con.execute("select 1 from sqlite_master where name = 'daemon_heartbeats'").fetchone()
            return con.execute(_QUERY).fetchall() if known else []
    except sqlite3.Error as error:
        raise AlmanacError(f"what Dagster keeps in {path} cannot be read: {error}") from error


def _postgres(dsn: str) -> list[tuple[str, str]]:
    import psycopg2

    from almanac.postgres import connect, first_line

    with closing(connect(dsn, DAGSTER_DSN)) as opened:
        try:
            with opened.cursor() as cursor:
                cursor.execute("set statement_timeout = '5s'")
                cursor.execute("select to_regclass('daemon_heartbeats') is not null")
                if not cursor.fetchone()[0]:
                    return []
                cursor.execute(_QUERY)
                return list(cursor.fetchall())
        except psycopg2.Error as error:
            raise AlmanacError(f"PostgreSQL of {DAGSTER_DSN} failed: {first_line(error)}") from error
