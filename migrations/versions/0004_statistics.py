"""Counters that hosts report, and their roll-ups."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_COUNTERS = (
    "rx_packets",
    "rx_bytes",
    "rx_errors",
    "rx_dropped",
    "tx_packets",
    "tx_bytes",
    "tx_errors",
    "tx_dropped",
    "tx_carrier_errors",
    "collisions",
    "multicast",
)
_ROLLUPS = ("stat_1m", "stat_15m", "stat_1h")
_REWRITTEN = {"fillfactor": "70"}


def upgrade() -> None:
    _create_subject()
    _create_cursor()
    _create_progress()
    _create_samples("stat_raw", ["subject_id", "sampled_at"], "RANGE (sampled_at)")
    _create_samples("stat_last", ["subject_id"], None)
    for table in _ROLLUPS:
        _create_rollup(table)


def downgrade() -> None:
    # A partitioned table takes its partitions with it.
    for table in (
        *_ROLLUPS,
        "stat_last",
        "stat_raw",
        "stat_progress",
        "stat_cursor",
        "stat_subject",
    ):
        op.drop_table(table)


def _create_subject() -> None:
    op.create_table(
        "stat_subject",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("host_uid", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stat_subject")),
        sa.UniqueConstraint("host_uid", "subject", name=op.f("uq_stat_subject_host_uid_subject")),
    )


def _create_cursor() -> None:
    op.create_table(
        "stat_cursor",
        sa.Column("host_uid", sa.Uuid(), nullable=False),
        sa.Column("instance_nonce", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("sampled_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("host_uid", name=op.f("pk_stat_cursor")),
        postgresql_with=_REWRITTEN,
    )


def _create_progress() -> None:
    op.create_table(
        "stat_progress",
        sa.Column("host_uid", sa.Uuid(), nullable=False),
        sa.Column("rolled_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("host_uid", name=op.f("pk_stat_progress")),
        postgresql_with=_REWRITTEN,
    )


def _create_samples(table: str, key: list[str], partition_by: str | None) -> None:
    storage = {"postgresql_with": _REWRITTEN}
    op.create_table(
        table,
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("sampled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=True) for name in _COUNTERS),
        sa.PrimaryKeyConstraint(*key, name=op.f(f"pk_{table}")),
        **({"postgresql_partition_by": partition_by} if partition_by else storage),
    )


def _create_rollup(table: str) -> None:
    op.create_table(
        table,
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("bucket_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("across_gap", sa.Boolean(), nullable=False),
        sa.Column("covered_seconds", sa.Double(), nullable=False),
        *(sa.Column(name, sa.Numeric(), nullable=True) for name in _COUNTERS),
        sa.PrimaryKeyConstraint("subject_id", "bucket_at", "across_gap", name=op.f(f"pk_{table}")),
        postgresql_partition_by="RANGE (bucket_at)",
    )
