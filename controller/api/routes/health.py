"""Is the process alive, and can it serve. Without sign-in, so nothing here may say more."""

from __future__ import annotations

from fastapi import APIRouter, Response

from controller.api.dependencies import Context
from controller.api.schemas.answers import Health, Readiness
from controller.domain.errors import UnavailableError
from controller.services import changes

router = APIRouter(tags=["health"])


@router.get("/healthz", operation_id="get_health", response_model=Health)
async def healthz() -> Health:
    """The process serves requests; says nothing about what it depends on."""
    return Health()


@router.get(
    "/readyz",
    operation_id="get_readiness",
    response_model=Readiness,
    responses={503: {"description": "Not ready", "model": Readiness}},
)
def readyz(context: Context, response: Response) -> Readiness:
    """The database answers and has the tables that this version expects."""
    checks = {"database": "ok", "migrations": "ok"}
    try:
        if not context.migrated():
            checks["migrations"] = "the database is not at this version's migration"
        else:
            changes.head(context.db)
    except UnavailableError as error:
        checks["database"] = error.detail
        checks["migrations"] = "unknown"
    ready = all(check == "ok" for check in checks.values())
    if not ready:
        response.status_code = 503
        response.headers["Retry-After"] = "2"
    return Readiness(status="ready" if ready else "unready", checks=checks)
