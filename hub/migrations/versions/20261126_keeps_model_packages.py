"""Remembers model packages: what each is of, and where its image is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261126_keeps_model_packages"
down_revision = "20261126_takes_longer_owners"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "model_package",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(length=300), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("version", sa.String(length=128), nullable=False),
        sa.Column("digest", sa.String(length=128), nullable=False),
        sa.Column("place", sa.String(length=512), nullable=False),
        sa.Column("made_by", sa.String(length=255), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.String(length=512), nullable=False),
        sa.Column("source_sha256", sa.String(length=64), nullable=False),
        sa.Column("tree_sha256", sa.String(length=64), nullable=False),
        sa.Column("environment", sa.String(length=255), nullable=False),
        sa.Column("environment_sha256", sa.String(length=64), nullable=False),
        sa.Column("base_name", sa.String(length=512), nullable=False),
        sa.Column("base_digest", sa.String(length=128), nullable=False),
        sa.Column("lock_sha256", sa.String(length=64), nullable=False),
        sa.Column("git_commit", sa.String(length=64), nullable=False),
        sa.Column("git_diff", sa.Text(), nullable=False),
        sa.Column("contract", sa.JSON(), nullable=False),
        sa.Column("cells", sa.JSON(), nullable=False),
        sa.Column("files", sa.Integer(), nullable=False),
        sa.Column("project_bytes", sa.BigInteger(), nullable=False),
        sa.Column("layer_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sent_bytes", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("overridden", sa.JSON(), nullable=False),
        sa.Column("warnings", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_package")),
        sa.UniqueConstraint("owner", "name", "version", name=op.f("uq_model_package_owner")),
    )
    op.create_index(op.f("ix_model_package_made_by"), "model_package", ["made_by"])
    op.create_index(op.f("ix_model_package_made_at"), "model_package", ["made_at"])


def downgrade() -> None:
    op.drop_table("model_package")
