"""Remembers deleted accounts, so that their homes are put aside and can be brought back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261126_puts_homes_aside"
down_revision = "20261126_keeps_credentials"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "home_archive",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_name", sa.String(length=255), nullable=False),
        sa.Column("home", sa.String(length=255), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("archived", sa.String(length=255), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_home_archive")),
    )
    op.create_index(op.f("ix_home_archive_user_name"), "home_archive", ["user_name"])
    op.create_index(op.f("ix_home_archive_state"), "home_archive", ["state"])


def downgrade() -> None:
    op.drop_table("home_archive")
