"""Names of datasets, after OpenLineage's rules: a data source is a namespace, a table or folder in it a name."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from almanac.settings import Settings


@dataclass(frozen=True)
class Dataset:
    """A dataset; what is not its name is said where it is known."""

    namespace: str
    name: str
    fields: tuple[dict[str, str], ...] = ()  # name, type and description of each column
    description: str = ""
    version: str = ""
    assertions: tuple[dict[str, Any], ...] = ()


def table(settings: Settings, database: str, schema: str, name: str, **more: Any) -> Dataset:
    """A table of the warehouse of `settings.target`; `more` are further fields of `Dataset`."""
    return Dataset(_warehouse(settings), f"{database}.{schema}.{name}", **more)


def built_table(settings: Settings, relation: str) -> Dataset:
    """A table of the DuckDB warehouse, by its `schema.name`; DuckDB calls a database like its file."""
    return Dataset(f"duckdb://{settings.warehouse}", f"{settings.warehouse.stem}.{relation}")


def lake(settings: Settings, kind: str) -> Dataset:
    """A folder of the lake: what has landed of one kind, such as `events`."""
    if (store := settings.object_store) is not None:
        return Dataset(f"s3://{store.bucket}", f"{store.prefix}/{kind}".lstrip("/"))
    return Dataset("file", f"{settings.lake}/{kind}")


def published(settings: Settings, version: str) -> Dataset:
    """The version that readers see. Its name stays when its file changes, so that it is one node of the lineage."""
    return Dataset("file", str(settings.versions), version=version)


def _warehouse(settings: Settings) -> str:
    if settings.target == "duckdb":
        return f"duckdb://{settings.warehouse}"
    server = urlsplit(settings.postgres_dsn or "")
    return f"postgres://{server.hostname or '127.0.0.1'}:{server.port or 5432}"
