"""Webhooks and what was delivered to them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_webhook()
    _create_progress()
    _create_told()
    _create_delivery()


def downgrade() -> None:
    for table in ("webhook_delivery", "webhook_told", "webhook_progress", "webhook"):
        op.drop_table(table)


def _create_webhook() -> None:
    op.create_table(
        "webhook",
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", ARRAY(sa.Text()), nullable=False),
        sa.Column("label_selector", sa.Text(), nullable=False),
        sa.Column("kinds", ARRAY(sa.Text()), nullable=True),
        sa.Column("project", sa.Text(), nullable=True),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("told_revision", sa.BigInteger(), nullable=False),
        sa.Column("told_seq", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("uid", name=op.f("pk_webhook")),
        sa.UniqueConstraint("name", name=op.f("uq_webhook_name")),
    )


def _create_progress() -> None:
    op.create_table(
        "webhook_progress",
        sa.Column("singleton", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("turn", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("statuses", sa.BigInteger(), nullable=True),
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("singleton", name=op.f("ck_webhook_progress_singleton")),
        sa.PrimaryKeyConstraint("singleton", name=op.f("pk_webhook_progress")),
    )
    op.execute("INSERT INTO webhook_progress DEFAULT VALUES")


def _create_told() -> None:
    op.create_table(
        "webhook_told",
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("aspect", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("uid", "aspect", name=op.f("pk_webhook_told")),
    )


def _create_delivery() -> None:
    table = "webhook_delivery"
    op.create_table(
        table,
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("webhook_uid", sa.Uuid(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("object_uid", sa.Uuid(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status_code", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'sending', 'delivered', 'failed')",
            name=op.f("ck_webhook_delivery_state"),
        ),
        sa.CheckConstraint(
            "(finished_at IS NOT NULL) = (state IN ('delivered', 'failed'))",
            name=op.f("ck_webhook_delivery_finished"),
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_webhook_delivery")),
        sa.UniqueConstraint("id", name=op.f("uq_webhook_delivery_id")),
    )
    unfinished = sa.text("finished_at IS NULL")
    op.create_index("ix_webhook_delivery_webhook_uid_seq", table, ["webhook_uid", "seq"])
    op.create_index(
        "ix_webhook_delivery_unfinished",
        table,
        ["webhook_uid", "object_uid", "seq"],
        postgresql_where=unfinished,
    )
    op.create_index(
        "ix_webhook_delivery_due", table, ["webhook_uid", "seq"], postgresql_where=unfinished
    )
    op.create_index("ix_webhook_delivery_finished_at", table, ["finished_at"])
