"""What operators allow on a host and why one is pinned."""

from __future__ import annotations

import warnings

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_NAMED = 20
"""Hosts that a message names at most."""


def upgrade() -> None:
    """Nothing was granted yet; of a host that is held it is not known why."""
    op.create_table(
        "host_standing",
        sa.Column("host_uid", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("grants", sa.BigInteger(), nullable=False),
        sa.Column("lifts_pin", sa.Boolean(), nullable=False),
        sa.Column("mends", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("host_uid", "revision", name="pk_host_standing"),
    )
    op.create_table(
        "host_grant",
        sa.Column("host_uid", sa.Uuid(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("accept_differences", sa.Boolean(), nullable=False),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("ended_revision", sa.BigInteger(), nullable=True),
        sa.Column("bound_to", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("host_uid", "resource", "kind", "revision", name="pk_host_grant"),
        sa.CheckConstraint(
            "kind IN ('removal', 'force', 'adopt')", name=op.f("ck_host_grant_kind")
        ),
    )
    op.create_index(
        "ix_host_grant_bound_to",
        "host_grant",
        ["bound_to"],
        postgresql_where=sa.text("ended_revision IS NULL"),
    )
    op.add_column("host_status", sa.Column("undone_revision", sa.BigInteger(), nullable=True))
    op.add_column("host_status", sa.Column("pin_reason", sa.Text(), nullable=True))


def downgrade() -> None:
    """Refuses while a host waits for what was granted: the older version would never send it. What
    was forced never ends by being done, so that it keeps nobody waiting; it is said whose is lost.

    The log keeps no word of grants, because the older version has none for them."""
    if names := _hosts_with(forced=False):
        raise RuntimeError(
            "the older version knows no grants: wait until these hosts have done what was granted"
            " ('ovsfleet describe host' shows it), or take it back ('ovsfleet release HOST"
            f" --withdraw --only RESOURCE'): {names}"
        )
    if names := _hosts_with(forced=True):
        warnings.warn(
            "the older version knows nothing of what was forced on these hosts: it stays as it is"
            " there, but what is lost of it with a reboot waits for a person with the reason"
            f" NoWayBack or DeviceInUse, and is forced again by the newer version only: {names}",
            stacklevel=1,
        )
    op.execute("DELETE FROM change_log WHERE action IN ('released', 'adopted')")
    # The older version holds no host at nothing: it takes such a one for a host that is gone.
    op.execute("UPDATE host_status SET pinned_revision = NULL WHERE pinned_revision = 0")
    for column in ("pin_reason", "undone_revision"):
        op.drop_column("host_status", column)
    op.drop_table("host_grant")
    op.drop_table("host_standing")


def _hosts_with(*, forced: bool) -> str:
    """Names of the hosts, the first of them, on which such grants hold, or others."""
    query = sa.text(
        "SELECT DISTINCT name FROM host_grant"
        " JOIN host ON host.uid = host_grant.host_uid AND host.valid_to IS NULL"
        " WHERE host_grant.ended_revision IS NULL AND (host_grant.kind = 'force') = :forced"
        " ORDER BY 1 LIMIT :most"
    )
    found = op.get_bind().execute(query, {"forced": forced, "most": _NAMED + 1})
    names = [name for (name,) in found]
    return ", ".join([*names[:_NAMED], *(["and more"] if names[_NAMED:] else [])])
