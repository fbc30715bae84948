"""What checks said: by day and subject, which checks there are, and from when until when each failed."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the three tables."""
    op.create_table(
        "quality_days",
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("errors", sa.Integer(), nullable=False),
        sa.Column("warnings", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Text(), nullable=False),
        sa.Column("warned", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("day", "kind", "subject", name="pk_quality_days"),
    )
    op.create_table(
        "quality_checks",
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("name", sa.String(300), nullable=False),
        sa.Column("first_judged_at", sa.DateTime(), nullable=False),
        sa.Column("last_judged_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "subject", "name", name="pk_quality_checks"),
    )
    op.create_table(
        "quality_failures",
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("name", sa.String(300), nullable=False),
        sa.Column("failed_at", sa.DateTime(), nullable=False),
        sa.Column("last_failed_at", sa.DateTime(), nullable=False),
        sa.Column("passed_at", sa.DateTime(), nullable=True),
        sa.Column("severity", sa.String(8), nullable=False),
        sa.Column("message", sa.String(1000), nullable=False),
        sa.PrimaryKeyConstraint("kind", "subject", "name", "failed_at", name="pk_quality_failures"),
    )
