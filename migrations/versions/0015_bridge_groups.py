"""Bridges on every host of a group.

Those that there are stay on the host that they name.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_AT = sa.text("valid_to IS NULL AND bridge_uid IS NOT NULL")


def upgrade() -> None:
    op.add_column("bridge", sa.Column("host_group", sa.Text(), nullable=True))
    for column in ("host", "host_uid"):
        op.alter_column("bridge", column, nullable=True)
    op.create_index(
        "ix_bridge_host_group",
        "bridge",
        ["host_group"],
        postgresql_where=sa.text("host_group IS NOT NULL"),
    )
    # Who is at a bridge of a group may be on any of its hosts.
    op.create_index("ix_port_current_bridge_uid", "port", ["bridge_uid"], postgresql_where=_AT)


def downgrade() -> None:
    """Refuses while intent has what the older version cannot know; forgets its history."""
    _refuse_newer_intent()
    op.execute("DELETE FROM bridge WHERE host_group IS NOT NULL")
    op.drop_index("ix_port_current_bridge_uid", "port")
    op.drop_index("ix_bridge_host_group", "bridge")
    for column in ("host", "host_uid"):
        op.alter_column("bridge", column, nullable=False)
    op.drop_column("bridge", "host_group")


def _refuse_newer_intent() -> None:
    used = op.get_bind().execute(
        sa.text(
            "SELECT name FROM bridge WHERE valid_to IS NULL AND host_group IS NOT NULL"
            " ORDER BY 1 LIMIT 5"
        )
    )
    if names := [name for (name,) in used]:
        raise RuntimeError(
            "the older version knows no Bridges of a HostGroup: delete these first:"
            f" {', '.join(names)}"
        )
