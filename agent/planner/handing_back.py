"""The mark that an undone change put on what is somebody else's: it comes off again, no more.

Were it left there, the thing would count as one of ours that intent does not have, and whoever has
those deleted would have deleted what was never ours. What was taken over is remembered with what is
to be given back; it stays whole, whatever intent names as removed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from agent.model import DEVICE_KEY, ID_KEY, OWNER_KEY
from agent.planner.draft import Draft
from agent.planner.inventory import Inventory
from agent.planner.ops import Amendment
from agent.planner.ownership import owned_id
from agent.planner.plan import OvsdbOp, SetBridge, SetInterface, SetLink, SetPort, Stage

_OFF = Amendment(without={"external_ids": frozenset({OWNER_KEY, ID_KEY, DEVICE_KEY})})


def draft_handing_back(resources: Collection[str], inventory: Inventory) -> Iterator[Draft]:
    for resource in sorted(inventory.owned_ids().intersection(resources)):
        links = inventory.links.get(resource, ())
        post = tuple(SetLink(resource, None, x.name, alias="", ifindex=x.ifindex) for x in links)
        yield Draft(resource, mend=Stage(ovsdb=tuple(_rows(resource, inventory)), post=post))


def _rows(resource: str, inventory: Inventory) -> Iterator[OvsdbOp]:
    owner = inventory.owner
    for bridge in inventory.observed.bridges.values():
        if owned_id(bridge.external_ids, owner) == resource:
            yield SetBridge(resource, bridge.name, bridge, settings=_OFF)
        for port in bridge.ports:
            if owned_id(port.external_ids, owner) != resource:
                continue
            yield SetPort(resource, bridge.name, port.name, port, settings=_OFF)
            for each in port.interfaces:
                if owned_id(each.external_ids, owner) == resource:
                    yield SetInterface(resource, each.name, each, settings=_OFF)
