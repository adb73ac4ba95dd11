"""Remembers which image environments start, and what nodes have fetched ahead."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261127_fetches_images"
down_revision = "20261127_keeps_bookings"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "offered_image",
        sa.Column("environment", sa.String(length=255), nullable=False),
        sa.Column("offered", sa.String(length=1024), nullable=False),
        sa.Column("announced", sa.String(length=1024), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("environment", name=op.f("pk_offered_image")),
    )
    op.create_table(
        "fetched_image",
        sa.Column("node_uid", sa.String(length=64), nullable=False),
        sa.Column("image", sa.String(length=1024), nullable=False),
        sa.Column("node", sa.String(length=255), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("node_uid", "image", name=op.f("pk_fetched_image")),
    )
    op.create_index(op.f("ix_fetched_image_at"), "fetched_image", ["at"])


def downgrade() -> None:
    op.drop_table("fetched_image")
    op.drop_table("offered_image")
