"""Migrations of the application state, run by Alembic (`almanac/state/migrate.py`)."""
