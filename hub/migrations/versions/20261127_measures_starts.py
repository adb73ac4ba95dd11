"""Remembers what was promised of starts, and what each of their stages took."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261127_measures_starts"
down_revision = "20261126_keeps_model_packages"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "measured_start",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("environment", sa.String(length=255), nullable=False),
        sa.Column("digest", sa.String(length=255), nullable=False),
        sa.Column("hardware", sa.String(length=255), nullable=False),
        sa.Column("node_group", sa.String(length=255), nullable=False),
        sa.Column("outcome", sa.String(length=255), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("stages", sa.JSON(), nullable=False),
        sa.Column("forecast_kind", sa.String(length=32), nullable=False),
        sa.Column("forecast_seconds", sa.Float(), nullable=True),
        sa.Column("forecast_stages", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_measured_start")),
    )
    op.create_index(op.f("ix_measured_start_started_at"), "measured_start", ["started_at"])


def downgrade() -> None:
    op.drop_table("measured_start")
