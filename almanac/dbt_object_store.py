"""A dbt-duckdb plugin (profiles.yml names it): lets dbt's connection read a lake in an object store."""

import base64
from typing import Any

import msgspec
from dbt.adapters.duckdb.plugins import BasePlugin
from duckdb import DuckDBPyConnection

from almanac.object_store import ObjectStore, let_read

# dbt hides the value of a variable whose name begins like this in everything that it writes.
VARIABLE = "DBT_ENV_SECRET_ALMANAC_LAKE"


def encoded(store: ObjectStore | None) -> str:
    """The value of VARIABLE; empty for a lake in a folder."""
    return base64.urlsafe_b64encode(msgspec.json.encode(store)).decode() if store else ""


class Plugin(BasePlugin):
    """Its configuration has one key, `store`: what `encoded` gave."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        """Take over the store, if there is one."""
        text = plugin_config.get("store") or ""
        self._store = msgspec.json.decode(base64.urlsafe_b64decode(text), type=ObjectStore) if text else None

    def configure_connection(self, conn: DuckDBPyConnection) -> None:
        """Load the extension and hand over the keys."""
        let_read(conn, self._store)
