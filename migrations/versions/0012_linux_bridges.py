"""Linux bridges as explicit bridges.

What there is keeps its meaning: every bridge is one of Open vSwitch.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    kind = sa.Enum("ovs", "linux", name="bridgetype", native_enum=False, length=32)
    op.add_column("bridge", sa.Column("type", kind, nullable=False, server_default="ovs"))
    op.alter_column("bridge", "type", server_default=None)


def downgrade() -> None:
    """Refuses while intent has what the older version cannot read; forgets its history.

    Ports of bridges that are gone leave the history with them."""
    _refuse_linux_bridges()
    op.execute("DELETE FROM port WHERE bridge_uid IN (SELECT uid FROM bridge WHERE type <> 'ovs')")
    op.execute("DELETE FROM bridge WHERE type <> 'ovs'")
    op.drop_column("bridge", "type")


def _refuse_linux_bridges() -> None:
    used = op.get_bind().execute(
        sa.text(
            "SELECT name FROM bridge WHERE valid_to IS NULL AND type <> 'ovs' ORDER BY 1 LIMIT 5"
        )
    )
    if names := [name for (name,) in used]:
        raise RuntimeError(
            "the older version knows no Linux bridges: delete these first, with their ports:"
            f" Bridge {', Bridge '.join(names)}"
        )
