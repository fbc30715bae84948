"""Running the collector as a process: one per log folder, from the lock to the last landing."""

import asyncio
import gc
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import uvicorn

from almanac.errors import AlmanacError
from almanac.locks import exclusive
from almanac.settings import Settings
from almanac.state import StateDB, active_keys, open_state, suppressed_ids, suppression_version
from ingestion.collector.app import Collector
from ingestion.collector.auth import KeyRing
from ingestion.collector.door import Door
from ingestion.collector.flusher import FLUSH_SECONDS, Flusher
from ingestion.collector.refusals import Refusals
from ingestion.collector.suppression_ring import SuppressionRing
from ingestion.collector.wal import Wal
from ingestion.lake import Lake
from ingestion.tracking_plan import load_plan

LOCK = "lock"
IN_FLIGHT_SECONDS = 5  # what requests get to finish when the process is asked to end
KEEP_ALIVE_SECONDS = 75  # longer than load balancers keep idle connections, so that they are the ones to close
BACKLOG = 2048

_log = logging.getLogger("almanac.collector")


def run_collector(
    settings: Settings, host: str, port: int, announce: Callable[[str], None], flush_seconds: float = FLUSH_SECONDS
) -> None:
    """Accept events on `host` and `port` (0: any free one) until SIGTERM or SIGINT, then land what is left.

    `announce` is called with the address once it answers. Raises AlmanacError if another collector owns the log
    folder, or if address, folder, tracking plan or application state cannot be used.
    """
    folder = settings.log_dir
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise AlmanacError(
            f"the log folder {folder} cannot be made: {error.strerror or error}; check its place"
        ) from error
    with exclusive(folder / LOCK, f"a collector on {folder}"):
        plan = load_plan(settings.root)
        state = open_state(settings)
        listening = _listen(host, port)
        try:
            app = _application(settings, Lake.open(settings, plan), state, flush_seconds)
            config = uvicorn.Config(
                app,
                http="httptools",
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=IN_FLIGHT_SECONDS,
                backlog=BACKLOG,
            )
            # What is loaded by now stays; not looking at it again saves a tenth of the time that a request costs.
            gc.collect()
            gc.freeze()
            _Server(config, partial(announce, _address(listening))).run(sockets=[listening])
        finally:
            listening.close()
            state.close()


def _application(settings: Settings, lake: Lake, state: StateDB, flush_seconds: float) -> Collector:
    folder = settings.log_dir
    try:
        wal = Wal(folder)
    except OSError as error:
        raise AlmanacError(
            f"the log folder {folder} cannot be written: {error.strerror or error}; see to it"
        ) from error
    keys = KeyRing(partial(active_keys, state))
    suppressed = SuppressionRing(
        partial(suppression_version, state), partial(suppressed_ids, state, settings.suppression_secret)
    )
    refusals = Refusals(folder, is_hidden=suppressed.mentioned_in)
    flusher = Flusher(wal, lake, flush_seconds, each_time=refusals.save)

    async def start() -> None:
        flusher.start()
        await keys.start()
        await suppressed.start()

    async def stop() -> None:
        await keys.stop()
        await suppressed.stop()
        await asyncio.to_thread(flusher.stop)

    return Collector(
        door=Door(lake.plan, suppressed.of),
        keys=keys,
        wal=wal,
        refusals=refusals,
        status=flusher.status,
        start=start,
        stop=stop,
    )


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise AlmanacError(f"the collector cannot listen on {host}:{port}: {reason}; choose another --port") from error
    return listening


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Server(uvicorn.Server):
    """Says when it answers, and ends with exit code 0 when it is asked to end."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        if self.started:
            self._on_started()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Let the signals that ask for an end bring it about, without dying of them afterwards."""
        signals = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self.handle_exit) for number in signals}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
