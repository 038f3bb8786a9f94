"""The fleet at a glance. Owns nothing."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from importlib.metadata import version

from fastapi import APIRouter, Request, Response

from controller.api.context import AppContext
from controller.api.conversion import to_phase_counts
from controller.api.dependencies import Caller, Context
from controller.api.errors import declared
from controller.api.gathering import gathered
from controller.api.schemas.overview import CapacityDocument, FleetDocument, HostStates
from controller.auth import Principal
from controller.domain.intent import Kind, Lifecycle
from controller.services.overview import overview

router = APIRouter(prefix="/v1", tags=["fleet"])

_COUNTED = (Kind.HOST, Kind.BRIDGE, Kind.SEGMENT, Kind.PORT, Kind.TUNNEL)
_VERSION = version("ovsfleet")


@router.get(
    "/fleet",
    operation_id="get_fleet",
    response_model=FleetDocument,
    responses=declared("unauthenticated", "unavailable"),
)
async def get_fleet(request: Request, context: Context, caller: Caller) -> Response:
    """Who the fleet is, how many objects of each kind are in each phase, and what runs out."""
    return await gathered(request, caller, ("fleet",), partial(_look, context, caller))


def _look(context: AppContext, caller: Principal) -> FleetDocument:
    found = overview(context.db, caller, _COUNTED, now=context.now())
    counts = {kind: to_phase_counts(found.phases[kind]) for kind in _COUNTED}
    by_state = {state.value: found.hosts.by_state.get(state, 0) for state in Lifecycle}
    return FleetDocument(
        fleet_uid=found.fleet.uid,
        epoch=found.fleet.epoch,
        revision=found.fleet.revision,
        version=_VERSION,
        hosts=counts[Kind.HOST],
        bridges=counts[Kind.BRIDGE],
        segments=counts[Kind.SEGMENT],
        ports=counts[Kind.PORT],
        tunnels=counts[Kind.TUNNEL],
        hosts_connected=found.hosts.connected,
        hosts_pinned=found.hosts.pinned,
        hosts_by_state=HostStates(**by_state),
        attention=found.attention,
        capacity=[CapacityDocument(**asdict(each)) for each in found.capacity],
    )
