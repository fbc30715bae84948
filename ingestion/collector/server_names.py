"""What can speak HTTP for the collector."""

from typing import Literal, get_args

ServerName = Literal["httptools", "granian", "uvicorn"]
SERVERS: tuple[ServerName, ...] = get_args(ServerName)
