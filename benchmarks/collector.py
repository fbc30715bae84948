"""The collector against nginx that answers 204 and a FastAPI + pydantic twin: `python -m benchmarks.collector`.

The collector runs on each of its servers; ours and granian with nobody behind them say what is left when keys,
contracts and the log cost nothing. All sides in one run, each on one core while wrk sends from another. "On the disk
before the answer" holds for the collector and for the twin. What counts is the rate per CPU second of the process that
answers; landing is another process, whose CPU seconds stand beside it.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial

from almanac.tables import text_table
from benchmarks import load, servers
from benchmarks.events import bodies
from benchmarks.load import Seen
from benchmarks.servers import Server

GOALS = """Goals for a quiet core: single events >= 15,000/s at p99 <= 10 ms; batches >= 200,000 events/s without
contracts at the door, >= 100,000 with them (tracking plan, limits, suppression, address truncation)."""
CONNECTIONS = 64
BATCH_CONNECTIONS = 16


@dataclass(frozen=True)
class Side:
    """One line of the comparison: a server and how it is sent to."""

    name: str
    start: Callable[[int], AbstractContextManager[Server]]
    batch: int
    missing: str | None = None


@dataclass(frozen=True)
class Line:
    """What one side did: as the client saw it, and CPU seconds of the server and of what it started."""

    side: Side
    seen: Seen
    cpu: float
    other_cpu: float

    @property
    def rate(self) -> float:
        """Events per CPU second of the process that answers."""
        return self.seen.requests * self.side.batch / max(self.cpu, 1e-6)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.collector", description=__doc__)
    parser.add_argument("--seconds", type=int, default=6, help="how long each side is sent to (default: 6)")
    parser.add_argument("--batch", type=int, default=100, help="events of a batch (default: 100)")
    parser.add_argument("--only", default="", help="only sides whose name contains this text")
    options = parser.parse_args(arguments)
    reason = load.missing()
    if reason is not None:
        sys.exit(reason)
    core, client_cores = _cores()
    lines: list[Line] = []
    for side in _sides(options.batch):
        if options.only not in side.name:
            continue
        if side.missing is not None:
            _say(f"left out: {side.name}: {side.missing}")
            continue
        _say(f"{side.name} ...")
        lines.append(_measure(side, options.seconds, core, client_cores))
    _say("")
    _say(text_table(_HEADERS, [_cells(line) for line in lines], right=_HEADERS[1:]))
    _say("")
    for text in _ratios(lines):
        _say(text)
    _say(GOALS)
    return 0


def _sides(batch: int) -> Iterator[Side]:
    no_nginx = servers.nginx_missing()
    for size, name in ((1, "single"), (batch, f"batch of {batch}")):
        yield Side(f"{name}, collector", _ours(), size)
        yield Side(f"{name}, collector on granian", _ours("--server", "granian"), size)
        yield Side(f"{name}, collector on uvicorn", _ours("--server", "uvicorn"), size)
        yield Side(f"{name}, collector without contracts", servers.no_contracts, size)
        yield Side(f"{name}, our server alone", partial(servers.floor, "httptools"), size)
        yield Side(f"{name}, granian alone", partial(servers.floor, "granian"), size)
        yield Side(f"{name}, FastAPI + pydantic", servers.twin, size)
        yield Side(f"{name}, nginx 204", servers.nginx, size, no_nginx)


def _ours(*arguments: str) -> Callable[[int], AbstractContextManager[Server]]:
    return lambda core: servers.collector(arguments, core)


def _measure(side: Side, seconds: int, core: int, client_cores: set[int]) -> Line:
    with side.start(core) as server:
        headers = {"content-type": "application/json"}
        if server.key:
            headers["authorization"] = f"Bearer {server.key}"
        url = server.url + ("/v1/track" if side.batch == 1 else "/v1/batch")
        prepared = bodies(side.batch, max(100, 4_000 // side.batch))
        connections = CONNECTIONS if side.batch == 1 else BATCH_CONNECTIONS
        load.send(url, prepared, headers, connections=connections, seconds=1, cores=client_cores)
        own, others = server.cpu()
        seen = load.send(url, prepared, headers, connections=connections, seconds=seconds, cores=client_cores)
        own_after, others_after = server.cpu()
    return Line(side, seen, own_after - own, others_after - others)


_HEADERS = ["", "req/s", "events/s", "p50 ms", "p99 ms", "req/CPU s", "events/CPU s", "landing CPU s", "not 2xx"]


def _cells(line: Line) -> list[str]:
    seen, rate = line.seen, line.seen.requests / line.seen.seconds
    return [
        line.side.name,
        f"{rate:,.0f}",
        f"{rate * line.side.batch:,.0f}",
        f"{seen.p50:.1f}",
        f"{seen.p99:.1f}",
        f"{line.rate / line.side.batch:,.0f}",
        f"{line.rate:,.0f}",
        f"{line.other_cpu:.2f}",
        f"{seen.bad + seen.broken:,}",
    ]


def _ratios(lines: Sequence[Line]) -> Iterator[str]:
    """Ours against the other sides, by events per CPU second."""
    for line in lines:
        if "collector" not in line.side.name:
            continue
        for other in lines:
            if other.side.batch == line.side.batch and "collector" not in other.side.name:
                yield f"{line.side.name}: {line.rate / other.rate:.2f} times {other.side.name.partition(', ')[2]}"


def _cores() -> tuple[int, set[int]]:
    """The server's core, and those of the client (the same one where there is no other)."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], set(allowed[1:]) or {allowed[0]}


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
