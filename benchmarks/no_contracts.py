"""The collector without contracts: every event is taken as it came. Run by `benchmarks.collector`.

Server, write key, rate limits, the way from the address to the answer and the log with its fdatasync are the
collector's own; tracking plan, enrichment, privacy and suppression are not there, and nothing is landed. What the
collector costs on top of it is what the door costs.
"""

import asyncio
import signal
import socket
import sys
from functools import partial
from typing import Any

import uvloop

from almanac.settings import Settings
from almanac.state import active_keys, open_state
from ingestion.collector.auth import KeyRing
from ingestion.collector.core import Collector
from ingestion.collector.dialects import Unread
from ingestion.collector.door import Verdict
from ingestion.collector.http_server import LoopServer
from ingestion.collector.metrics import Metrics
from ingestion.collector.refusals import Refusals
from ingestion.collector.server import settle
from ingestion.collector.wal import Wal


class TakesAll:
    """Stands where the judge stands."""

    settled_by = ""

    def judge_unread(self, unread: Unread, *_: object) -> list[Verdict]:
        """Every event as it came."""
        return [Verdict(raw) for raw in unread.raws]


async def serve(settings: Settings, port: int) -> None:
    """Answer on a port of this machine until the process is asked to end."""
    state = open_state(settings)
    settings.log_dir.mkdir(parents=True)
    wal = Wal(settings.log_dir)

    def forget() -> None:
        for path in wal.sealed():
            wal.remove(path)

    wal.on_sealed = forget
    keys = KeyRing(partial(active_keys, state))
    judge: Any = TakesAll()
    collector = Collector(
        judge=judge, keys=keys, wal=wal, refusals=Refusals(settings.log_dir), status=dict, metrics=Metrics()
    )
    asked_to_end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked_to_end.set)
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        await keys.start()
        settle()
        await LoopServer(collector, listening).start()
        await asked_to_end.wait()
    await keys.stop()
    wal.close()
    state.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(Settings.from_env(), int(sys.argv[1])))
