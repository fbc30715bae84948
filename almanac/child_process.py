"""For processes that are started by others of ours."""

import ctypes
import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import BinaryIO


def die_with(parent: int) -> None:
    """End this process when its parent is killed: an orphan would go on writing and hold locks.

    `parent` is the process id of the parent. Only Linux can do this; elsewhere nothing happens.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)


class ForkedChild:
    """A copy of this process that does `work` with two pipes, as far as possible like a `subprocess.Popen`.

    `stdin` is what the parent writes to, `stdout` what it reads. Only a process with a single thread may have one:
    locks that other threads hold at that moment would stay locked in the copy for ever.
    """

    def __init__(self, work: Callable[[BinaryIO, BinaryIO], None]) -> None:
        """Fork; `work(requests, answers)` runs in the child, which ends when it returns."""
        requests, to_child = os.pipe()
        from_child, answers = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            code = 1
            try:
                os.close(to_child)
                os.close(from_child)
                os.dup2(2, 1)  # whatever a library prints is no answer
                work(os.fdopen(requests, "rb"), os.fdopen(answers, "wb"))
                code = 0
            except BaseException:  # nothing of the parent's may run in the child
                traceback.print_exc()
            finally:
                os._exit(code)
        os.close(requests)
        os.close(answers)
        self.stdin: BinaryIO = os.fdopen(to_child, "wb")
        self.stdout: BinaryIO = os.fdopen(from_child, "rb")
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit code (negative: the signal that ended it), None while it lives."""
        if self.returncode is None:
            self._reap(os.WNOHANG)
        return self.returncode

    def wait(self) -> int:
        """Its exit code, once it has ended."""
        if self.returncode is None:
            self._reap(0)
        assert self.returncode is not None
        return self.returncode

    def kill(self) -> None:
        """End it at once."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)

    def _reap(self, options: int) -> None:
        pid, status = os.waitpid(self.pid, options)
        if pid:
            self.returncode = os.waitstatus_to_exitcode(status)
