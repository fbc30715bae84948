"""Reading a published version: opened read-only, hardened, held while it is read, shared by requests.

One request reads one version from beginning to end, so that all numbers of a page belong together.
"""

import queue
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import duckdb

from almanac import versions
from almanac.settings import Settings
from almanac.versions import Version
from serving.problems import NothingPublished, Problem

READERS = 4  # connections to one version; DuckDB runs a query on several threads anyway
WAIT_SECONDS = 10.0  # for a free connection
QUERY_SECONDS = 20.0  # of one request, then its query is interrupted
OPEN_ATTEMPTS = 5  # a version may be removed between asking for it and holding it

# Read-only alone still lets SQL read any file of the machine and load extensions.
HARDENED: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
    "temp_directory": "",
    "memory_limit": "1GB",
    "threads": 2,
    "lock_configuration": "true",
}

Row = tuple[Any, ...]
Parameters = Sequence[Any] | Mapping[str, Any]


class OpenVersion:
    """One published version, open: its connections, and what readers remember about it."""

    def __init__(self, version: Version) -> None:
        self.version = version
        self.users = 0
        self.memo: dict[str, Any] = {}  # a version never changes, so what was read once stays true
        self._held = ExitStack()
        self._held.enter_context(versions.hold(version))
        try:
            self._root = duckdb.connect(str(version.path), read_only=True, config=HARDENED)
        except BaseException:
            self._held.close()
            raise
        self._free: queue.LifoQueue[duckdb.DuckDBPyConnection] = queue.LifoQueue()
        for _ in range(READERS):
            self._free.put(self._root.cursor())

    @contextmanager
    def connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection for one request; its query is interrupted after QUERY_SECONDS.

        Raises Problem 503 `busy` if none becomes free in time.
        """
        try:
            connection = self._free.get(timeout=WAIT_SECONDS)
        except queue.Empty:
            raise Problem(503, "busy", "Too many requests are being answered: try again in a moment.") from None
        timer = threading.Timer(QUERY_SECONDS, connection.interrupt)
        timer.daemon = True
        timer.start()
        try:
            yield connection
        finally:
            timer.cancel()
            self._free.put(connection)

    def close(self) -> None:
        """Close all connections and let the publisher remove the version."""
        while not self._free.empty():
            self._free.get_nowait().close()
        self._root.close()
        self._held.close()


class Reading:
    """What one request reads with: a version and one connection to it."""

    def __init__(self, opened: OpenVersion, connection: duckdb.DuckDBPyConnection) -> None:
        self.version = opened.version
        self.memo = opened.memo
        self._connection = connection

    def rows(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """All rows of a query; values go in as parameters, never into the text.

        Raises Problem 503: `query_timeout` if the request took too long, `older_version` if the version lacks a table
        or column that this program reads.
        """
        try:
            found: list[Row] = self._connection.execute(sql, parameters).fetchall()
        except duckdb.InterruptException:
            raise Problem(503, "query_timeout", "The answer took too long: choose a shorter range.") from None
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            missing = str(error).splitlines()[0].partition("Error: ")[2]
            message = (
                "These numbers were published by an older Almanac and lack what is shown here "
                f"({missing}): run `almanac build`, or wait for the next publication."
            )
            raise Problem(503, "older_version", message) from error
        return found

    def records(self, sql: str, parameters: Parameters = ()) -> list[dict[str, Any]]:
        """As `rows`, each row by column name."""
        found = self.rows(sql, parameters)
        names = [column[0] for column in self._connection.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found]


class Versions:
    """The open versions: opens the current one, closes an older one as soon as nobody reads it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._open: dict[str, OpenVersion] = {}

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """Read the current version. Raises NothingPublished if there is none."""
        opened = self._enter()
        try:
            with opened.connection() as connection:
                yield Reading(opened, connection)
        finally:
            self._leave(opened)

    def close(self) -> None:
        """Close every version; readers that are still at work lose theirs."""
        with self._lock:
            for opened in self._open.values():
                opened.close()
            self._open.clear()

    def _enter(self) -> OpenVersion:
        with self._lock:
            opened = self._current()
            opened.users += 1
            self._release(keep=opened)
            return opened

    def _leave(self, opened: OpenVersion) -> None:
        with self._lock:
            opened.users -= 1
            newest = versions.current(self._settings)
            self._release(keep=self._open.get(newest.id) if newest else None)

    def _current(self) -> OpenVersion:
        for _ in range(OPEN_ATTEMPTS):
            version = versions.current(self._settings)
            if version is None:
                raise NothingPublished
            if version.id in self._open:
                return self._open[version.id]
            try:
                self._open[version.id] = OpenVersion(version)
            except FileNotFoundError:
                continue
            except duckdb.Error as error:
                raise Problem(503, "unreadable_version", f"Version {version.id} cannot be read: {error}") from error
            return self._open[version.id]
        raise Problem(503, "version_changing", "The published version changed while it was opened: try again.")

    def _release(self, keep: OpenVersion | None) -> None:
        for opened in [o for o in self._open.values() if o.users == 0 and o is not keep]:
            opened.close()
            del self._open[opened.version.id]
