"""What finds ports by a part of their names and addresses, by labels, and by when they changed."""

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
_ORDERED = ("created_at", "updated_at", "valid_from")


def upgrade() -> None:
    for column, where in _SEARCHED.items():
        op.create_index(
            f"ix_port_search_{column}",
            "port",
            [column, "project", "uid"],
            postgresql_ops={column: "text_pattern_ops"},
            postgresql_where=sa.text(where),
        )
    for column in _ORDERED:
        op.create_index(
            f"ix_port_by_{column}",
            "port",
            [column, "project", "name"],
            postgresql_where=sa.text(_ONCE),
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
    ordered = (f"by_{each}" for each in _ORDERED)
    searched = (f"search_{each}" for each in _SEARCHED)
    for name in ("current_labels", "current_addresses", *ordered, *searched):
        op.drop_index(f"ix_port_{name}", "port")
