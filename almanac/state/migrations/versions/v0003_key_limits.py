"""What a write key may send: events per second, and bytes of one request."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add both limits; keys from before have none of their own."""
    op.add_column("write_keys", sa.Column("events_per_second", sa.Float(), nullable=True))
    op.add_column("write_keys", sa.Column("body_bytes", sa.Integer(), nullable=True))
