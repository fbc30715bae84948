"""Asks the server of `tests/warm_start.py` for a command, lends it its streams, and ends as the command does."""

import array
import json
import os
import signal
import socket
import sys


def main() -> None:
    """Run what the arguments say: the server's address, then those of the command."""
    for number in (signal.SIGINT, signal.SIGTERM):  # our end is the command's, whatever our parent ignores
        signal.signal(number, signal.SIG_DFL)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)  # a request is one message
    server.connect(sys.argv[1])
    request = {"arguments": sys.argv[2:], "folder": os.getcwd(), "environment": dict(os.environ)}
    streams = array.array("i", [0, 1, 2])
    server.sendmsg([json.dumps(request).encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)])
    for stream in streams:
        os.close(stream)  # they are the command's: who reads them sees its end, not ours
    code = int(server.recv(16) or b"1")
    if code < 0:  # a signal ended it, and so it ends us
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__":
    main()
