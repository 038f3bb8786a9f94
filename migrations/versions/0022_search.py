"""What finds ports by a part of their names and addresses, and by labels."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_ONCE = "valid_to IS NULL AND side = 0"
_SEARCHED = {
    "name": _ONCE,
    "mac": f"{_ONCE} AND mac IS NOT NULL",
    "iface_id": f"{_ONCE} AND iface_id IS NOT NULL",
}


def upgrade() -> None:
    for column, where in _SEARCHED.items():
        op.create_index(
            f"ix_port_search_{column}",
            "port",
            [column, "project", "uid"],
            postgresql_ops={column: "text_pattern_ops"},
            postgresql_where=sa.text(where),
        )
    op.create_index(
        "ix_port_current_addresses",
        "port",
        ["addresses"],
        postgresql_using="gin",
        postgresql_where=sa.text("valid_to IS NULL AND addresses <> '{}'"),
    )
    op.create_index(
        "ix_port_current_labels",
        "port",
        ["labels"],
        postgresql_using="gin",
        postgresql_ops={"labels": "jsonb_path_ops"},
        postgresql_where=sa.text("valid_to IS NULL"),
    )


def downgrade() -> None:
    for name in ("current_labels", "current_addresses", *(f"search_{each}" for each in _SEARCHED)):
        op.drop_index(f"ix_port_{name}", "port")
