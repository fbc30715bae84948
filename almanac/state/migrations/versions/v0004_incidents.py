"""Incidents, and the messages about them."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "incidents",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(300), nullable=False),
        sa.Column("title", sa.String(300), nullable=False),
        sa.Column("cause", sa.String(2000), nullable=False),
        sa.Column("readers_see", sa.String(300), nullable=False),
        sa.Column("runbook", sa.String(100), nullable=False),
        sa.Column("opened_at", sa.DateTime(), nullable=False),
        sa.Column("closed_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_incidents"),
    )
    op.create_index("ix_incidents_subject_closed_at", "incidents", ["subject", "closed_at"])
    op.create_table(
        "notices",
        sa.Column("incident_id", sa.String(32), nullable=False),
        sa.Column("moment", sa.String(8), nullable=False),
        sa.Column("channel", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(), nullable=False),
        sa.Column("sent_at", sa.DateTime(), nullable=True),
        sa.Column("error", sa.String(500), nullable=False),
        sa.PrimaryKeyConstraint("incident_id", "moment", "channel", name="pk_notices"),
    )
