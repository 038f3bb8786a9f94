"""How far the fleet is with one change. Owns nothing."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter

from controller.api.dependencies import Context
from controller.api.errors import declared
from controller.api.schemas.answers import ConcernedHosts, PendingHost, RevisionDocument
from controller.api.waiting import Patient
from controller.auth import Principal
from controller.services.realization import Realization, realization

router = APIRouter(prefix="/v1", tags=["changes"])


@router.get(
    "/revisions/{revision}",
    operation_id="get_revision",
    response_model=RevisionDocument,
    responses=declared("unauthenticated", "not_found", "invalid", "unavailable"),
)
async def get_revision(context: Context, patient: Patient, revision: int) -> RevisionDocument:
    """Which of the hosts that a change concerns have applied it, and what keeps the others.

    No other host gets anything to write, but for kernel members of a segment that learn the MAC
    address of a port elsewhere: they flood until they know it, and nobody waits for that. With
    `wait=realized` the answer comes once all have applied it; at `timeout` it tells how far they
    are.
    """

    def look(caller: Principal) -> Realization:
        return realization(context.db, caller, revision)

    found = await patient.until(look, lambda found: found.is_complete)
    return RevisionDocument(
        revision=found.revision,
        head=found.head,
        realized=found.is_complete,
        hosts=ConcernedHosts(total=found.total, applied=found.applied),
        pending=[PendingHost.model_validate(asdict(host)) for host in found.pending],
    )
