"""Patches: two ports of Open vSwitch that join two bridges of this host, as one resource.

Both rows are made in one transaction, and a half that is alone gets its other one back. What intent
says of the row counts for the near end, the one that the port is named after.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from agent.model import PatchPeer, Port
from agent.observed import OvsInterface, OvsPort
from agent.planner.claims import Claim, OvsName, Thing, ThingKind
from agent.planner.draft import Draft
from agent.planner.health import interface_failures
from agent.planner.inventory import Inventory, PlacedPort
from agent.planner.plan import AddPort, OvsdbOp, Stage
from agent.planner.port_rows import WantedRow, stale_links
from agent.planner.rows import mend_port


@dataclass(frozen=True, slots=True)
class _End:
    bridge: str
    row: OvsPort
    kept: PlacedPort | None
    """The row that already is this end."""


def draft_patch(
    port: Port, patch: PatchPeer, inventory: Inventory, wanted: WantedRow, there: Container[str]
) -> Draft:
    """``there`` has the bridges that exist already and stay."""
    ends = (
        _end(port, port.bridge, wanted.row, inventory, there),
        _end(port, patch.bridge, _far_row(port, patch, inventory), inventory, there),
    )
    missing = [end for end in ends if end.kept is None]
    claims: tuple[Claim, ...] = tuple(OvsName(end.row.name) for end in missing)
    make = tuple(AddPort(port.id, end.bridge, end.row) for end in missing)
    mend = _mending(port, inventory, ends)
    kept = [end.kept for end in ends if end.kept is not None]
    failures = (f for each in kept for f in interface_failures(port.id, each.port.interfaces[0]))
    return Draft(
        port.id,
        bridge=port.bridge,
        far_bridge=patch.bridge,
        claims=claims,
        stale=(*_stale(port, inventory, kept), *stale_links(port, inventory, None)),
        make=Stage(ovsdb=make),
        mend=Stage(ovsdb=mend),
        failures=() if make or mend else tuple(failures),
    )


def _far_row(port: Port, patch: PatchPeer, inventory: Inventory) -> OvsPort:
    marks = inventory.mark(port.id)
    options = {"peer": port.interface}
    interface = OvsInterface(patch.interface, "patch", options, external_ids=marks)
    return OvsPort(patch.interface, (interface,), tag=patch.tag or None, external_ids=marks)


def _end(
    port: Port, bridge: str, row: OvsPort, inventory: Inventory, there: Container[str]
) -> _End:
    """Nothing is kept on a bridge that goes and leaves its name to another one."""
    for placed in inventory.ports.get(port.id, ()) if bridge in there else ():
        found = [(each.name, each.type) for each in placed.port.interfaces]
        if (placed.bridge, placed.port.name) == (bridge, row.name) and found == [
            (row.name, "patch")
        ]:
            return _End(bridge, row, placed)
    return _End(bridge, row, None)


def _mending(port: Port, inventory: Inventory, ends: tuple[_End, _End]) -> tuple[OvsdbOp, ...]:
    near, far = ends
    ops: tuple[OvsdbOp, ...] = ()
    if near.kept is not None:
        ops += mend_port(port.id, near.kept, near.row, interface_columns=(), inventory=inventory)
    if far.kept is not None:
        ops += mend_port(port.id, far.kept, far.row, interface_columns=(), inventory=inventory)
    return ops


def _stale(port: Port, inventory: Inventory, kept: list[PlacedPort]) -> tuple[Thing, ...]:
    return tuple(
        Thing(ThingKind.PORT, placed.port.name)
        for placed in inventory.ports.get(port.id, ())
        if placed not in kept
    )
