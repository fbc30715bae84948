"""Settings: the only reader of the environment, and never at import time."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Self

from almanac.errors import AlmanacError
from almanac.object_store import SCHEME, ObjectStore
from almanac.openlineage.endpoint import Endpoint

ROOT = Path(__file__).resolve().parents[1]
TARGETS = ("duckdb", "postgres")
ENVIRONMENTS = ("development", "demo", "production")
DAGSTER_DSN = "ALMANAC_DAGSTER_POSTGRES_DSN"  # `dagster.yaml` names it, so that no password stands there
SERVING_DSN = "ALMANAC_SERVING_POSTGRES_DSN"


@dataclass(frozen=True)
class Settings:
    """Where everything lies and how it is reached; construct with `from_env` or, in tests, `for_home`."""

    root: Path  # the repository
    home: Path  # everything Almanac writes, unless a line below says otherwise
    lake: Path  # the lake's folder, unless it lies in `object_store`
    target: str = "duckdb"
    environment: str = "development"
    postgres_dsn: str | None = None
    serving_dsn: str | None = field(default=None, repr=False)  # where BI tools read; None: published to files alone
    state_dsn: str | None = None
    dagster_dsn: str | None = field(default=None, repr=False)  # where Dagster keeps its runs, unless in `dagster_home`
    suppression_secret: str | None = field(default=None, repr=False)
    # Where people are: what a trusted proxy says of it, or a database of addresses (ingestion/enrichment/places.py).
    country_header: str | None = None
    city_header: str | None = None
    address_header: str | None = None
    geo_database: Path | None = None
    host: str = "127.0.0.1"
    store_access: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # keys and endpoint for other buckets
    sources: tuple[tuple[str, str], ...] = field(
        default=(), repr=False
    )  # addresses and secrets of fetched sources, by variable
    collector_url: str = "http://127.0.0.1:8088"  # where people send events to; pages show it
    object_store: ObjectStore | None = None
    # Whom a failure is told (alerts/channels.py), and after how long without a run the numbers are late.
    slack_webhook: str | None = field(default=None, repr=False)
    smtp_url: str | None = field(default=None, repr=False)
    mail_from: str | None = None
    mail_to: tuple[str, ...] = ()
    portal_url: str = ""
    late_after: timedelta = timedelta(hours=26)
    openlineage: Endpoint | None = None  # who is told of builds and publications; nobody unless it is set
    threads: int = 0  # cores that a build on DuckDB may use; 0: all
    collectors: int = 1  # how many share the rates of write keys

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Self:
        """Read the `ALMANAC_*` variables (documented in `.env.example`).

        Each may be given as a file instead: its name with `_FILE` behind it. Raises AlmanacError if a variable holds a
        value that is not allowed, its file cannot be read, or the home is or lies below what is no folder.
        """
        env = _with_files(os.environ if env is None else env)
        root = Path(env.get("ALMANAC_ROOT") or ROOT).resolve()
        home = Path(env.get("ALMANAC_HOME") or root / ".almanac").resolve()
        lake = env.get("ALMANAC_LAKE") or ""
        in_store = lake.startswith(SCHEME)
        if "://" in lake and not in_store:
            raise AlmanacError(f"ALMANAC_LAKE is {lake!r}: use a folder or s3://bucket/prefix")
        settings = cls(
            root=root,
            home=home,
            lake=Path((not in_store and lake) or home / "lake").resolve(),
            target=env.get("ALMANAC_TARGET") or "duckdb",
            environment=env.get("ALMANAC_ENV") or "development",
            postgres_dsn=env.get("ALMANAC_POSTGRES_DSN") or None,
            serving_dsn=env.get(SERVING_DSN) or None,
            state_dsn=env.get("ALMANAC_STATE_URL") or None,
            dagster_dsn=env.get(DAGSTER_DSN) or None,
            suppression_secret=env.get("ALMANAC_SUPPRESSION_SECRET") or None,
            country_header=env.get("ALMANAC_COUNTRY_HEADER") or None,
            city_header=env.get("ALMANAC_CITY_HEADER") or None,
            address_header=env.get("ALMANAC_ADDRESS_HEADER") or None,
            geo_database=Path(database).resolve() if (database := env.get("ALMANAC_GEO_DATABASE")) else None,
            host=env.get("ALMANAC_HOST") or "127.0.0.1",
            store_access=tuple((k, v) for k, v in env.items() if k.startswith(("ALMANAC_LAKE", "AWS_"))),
            sources=tuple((k, v) for k, v in env.items() if k.startswith("ALMANAC_SOURCE_") and v),
            collector_url=env.get("ALMANAC_COLLECTOR_URL") or "http://127.0.0.1:8088",
            object_store=_object_store(lake, env) if in_store else None,
            slack_webhook=env.get("ALMANAC_SLACK_WEBHOOK_URL") or None,
            smtp_url=env.get("ALMANAC_SMTP_URL") or None,
            mail_from=env.get("ALMANAC_MAIL_FROM") or None,
            mail_to=tuple(a.strip() for a in env.get("ALMANAC_MAIL_TO", "").split(",") if a.strip()),
            portal_url=env.get("ALMANAC_PORTAL_URL") or "",
            openlineage=_lineage_endpoint(env),
            threads=_count("ALMANAC_THREADS", env.get("ALMANAC_THREADS") or "0", "a number of cores, or 0 for all"),
            collectors=_count(
                "ALMANAC_COLLECTORS", env.get("ALMANAC_COLLECTORS") or "1", "how many there are, 1 or more", least=1
            ),
            late_after=_hours("ALMANAC_LATE_AFTER_HOURS", env.get("ALMANAC_LATE_AFTER_HOURS") or "26"),
        )
        _folder("ALMANAC_HOME", home)
        _one_of("ALMANAC_TARGET", settings.target, TARGETS)
        _one_of("ALMANAC_ENV", settings.environment, ENVIRONMENTS)
        return settings

    def bucket(self, address: str) -> ObjectStore:
        """The bucket and prefix `s3://bucket/prefix`, reached as the lake is. AlmanacError if it cannot be right."""
        return _object_store(address, dict(self.store_access))

    @staticmethod
    def source_variable(source: str, what: str) -> str:
        """The variable that holds a fetched source's `URL` or `TOKEN`."""
        return f"ALMANAC_SOURCE_{source.upper().replace('-', '_')}_{what}"

    def source_url(self, source: str) -> str | None:
        """Address of a fetched source: a database's URL, or where an API begins."""
        return dict(self.sources).get(self.source_variable(source, "URL"))

    def source_token(self, source: str) -> str | None:
        """Bearer token of a fetched source."""
        return dict(self.sources).get(self.source_variable(source, "TOKEN"))

    @classmethod
    def for_home(cls, home: Path, root: Path | None = None) -> Self:
        """Settings with everything under `home`, independent of the environment."""
        return cls(root=root or ROOT, home=home, lake=home / "lake")

    def with_target(self, target: str) -> Self:
        """The same settings for another build target (`duckdb` or `postgres`)."""
        _one_of("--target", target, TARGETS)
        return replace(self, target=target)

    @property
    def warehouse(self) -> Path:
        """The private DuckDB file that builds write; it always keeps this name."""
        return self.home / "warehouse" / "build.duckdb"

    @property
    def versions(self) -> Path:
        """The folder of published versions, with `CURRENT` and `STATUS.json`."""
        return self.home / "versions"

    @property
    def log_dir(self) -> Path:
        """The collector's write-ahead log."""
        return self.home / "collector"

    @property
    def truth(self) -> Path:
        """The simulator's ground truth; the warehouse never reads it."""
        return self.home / "truth"

    @property
    def dagster_home(self) -> Path:
        """Dagster's storage."""
        return self.home / "dagster"

    @property
    def dbt_target(self) -> Path:
        """dbt's target folder: one per engine, because switching engines in one folder discards the parse."""
        return self.home / "dbt" / self.target

    @property
    def state_url(self) -> str:
        """SQLAlchemy URL of the application state."""
        return self.state_dsn or f"sqlite:///{self.home / 'state.db'}"


