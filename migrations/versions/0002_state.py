"""What hosts report, identities and tokens, and background jobs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_host_status()
    _create_resource_failure()
    _create_join_token()
    _create_host_certificate()
    _create_api_token()
    _create_job()


def downgrade() -> None:
    for table in (
        "job",
        "api_token",
        "host_certificate",
        "join_token",
        "resource_failure",
        "host_status",
    ):
        op.drop_table(table)


def _create_host_status() -> None:
    op.create_table(
        "host_status",
        sa.Column("host_uid", sa.Uuid(), nullable=False),
        sa.Column("session_epoch", sa.BigInteger(), nullable=False),
        sa.Column("instance_nonce", sa.Text(), nullable=False),
        sa.Column("agent_version", sa.Text(), nullable=False),
        sa.Column("capabilities", postgresql.JSONB(), nullable=False),
        sa.Column("connected", sa.Boolean(), nullable=False),
        sa.Column("silent", sa.Boolean(), nullable=False),
        sa.Column("last_seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_transition", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_revision", sa.BigInteger(), nullable=False),
        sa.Column("observed_revision", sa.BigInteger(), nullable=False),
        sa.Column("applied_revision", sa.BigInteger(), nullable=False),
        sa.Column("applied_hash", sa.LargeBinary(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("pinned_revision", sa.BigInteger(), nullable=True),
        sa.Column("changed_xid", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("host_uid", name=op.f("pk_host_status")),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_index(
        op.f("ix_host_status_changed_xid"), "host_status", ["changed_xid"], unique=False
    )


def _create_resource_failure() -> None:
    op.create_table(
        "resource_failure",
        sa.Column("host_uid", sa.Uuid(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("object_uid", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("host_uid", "resource", name=op.f("pk_resource_failure")),
    )
    op.create_index(
        op.f("ix_resource_failure_object_uid"), "resource_failure", ["object_uid"], unique=False
    )


def _create_join_token() -> None:
    op.create_table(
        "join_token",
        sa.Column("secret_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("host_uid", sa.Uuid(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("key_fingerprint", sa.Text(), nullable=True),
        sa.Column("redeemed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("secret_sha256", name=op.f("pk_join_token")),
    )
    op.create_index(op.f("ix_join_token_host_uid"), "join_token", ["host_uid"], unique=False)


def _create_host_certificate() -> None:
    op.create_table(
        "host_certificate",
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("host_uid", sa.Uuid(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("not_after", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("serial", name=op.f("pk_host_certificate")),
    )
    op.create_index(
        op.f("ix_host_certificate_host_uid"), "host_certificate", ["host_uid"], unique=False
    )


def _create_api_token() -> None:
    op.create_table(
        "api_token",
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("roles", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("projects", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("uid", name=op.f("pk_api_token")),
        sa.UniqueConstraint("name", name=op.f("uq_api_token_name")),
        sa.UniqueConstraint("secret_sha256", name=op.f("uq_api_token_secret_sha256")),
    )


def _create_job() -> None:
    op.create_table(
        "job",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("args", postgresql.JSONB(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'running', 'done', 'failed')", name=op.f("ck_job_state")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_job_idempotency_key")),
    )
    op.create_index(
        "ix_job_unfinished",
        "job",
        ["lease_until"],
        unique=False,
        postgresql_where=sa.text("finished_at IS NULL"),
    )
