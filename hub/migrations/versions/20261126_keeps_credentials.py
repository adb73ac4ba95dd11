"""Keeps people's credentials: what is known of them, and on one machine what they hold, encrypted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261126_keeps_credentials"
down_revision = "20261122_remembers_starts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "credential",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=255), nullable=False),
        sa.Column("purpose", sa.JSON(), nullable=False),
        sa.Column("env", sa.JSON(), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("always", sa.Boolean(), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("mounted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("mounted_by", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credential")),
        sa.UniqueConstraint("owner", "name", name=op.f("uq_credential_owner")),
    )
    op.create_table(
        "sealed_credential",
        sa.Column("reference", sa.String(length=255), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("reference", name=op.f("pk_sealed_credential")),
    )


def downgrade() -> None:
    op.drop_table("sealed_credential")
    op.drop_table("credential")
