"""What hosts have that is not the fleet's."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "host_inventory",
        sa.Column("host_uid", sa.Uuid(), nullable=False),
        sa.Column("document", postgresql.JSONB(), nullable=False),
        sa.Column("vlans", postgresql.JSONB(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("host_uid", name=op.f("pk_host_inventory")),
    )
    op.create_table(
        "host_iface",
        sa.Column("host_uid", sa.Uuid(), nullable=False),
        sa.Column("interface", sa.Text(), nullable=False),
        sa.Column("iface_id", sa.Text(), nullable=False),
        sa.Column("bridge", sa.Text(), nullable=False),
        sa.Column("port", sa.Text(), nullable=False),
        sa.Column("attached_mac", sa.Text(), nullable=False),
        sa.Column("vm_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("host_uid", "interface", name=op.f("pk_host_iface")),
    )
    op.create_index(op.f("ix_host_iface_iface_id"), "host_iface", ["iface_id"])


def downgrade() -> None:
    # Nothing is lost: agents tell it again in their next session.
    op.drop_table("host_iface")
    op.drop_table("host_inventory")
