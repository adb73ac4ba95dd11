"""Makes room for owners that are teams: `team/` and a name of up to 255 characters."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261126_takes_longer_owners"
down_revision = "20261126_puts_homes_aside"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Only longer: the release before goes on with it, and never finds a team's, for no person's name holds a slash.
    with op.batch_alter_table("credential") as table:
        table.alter_column("owner", existing_type=sa.String(length=255), type_=sa.String(length=300))


def downgrade() -> None:
    # Nobody but this release can use them, and on PostgreSQL the longest would not fit any more.
    op.execute("DELETE FROM sealed_credential WHERE reference LIKE 'team-credential-%'")
    op.execute("DELETE FROM credential WHERE owner LIKE 'team/%'")
    with op.batch_alter_table("credential") as table:
        table.alter_column("owner", existing_type=sa.String(length=300), type_=sa.String(length=255))
