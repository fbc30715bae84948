"""The portal's command: `almanac serve`."""

import asyncio
import socket
from contextlib import suppress

import click
import uvicorn

from almanac.errors import AlmanacError
from almanac.settings import Settings
from almanac.without_pandas import leave_pandas_out
from serving import assets
from serving.app import create_app


@click.command()
@click.option("--host", default=None, help="Address to listen on; 127.0.0.1 unless ALMANAC_HOST says otherwise.")
@click.option("--port", default=0, show_default=True, type=click.IntRange(0, 65535), help="0 picks a free port.")
def serve(host: str | None, port: int) -> None:
    """Run the portal on the published version.

    It starts before anything was published, says so, and shows the numbers as soon as they are there. Ctrl-C stops it.
    """
    settings = Settings.from_env()
    leave_pandas_out()
    listener = _listen(host or settings.host, port)
    config = uvicorn.Config(create_app(settings), log_level="warning", access_log=False, server_header=False)
    with suppress(KeyboardInterrupt):  # the usual way to stop it
        _Announcing(config, _address(listener)).run(sockets=[listener])


class _Announcing(uvicorn.Server):
    """Says its address once it answers there, then loads what the first page would wait for."""

    def __init__(self, config: uvicorn.Config, address: str) -> None:
        super().__init__(config)
        self._address = address

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening (uvicorn)."""
        await super().startup(sockets=sockets)
        if self.started:
            click.echo(f"Portal: {self._address}")
            asyncio.get_running_loop().run_in_executor(None, assets.chart_library)


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises AlmanacError if the address cannot be used."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise AlmanacError(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another --host or --port"
        ) from error
    listener.listen(128)
    return listener


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


COMMANDS: dict[str, click.Command] = {"serve": serve}
