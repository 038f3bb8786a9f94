"""The first schema: versioned intent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_fleet()
    _create_project()
    _create_host()
    _create_bridge()
    _create_segment()
    _create_port()
    _create_host_segment()
    _create_vni_allocation()
    _create_change_log()
    _create_audit()
    op.execute("INSERT INTO fleet (uid, epoch, revision) VALUES (gen_random_uuid(), 1, 0)")
    op.execute("INSERT INTO project (name) VALUES ('default')")


def downgrade() -> None:
    for table in (
        "audit",
        "change_log",
        "vni_allocation",
        "host_segment",
        "port",
        "segment",
        "bridge",
        "host",
        "project",
        "fleet",
    ):
        op.drop_table(table)


def _create_fleet() -> None:
    op.create_table(
        "fleet",
        sa.Column("singleton", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("singleton", name=op.f("ck_fleet_singleton")),
        sa.PrimaryKeyConstraint("singleton", name=op.f("pk_fleet")),
    )


def _create_project() -> None:
    op.create_table(
        "project",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_project")),
    )


def _create_host() -> None:
    op.create_table(
        "host",
        sa.Column("vteps", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("vtep_ipv4", sa.Text(), nullable=True),
        sa.Column("vtep_ipv6", sa.Text(), nullable=True),
        sa.Column("underlay_mtu", sa.BigInteger(), nullable=False),
        sa.Column(
            "datapath_type",
            sa.Enum("system", "netdev", name="datapathtype", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("overlay_bridge", sa.Text(), nullable=False),
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=False),
        sa.Column("valid_to", sa.BigInteger(), nullable=True),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("labels", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("valid_to > valid_from", name=op.f("ck_host_valid_to_after_valid_from")),
        sa.ForeignKeyConstraint(["project"], ["project.name"], name=op.f("fk_host_project")),
        sa.PrimaryKeyConstraint("uid", "valid_from", name=op.f("pk_host")),
    )
    op.create_index(
        "uq_host_current_name",
        "host",
        ["project", "name"],
        unique=True,
        postgresql_where=sa.text("valid_to IS NULL"),
    )
    op.create_index(
        "uq_host_current_uid",
        "host",
        ["uid"],
        unique=True,
        postgresql_where=sa.text("valid_to IS NULL"),
    )
    op.create_index(
        "uq_host_current_vtep_ipv4",
        "host",
        ["vtep_ipv4"],
        unique=True,
        postgresql_where=sa.text("valid_to IS NULL"),
    )
    op.create_index(
        "uq_host_current_vtep_ipv6",
        "host",
        ["vtep_ipv6"],
        unique=True,
        postgresql_where=sa.text("valid_to IS NULL"),
    )


def _create_bridge() -> None:
    op.create_table(
        "bridge",
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("host_uid", sa.Uuid(), nullable=False),
        sa.Column("interface", sa.Text(), nullable=False),
        sa.Column(
            "datapath_type",
            sa.Enum("system", "netdev", name="datapathtype", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=False),
        sa.Column("valid_to", sa.BigInteger(), nullable=True),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("labels", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "valid_to > valid_from", name=op.f("ck_bridge_valid_to_after_valid_from")
        ),
        sa.ForeignKeyConstraint(["project"], ["project.name"], name=op.f("fk_bridge_project")),
        sa.PrimaryKeyConstraint("uid", "valid_from", name=op.f("pk_bridge")),
    )
    op.create_index(
        op.f("ix_bridge_host_uid_valid_to"), "bridge", ["host_uid", "valid_to"], unique=False
    )
    op.create_index(
        "uq_bridge_current_interface",
        "bridge",
        ["host_uid", "interface"],
        unique=True,
        postgresql_where=sa.text("valid_to IS NULL"),
    )
    op.create_index(
        "uq_bridge_current_name",
        "bridge",
        ["project", "name"],
        unique=True,
        postgresql_where=sa.text("valid_to IS NULL"),
    )
    op.create_index(
        "uq_bridge_current_uid",
        "bridge",
        ["uid"],
        unique=True,
        postgresql_where=sa.text("valid_to IS NULL"),
    )


def _create_segment() -> None:
    op.create_table(
        "segment",
        sa.Column("vni", sa.BigInteger(), nullable=False),
        sa.Column("mtu", sa.BigInteger(), nullable=True),
        sa.Column("dst_port", sa.BigInteger(), nullable=False),
        sa.Column(
            "address_family",
            sa.Enum("ipv4", "ipv6", name="addressfamily", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column(
            "backend", sa.Enum("ovs", name="backend", native_enum=False, length=32), nullable=False
        ),
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=False),
        sa.Column("valid_to", sa.BigInteger(), nullable=True),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("labels", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "valid_to > valid_from", name=op.f("ck_segment_valid_to_after_valid_from")
        ),
        sa.CheckConstraint("vni BETWEEN 1 AND 16777215", name=op.f("ck_segment_vni")),
        sa.ForeignKeyConstraint(["project"], ["project.name"], name=op.f("fk_segment_project")),
        sa.PrimaryKeyConstraint("uid", "valid_from", name=op.f("pk_segment")),
    )
    op.create_index(
        "uq_segment_current_name",
        "segment",
        ["project", "name"],
        unique=True,
        postgresql_where=sa.text("valid_to IS NULL"),
    )
    op.create_index(
        "uq_segment_current_uid",
        "segment",
        ["uid"],
        unique=True,
        postgresql_where=sa.text("valid_to IS NULL"),
    )
    op.create_index(
        "uq_segment_current_vni",
        "segment",
        ["vni"],
        unique=True,
        postgresql_where=sa.text("valid_to IS NULL"),
    )


def _create_port() -> None:
    op.create_table(
        "port",
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("host_uid", sa.Uuid(), nullable=False),
        sa.Column("interface", sa.Text(), nullable=False),
        sa.Column(
            "type",
            sa.Enum("internal", "veth", name="porttype", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("segment", sa.Text(), nullable=True),
        sa.Column("segment_uid", sa.Uuid(), nullable=True),
        sa.Column("bridge", sa.Text(), nullable=True),
        sa.Column("bridge_uid", sa.Uuid(), nullable=True),
        sa.Column("tag", sa.SmallInteger(), nullable=True),
        sa.Column("mac", sa.Text(), nullable=True),
        sa.Column("mtu", sa.BigInteger(), nullable=True),
        sa.Column("addresses", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("peer_netns", sa.Text(), nullable=True),
        sa.Column("peer_interface", sa.Text(), nullable=True),
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=False),
        sa.Column("valid_to", sa.BigInteger(), nullable=True),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("labels", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "num_nonnulls(segment_uid, bridge_uid) = 1", name=op.f("ck_port_one_target")
        ),
        sa.CheckConstraint("valid_to > valid_from", name=op.f("ck_port_valid_to_after_valid_from")),
        sa.ForeignKeyConstraint(["project"], ["project.name"], name=op.f("fk_port_project")),
        sa.PrimaryKeyConstraint("uid", "valid_from", name=op.f("pk_port")),
    )
    _index_port()


def _index_port() -> None:
    op.create_index(
        op.f("ix_port_host_uid_valid_to"), "port", ["host_uid", "valid_to"], unique=False
    )
    op.create_index(
        op.f("ix_port_segment_uid_valid_to"), "port", ["segment_uid", "valid_to"], unique=False
    )
    op.create_index(
        "uq_port_current_interface",
        "port",
        ["host_uid", "interface"],
        unique=True,
        postgresql_where=sa.text("valid_to IS NULL"),
    )
    op.create_index(
        "uq_port_current_name",
        "port",
        ["project", "name"],
        unique=True,
        postgresql_where=sa.text("valid_to IS NULL"),
    )
    op.create_index(
        "uq_port_current_uid",
        "port",
        ["uid"],
        unique=True,
        postgresql_where=sa.text("valid_to IS NULL"),
    )


def _create_host_segment() -> None:
    op.create_table(
        "host_segment",
        sa.Column("host_uid", sa.Uuid(), nullable=False),
        sa.Column("segment_uid", sa.Uuid(), nullable=False),
        sa.Column("bridge", sa.Text(), nullable=False),
        sa.Column("local_vlan", sa.SmallInteger(), nullable=False),
        sa.Column("released_revision", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "local_vlan BETWEEN 1 AND 4094", name=op.f("ck_host_segment_local_vlan")
        ),
        sa.PrimaryKeyConstraint("host_uid", "segment_uid", name=op.f("pk_host_segment")),
        sa.UniqueConstraint(
            "host_uid",
            "bridge",
            "local_vlan",
            name=op.f("uq_host_segment_host_uid_bridge_local_vlan"),
        ),
    )
    op.create_index(
        "ix_host_segment_released",
        "host_segment",
        ["released_revision"],
        unique=False,
        postgresql_where=sa.text("released_revision IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_host_segment_segment_uid"), "host_segment", ["segment_uid"], unique=False
    )


def _create_vni_allocation() -> None:
    op.create_table(
        "vni_allocation",
        sa.Column("vni", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("segment_uid", sa.Uuid(), nullable=False),
        sa.Column("released_revision", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("vni", name=op.f("pk_vni_allocation")),
    )
    op.create_index(
        "ix_vni_allocation_released",
        "vni_allocation",
        ["released_revision"],
        unique=False,
        postgresql_where=sa.text("released_revision IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_vni_allocation_segment_uid"), "vni_allocation", ["segment_uid"], unique=False
    )


def _create_change_log() -> None:
    op.create_table(
        "change_log",
        sa.Column("revision", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "kind",
            sa.Enum("Host", "Bridge", "Segment", "Port", name="kind", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("host_uid", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("revision", "seq", name=op.f("pk_change_log")),
    )
    op.create_index(
        op.f("ix_change_log_uid_revision"),
        "change_log",
        ["uid", "revision"],
        unique=False,
        postgresql_where=sa.text("action = 'membership'"),
    )


def _create_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column(
            "at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=True),
        sa.Column("detail", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index(op.f("ix_audit_revision"), "audit", ["revision"], unique=False)
