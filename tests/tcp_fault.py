"""A TCP proxy on loopback that misbehaves on demand: refuses, cuts a connection in the middle, or never answers."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit


class FaultyProxy:
    """Passes bytes to a server. `cut_after` and `silent` apply to connections that are made from then on."""

    def __init__(self, server: str) -> None:
        url = urlsplit(server)
        self._server = (url.hostname, url.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.cut_after: int | None = None  # bytes from the client that still pass; then both sides are reset
        self.drop_answers = False  # the request passes whole, its answer does not
        self.silent = False  # accepts and never answers
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def mend(self) -> None:
        """Behave again, with new connections."""
        self.cut_after, self.drop_answers, self.silent = None, False, False
        self.break_off()

    def break_off(self) -> None:
        """End every open connection, as idle ones would go round what is set for new ones."""
        while self._open:
            _reset(self._open.pop())

    def close(self) -> None:
        """End: connections are refused from here on."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # ends `accept` in the other thread too
        self._listener.close()
        self.break_off()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(client)
            if self.silent:
                continue
            with suppress(OSError):
                server = socket.create_connection(self._server, 5)
                self._open.append(server)
                threading.Thread(target=self._up, args=(client, server), daemon=True).start()
                threading.Thread(target=self._down, args=(client, server), daemon=True).start()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        passed = 0
        with suppress(OSError):
            while data := client.recv(4096):
                if self.cut_after is not None and passed + len(data) > self.cut_after:
                    server.sendall(data[: self.cut_after - passed])
                    self.cuts += 1
                    break
                server.sendall(data)
                passed += len(data)
        _reset(client)
        _reset(server)

    def _down(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                if self.drop_answers:
                    self.cuts += 1
                    break
                client.sendall(data)
        _reset(client)
        _reset(server)


@contextmanager
def faulty_proxy(server: str) -> Iterator[FaultyProxy]:
    """A proxy before the server at `http://host:port`."""
    proxy = FaultyProxy(server)
    try:
        yield proxy
    finally:
        proxy.close()


def _reset(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
