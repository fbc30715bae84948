"""A dbt-duckdb plugin (profiles.yml names it): sets up the database once and not, as `settings` would, each connection.

dbt makes a connection for every model and test. What the database knows without its extensions stands in profiles.yml.
"""

from dbt.adapters.duckdb.plugins import BasePlugin
from duckdb import DuckDBPyConnection


class Plugin(BasePlugin):
    """It has no configuration."""

    def configure_connection(self, conn: DuckDBPyConnection) -> None:
        """Set what every later connection to the database begins with."""
        conn.execute("set global TimeZone = 'UTC'")
        # A file of the lake never changes, and every model that reads the lake opens all of them again.
        conn.execute("set global parquet_metadata_cache = true")
