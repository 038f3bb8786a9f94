"""How far a host's change of VTEP has come."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Hosts that change are at the first step."""
    op.add_column(
        "host",
        sa.Column(
            "vtep_steps", postgresql.ARRAY(sa.SmallInteger()), nullable=False, server_default="{}"
        ),
    )
    op.alter_column("host", "vtep_steps", server_default=None)
    op.execute(
        "UPDATE host SET vtep_steps = array_fill(1, ARRAY[cardinality(former_vteps)])"
        " WHERE former_vteps <> '{}'"
    )


def downgrade() -> None:
    """Refuses while a host is further than the older version would have it."""
    query = sa.text(
        "SELECT name FROM host WHERE valid_to IS NULL AND 1 <> ANY(vtep_steps) ORDER BY 1 LIMIT 5"
    )
    if names := [name for (name,) in op.get_bind().execute(query)]:
        raise RuntimeError(
            "the older version knows no steps of a change of VTEP: wait until the condition"
            f" VtepsSettled of these hosts is gone: {', '.join(names)}"
        )
    op.drop_column("host", "vtep_steps")
