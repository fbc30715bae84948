"""Alembic loads this file to run migrations; it uses the connection, and the transaction, of its caller."""

from alembic import context

from almanac.state.migrate import VERSION_TABLE
from almanac.state.models import Base


def run() -> None:
    """Run the migrations that are asked for on the caller's connection."""
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=Base.metadata,
        version_table=VERSION_TABLE,
        render_as_batch=True,
        # SQLite can do it, as long as the driver does not end transactions on its own (database.py).
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


run()
