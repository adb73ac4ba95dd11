"""Remembers slow builds: a recipe each, who asked for it, and how many somebody had begun in a day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261127_builds_bases"
down_revision = "20261127_measures_starts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "derived_base",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("environment", sa.String(length=255), nullable=False),
        sa.Column("base", sa.String(length=512), nullable=False),
        sa.Column("base_digest", sa.String(length=128), nullable=False),
        sa.Column("apt", sa.JSON(), nullable=False),
        sa.Column("locked", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.String(length=255), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("job", sa.String(length=63), nullable=False),
        sa.Column("phase", sa.String(length=255), nullable=False),
        sa.Column("digest", sa.String(length=128), nullable=False),
        sa.Column("more_bytes", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("log", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_derived_base")),
    )
    op.create_index(op.f("ix_derived_base_state"), "derived_base", ["state"])
    op.create_table(
        "base_wish",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("person", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(["key"], ["derived_base.key"], name=op.f("fk_base_wish_key_derived_base")),
        sa.PrimaryKeyConstraint("key", "person", name=op.f("pk_base_wish")),
    )
    op.create_table(
        "build_begun",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person", sa.String(length=255), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_build_begun")),
    )
    op.create_index(op.f("ix_build_begun_person"), "build_begun", ["person"])


def downgrade() -> None:
    op.drop_table("build_begun")
    op.drop_table("base_wish")
    op.drop_table("derived_base")
