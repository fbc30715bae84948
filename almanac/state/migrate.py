"""Bringing the schema of the application state up to date; Alembic is configured here, so nobody needs an ini file.

A new version is a file in `migrations/versions` that is written by hand and goes forward only.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, text

from almanac.errors import AlmanacError

# Not Alembic's default name: other programs that use Alembic may share the database.
VERSION_TABLE = "almanac_state_version"
WRITE_LOCK = "BEGIN IMMEDIATE"
_ADVISORY_LOCK = 0x616C6D616E6163  # any number that all processes of Almanac agree on


def alembic_config() -> Config:
    """Alembic's configuration for the application state; `attributes["connection"]` is for the caller to set."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


def upgrade(engine: Engine) -> None:
    """Migrate to the newest schema in one transaction; a process that comes second waits, then finds nothing to do.

    Raises AlmanacError if the database is of a newer Almanac than this one.
    """
    config = alembic_config()
    scripts = ScriptDirectory.from_config(config)
    with engine.connect() as connection:
        revision = _revision(connection)
    if revision == scripts.get_current_head():
        return
    if revision is not None and revision not in {script.revision for script in scripts.walk_revisions()}:
        raise AlmanacError(
            f"the application state at {engine.url.render_as_string(hide_password=True)} has schema {revision}, "
            "which this Almanac does not know: update Almanac"
        )
    with engine.execution_options(sqlite_begin=WRITE_LOCK).begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise AlmanacError(f"the application state cannot be migrated: {error}; update Almanac") from error


def _revision(connection: Connection) -> str | None:
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    return context.get_current_revision()
