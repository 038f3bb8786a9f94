"""What hosts have that is not the fleet's, for reading only. Owns nothing.

It mixes the projects that meet on a host, so that it is for those only who may see all of them.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from controller.api.dependencies import Caller, Context, require
from controller.api.errors import declared
from controller.api.schemas.base import Text
from controller.api.schemas.inventory import (
    CapabilitiesDocument,
    InventoryDocument,
    PluggedInterfaceDocument,
    PluggedInterfaceList,
)
from controller.auth import Verb
from controller.domain.intent import DEFAULT_PROJECT, Kind
from controller.services import inventory

router = APIRouter(prefix="/v1", tags=["inventory"])

_READ = ("unauthenticated", "forbidden", "not_found", "invalid", "unavailable")


@router.get(
    "/hosts/{name_or_uid}/inventory",
    operation_id="get_inventory",
    response_model=InventoryDocument,
    responses=declared(*_READ),
)
def get_inventory(context: Context, caller: Caller, name_or_uid: Text) -> InventoryDocument:
    """What is on the host and not the fleet's, and what the host can do, as its agent told it."""
    require(caller, Verb.INSPECT, Kind.HOST, DEFAULT_PROJECT, name_or_uid)
    found = inventory.read(context.db, caller, name_or_uid)
    return InventoryDocument(
        received_at=found.received_at,
        agent_version=found.agent_version,
        capabilities=CapabilitiesDocument(**found.capabilities),
        **found.document,
    )


@router.get(
    "/inventory/interfaces",
    operation_id="find_interfaces",
    response_model=PluggedInterfaceList,
    responses=declared(*_READ),
)
def find_interfaces(
    context: Context,
    caller: Caller,
    iface_id: Annotated[
        Text, Query(min_length=1, description="As `external_ids:iface-id` of the interface.")
    ],
) -> PluggedInterfaceList:
    """Where others plugged an interface: on two hosts while a guest moves between them."""
    require(caller, Verb.INSPECT, Kind.HOST, DEFAULT_PROJECT, "")
    found = inventory.find_interfaces(context.db, iface_id)
    return PluggedInterfaceList(
        items=[PluggedInterfaceDocument(**each._asdict()) for each in found]
    )
