"""Which drafts may go ahead: those that are in nobody's way and have nobody in theirs.

One refusal can cause others (a name that would have been freed is not), so refusals are gathered
until no more follow. They only ever grow, hence this ends.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from agent.errors import ErrorKind, Failure
from agent.model import OVERLAY_ID
from agent.planner.claims import (
    Claim,
    DeviceKey,
    Holder,
    LinkName,
    OvsName,
    Thing,
    ThingKind,
    UdpPort,
)
from agent.planner.draft import Draft
from agent.planner.inventory import Inventory, placed_ports


@dataclass(slots=True)
class Settlement:
    """``doomed`` is everything that will be deleted; ``failures`` why some drafts are not in
    ``accepted``, and what is in the way of a deletion.
    """

    accepted: dict[tuple[str, str], Draft]
    doomed: frozenset[Thing] = frozenset()
    taken: frozenset[str] = frozenset()
    """Devices that will be put into the Linux bridge they belong to, if any."""
    refused: dict[tuple[str, str], Failure] = field(default_factory=dict)
    blocked: dict[Thing, Failure] = field(default_factory=dict)

    @property
    def failures(self) -> tuple[Failure, ...]:
        return (*self.refused.values(), *self.blocked.values())


def settle(
    drafts: Iterable[Draft], broken_bridges: dict[str, Failure], inventory: Inventory
) -> Settlement:
    """``broken_bridges`` maps the names of bridges that cannot be to the reason."""
    result = Settlement({draft.key: draft for draft in drafts})
    broken = dict(broken_bridges)
    while True:
        before = len(result.accepted), len(result.blocked)
        result.doomed = _doomed(result)
        result.taken = frozenset(n for each in result.accepted.values() for n in each.takes)
        _block_bridges(result, inventory)
        _refuse(result, broken, inventory)
        _keep(result)
        if (len(result.accepted), len(result.blocked)) == before:
            return result


def _doomed(result: Settlement) -> frozenset[Thing]:
    stale = {thing for draft in result.accepted.values() for thing in draft.stale}
    return frozenset(stale - result.blocked.keys())


def _block_bridges(result: Settlement, inventory: Inventory) -> None:
    for draft in result.accepted.values():
        for thing in draft.stale:
            if thing in result.doomed and (staying := _staying(thing, result, inventory)):
                result.blocked[thing] = _bridge_in_use(draft.resource, thing.name, staying)


def _staying(thing: Thing, result: Settlement, inventory: Inventory) -> tuple[str, ...]:
    """What would lose its bridge if ``thing`` were deleted."""
    if thing.kind is ThingKind.BRIDGE:
        return tuple(
            placed.port.name
            for placed in placed_ports(inventory.observed.bridges[thing.name])
            if Thing(ThingKind.PORT, placed.port.name) not in result.doomed
        )
    if thing.kind is ThingKind.LINK:
        return tuple(
            name
            for name in inventory.enslaved.get(thing.name, ())
            if Thing(ThingKind.LINK, name) not in result.doomed and name not in result.taken
        )
    return ()


def _refuse(result: Settlement, broken: dict[str, Failure], inventory: Inventory) -> None:
    for draft in tuple(result.accepted.values()):
        refusal = _refusal(draft, result, broken, inventory)
        if refusal is not None:
            result.refused[draft.key] = refusal
            del result.accepted[draft.key]
            if draft.makes_bridge:
                broken[draft.makes_bridge] = refusal


def _keep(result: Settlement) -> None:
    """What leaves its place for another one stays until it can be there; why, its port tells."""
    for draft in tuple(result.accepted.values()):
        if draft.is_on_the_move and (draft.resource, "") not in result.accepted:
            del result.accepted[draft.key]


def _refusal(
    draft: Draft, result: Settlement, broken: dict[str, Failure], inventory: Inventory
) -> Failure | None:
    for bridge in (draft.bridge, draft.far_bridge):
        if bridge in broken:
            return _bridge_failed(draft, bridge, broken[bridge])
    for claim in draft.claims:
        for holder in inventory.holders.get(claim, ()):
            if not holder.going(result.doomed):
                return _conflict(draft, claim, holder)
    return None


def _bridge_in_use(resource: str, bridge: str, staying: tuple[str, ...]) -> Failure:
    message = (
        f"bridge {bridge} still has ports that are not to be deleted: {', '.join(staying)}; move "
        "them off the bridge, it is deleted then"
    )
    return Failure(resource, ErrorKind.CONFLICT, "BridgeInUse", message)


def _bridge_failed(draft: Draft, bridge: str, cause: Failure) -> Failure:
    if cause.resource == draft.resource:
        return cause
    message = f"bridge {bridge} cannot be used ({cause.reason}): {cause.message}"
    return Failure(draft.resource, cause.kind, "BridgeFailed", message)


def _conflict(draft: Draft, claim: Claim, holder: Holder) -> Failure:
    whose = f"belongs to {holder.resource}" if holder.resource else holder.owner
    message = (
        f"{claim} is taken by {holder.words}, which {whose}; remove or rename that, "
        f"{_adopt(draft, claim, holder)}or choose another in intent"
    )
    reason = _REASONS.get(type(claim), "AlreadyTaken")
    return Failure(draft.resource, ErrorKind.CONFLICT, reason, message)


def _adopt(draft: Draft, claim: Claim, holder: Holder) -> str:
    """The way out that leaves all as it is, where there is one."""
    kind = "bridge" if draft.resource == OVERLAY_ID else draft.resource.partition(":")[0]
    if not isinstance(claim, OvsName | LinkName) or holder.adoptable != kind:
        return ""
    if holder.place not in ("", draft.bridge, draft.far_bridge):
        return ""
    return f"take it over with `ovsfleet adopt {kind} NAME --host HOST`, "


_REASONS: dict[type[Claim], str] = {UdpPort: "UdpPortTaken", DeviceKey: "VniTaken"}
