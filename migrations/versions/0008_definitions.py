"""Pools, transport zones, host groups, tunnel profiles, policies, mirrors and exports of flows."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_TABLES = (
    "pool",
    "transport_zone",
    "host_group",
    "tunnel_profile",
    "qos_policy",
    "mirror",
    "flow_export",
)
_KINDS = (
    "Pool",
    "TransportZone",
    "HostGroup",
    "TunnelProfile",
    "QosPolicy",
    "Mirror",
    "FlowExport",
)
_CURRENT = sa.text("valid_to IS NULL")


def upgrade() -> None:
    for table in _TABLES:
        _create(table, *(_mirror() if table == "mirror" else ()))
    op.create_index("ix_mirror_host_uid_valid_to", "mirror", ["host_uid", "valid_to"])


def _mirror() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("host_uid", sa.Uuid(), nullable=False),
        sa.Column("bridge_uid", sa.Uuid(), nullable=True),
    )


def _create(table: str, *columns: sa.Column[Any]) -> None:
    op.create_table(
        table,
        *columns,
        sa.Column("spec", postgresql.JSONB(), nullable=False),
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=False),
        sa.Column("valid_to", sa.BigInteger(), nullable=True),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("labels", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "valid_to > valid_from", name=op.f(f"ck_{table}_valid_to_after_valid_from")
        ),
        sa.ForeignKeyConstraint(
            ["project"], ["project.name"], name=op.f(f"fk_{table}_project_project")
        ),
        sa.PrimaryKeyConstraint("uid", "valid_from", name=op.f(f"pk_{table}")),
    )
    for what, of in (("name", ["project", "name"]), ("uid", ["uid"])):
        name = f"uq_{table}_current_{what}"
        op.create_index(name, table, of, unique=True, postgresql_where=_CURRENT)


def downgrade() -> None:
    """Refuses while intent has what the older version does not know; forgets its history."""
    metadata = sa.MetaData()
    tables = [sa.Table(name, metadata, autoload_with=op.get_bind()) for name in _TABLES]
    current = sa.union_all(*(sa.select(t.c.name).where(t.c.valid_to.is_(None)) for t in tables))
    if names := op.get_bind().execute(current.limit(5)).scalars().all():
        raise RuntimeError(
            "the older version knows no pools, zones, groups, profiles, policies, mirrors and"
            f" exports: delete these first: {', '.join(sorted(names))}"
        )
    log = sa.table("change_log", sa.column("kind"))
    op.execute(sa.delete(log).where(log.c.kind.in_(_KINDS)))
    for table in _TABLES:
        op.drop_table(table)
