"""Who did what, when and on whose request. Rows are only ever added."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select

from controller.store.engine import Transaction
from controller.store.tables import AuditRow


def write_audit(
    tx: Transaction,
    *,
    principal: str,
    request_id: str,
    action: str,
    outcome: str = "done",
    revision: int | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    tx.execute(
        insert(AuditRow).values(
            principal=principal,
            request_id=request_id,
            action=action,
            outcome=outcome,
            revision=revision,
            detail=dict(detail or {}),
        )
    )


def committed_at(tx: Transaction, revision: int) -> datetime | None:
    """When a fleet revision was made; None when that is forgotten."""
    query = select(func.min(AuditRow.at)).where(AuditRow.revision == revision)
    return tx.execute(query).scalar_one()
