"""Erasures may be closed that can never be ended, because their secret is lost."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Keep why; empty for an erasure that is pending, or that left nothing."""
    op.add_column("erasures", sa.Column("closed_reason", sa.String(200), nullable=False, server_default=""))
