"""Who did what, when and on whose request. Rows are only ever added."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import insert

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
