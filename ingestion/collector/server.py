"""Running the collector as a process: one per log folder, from the lock to the last landing."""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Protocol

import uvloop

from almanac.errors import AlmanacError
from almanac.locks import exclusive
from almanac.settings import Settings
from almanac.state import StateDB, active_keys, open_state, suppressed_ids, suppression_version
from ingestion.collector.auth import KeyRing
from ingestion.collector.core import Collector
from ingestion.collector.door import Door
from ingestion.collector.enrich import Enricher
from ingestion.collector.erased_requests import ErasedRequests
from ingestion.collector.flusher import FLUSH_SECONDS, Flusher
from ingestion.collector.judging import Judge
from ingestion.collector.landing_process import LandingProcess
from ingestion.collector.metrics import Metrics
from ingestion.collector.plan_watch import PlanWatch
from ingestion.collector.quick import QuickLane
from ingestion.collector.refusals import Refusals
from ingestion.collector.server_names import ServerName
from ingestion.collector.signs import Signs
from ingestion.collector.suppression_ring import SuppressionRing
from ingestion.collector.wal import Wal
from ingestion.enrichment import open_places
from ingestion.privacy.erased_since import ErasedSince
from ingestion.tracking_plan import Plan, load_plan

LOCK = "lock"
IN_FLIGHT_SECONDS = 1.0  # what requests get to finish when the process is asked to end
LANDING_SECONDS = 7.0  # what landing gets then
GARBAGE = 20_000  # new objects before a look for cycles, which requests leave none of
# How long the log's thread (and granian's) waits for the interpreter while the event loop is busy. With Python's own
# 5 ms the slowest of a hundred answers come two to four times as late, because a write waits several times.
SWITCH_SECONDS = 0.0005

_log = logging.getLogger("almanac.collector")


class HttpServer(Protocol):
    """What listens and calls the collector, in the running event loop."""

    async def start(self) -> None:
        """Return when requests are answered."""
        ...

    async def stop(self) -> None:
        """Close the socket and all connections."""
        ...


def run_collector(
    settings: Settings,
    host: str,
    port: int,
    announce: Callable[[str], None],
    landing: LandingProcess,
    *,
    flush_seconds: float = FLUSH_SECONDS,
    server: ServerName = "httptools",
) -> None:
    """Accept events on `host` and `port` (0: any free one) until SIGTERM or SIGINT, then land what is left.

    `announce` is called with the address once it answers; `landing` is started and stopped by the caller. Raises
    AlmanacError if another collector owns the log folder, or if address, folder, tracking plan or application state
    cannot be used.
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
            life = _Life(settings, plan, state, landing, flush_seconds)
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(life.run(server, listening, announce))
        finally:
            listening.close()
            state.close()


class _Life:
    """A collector's parts, from their start to their end."""

    def __init__(
        self, settings: Settings, plan: Plan, state: StateDB, landing: LandingProcess, flush_seconds: float
    ) -> None:
        folder = settings.log_dir
        try:
            self._wal = Wal(folder)
        except OSError as error:
            raise AlmanacError(
                f"the log folder {folder} cannot be written: {error.strerror or error}; see to it"
            ) from error
        self._metrics = Metrics()
        self._wal.on_committed = self._metrics.committed
        self._keys = KeyRing(partial(active_keys, state))
        self._suppressed = SuppressionRing(
            partial(suppression_version, state), partial(suppressed_ids, state, settings.suppression_secret)
        )
        self._enricher = Enricher(open_places(settings))
        self._enricher.prepare()
        self._refusals = Refusals(folder, is_hidden=self._suppressed.mentioned_in)
        self._erased_requests = ErasedRequests(self._refusals, ErasedSince(settings))
        self._landing = landing
        self._plan_watch = PlanWatch(settings.root, plan, self._adopt)
        self._flusher = Flusher(self._wal, self._landing.land, flush_seconds, each_time=self._after_landings)
        self._signs = Signs(state, folder, self._flusher.status)
        self._collector = Collector(
            judge=self._judge_by(plan),
            keys=self._keys,
            wal=self._wal,
            refusals=self._refusals,
            status=self._flusher.status,
            metrics=self._metrics,
            collectors=settings.collectors,
        )

    def _after_landings(self) -> None:
        self._refusals.save()
        self._erased_requests.look()
        self._plan_watch.look()

    def _judge_by(self, plan: Plan, *, prepared: bool = False) -> Judge:
        quick = QuickLane(plan, self._enricher, self._suppressed.of)
        if prepared:
            quick.prepare()
        return Judge(self._enricher, Door(plan, self._suppressed.of), quick)

    def _adopt(self, plan: Plan) -> None:
        """Let door and landing go by another plan; in the thread that lands, when what waited before is landed.

        Raises AlmanacError or OSError if the landing does not; then the door keeps the one before as well.
        """
        judge = self._judge_by(plan, prepared=True)
        self._landing.take_up_plan()
        self._collector.judge_by(judge)

    def _on_hangup(self, has_terminal: bool, end: Callable[[], None]) -> None:
        """SIGHUP: somebody asks for the new tracking plan, or the terminal in which this was started is gone."""
        if has_terminal and not os.isatty(0):
            end()
        else:
            self._flusher.land_now(then=self._plan_watch.take_up)

    async def run(self, server_name: ServerName, listening: socket.socket, announce: Callable[[str], None]) -> None:
        """Serve until a signal asks for the end; then accept no more, finish what was begun, and land it."""
        asked_to_end = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, asked_to_end.set)
        loop.add_signal_handler(signal.SIGHUP, self._on_hangup, os.isatty(0), asked_to_end.set)
        collector = self._collector
        server = http_server(server_name, collector, listening)
        self._flusher.start()
        await self._keys.start()
        await self._suppressed.start()
        settle()
        await server.start()
        address = _address(listening)
        await self._signs.start(address, lambda: collector.trouble_code)
        announce(address)
        await asked_to_end.wait()
        self._landing.end_by(time.monotonic() + LANDING_SECONDS)
        # Until the very end everybody is told to come again later: a refused connection says less.
        await collector.drain(IN_FLIGHT_SECONDS)
        await self._keys.stop()
        await self._suppressed.stop()
        await asyncio.to_thread(self._flusher.stop)
        await self._signs.stop()
        await server.stop()


def settle() -> None:
    """Make this process fit for answering many requests a second; to be called when everything is loaded."""
    # What is loaded by now stays; not looking at it again saves a tenth of the time that a request costs.
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE, 20, 50)
    sys.setswitchinterval(SWITCH_SECONDS)


def http_server(name: ServerName, collector: Collector, listening: socket.socket) -> HttpServer:
    """What listens on a bound socket and calls a collector, by its name."""
    # Imported here: only one of them is needed.
    if name == "httptools":
        from ingestion.collector.http_server import LoopServer

        return LoopServer(collector, listening)
    if name == "uvicorn":
        from ingestion.collector.asgi import UvicornServer

        return UvicornServer(collector, listening)
    from ingestion.collector.rsgi import GranianServer

    return GranianServer(collector, listening)


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
