"""Erasures reach fetched rows."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Count them beside the events; an erasure of before has reached none."""
    op.add_column("erasures", sa.Column("fetched", sa.Integer(), nullable=False, server_default="0"))
