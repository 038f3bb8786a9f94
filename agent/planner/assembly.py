"""From the desired and the observed state to a plan: draft per resource, settle, put in stages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from agent.errors import ErrorKind, Failure
from agent.model import HOST_ID, Bridge, HostState, ObservedState, Port, segment_id
from agent.planner.bridges import draft_bridge, kept_row
from agent.planner.draft import Draft
from agent.planner.inventory import Claim, Inventory, LinkName, PeerName, take_inventory
from agent.planner.plan import Plan
from agent.planner.ports import draft_port
from agent.planner.removal import draft_removals
from agent.planner.segments import Tunnel, expand
from agent.planner.settle import settle
from agent.planner.stages import arrange
from agent.planner.tunnels import draft_tunnels


def make_plan(desired: HostState, observed: ObservedState) -> Plan:
    """The steps that bring the host from ``observed`` to ``desired``, and what they cannot reach.

    Empty when the host is as it shall be, apart from what the failures name.
    """
    if not observed.vswitchd_running:
        return Plan(failures=(_vswitchd_down(),))
    inventory = take_inventory(observed, desired.fleet_uid)
    drafted = list(_draft(desired, inventory))
    drafts = [item for item in drafted if isinstance(item, Draft)]
    failures = [item for item in drafted if isinstance(item, Failure)]
    settlement = settle(drafts, _broken_bridges(desired, failures), inventory)
    failures += settlement.failures
    failures += (each for draft in settlement.accepted.values() for each in draft.failures)
    return Plan(arrange(settlement, inventory), tuple(sorted(set(failures))))


def _vswitchd_down() -> Failure:
    message = (
        "ovs-vswitchd is not running or does not act on its database; start it (on Debian: "
        "systemctl start openvswitch-switch); nothing is changed until then"
    )
    return Failure(HOST_ID, ErrorKind.TRANSIENT, "VswitchdDown", message)


# --- drafts --------------------------------------------------------------------------------------


def desired_bridges(desired: HostState) -> tuple[Bridge, ...]:
    overlay = () if desired.overlay is None else (desired.overlay,)
    return (*overlay, *sorted(desired.bridges, key=lambda bridge: bridge.id))


def _draft(desired: HostState, inventory: Inventory) -> Iterator[Draft | Failure]:
    doubles = _doubles(desired)
    for bridge in desired_bridges(desired):
        yield doubles.get(bridge.id) or draft_bridge(bridge, inventory)
    there = {
        bridge.name
        for bridge in desired_bridges(desired)
        if kept_row(bridge, inventory) is not None
    }
    for port in sorted(desired.ports, key=lambda port: port.id):
        yield (
            doubles.get(port.id)
            or _bridge_unknown(desired, port)
            or draft_port(port, inventory, bridge_is_there=port.bridge in there)
        )
    tunnels, failures = expand(desired, inventory)
    yield from failures
    overlay_is_there = desired.overlay is not None and desired.overlay.name in there
    yield from draft_tunnels(tunnels, inventory, bridge_is_there=overlay_is_there)
    yield from _draft_removals(desired, tunnels, failures, inventory)


def _draft_removals(
    desired: HostState, tunnels: list[Tunnel], failures: list[Failure], inventory: Inventory
) -> list[Draft | Failure]:
    intended = {bridge.id for bridge in desired_bridges(desired)}
    intended |= {port.id for port in desired.ports} | {tunnel.id for tunnel in tunnels}
    intended |= {failure.resource for failure in failures}
    attached = {segment_id(each.segment_uid) for each in desired.attachments}
    return draft_removals(intended, desired.removed - attached, inventory)


def _bridge_unknown(desired: HostState, port: Port) -> Failure | None:
    if any(bridge.name == port.bridge for bridge in desired_bridges(desired)):
        return None
    message = f"port {port.interface} is to be on bridge {port.bridge}, which intent does not have"
    return Failure(port.id, ErrorKind.INVALID, "BridgeUnknown", message)


def _doubles(desired: HostState) -> dict[str, Failure]:
    """Failures of bridges and ports that ask for the same thing; none has a better right to it."""
    claims: list[tuple[str, Claim]] = [
        *((bridge.id, LinkName(bridge.name)) for bridge in desired_bridges(desired)),
        *((port.id, LinkName(port.interface)) for port in desired.ports),
        *(
            (port.id, PeerName(port.peer.netns, port.peer.interface))
            for port in desired.ports
            if port.peer is not None
        ),
    ]
    counts = Counter(claim for _, claim in claims)
    return {
        resource: Failure(
            resource,
            ErrorKind.INVALID,
            "NameNotUnique",
            f"{claim} is asked for more than once on this host; choose another for one of them",
        )
        for resource, claim in claims
        if counts[claim] > 1
    }


def _broken_bridges(desired: HostState, failures: Iterable[Failure]) -> dict[str, Failure]:
    by_resource = {failure.resource: failure for failure in failures}
    return {
        bridge.name: by_resource[bridge.id]
        for bridge in desired_bridges(desired)
        if bridge.id in by_resource
    }
