"""What happened, as one story; and indexes to read what was changed backwards."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_SHOWN = sa.text("action NOT IN ('membership', 'macs', 'end')")
_OF_INTENT = sa.text("revision IS NOT NULL")
_INDEXES = (
    ("ix_event_at_id", ["at", "id"], None),
    ("ix_event_rare", ["at", "id"], sa.text("type <> 'host.applied'")),
    ("ix_event_grave", ["at", "id"], sa.text("severity <> 'info'")),
    ("ix_event_kind_at_id", ["kind", "at", "id"], None),
    ("ix_event_type_at_id", ["type", "at", "id"], None),
    ("ix_event_host_uid_type_at", ["host_uid", "type", "at"], None),
)


def upgrade() -> None:
    op.create_table(
        "event",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("type", sa.String(32), nullable=False),
        sa.Column("severity", sa.String(32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=True),
        sa.Column("project", sa.Text(), nullable=True),
        sa.Column("names", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("hosts", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("host_uid", sa.Uuid(), nullable=True),
        sa.Column("principal", sa.Text(), nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=True),
        sa.Column("times", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
    )
    for name, columns, where in _INDEXES:
        op.create_index(op.f(name), "event", columns, postgresql_where=where)
    for column in ("names", "hosts"):
        op.create_index(op.f(f"ix_event_{column}"), "event", [column], postgresql_using="gin")
    for column in ("kind", "name"):
        name = f"ix_change_log_shown_{column}"
        columns = [column, "revision", "seq"]
        op.create_index(op.f(name), "change_log", columns, postgresql_where=_SHOWN)
    for column in ("principal", "at"):
        name = f"ix_audit_{column}_revision"
        op.create_index(op.f(name), "audit", [column, "revision"], postgresql_where=_OF_INTENT)


def downgrade() -> None:
    # Nothing of intent is lost: these are stories of what was.
    for column in ("principal", "at"):
        op.drop_index(op.f(f"ix_audit_{column}_revision"), "audit")
    for column in ("kind", "name"):
        op.drop_index(op.f(f"ix_change_log_shown_{column}"), "change_log")
    op.drop_table("event")
