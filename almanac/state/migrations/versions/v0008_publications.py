"""When readers were first shown which data."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the table; versions from before are not in it."""
    op.create_table(
        "publications",
        sa.Column("publication_id", sa.String(64), primary_key=True),
        sa.Column("shown_at", sa.DateTime(), nullable=False, index=True),
        sa.Column("arrived_until", sa.DateTime(), nullable=False),
        sa.Column("oldest_new_at", sa.DateTime(), nullable=True),
    )
