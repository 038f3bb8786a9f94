"""Whether of a host more is news than the revision it stands at."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("host_status", sa.Column("advanced_xid", sa.BigInteger(), nullable=True))
    op.create_index(op.f("ix_host_status_advanced_xid"), "host_status", ["advanced_xid"])


def downgrade() -> None:
    # The older version tells of nothing that happened before it was there.
    op.drop_index(op.f("ix_host_status_advanced_xid"), "host_status")
    op.drop_column("host_status", "advanced_xid")
