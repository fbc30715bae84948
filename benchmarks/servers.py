"""The servers that `benchmarks.collector` compares, each in a process of its own on one core."""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from almanac.settings import ROOT, Settings
from almanac.state import create_key, open_state
from benchmarks.events import SOURCE, TENANT
from ingestion.collector.server_names import ServerName

START_SECONDS = 120.0
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Server:
    """A server that answers at `url`; `key` is a write key where it wants one, `home` where it keeps what it gets."""

    url: str
    pid: int
    key: str = ""
    home: Path = Path()

    def cpu(self) -> tuple[float, float]:
        """CPU seconds so far: of the process that answers, and of all processes that it started."""
        own = _cpu(self.pid)
        return own, sum(_cpu(child) for child in _children(self.pid))


@contextmanager
def collector(arguments: Sequence[str], core: int) -> Iterator[Server]:
    """Our collector, with `arguments` for `almanac collect`, on a fresh home."""
    with _home() as (home, key, environment):
        command = [sys.executable, "-m", "almanac", "collect", "--port", "0", *arguments]
        with _process(command, core, environment, subprocess.PIPE) as process:
            assert process.stdout is not None
            found = re.match(rb"collecting on (\S+)", process.stdout.readline())
            if not found:
                sys.exit("the collector did not start: see above")
            yield Server(found[1].decode(), process.pid, key, home)


@contextmanager
def no_contracts(core: int) -> Iterator[Server]:
    """The collector without what its door does (`benchmarks.no_contracts`), on a fresh home."""
    with _home() as (home, key, environment):
        port = _free_port()
        with _process([sys.executable, "-m", "benchmarks.no_contracts", str(port)], core, environment) as process:
            _wait(port)
            yield Server(f"http://127.0.0.1:{port}", process.pid, key, home)


@contextmanager
def twin(core: int) -> Iterator[Server]:
    """FastAPI and pydantic (`benchmarks.twin`)."""
    with tempfile.TemporaryDirectory(prefix="almanac-bench-", dir=_disk()) as folder:
        port = _free_port()
        command = [sys.executable, "-m", "benchmarks.twin", str(Path(folder) / "log"), str(port)]
        with _process(command, core, dict(os.environ)) as process:
            _wait(port)
            yield Server(f"http://127.0.0.1:{port}", process.pid)


@contextmanager
def floor(name: ServerName, core: int) -> Iterator[Server]:
    """A server of the collector with nobody behind it (`benchmarks.floor`)."""
    port = _free_port()
    with _process([sys.executable, "-m", "benchmarks.floor", str(port), name], core, dict(os.environ)) as process:
        _wait(port)
        yield Server(f"http://127.0.0.1:{port}", process.pid)


def nginx_missing() -> str | None:
    """What has to be installed for the side `nginx`, or None."""
    return None if _nginx() else "nginx is not installed (Debian or Ubuntu: apt install nginx-light)"


@contextmanager
def nginx(core: int) -> Iterator[Server]:
    """Debian's nginx, which reads the request and answers 204: what HTTP itself costs."""
    binary = _nginx()
    assert binary is not None
    with tempfile.TemporaryDirectory(prefix="almanac-bench-") as folder:
        port = _free_port()
        configuration = Path(folder) / "nginx.conf"
        configuration.write_text(_NGINX.format(folder=folder, port=port))
        with _process([binary, "-c", str(configuration), "-e", "stderr"], core, dict(os.environ)) as process:
            _wait(port)
            yield Server(f"http://127.0.0.1:{port}", process.pid)


# keepalive_requests: its default would close a connection after a thousand requests. No temporary files.
_NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log stderr error;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 1000000000; client_max_body_size 8m; client_body_buffer_size 8m;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port} backlog=2048; location / {{ return 204; }} }}
}}
"""


@contextmanager
def _process(
    command: Sequence[str], core: int, environment: dict[str, str], stdout: int | None = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=stdout)
    os.sched_setaffinity(process.pid, {core})
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _nginx() -> str | None:
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


@contextmanager
def _home() -> Iterator[tuple[Path, str, dict[str, str]]]:
    """A fresh home, a write key for it, and the environment that names it."""
    with tempfile.TemporaryDirectory(prefix="almanac-bench-", dir=_disk()) as home:
        state = open_state(Settings.for_home(Path(home)))
        _, key = create_key(state, TENANT, SOURCE)
        state.close()
        yield Path(home), key, {**os.environ, "ALMANAC_HOME": home}


def _disk() -> Path:
    """A folder on the disk of the repository: /tmp may be memory, where fdatasync costs nothing."""
    folder = ROOT / ".almanac" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                sys.exit(f"nothing answers on port {port}")
            time.sleep(0.05)


def _cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            own = [int(child) for child in task.read_text().split()]
        except OSError:
            continue
        found += [*own, *(grandchild for child in own for grandchild in _children(child))]
    return found
