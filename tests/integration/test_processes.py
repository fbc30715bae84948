"""The supervisor: children that end, children that do not, and what they have started."""

import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from almanac.errors import AlmanacError
from orchestration.processes import Interrupted, Supervisor, free_port, interruptible

WAITS = "import time; print('ready', flush=True); time.sleep(600)"
# Ignores every polite signal, and starts somebody who does the same.
STUBBORN = """
import os, signal, time
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
child = os.fork()
if child:
    print("started", child, flush=True)
time.sleep(600)
"""


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def lives(pid: int) -> bool:
    """Whether a process runs; one that ended and was not collected does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


def gone(pid: int, seconds: float = 5) -> bool:
    deadline = time.monotonic() + seconds
    while lives(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not lives(pid)


def test_a_program_says_when_it_is_ready_and_ends_with_the_context(tmp_path: Path) -> None:
    with Supervisor(tmp_path) as programs:
        child = programs.start("waits", python(WAITS))
        assert programs.wait_for(child, "(ready)", 20) == "ready"
        assert programs.ended() is None
    assert gone(child.process.pid)
    assert child.process.returncode == -signal.SIGTERM


def test_what_ignores_signals_is_killed_with_everything_it_started_within_ten_seconds(tmp_path: Path) -> None:
    with Supervisor(tmp_path) as programs:
        child = programs.start("stubborn", python(STUBBORN))
        grandchild = int(programs.wait_for(child, r"started (\d+)", 20))
        start = time.monotonic()
    assert time.monotonic() - start < 10
    assert gone(child.process.pid)
    assert gone(grandchild)


def test_a_program_that_ends_at_once_is_named_with_its_last_words(tmp_path: Path) -> None:
    with Supervisor(tmp_path) as programs:
        child = programs.start("portal", python("import sys; sys.exit('Error: no such address')"))
        with pytest.raises(AlmanacError, match=r"portal ended with code 1: no such address"):
            programs.wait_for(child, "(ready)", 20)
        assert programs.ended() is child


def test_a_program_that_says_nothing_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    with Supervisor(tmp_path) as programs:
        child = programs.start("mute", python("import time; time.sleep(600)"))
        with pytest.raises(AlmanacError, match="mute did not start within 0 s"):
            programs.wait_for(child, "(ready)", 0.2)


def test_running_a_program_returns_its_exit_code(tmp_path: Path) -> None:
    with Supervisor(tmp_path) as programs:
        assert programs.run("three", python("raise SystemExit(3)")) == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_interrupts_once(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(Interrupted), interruptible():
        signal.raise_signal(number)
    assert signal.getsignal(number) is before


@pytest.mark.skipif(sys.platform != "linux", reason="needs PR_SET_PDEATHSIG")
def test_children_end_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from orchestration.processes import Supervisor
with Supervisor(Path({str(tmp_path)!r})) as programs:
    child = programs.start("waits", {python(WAITS)!r})
    programs.wait_for(child, "(ready)", 20)
    print(child.process.pid, flush=True)
    child.process.wait()
"""
    with subprocess.Popen(python(code), stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        pid = int(re.findall(r"\d+", supervisor.stdout.readline())[0])
        assert lives(pid)
        supervisor.kill()
    assert gone(pid)


def test_a_free_port_can_be_listened_on() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", free_port()))
