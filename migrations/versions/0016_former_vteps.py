"""VTEPs that hosts had before, until no peer needs them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_CHANGING = sa.text("valid_to IS NULL AND former_vteps <> '{}'")


def upgrade() -> None:
    """No host has any yet."""
    op.add_column(
        "host",
        sa.Column("former_vteps", postgresql.ARRAY(sa.Text()), nullable=False, server_default="{}"),
    )
    op.alter_column("host", "former_vteps", server_default=None)
    op.create_index("ix_host_changing_vteps", "host", ["uid"], postgresql_where=_CHANGING)


def downgrade() -> None:
    """Refuses while a host has one, which its peers may still send to; forgets those of before."""
    query = sa.text(f"SELECT name FROM host WHERE {_CHANGING.text} ORDER BY 1 LIMIT 5")  # noqa: S608 (of constants)
    if names := [name for (name,) in op.get_bind().execute(query)]:
        raise RuntimeError(
            "the older version knows no former VTEPs: wait until the condition VtepsSettled of"
            f" these hosts is True: {', '.join(names)}"
        )
    op.drop_index("ix_host_changing_vteps", "host")
    op.drop_column("host", "former_vteps")
