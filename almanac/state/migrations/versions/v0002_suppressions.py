"""Suppressed ids, and the secret by which they are hashed."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables of suppressed ids and of secrets."""
    op.create_table(
        "suppressions",
        sa.Column("tenant", sa.String(63), nullable=False),
        sa.Column("id_hash", sa.String(64), nullable=False),
        sa.Column("secret_id", sa.String(8), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("note", sa.String(200), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id_hash", name="pk_suppressions"),
    )
    op.create_table(
        "secrets",
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("value", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_secrets"),
    )
