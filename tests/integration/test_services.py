"""The four services as `deploy/systemd` runs them, together on one home: started, used, and stopped as systemd does."""

import json
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from almanac.settings import Settings
from ingestion.lake import Lake
from orchestration.processes import free_port
from orchestration.ui import wait_until_loaded
from tests.conftest import ROOT
from tests.integration.collector_process import new_key
from tests.services import BARE, CHECKOUT, HOME, Service, kill, services

LIMIT = 240  # seconds that a busy machine may take for anything
CLEAN = {0, -signal.SIGTERM}  # what systemd takes for a wanted end


@pytest.fixture
def running(tmp_path: Path) -> Iterator[dict[str, tuple[Service, "subprocess.Popen[bytes]", str]]]:
    """All services by name, with their process and address; whatever is left of them is killed at the end."""
    home, logs = tmp_path / "home", tmp_path / "logs"
    home.mkdir(), logs.mkdir()  # StateDirectory
    started = {}
    try:
        for name, service in services().items():
            port = free_port()
            process = service.start(home, logs / f"{name}.log", port, {})
            started[name] = (service, process, f"http://127.0.0.1:{port}/")
        yield started
    finally:
        for _, process, _ in started.values():
            kill(process)


@pytest.mark.deep
def test_the_services_work_together_and_end_when_they_are_asked(
    running: dict[str, tuple[Service, "subprocess.Popen[bytes]", str]], tmp_path: Path
) -> None:
    settings = Settings.for_home(tmp_path / "home")
    everything_lives = lambda: all(process.poll() is None for _, process, _ in running.values())  # noqa: E731
    collector, portal, pages = (running[name][2] for name in ("collector", "portal", "dagster-webserver"))
    until(everything_lives, lambda: fetch(f"{collector}health/ready") == 200)
    until(everything_lives, lambda: fetch(f"{portal}health/live") == 200)
    assert fetch(f"{portal}health/ready") == 503  # nothing is published yet

    # The tenant is one of the tracking plan; a key is known to collectors within seconds.
    key = new_key(settings.home)
    until(everything_lives, lambda: send(collector, key) == 200)

    wait_until_loaded(pages, LIMIT, lambda: not everything_lives())
    assert fetch(f"{pages}server_info") == 200
    until(everything_lives, lambda: is_daemon_alive(running["dagster-daemon"][0], settings))

    # It waits in the log for its minute; the end lands it.
    ended = {name: service.stop(process) for name, (service, process, _) in running.items()}
    assert set(ended.values()) <= CLEAN, ended
    rows = sum(entry.rows for entry in Lake.open(settings).entries() if entry.kind == "events")
    assert rows == 1


def until(alive: Callable[[], bool], is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT
    while not is_so():
        assert alive(), "a service ended"
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(1)


def fetch(address: str, **more: Any) -> int:
    """The status of the answer; 0 if there is none."""
    try:
        with urllib.request.urlopen(urllib.request.Request(address, **more), timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def send(collector: str, key: str) -> int:
    event = {"userId": "u-1", "event": "Booking Confirmed", "properties": {"booking_id": "b-1", "total": 80}}
    headers = {"content-type": "application/json", "authorization": f"Bearer {key}"}
    return fetch(f"{collector}v1/track", data=json.dumps(event).encode(), headers=headers)


def is_daemon_alive(daemon: Service, settings: Settings) -> bool:
    """What the container's health check asks."""
    here = {name: value.replace(HOME, str(settings.home)) for name, value in daemon.environment.items()}
    python = daemon.argv[0].replace(CHECKOUT, str(ROOT))
    done = subprocess.run([python, "-m", "orchestration.ui", "--alive"], cwd=ROOT, env=BARE | here, capture_output=True)
    return done.returncode == 0
