"""A running portal: the real command in its own process, on a port that the system picked."""

import os
import re
import selectors
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from almanac.settings import ROOT
from tests import warm_start

START_SECONDS = 60.0
STOP_SECONDS = 15.0


@contextmanager
def running_portal(home: Path, root: Path = ROOT, collector_url: str = "") -> Iterator[str]:
    """Run `almanac serve` on what was published below `home`; gives its address without the last slash."""
    environment = os.environ | {"ALMANAC_HOME": str(home), "ALMANAC_ROOT": str(root)}
    environment["ALMANAC_COLLECTOR_URL"] = collector_url
    command = warm_start.command("serve", "--port", "0")
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1
    ) as process:
        try:
            yield _address(process)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    said = ""
    deadline = time.monotonic() + START_SECONDS
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while time.monotonic() < deadline and process.poll() is None:
            if not selector.select(timeout=0.5):
                continue
            said += process.stdout.readline()
            if found := re.search(r"Portal: (http://\S+)/", said):
                return found[1]
    raise AssertionError(f"the portal did not start within {START_SECONDS:.0f} s: {said}")
