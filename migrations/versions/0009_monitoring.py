"""Ports with a policy. What mirrors and exports need is there since 0008."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_INDEX = "ix_port_current_qos_policy"
_HAS_POLICY = sa.text("valid_to IS NULL AND qos_policy IS NOT NULL")


def upgrade() -> None:
    op.add_column("port", sa.Column("qos_policy", sa.Text(), nullable=True))
    op.create_index(_INDEX, "port", ["qos_policy"], postgresql_where=_HAS_POLICY)


def downgrade() -> None:
    """Refuses while a port has a policy; forgets which ones had."""
    port = sa.table("port", sa.column("name"), sa.column("qos_policy"), sa.column("valid_to"))
    used = sa.select(port.c.name).where(port.c.valid_to.is_(None), port.c.qos_policy.is_not(None))
    if names := op.get_bind().execute(used.order_by(port.c.name).limit(5)).scalars().all():
        raise RuntimeError(
            "the older version knows no policies of ports: take qos_policy away from Port"
            f" {', '.join(names)} first"
        )
    op.drop_index(_INDEX, "port")
    op.drop_column("port", "qos_policy")