def _with_files(env: Mapping[str, str]) -> dict[str, str]:
    """The variables, with the content of the file that `<name>_FILE` names as `<name>`: how containers pass secrets."""
    found = dict(env)
    for variable, path in env.items():
        name = variable.removesuffix("_FILE")
        if name == variable or not name.startswith("ALMANAC_") or not path:
            continue
        if env.get(name):
            raise AlmanacError(f"{name} and {variable} are both set: take one of them away")
        try:
            found[name] = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text"
            raise AlmanacError(f"{variable} is {path!r}, which cannot be read: {why}; name a file with it") from error
    return found


def _object_store(address: str, env: Mapping[str, str]) -> ObjectStore:
    """Almanac's own variables, and where they are not set the ones that tools for S3 share."""
    own = (env.get("ALMANAC_LAKE_KEY_ID"), env.get("ALMANAC_LAKE_SECRET"), env.get("ALMANAC_LAKE_SESSION_TOKEN"))
    shared = (env.get("AWS_ACCESS_KEY_ID"), env.get("AWS_SECRET_ACCESS_KEY"), env.get("AWS_SESSION_TOKEN"))
    # All of one kind: the key id of one account never goes with the secret of another.
    key_id, secret, token = own if own[0] or own[1] else shared
    endpoint = env.get("ALMANAC_LAKE_ENDPOINT") or env.get("AWS_ENDPOINT_URL_S3") or env.get("AWS_ENDPOINT_URL")
    return ObjectStore.at(
        address,
        keys=(key_id or "", secret or "", token or ""),
        endpoint=endpoint,
        region=env.get("ALMANAC_LAKE_REGION") or env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION"),
        path_style=env.get("ALMANAC_LAKE_PATH_STYLE"),
        timeout=env.get("ALMANAC_LAKE_TIMEOUT"),
    )


def _lineage_endpoint(env: Mapping[str, str]) -> Endpoint | None:
    url, namespace = env.get("ALMANAC_OPENLINEAGE_URL"), env.get("ALMANAC_OPENLINEAGE_NAMESPACE") or "almanac"
    return Endpoint.at(url, env.get("ALMANAC_OPENLINEAGE_API_KEY") or "", namespace) if url else None


def _count(name: str, text: str, what: str, *, least: int = 0) -> int:
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= 1024:
        raise AlmanacError(f"{name} is {text!r}: give {what}")
    return int(text)


def _hours(name: str, text: str) -> timedelta:
    try:
        hours = float(text)
    except ValueError:
        hours = 0.0
    if not 0 < hours <= 24 * 366:
        raise AlmanacError(f"{name} is {text!r}: give hours, for example 26")
    return timedelta(hours=hours)


def _folder(variable: str, place: Path) -> None:
    """Refuse a place at or above which something other than a folder lies; one that is not there yet can be made.

    Servers that only read, such as the portal, would otherwise start and wait for what can never come.
    """
    standing = next(p for p in (place, *place.parents) if os.path.exists(p))  # pathlib raises for what is unreadable
    if not standing.is_dir():
        raise AlmanacError(f"{variable} is {str(place)!r}, but {standing} is no folder: name another place, or move it")


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise AlmanacError(f"{name} is {value!r}: use one of {', '.join(allowed)}")
