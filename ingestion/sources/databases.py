"""Databases of others: reached through SQLAlchemy, and what is missing there in words."""

import sqlalchemy

from almanac.errors import AlmanacError


def engine_of(what: str, url: str) -> sqlalchemy.Engine:
    """The engine of an address. Raises AlmanacError, beginning with `what`, if it is none or lacks its driver."""
    try:
        return sqlalchemy.create_engine(url, hide_parameters=True)
    except (ValueError, sqlalchemy.exc.ArgumentError):  # what they say may repeat the password
        example = "postgresql://user:secret@host:5432/database"
        raise AlmanacError(f"{what}: its address is none of a database, such as {example}") from None
    except ImportError as error:
        todo = "install it into .venv, or name another one in the address, such as postgresql+psycopg2://"
        raise AlmanacError(f"{what}: the database's driver {error.name} is not installed: {todo}") from error


def table_of(what: str, engine: sqlalchemy.Engine, name: str) -> sqlalchemy.Table:
    """A table as the database describes it, by its name or schema.name. Raises AlmanacError if it is missing."""
    schema, _, plain = name.rpartition(".")
    try:
        return sqlalchemy.Table(plain, sqlalchemy.MetaData(), autoload_with=engine, schema=schema or None)
    except sqlalchemy.exc.NoSuchTableError as error:
        todo = "create it, or correct its name in the description or the database in the address"
        raise AlmanacError(f"{what}: the database has no table {name}: {todo}") from error
