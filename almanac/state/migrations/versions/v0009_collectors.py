"""Signs of life of the collectors."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make the table; running collectors of before are in it once they are started anew."""
    op.create_table(
        "collectors",
        sa.Column("place", sa.String(512), primary_key=True),
        sa.Column("address", sa.String(200), nullable=False),
        sa.Column("seen_at", sa.DateTime(), nullable=False),
        sa.Column("trouble", sa.String(63), nullable=False),
        sa.Column("since", sa.DateTime(), nullable=False),
        sa.Column("waiting_files", sa.Integer(), nullable=False),
        sa.Column("failing_files", sa.Integer(), nullable=False),
        sa.Column("damaged_files", sa.Integer(), nullable=False),
    )
