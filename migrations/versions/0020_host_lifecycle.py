"""The end of a host's life and its replacement."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """No host is written off, no certificate was revoked, and no token replaces a machine."""
    op.add_column("host_status", sa.Column("written_off_at", sa.DateTime(timezone=True)))
    op.add_column("host_certificate", sa.Column("revoked_for", sa.Text()))
    op.add_column(
        "join_token",
        sa.Column("replaces", sa.Boolean(), nullable=False, server_default=sa.text("false")),
    )
    op.alter_column("join_token", "replaces", server_default=None)


def downgrade() -> None:
    """Refuses while a host is removed: the older version would take it for one of its own.

    Of one that was, and is something else by now, history says ``decommissioning``. Who is written
    off has no row again, as whoever never had a session: the older version waits for the others."""
    query = sa.text(
        "SELECT name FROM host WHERE valid_to IS NULL AND state = 'removed' ORDER BY 1 LIMIT 5"
    )
    if names := [name for (name,) in op.get_bind().execute(query)]:
        raise RuntimeError(
            "the older version knows no state 'removed': delete these hosts, or set them active:"
            f" {', '.join(names)}"
        )
    # For the older version these would let a second machine in beside the first.
    op.execute("DELETE FROM join_token WHERE replaces")
    op.execute("UPDATE host SET state = 'decommissioning' WHERE state = 'removed'")
    op.execute("DELETE FROM host_status WHERE written_off_at IS NOT NULL")
    op.drop_column("join_token", "replaces")
    op.drop_column("host_certificate", "revoked_for")
    op.drop_column("host_status", "written_off_at")
