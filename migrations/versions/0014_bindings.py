"""Ports that are on no host yet, or on two."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_KEY = "pk_port"
_UNIQUE = (
    ("uid", ["uid"], " AND side = 0"),
    ("name", ["project", "name"], " AND side = 0"),
    ("interface", ["host_uid", "interface"], " AND interface <> ''"),
)
_NEW = (("migrating_to", sa.Text()), ("migrating_to_uid", sa.Uuid()), ("iface_id", sa.Text()))


def upgrade() -> None:
    """What there is keeps its meaning: each port is on one host."""
    op.add_column("port", sa.Column("side", sa.SmallInteger(), nullable=False, server_default="0"))
    op.alter_column("port", "side", server_default=None)
    for name, of in _NEW:
        op.add_column("port", sa.Column(name, of, nullable=True))
    _key("uid", "valid_from", "side")
    for column in ("host", "host_uid"):
        op.alter_column("port", column, nullable=True)
    op.create_check_constraint(op.f("ck_port_side"), "port", "side IN (0, 1)")
    _index(*((name, columns, more) for name, columns, more in _UNIQUE))
    bound = sa.text("valid_to IS NULL AND side = 0 AND iface_id IS NOT NULL")
    op.create_index(
        "uq_port_current_iface_id", "port", ["iface_id"], unique=True, postgresql_where=bound
    )
    migrating = sa.text("migrating_to_uid IS NOT NULL")
    op.create_index(
        "ix_port_migrating_to_uid", "port", ["migrating_to_uid"], postgresql_where=migrating
    )
    ready: sa.Column[bool] = sa.Column(
        "overlay_bridge_ready", sa.Boolean(), nullable=False, server_default=sa.false()
    )
    op.add_column("host", ready)
    op.alter_column("host", "overlay_bridge_ready", server_default=None)
    op.add_column("host_iface", sa.Column("refusal", sa.Text(), nullable=True))
    op.add_column("host_iface", sa.Column("refused_revision", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """Refuses while intent has what the older version cannot know; forgets its history."""
    _refuse_newer_intent()
    op.execute("DELETE FROM port WHERE type = 'bound' OR side = 1 OR host_uid IS NULL")
    for column in ("refused_revision", "refusal"):
        op.drop_column("host_iface", column)
    op.drop_column("host", "overlay_bridge_ready")
    for index in ("ix_port_migrating_to_uid", "uq_port_current_iface_id"):
        op.drop_index(index, "port")
    op.drop_constraint(op.f("ck_port_side"), "port", type_="check")
    _index(*((name, columns, "") for name, columns, _ in _UNIQUE))
    _key("uid", "valid_from")
    for column in ("host", "host_uid"):
        op.alter_column("port", column, nullable=False)
    for column in (*(name for name, _ in _NEW), "side"):
        op.drop_column("port", column)


def _key(*columns: str) -> None:
    op.drop_constraint(_KEY, "port", type_="primary")
    op.create_primary_key(_KEY, "port", list(columns))


def _index(*wanted: tuple[str, list[str], str]) -> None:
    for name, columns, more in wanted:
        index = f"uq_port_current_{name}"
        op.drop_index(index, "port")
        where = sa.text(f"valid_to IS NULL{more}")
        op.create_index(index, "port", columns, unique=True, postgresql_where=where)


def _refuse_newer_intent() -> None:
    used = op.get_bind().execute(
        sa.text(
            "SELECT 'Port ' || name FROM port WHERE valid_to IS NULL AND side = 0"
            " AND (type = 'bound' OR migrating_to IS NOT NULL)"
            " UNION ALL SELECT 'Host ' || name FROM host"
            " WHERE valid_to IS NULL AND overlay_bridge_ready ORDER BY 1 LIMIT 5"
        )
    )
    if names := [name for (name,) in used]:
        raise RuntimeError(
            "the older version knows no bound and no migrating ports, and no overlay bridges that"
            f" are kept ready: change or delete these first: {', '.join(names)}"
        )
