"""What a write key may send: types of messages and events by name."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the scope; keys from before may send everything."""
    op.add_column("write_keys", sa.Column("scope", sa.Text(), nullable=True))
