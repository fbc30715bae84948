"""Where events go to: the address of an OpenLineage endpoint, its key, and the namespace of our jobs."""

from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from almanac.errors import AlmanacError

PATH = "/api/v1/lineage"  # where a server takes events unless the address says otherwise
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@dataclass(frozen=True)
class Endpoint:
    """One endpoint. Its query may hold a secret, so only `shown` is for people."""

    host: str
    port: int
    is_tls: bool
    path: str
    query: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    namespace: str = "almanac"

    @classmethod
    def at(cls, url: str, key: str, namespace: str) -> Self:
        """The endpoint as the environment has it. Raises AlmanacError, without a secret, if it cannot be right."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise AlmanacError("ALMANAC_OPENLINEAGE_URL is no address: write http(s)://host:port") from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise AlmanacError("ALMANAC_OPENLINEAGE_URL is no address: write http(s)://host:port")
        if "@" in parts.netloc:
            raise AlmanacError("ALMANAC_OPENLINEAGE_URL holds a user: give the key in ALMANAC_OPENLINEAGE_API_KEY")
        if key and (not key.isascii() or not key.isprintable()):
            raise AlmanacError("ALMANAC_OPENLINEAGE_API_KEY holds a character that no header may carry")
        if key and parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise AlmanacError("ALMANAC_OPENLINEAGE_API_KEY is sent encrypted only: give an https address")
        is_tls = parts.scheme == "https"
        path = parts.path if parts.path not in ("", "/") else PATH
        return cls(parts.hostname, port or (443 if is_tls else 80), is_tls, path, parts.query, key, namespace)

    @property
    def shown(self) -> str:
        """The address without key and query, for messages."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.is_tls else 'http'}://{host}:{self.port}{self.path}"

    @property
    def target(self) -> str:
        """What a request asks for: path and query."""
        return f"{self.path}?{self.query}" if self.query else self.path
