"""What others changed on hosts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "drift_event",
        sa.Column("host_uid", sa.Uuid(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("object_kind", sa.String(32), nullable=True),
        sa.Column("object_uid", sa.Uuid(), nullable=True),
        sa.Column("object_project", sa.Text(), nullable=True),
        sa.Column("object_name", sa.Text(), nullable=True),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("differences", postgresql.JSONB(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("host_uid", "nonce", "sequence", name=op.f("pk_drift_event")),
        sa.UniqueConstraint("id", name=op.f("uq_drift_event_id")),
    )
    for columns in (["host", "id"], ["object_name", "id"], ["received_at"]):
        op.create_index(op.f(f"ix_drift_event_{'_'.join(columns)}"), "drift_event", columns)


def downgrade() -> None:
    # Nothing of intent is lost: these are stories of what was.
    op.drop_table("drift_event")
