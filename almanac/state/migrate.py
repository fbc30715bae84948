"""Bringing the schema of the application state up to date; Alembic is configured here, so nobody needs an ini file.

A new version is a file in `migrations/versions` that is written by hand and goes forward only.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, text

from almanac.errors import AlmanacError

if TYPE_CHECKING:
    from alembic.config import Config

# Not Alembic's default name: other programs that use Alembic may share the database.
VERSION_TABLE = "almanac_state_version"
WRITE_LOCK = "BEGIN IMMEDIATE"
_ADVISORY_LOCK = 0x616C6D616E6163  # any number that all processes of Almanac agree on
_FOLDER = Path(__file__).parent / "migrations"


def alembic_config() -> "Config":
    """Alembic's configuration for the application state; `attributes["connection"]` is for the caller to set."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    return config


def upgrade(engine: Engine) -> None:
    """Migrate to the newest schema in one transaction; a process that comes second waits, then finds nothing to do.

    Raises AlmanacError if the database is of a newer Almanac than this one.
    """
    revision = _revision(engine)
    if revision == newest():
        return
    if revision is not None and revision not in _revisions():
        raise AlmanacError(
            f"the application state at {engine.url.render_as_string(hide_password=True)} has schema {revision}, "
            "which this Almanac does not know: update Almanac"
        )
    with engine.execution_options(sqlite_begin=WRITE_LOCK).begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})
        migrate(connection, "head")


def migrate(connection: Connection, revision: str) -> None:
    """Bring the schema to a version ("head": the newest) in the caller's transaction. Raises AlmanacError."""
    # Imported here: it takes a third of a second, and nearly always there is nothing to do.
    from alembic import command
    from alembic.util import CommandError

    config = alembic_config()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, revision)
    except CommandError as error:
        raise AlmanacError(f"the application state cannot be migrated: {error}; update Almanac") from error


def newest() -> str:
    """The newest version of the schema, by the names of the migrations."""
    return max(_revisions())


def _revisions() -> set[str]:
    return {path.name[1:5] for path in (_FOLDER / "versions").glob("v[0-9][0-9][0-9][0-9]_*.py")}


def _revision(engine: Engine) -> str | None:
    """The version of the schema that the database has, or None if it has none yet. Raises what the engine raises."""
    with engine.connect() as connection:
        if not engine.dialect.has_table(connection, VERSION_TABLE):
            return None
        return connection.execute(text(f"select version_num from {VERSION_TABLE}")).scalar()
