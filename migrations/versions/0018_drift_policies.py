"""Who mends what others change and which changes are confirmed.

What there is is mended and confirmed as ever. Mirrors and exports have it in their documents.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_DRIFTING = ("bridge", "segment", "port", "tunnel")
_DOCUMENTS = ("mirror", "flow_export")
_DEFAULT_CONFIRM, _DEFAULT_TIMEOUT_S = "management_path", 60


def upgrade() -> None:
    for table in _DRIFTING:
        _add(table, "drift_policy", sa.String(32), "enforce")
    _add("host", "confirm", sa.String(32), _DEFAULT_CONFIRM)
    _add("host", "confirm_timeout_s", sa.BigInteger(), str(_DEFAULT_TIMEOUT_S))


def _add(table: str, name: str, of: sa.String | sa.BigInteger, default: str) -> None:
    """What there is has the default; what comes says what it has."""
    op.add_column(table, sa.Column(name, of, nullable=False, server_default=default))
    op.alter_column(table, name, server_default=None)


def downgrade() -> None:
    """Refuses while intent has what the older version cannot know; forgets its history."""
    _refuse_newer_intent()
    for name in _DOCUMENTS:
        documents = _TABLES[name]
        spec = documents.c.spec
        without = sa.update(documents).values(spec=spec.op("-")(sa.text("'drift_policy'")))
        op.execute(without.where(spec.has_key("drift_policy")))
    for name in _DRIFTING:
        op.drop_column(name, "drift_policy")
    op.drop_column("host", "confirm_timeout_s")
    op.drop_column("host", "confirm")


def _refuse_newer_intent() -> None:
    host = _TABLES["host"]
    is_newer = {
        "host": sa.or_(
            host.c.confirm != _DEFAULT_CONFIRM, host.c.confirm_timeout_s != _DEFAULT_TIMEOUT_S
        ),
        **{name: _TABLES[name].c.drift_policy != "enforce" for name in _DRIFTING},
        **{name: _TABLES[name].c.spec.has_key("drift_policy") for name in _DOCUMENTS},
    }
    used = [
        sa.select((sa.literal(f"{name} ") + _TABLES[name].c.name).label("named")).where(
            _TABLES[name].c.valid_to.is_(None), newer
        )
        for name, newer in is_newer.items()
    ]
    query = sa.union(*used).order_by("named").limit(5)
    if names := op.get_bind().execute(query).scalars().all():
        raise RuntimeError(
            "the older version knows no drift_policy, confirm and confirm_timeout_s: take these"
            f" fields off first: {', '.join(names)}"
        )


def _described(name: str) -> sa.TableClause:
    return sa.table(
        name,
        sa.column("name", sa.Text()),
        sa.column("valid_to", sa.BigInteger()),
        sa.column("drift_policy", sa.Text()),
        sa.column("confirm", sa.Text()),
        sa.column("confirm_timeout_s", sa.BigInteger()),
        sa.column("spec", postgresql.JSONB()),
    )


_TABLES = {name: _described(name) for name in ("host", *_DRIFTING, *_DOCUMENTS)}
