"""Remembers how workspaces started."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261122_remembers_starts"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "start",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user", sa.String(length=255), nullable=False),
        sa.Column("server", sa.String(length=255), nullable=False),
        sa.Column("environment", sa.String(length=255), nullable=False),
        sa.Column("hardware", sa.String(length=255), nullable=False),
        sa.Column("environment_digest", sa.String(length=255), nullable=False),
        sa.Column("outcome", sa.String(length=255), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("phases", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_start")),
    )
    op.create_index("ix_start_digest_outcome_started", "start", ["environment_digest", "outcome", "started_at"])
    op.create_index(op.f("ix_start_started_at"), "start", ["started_at"])


def downgrade() -> None:
    op.drop_table("start")
