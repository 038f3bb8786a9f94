"""Zones, states and pools of hosts, and what was given out of pools."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_NOT_ACTIVE = sa.text("valid_to IS NULL AND state <> 'active'")
_NEW = {
    "host": ("zones", "vtep_pool", "management_interface", "state"),
    "segment": ("zone", "vni_pool"),
}


def upgrade() -> None:
    """What there is keeps its meaning: hosts are active and in no zone."""
    for name, of, default in (
        ("zones", postgresql.ARRAY(sa.Text()), "{}"),
        ("state", sa.String(32), "active"),
    ):
        op.add_column("host", sa.Column(name, of, nullable=False, server_default=default))
        op.alter_column("host", name, server_default=None)
    for table, columns in _NEW.items():
        for name in set(columns) - {"zones", "state"}:
            op.add_column(table, sa.Column(name, sa.Text(), nullable=True))
    op.create_index("ix_host_not_active", "host", ["uid"], postgresql_where=_NOT_ACTIVE)
    _upgrade_allocations()


def _upgrade_allocations() -> None:
    moment = sa.DateTime(timezone=True)
    op.add_column("vni_allocation", sa.Column("since", moment, nullable=True))
    op.execute(
        "UPDATE vni_allocation SET since = coalesce("
        "(SELECT max(updated_at) FROM segment WHERE uid = segment_uid AND valid_to IS NULL),"
        " now())"
    )
    op.alter_column("vni_allocation", "since", nullable=False)
    op.add_column("vni_allocation", sa.Column("quarantined_until", moment, nullable=True))
    op.create_table(
        "vtep_quarantine",
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("host_uid", sa.Uuid(), nullable=False),
        sa.Column("since", moment, nullable=False),
        sa.Column("quarantined_until", moment, nullable=False),
        sa.PrimaryKeyConstraint("address", name="pk_vtep_quarantine"),
    )


def downgrade() -> None:
    """Refuses while intent has what the older version cannot know; forgets quarantines."""
    _refuse_newer_intent()
    op.drop_table("vtep_quarantine")
    for column in ("quarantined_until", "since"):
        op.drop_column("vni_allocation", column)
    op.drop_index("ix_host_not_active", "host")
    for table, columns in _NEW.items():
        for column in columns:
            op.drop_column(table, column)


def _refuse_newer_intent() -> None:
    used = op.get_bind().execute(
        sa.text(
            "SELECT 'Host ' || name FROM host WHERE valid_to IS NULL AND (zones <> '{}'"
            " OR num_nonnulls(vtep_pool, management_interface) > 0 OR state <> 'active')"
            " UNION ALL SELECT 'Segment ' || name FROM segment"
            " WHERE valid_to IS NULL AND num_nonnulls(zone, vni_pool) > 0 ORDER BY 1 LIMIT 5"
        )
    )
    if names := [name for (name,) in used]:
        raise RuntimeError(
            "the older version knows no zones, pools, states and management interfaces of hosts and"
            f" segments: take these away first: {', '.join(names)}"
        )
