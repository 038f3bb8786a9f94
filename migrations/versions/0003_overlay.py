"""Kernel backend, hosts without Open vSwitch, explicit tunnels.

What there is keeps its meaning: every host has Open vSwitch, every segment has the backend ``ovs``
and the UDP port that it was stored with, and no port is given a MAC address that it did not ask
for.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_CURRENT = sa.text("valid_to IS NULL")


def upgrade() -> None:
    _add_overlay_bridge_type()
    # A host without Open vSwitch has no VLANs that could stand for a segment.
    op.alter_column("host_segment", "local_vlan", nullable=True)
    _create_tunnel()
    _index_tunnel()


def downgrade() -> None:
    """Refuses while intent has what the older version cannot read; forgets its history."""
    _refuse_newer_intent()
    op.execute("DELETE FROM change_log WHERE kind = 'Tunnel' OR action = 'macs'")
    op.execute("UPDATE segment SET backend = 'ovs' WHERE backend <> 'ovs'")
    # What is left of them are hosts that have not confirmed yet that they left a segment.
    op.execute("DELETE FROM host_segment WHERE local_vlan IS NULL")
    op.alter_column("host_segment", "local_vlan", nullable=False)
    op.drop_table("tunnel")
    op.drop_column("host", "overlay_bridge_type")


def _refuse_newer_intent() -> None:
    used = op.get_bind().execute(
        sa.text(
            "SELECT 'Tunnel ' || name FROM tunnel WHERE valid_to IS NULL"
            " UNION ALL SELECT 'Host ' || name FROM host"
            " WHERE valid_to IS NULL AND overlay_bridge_type <> 'ovs'"
            " UNION ALL SELECT 'Segment ' || name FROM segment"
            " WHERE valid_to IS NULL AND backend <> 'ovs' LIMIT 5"
        )
    )
    if names := [name for (name,) in used]:
        raise RuntimeError(
            f"the older version knows neither tunnels, nor hosts without Open vSwitch, nor the"
            f" kernel backend: delete these first: {', '.join(names)}"
        )


def _add_overlay_bridge_type() -> None:
    kind = sa.Enum("ovs", "linux", name="bridgetype", native_enum=False, length=32)
    op.add_column(
        "host", sa.Column("overlay_bridge_type", kind, nullable=False, server_default="ovs")
    )
    op.alter_column("host", "overlay_bridge_type", server_default=None)


def _create_tunnel() -> None:
    op.create_table(
        "tunnel",
        sa.Column("a_host", sa.Text(), nullable=False),
        sa.Column("a_host_uid", sa.Uuid(), nullable=False),
        sa.Column("a_bridge", sa.Text(), nullable=False),
        sa.Column("a_bridge_uid", sa.Uuid(), nullable=False),
        sa.Column("a_ip", sa.Text(), nullable=True),
        sa.Column("a_tag", sa.SmallInteger(), nullable=True),
        sa.Column("b_host", sa.Text(), nullable=True),
        sa.Column("b_host_uid", sa.Uuid(), nullable=True),
        sa.Column("b_bridge", sa.Text(), nullable=True),
        sa.Column("b_bridge_uid", sa.Uuid(), nullable=True),
        sa.Column("b_ip", sa.Text(), nullable=True),
        sa.Column("b_tag", sa.SmallInteger(), nullable=True),
        sa.Column("key", sa.BigInteger(), nullable=False),
        sa.Column("dst_port", sa.BigInteger(), nullable=False),
        sa.Column(
            "address_family",
            sa.Enum("ipv4", "ipv6", name="addressfamily", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("ttl", sa.Text(), nullable=True),
        sa.Column("tos", sa.Text(), nullable=True),
        sa.Column("csum", sa.Boolean(), nullable=True),
        sa.Column("df_default", sa.Boolean(), nullable=True),
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=False),
        sa.Column("valid_to", sa.BigInteger(), nullable=True),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("labels", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("key BETWEEN 1 AND 16777215", name=op.f("ck_tunnel_key")),
        sa.CheckConstraint(
            "num_nonnulls(b_host, b_host_uid, b_bridge, b_bridge_uid) = 4"
            " OR num_nonnulls(b_host, b_host_uid, b_bridge, b_bridge_uid, b_tag) = 0"
            " AND b_ip IS NOT NULL",
            name=op.f("ck_tunnel_b_is_host_or_outside"),
        ),
        sa.CheckConstraint(
            "valid_to > valid_from", name=op.f("ck_tunnel_valid_to_after_valid_from")
        ),
        sa.ForeignKeyConstraint(["project"], ["project.name"], name=op.f("fk_tunnel_project")),
        sa.PrimaryKeyConstraint("uid", "valid_from", name=op.f("pk_tunnel")),
    )


def _index_tunnel() -> None:
    for end in ("a", "b"):
        op.create_index(
            op.f(f"ix_tunnel_{end}_host_uid_valid_to"), "tunnel", [f"{end}_host_uid", "valid_to"]
        )
        op.create_index(
            f"ix_tunnel_current_{end}_bridge_uid",
            "tunnel",
            [f"{end}_bridge_uid"],
            postgresql_where=_CURRENT,
        )
    op.create_index(op.f("ix_tunnel_key"), "tunnel", ["key"])
    for what, columns in (("uid", ["uid"]), ("name", ["project", "name"])):
        op.create_index(
            f"uq_tunnel_current_{what}", "tunnel", columns, unique=True, postgresql_where=_CURRENT
        )
