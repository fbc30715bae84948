"""For processes that are started by others of ours."""

import ctypes
import os
import signal
import sys


def die_with(parent: int) -> None:
    """End this process when its parent is killed: an orphan would go on writing and hold locks.

    `parent` is the process id of the parent. Only Linux can do this; elsewhere nothing happens.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)
