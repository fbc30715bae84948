"""The address of a lake on an S3-compatible store, what is needed to reach it, and DuckDB connections that read it."""

import re
from dataclasses import dataclass, field
from importlib.resources import files
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from almanac.errors import AlmanacError

if TYPE_CHECKING:
    import duckdb

SCHEME = "s3://"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_KEY = re.compile(r"[A-Za-z0-9!_.*'()=-]+(/[A-Za-z0-9!_.*'()=-]+)*")
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


@dataclass(frozen=True)
class ObjectStore:
    """A bucket and a prefix in it. Secrets are left out of every printed form."""

    bucket: str
    prefix: str  # without a slash at either end; may be empty
    key_id: str = field(repr=False)
    secret: str = field(repr=False)
    session_token: str = field(default="", repr=False)
    endpoint: str | None = None  # http(s)://host[:port]; None is AWS itself
    region: str = "us-east-1"
    path_style: bool = True
    timeout_seconds: float = 60.0  # the longest that one operation may take, its retries included

    @classmethod
    def at(
        cls,
        address: str,
        *,
        keys: tuple[str, str, str],
        endpoint: str | None,
        region: str | None,
        path_style: str | None,
        timeout: str | None,
    ) -> Self:
        """The store that `s3://bucket/prefix` names, from values as they stand in the environment.

        `keys` are key id, secret and session token. Raises AlmanacError for what cannot be right.
        """
        bucket, _, prefix = address.removeprefix(SCHEME).partition("/")
        prefix = prefix.strip("/")
        if not _BUCKET.fullmatch(bucket):
            raise AlmanacError(f"ALMANAC_LAKE is {address!r}: write s3://bucket/prefix, the bucket in lower case")
        if prefix and (not _KEY.fullmatch(prefix) or {".", ".."} & set(prefix.split("/"))):
            raise AlmanacError(f"ALMANAC_LAKE is {address!r}: use letters, digits and - _ . in the prefix")
        if not keys[0] or not keys[1]:
            name = "ALMANAC_LAKE_SECRET" if keys[0] else "ALMANAC_LAKE_KEY_ID"
            raise AlmanacError(f"{name} is not set: a lake at {address} needs a key id and its secret")
        return cls(
            bucket=bucket,
            prefix=prefix,
            key_id=keys[0],
            secret=keys[1],
            session_token=keys[2],
            endpoint=_endpoint(endpoint) if endpoint else None,
            region=region or "us-east-1",
            path_style=_boolean("ALMANAC_LAKE_PATH_STYLE", path_style, default=bool(endpoint)),
            timeout_seconds=_seconds("ALMANAC_LAKE_TIMEOUT", timeout, default=60.0),
        )

    @property
    def address(self) -> str:
        """`s3://bucket/prefix`."""
        return f"{SCHEME}{self.bucket}/{self.prefix}".rstrip("/")

    @property
    def server(self) -> str:
        """Who is asked, in words for people."""
        return self.endpoint or f"AWS in {self.region}"


def let_read(connection: "duckdb.DuckDBPyConnection", store: ObjectStore | None) -> None:
    """Give a DuckDB connection what it needs to read the lake; nothing for a folder.

    The extension comes from an installed package: nothing is downloaded when a build runs.
    """
    if store is None:
        return
    connection.execute(f"load {_literal(_httpfs())}")
    options = {
        "key_id": store.key_id,
        "secret": store.secret,
        "session_token": store.session_token,
        "region": store.region,
        "scope": f"{SCHEME}{store.bucket}",
        "url_style": "path" if store.path_style else "vhost",
    }
    if store.endpoint:
        url = urlsplit(store.endpoint)
        options |= {"endpoint": url.netloc, "use_ssl": "true" if url.scheme == "https" else "false"}
    given = ", ".join(f"{name} {_literal(value)}" for name, value in options.items() if value)
    connection.execute(f"create or replace temporary secret almanac_lake (type s3, {given})")
    connection.execute(f"set http_timeout = {max(1, round(store.timeout_seconds))}")
    # Files of the lake never change under their name, so what was learnt about one stays true.
    connection.execute("set enable_http_metadata_cache = true")


def _httpfs() -> str:
    """Where the package of DuckDB's httpfs extension keeps it for the running DuckDB."""
    import duckdb

    path = files("duckdb_extension_httpfs") / "extensions" / f"v{duckdb.__version__}" / "httpfs.duckdb_extension"
    if not path.is_file():
        raise AlmanacError(f"the package duckdb-extension-httpfs does not fit DuckDB {duckdb.__version__}: make setup")
    return str(path)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _endpoint(text: str) -> str:
    url = urlsplit(text)
    if (
        url.scheme not in ("http", "https")
        or not url.hostname
        or url.path not in ("", "/")
        or url.query
        or url.username
    ):
        raise AlmanacError("the lake's endpoint must be http://host:port or https://host:port (ALMANAC_LAKE_ENDPOINT)")
    return f"{url.scheme}://{url.netloc}"


def _boolean(name: str, text: str | None, *, default: bool) -> bool:
    text = (text or "").lower()
    if text and text not in _TRUE + _FALSE:
        raise AlmanacError(f"{name} is {text!r}: use true or false")
    return text in _TRUE if text else default


def _seconds(name: str, text: str | None, *, default: float) -> float:
    try:
        seconds = float(text) if text else default
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 3600:
        raise AlmanacError(f"{name} is {text!r}: use seconds, more than 0 and at most 3600")
    return seconds
