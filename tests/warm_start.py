"""Starts `almanac` commands as copies of a process that has imported everything: a start costs 0.1 s instead of 1.2.

`command()` is what a test gives to `subprocess.Popen` instead of `python -m almanac`; what it starts is a small program
(`tests/warm_client.py`) with the streams, folder and environment it was given, which ends as the command does. The
command itself is a process of its own, a fork of the server in this file. There is one server a test process.
"""

import atexit
import gc
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

from almanac.child_process import die_with
from almanac.settings import ROOT
from almanac.without_pandas import leave_pandas_out

CLIENT = Path(__file__).with_name("warm_client.py")
LONGEST = 1 << 20  # of a request, in bytes


def command(*arguments: str) -> list[str]:
    """What to run for `almanac` with these arguments."""
    # Neither site nor the environment of Python: the small program needs nothing, and is there in 10 ms.
    return [sys.executable, "-S", "-E", str(CLIENT), _server(), *arguments]


@cache
def _server() -> str:
    """The address of this process's server, which is started when it is first needed."""
    folder = tempfile.TemporaryDirectory(prefix="almanac-warm-")  # an address must be short
    address = str(Path(folder.name) / "socket")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(address)
    listener.listen(64)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.warm_start", str(listener.fileno()), str(os.getpid())],
        cwd=ROOT,
        pass_fds=[listener.fileno()],
    )
    listener.close()

    def end() -> None:
        process.kill()
        process.wait()
        folder.cleanup()

    atexit.register(end)
    return address


def serve(listener: socket.socket) -> None:
    """Fork a command for each request; its end is told to whoever asked, and it ends with them."""
    waiting = selectors.DefaultSelector()
    waiting.register(listener, selectors.EVENT_READ)
    children: dict[int, tuple[socket.socket, int]] = {}  # by pid: who asked, and the handle that tells of its end

    while True:
        for key, _ in waiting.select():
            if key.fileobj is listener:
                client, _ = listener.accept()
                pid = _fork(client, listener)
                if pid is None:
                    continue
                handle = os.pidfd_open(pid)
                children[pid] = client, handle
                waiting.register(client, selectors.EVENT_READ, pid)
                waiting.register(handle, selectors.EVENT_READ, pid)
                continue
            pid = key.data
            if pid not in children:  # its end and theirs were seen in one look
                continue
            client, handle = children[pid]
            if key.fileobj is client:  # they are gone
                waiting.unregister(client)
                os.kill(pid, signal.SIGKILL)
                continue
            _, status = os.waitpid(pid, 0)
            waiting.unregister(handle)
            os.close(handle)
            if client in waiting.get_map():
                waiting.unregister(client)
                with suppress(OSError):  # they may be gone by now
                    client.sendall(str(os.waitstatus_to_exitcode(status)).encode())
            client.close()
            del children[pid]


def _fork(client: socket.socket, listener: socket.socket) -> int | None:
    """The process that does what a client asks for; None if the client was gone before it asked."""
    message, streams, _, _ = socket.recv_fds(client, LONGEST, 3)
    if not message:
        client.close()
        return None
    request = json.loads(message)
    if request["arguments"][0] == "serve":
        _import_portal()
    server, pid = os.getpid(), os.fork()
    if pid == 0:
        code = 1
        try:
            die_with(server)  # and the server with the tests, however they end
            listener.close()
            client.close()
            for number, stream in enumerate(streams):
                os.dup2(stream, number)
            os.closerange(3, 1024)  # whatever else the server has open
            code = _run(**request)
        finally:
            os._exit(code)
    for stream in streams:
        os.close(stream)
    return pid


def _run(arguments: list[str], folder: str, environment: dict[str, str]) -> int:
    """As `python -m almanac` with these arguments; its exit code."""
    from almanac.cli import main

    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["almanac", *arguments]
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


@cache
def _import_portal() -> None:
    import serving.cli  # noqa: F401
    from serving.assets import chart_library

    chart_library()
    gc.collect()
    gc.freeze()


def _import_everything() -> None:
    leave_pandas_out()
    import almanac.cli  # noqa: F401 - the names are of no use, the modules are
    import ingestion.collector.asgi
    import ingestion.collector.cli
    import ingestion.collector.flusher
    import ingestion.collector.rsgi
    import ingestion.collector.server
    import ingestion.lake  # noqa: F401
    from ingestion.enrichment import describe

    describe("Mozilla/5.0")  # loads its patterns, a quarter of a second


if __name__ == "__main__":
    die_with(int(sys.argv[2]))
    _import_everything()
    gc.collect()
    gc.freeze()
    serve(socket.socket(fileno=int(sys.argv[1])))
