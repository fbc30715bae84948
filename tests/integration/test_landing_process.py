"""Landing in another process: what it lands, what it says when it cannot, and what happens when it is killed."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from almanac.errors import AlmanacError
from almanac.settings import Settings
from almanac.state import begin_erasure, finish_erasure, list_erasures, open_state
from ingestion.collector import records
from ingestion.collector.door import Verdict
from ingestion.collector.landing_process import LandingProcess
from ingestion.collector.wal import Wal
from tests.integration.collector_process import eventually, lake_rows
from tests.refused_events import new_place


def sealed(folder: Path, *messages: str) -> list[Path]:
    """One sealed log file for each message id."""
    paths: list[Path] = []
    for message_id in messages:
        event = {"type": "track", "event": "Signed Up", "userId": "u", "messageId": message_id}
        verdicts = [Verdict(json.dumps(event).encode())]
        wal = Wal(folder)
        asyncio.run(wal.append(records.encode("rentals", "web", datetime.now(UTC), 1, verdicts)))
        wal.close()
        paths += [path for path in wal.sealed() if path not in paths]
    return paths


def child_of(landing: LandingProcess) -> int:
    assert landing._child is not None
    return landing._child.pid


def test_it_lands_each_file_once_even_if_it_is_killed_in_between(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    folder.mkdir()
    first, second = sealed(folder, str(uuid4()), str(uuid4()))
    landing = LandingProcess(Settings.for_home(tmp_path))
    try:
        landing.start()
        assert landing.land(first) == (1, 0)
        assert landing.land(first) == (0, 0)  # again: nothing
        os.kill(child_of(landing), signal.SIGKILL)
        eventually(lambda: landing._child is not None and landing._child.poll() is not None)
        assert landing.land(second) == (1, 0)
        with pytest.raises(AlmanacError, match="no-such-file"):
            landing.land(folder / "no-such-file")
        assert landing.land(first) == (0, 0)  # a file that cannot be landed does not end it
    finally:
        landing.stop()
    assert len(lake_rows(tmp_path, "events", "message_id")) == 2


def test_who_is_erased_while_events_wait_for_it_is_gone_after_it(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    folder.mkdir()
    before, waiting = sealed(folder, str(uuid4()), str(uuid4()))
    settings = Settings.for_home(tmp_path)
    landing = LandingProcess(settings)
    try:
        landing.start()
        landing.land(before)
        state = open_state(settings)  # which comes to be while the process is running
        finish_erasure(state, begin_erasure(state, "rentals", [("user", "u")], files=0))
        landing.land(waiting)
        assert len(lake_rows(tmp_path, "events", "message_id")) == 1, "who landed before it is for the erasure to find"
        [log] = list_erasures(state)
        assert log.events == 1
        state.close()
    finally:
        landing.stop()


def test_it_goes_by_the_plan_of_its_start_until_it_is_told_of_another(tmp_path: Path) -> None:
    place, folder = new_place(tmp_path), tmp_path / "log"
    folder.mkdir()
    paths = sealed(folder, *(str(uuid4()) for _ in range(4)))
    contract = place.root / "ingestion/tracking_plan/tenants/rentals.yml"
    valid = contract.read_text(encoding="utf-8")
    landing = LandingProcess(place.settings)
    try:
        landing.start()
        landing.land(paths[0])  # it has begun
        contract.write_text(valid.replace("  Signed Up:\n", "  Registered:\n"), encoding="utf-8")
        assert landing.land(paths[1]) == (1, 0)
        landing.take_up_plan()
        assert landing.land(paths[2]) == (0, 1)
        contract.write_text(valid.replace("event: signup_completed", "event: nothing"), encoding="utf-8")
        with pytest.raises(AlmanacError, match=r"rentals\.yml"):
            landing.take_up_plan()
        assert landing.land(paths[3]) == (0, 1)
    finally:
        landing.stop()


def test_when_the_time_is_up_it_is_ended(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    folder.mkdir()
    (path,) = sealed(folder, str(uuid4()))
    landing = LandingProcess(Settings.for_home(tmp_path))
    landing.start()
    os.kill(child_of(landing), signal.SIGSTOP)
    landing.end_by(time.monotonic() + 0.2)
    for _ in range(2):
        with pytest.raises(TimeoutError):
            landing.land(path)
    landing.stop()
    assert path.exists()


def test_a_copy_of_this_process_lands_and_a_program_of_its_own_takes_over_when_it_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    folder.mkdir()
    first, second = sealed(folder, str(uuid4()), str(uuid4()))
    # In a process of its own: pytest has threads.
    code = f"""
import os, signal
from pathlib import Path
from almanac.child_process import ForkedChild
from almanac.settings import Settings
from ingestion.collector.landing_process import LandingProcess
with LandingProcess(Settings.for_home(Path({str(tmp_path)!r}))) as landing:
    assert isinstance(landing._child, ForkedChild)
    assert landing.land(Path({str(first)!r})) == (1, 0)
    os.kill(landing._child.pid, signal.SIGKILL)
    assert landing._child.wait() == -signal.SIGKILL
    assert landing.land(Path({str(second)!r})) == (1, 0)
    assert not isinstance(landing._child, ForkedChild)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
    assert len(lake_rows(tmp_path, "events", "message_id")) == 2


@pytest.mark.parametrize("how", ["fork=True", ""])
def test_it_ends_with_the_collector(tmp_path: Path, how: str) -> None:
    code = f"""
import time
from pathlib import Path
from almanac.settings import Settings
from ingestion.collector.landing_process import LandingProcess
landing = LandingProcess(Settings.for_home(Path({str(tmp_path)!r})))
landing.start({how})
print(landing._child.pid, flush=True)
time.sleep(60)
"""
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    eventually(lambda: not _lives(child))


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
