"""Load by wrk: prepared bodies over a number of connections, and what the client saw of it."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_SCRIPT = """
local bodies, turn = {}, 0
function init()
  local headers = {}
  for line in io.lines(os.getenv("LOAD_HEADERS")) do
    local name, value = line:match("^(.-): (.*)$")
    headers[name] = value
  end
  for body in io.lines(os.getenv("LOAD_BODIES")) do
    bodies[#bodies + 1] = wrk.format("POST", nil, headers, body)
  end
end
function request()
  turn = turn % #bodies + 1
  return bodies[turn]
end
function done(summary, latency)
  local failed = summary.errors
  io.write(string.format(
    '\\nRESULT {"requests": %d, "seconds": %.6f, "bad": %d, "broken": %d, "p50": %.3f, "p99": %.3f}\\n',
    summary.requests, summary.duration / 1e6, failed.status,
    failed.connect + failed.read + failed.write + failed.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
"""


@dataclass(frozen=True)
class Seen:
    """What the client saw: answers, seconds, answers that were not 2xx, broken requests, latencies in ms."""

    requests: int
    seconds: float
    bad: int
    broken: int
    p50: float
    p99: float


def missing() -> str | None:
    """What has to be installed first, or None."""
    return None if shutil.which("wrk") else "wrk is not installed (Debian or Ubuntu: apt install wrk)"


def send(
    url: str,
    bodies: Sequence[bytes],
    headers: Mapping[str, str],
    *,
    connections: int,
    seconds: int,
    cores: set[int] | None = None,
) -> Seen:
    """Send the bodies in turn, on the given cores, for some seconds. Raises RuntimeError if wrk fails."""
    with tempfile.TemporaryDirectory() as folder:
        script, lines, names = (Path(folder) / name for name in ("load.lua", "bodies", "headers"))
        script.write_text(_SCRIPT)
        lines.write_bytes(b"\n".join(bodies) + b"\n")
        names.write_text("".join(f"{name}: {value}\n" for name, value in headers.items()))
        wrk = subprocess.Popen(
            ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(script), url],
            env={**os.environ, "LOAD_BODIES": str(lines), "LOAD_HEADERS": str(names)},
            stdout=subprocess.PIPE,
            text=True,
        )
        if cores is not None:
            os.sched_setaffinity(wrk.pid, cores)
        printed, _ = wrk.communicate()
    for line in printed.splitlines():
        if line.startswith("RESULT "):
            return Seen(**json.loads(line.removeprefix("RESULT ")))
    raise RuntimeError(f"wrk failed: {printed or 'see above'}")
