"""Profiles, topologies and more of segments, and ports of type patch on them.

What there is keeps its meaning: nothing is said about any of it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_PATCH = sa.text("valid_to IS NULL AND patch_bridge_uid IS NOT NULL")
_PROFILE = sa.text("valid_to IS NULL AND tunnel_profile IS NOT NULL")
_MENTIONS = sa.text("valid_to IS NULL AND mentions IS NOT NULL")


def upgrade() -> None:
    op.add_column("segment", sa.Column("tunnel_profile", sa.Text(), nullable=True))
    op.add_column(
        "segment",
        sa.Column("settings", postgresql.JSONB(), nullable=False, server_default="{}"),
    )
    op.alter_column("segment", "settings", server_default=None)
    op.add_column("segment", sa.Column("mentions", postgresql.ARRAY(sa.Text()), nullable=True))
    op.create_index(
        "ix_segment_current_tunnel_profile",
        "segment",
        ["tunnel_profile"],
        postgresql_where=_PROFILE,
    )
    op.create_index(
        "ix_segment_current_mentions",
        "segment",
        ["mentions"],
        postgresql_using="gin",
        postgresql_where=_MENTIONS,
    )
    op.create_index("ix_port_patch_segment_uid", "port", ["segment_uid"], postgresql_where=_PATCH)


def downgrade() -> None:
    """Refuses while intent has what the older version cannot know; forgets its history."""
    _refuse_newer_intent()
    op.execute("DELETE FROM port WHERE patch_bridge_uid IS NOT NULL AND segment_uid IS NOT NULL")
    op.drop_index("ix_port_patch_segment_uid", "port")
    for index in ("ix_segment_current_mentions", "ix_segment_current_tunnel_profile"):
        op.drop_index(index, "segment")
    for column in ("mentions", "settings", "tunnel_profile"):
        op.drop_column("segment", column)


def _refuse_newer_intent() -> None:
    used = op.get_bind().execute(
        sa.text(
            "SELECT 'Segment ' || name FROM segment WHERE valid_to IS NULL"
            " AND (tunnel_profile IS NOT NULL OR settings <> '{}')"
            " UNION ALL SELECT 'Port ' || name FROM port WHERE valid_to IS NULL"
            " AND patch_bridge_uid IS NOT NULL AND segment_uid IS NOT NULL ORDER BY 1 LIMIT 5"
        )
    )
    if names := [name for (name,) in used]:
        raise RuntimeError(
            "the older version knows no profiles, topologies, ARP modes, outside VTEPs and subnets"
            " of segments, and no patches on them: change or delete these first:"
            f" {', '.join(names)}"
        )
