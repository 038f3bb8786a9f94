"""Settings of bridges and ports, and further types of ports.

What there is keeps its meaning: nothing is said about any of it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_PATCH = sa.text("valid_to IS NULL AND patch_bridge_uid IS NOT NULL")


def upgrade() -> None:
    for table in ("bridge", "port"):
        op.add_column(
            table,
            sa.Column("settings", postgresql.JSONB(), nullable=False, server_default="{}"),
        )
        op.alter_column(table, "settings", server_default=None)
    op.add_column("port", sa.Column("members", postgresql.ARRAY(sa.Text()), nullable=True))
    op.add_column("port", sa.Column("patch_bridge_uid", sa.Uuid(), nullable=True))
    op.add_column("port", sa.Column("patch_interface", sa.Text(), nullable=True))
    for column in ("bridge_uid", "patch_bridge_uid"):
        op.create_index(f"ix_port_patch_{column}", "port", [column], postgresql_where=_PATCH)


def downgrade() -> None:
    """Refuses while intent has what the older version cannot read; forgets its history."""
    _refuse_newer_intent()
    op.execute("DELETE FROM port WHERE type NOT IN ('internal', 'veth')")
    for column in ("patch_bridge_uid", "bridge_uid"):
        op.drop_index(f"ix_port_patch_{column}", "port")
    for column in ("patch_interface", "patch_bridge_uid", "members", "settings"):
        op.drop_column("port", column)
    op.drop_column("bridge", "settings")


def _refuse_newer_intent() -> None:
    used = op.get_bind().execute(
        sa.text(
            "SELECT 'Port ' || name FROM port WHERE valid_to IS NULL"
            " AND (type NOT IN ('internal', 'veth') OR settings <> '{}')"
            " UNION ALL SELECT 'Bridge ' || name FROM bridge"
            " WHERE valid_to IS NULL AND settings <> '{}' ORDER BY 1 LIMIT 5"
        )
    )
    if names := [name for (name,) in used]:
        raise RuntimeError(
            "the older version knows no settings of bridges and ports, and no ports but internal"
            f" and veth: change or delete these first: {', '.join(names)}"
        )
