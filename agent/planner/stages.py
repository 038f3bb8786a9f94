"""Puts settled drafts into stages.

Stage one frees, mends and makes all that is in nobody's way. Stage two makes what had to wait for
something to be freed, and takes away the tunnels whose replacements stage one has made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from agent.planner.claims import Carriage, Claim, Thing, ThingKind, UdpPort
from agent.planner.draft import Draft
from agent.planner.inventory import Inventory, PlacedPort
from agent.planner.plan import (
    AddBridge,
    AddInterface,
    AddMirror,
    AddPort,
    BindPort,
    ClearFlowExport,
    DeleteBridge,
    DeleteInterface,
    DeleteLink,
    DeleteMirror,
    DeletePort,
    DeleteStrays,
    OvsdbOp,
    SetBridge,
    SetFlowExport,
    SetInterface,
    SetMirror,
    SetPort,
    SetQos,
    Stage,
    UnbindPort,
)
from agent.planner.settle import Settlement

_OVSDB_ORDER: tuple[type[OvsdbOp], ...] = (
    ClearFlowExport,
    DeleteMirror,
    DeletePort,
    AddInterface,
    DeleteInterface,
    DeleteBridge,
    AddBridge,
    SetBridge,
    SetPort,
    SetInterface,
    UnbindPort,
    BindPort,
    AddPort,
    SetQos,
    DeleteStrays,
    AddMirror,
    SetMirror,
    SetFlowExport,
)
"""Within a stage; so that no port is without interfaces on the way, and ``Stage.groups`` holds
bridges before the ports that need them."""


def arrange(
    settlement: Settlement, inventory: Inventory, last: Iterable[OvsdbOp]
) -> tuple[Stage, ...]:
    """``last`` is what may rest on all that the drafts make."""
    drafts = sorted(settlement.accepted.values(), key=lambda draft: draft.resource)
    waiting = _waiting(drafts, settlement, inventory)
    hindering = _hindering(drafts, settlement, inventory)
    rows = {
        name: row
        for placed in inventory.ports.values()
        for row in placed
        for name in (row.port.name, *(each.name for each in row.port.interfaces))
    }
    first: list[Stage] = []
    second: list[Stage] = []
    for draft in drafts:
        waits = draft.key in waiting
        names = (claim for claim in draft.claims if not isinstance(claim, UdpPort | Carriage))
        is_named = not _obstacles(names, settlement, inventory)
        (first if is_named else second).append(draft.prepare)
        first.append(draft.mend)
        (second if waits else first).append(draft.make)
        second.append(draft.later)
        for thing in draft.stale:
            if thing not in settlement.doomed:
                continue
            is_part = thing.kind is ThingKind.INTERFACE
            outlives = (is_part or (draft.make_first and not waits)) and thing not in hindering
            deletion = _deletion(draft.resource, thing, inventory, rows)
            (second if outlives else first).append(deletion)
    goes_second = waiting or any(any(part.steps()) for part in second)
    (second if goes_second else first).append(Stage(ovsdb=tuple(last)))
    return tuple(stage for stage in (_merge(first), _merge(second)) if stage != Stage())


def _waiting(
    drafts: list[Draft], settlement: Settlement, inventory: Inventory
) -> set[tuple[str, str]]:
    """Keys of those that cannot be made before something else is gone or their bridge is there."""
    waiting = {draft.key for draft in drafts if _obstacles(draft.claims, settlement, inventory)}
    bridges = {draft.makes_bridge for draft in drafts if draft.key in waiting} - {""}
    return waiting | {draft.key for draft in drafts if bridges & {draft.bridge, draft.far_bridge}}


def _hindering(drafts: list[Draft], settlement: Settlement, inventory: Inventory) -> set[Thing]:
    """What others wait for, and ports whose bridge goes: the first stage has to delete it."""
    hindering = {
        thing for draft in drafts for thing in _obstacles(draft.claims, settlement, inventory)
    }
    doomed_bridges = (each.name for each in settlement.doomed if each.kind is ThingKind.BRIDGE)
    for name in doomed_bridges:
        ports = inventory.observed.bridges[name].ports
        hindering |= {Thing(ThingKind.PORT, port.name) for port in ports}
    return hindering


def _obstacles(
    claims: Iterable[Claim], settlement: Settlement, inventory: Inventory
) -> list[Thing]:
    return [
        thing
        for claim in claims
        for holder in inventory.holders.get(claim, ())
        for thing in holder.going(settlement.doomed)
    ]


def _deletion(
    resource: str, thing: Thing, inventory: Inventory, rows: Mapping[str, PlacedPort]
) -> Stage:
    if thing.kind is ThingKind.LINK:
        link = inventory.observed.links[thing.name]
        return Stage(post=(DeleteLink(resource, link.name, link.ifindex, link.alias),))
    if thing.kind is ThingKind.BRIDGE:
        bridge = inventory.observed.bridges[thing.name]
        return Stage(ovsdb=(DeleteBridge(resource, bridge.name, bridge),))
    placed = rows[thing.name]
    if thing.kind is ThingKind.INTERFACE:
        (interface,) = (each for each in placed.port.interfaces if each.name == thing.name)
        return Stage(ovsdb=(DeleteInterface(resource, placed.bridge, placed.port.name, interface),))
    return Stage(ovsdb=(DeletePort(resource, placed.bridge, thing.name, placed.port),))


def _merge(parts: Iterable[Stage]) -> Stage:
    """One stage of many; sorting is stable, so a resource's own steps keep their order."""
    parts = list(parts)
    ovsdb = [op for part in parts for op in part.ovsdb]
    post = [step for part in parts for step in part.post]
    return Stage(
        pre=tuple(step for part in parts for step in part.pre),
        ovsdb=tuple(sorted(ovsdb, key=lambda op: _OVSDB_ORDER.index(type(op)))),
        post=tuple(sorted(post, key=lambda step: not isinstance(step, DeleteLink))),
    )
