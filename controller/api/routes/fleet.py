"""The fleet at a glance. Owns nothing."""

from __future__ import annotations

from fastapi import APIRouter

from controller.api.conversion import to_phase_counts
from controller.api.dependencies import Caller, Context
from controller.api.errors import declared
from controller.api.schemas.answers import FleetDocument
from controller.domain.intent import Kind
from controller.services import queries

router = APIRouter(prefix="/v1", tags=["fleet"])


_COUNTED = (Kind.HOST, Kind.BRIDGE, Kind.SEGMENT, Kind.PORT, Kind.TUNNEL)


@router.get(
    "/fleet",
    operation_id="get_fleet",
    response_model=FleetDocument,
    responses=declared("unauthenticated", "unavailable"),
)
def get_fleet(context: Context, caller: Caller) -> FleetDocument:
    """Who the fleet is, and how many objects of each kind are in each phase."""
    fleet = queries.fleet(context.db)
    counts = queries.summary(context.db, caller, _COUNTED)
    return FleetDocument(
        fleet_uid=fleet.uid,
        epoch=fleet.epoch,
        revision=fleet.revision,
        hosts=to_phase_counts(counts[Kind.HOST]),
        bridges=to_phase_counts(counts[Kind.BRIDGE]),
        segments=to_phase_counts(counts[Kind.SEGMENT]),
        ports=to_phase_counts(counts[Kind.PORT]),
        tunnels=to_phase_counts(counts[Kind.TUNNEL]),
    )
