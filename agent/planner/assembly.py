"""From the desired and the observed state to a plan: draft per resource, settle, put in stages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping

from agent.errors import ErrorKind, Failure
from agent.model import HOST_ID, Backend, Bridge, HostState, ObservedState, Port, segment_id
from agent.planner.bridges import draft_bridge, kept_row
from agent.planner.claims import Claim, LinkName, PeerName
from agent.planner.draft import Draft
from agent.planner.explicit import explicit_tunnels, identity
from agent.planner.inventory import Inventory, take_inventory
from agent.planner.kernel import device_name, draft_kernel_segment, kept_bridge
from agent.planner.ownership import segment_of
from agent.planner.plan import Plan
from agent.planner.ports import draft_port
from agent.planner.removal import draft_removals, removal
from agent.planner.segments import Segment, expand
from agent.planner.settle import settle
from agent.planner.stages import arrange
from agent.planner.tunnels import TunnelPort, draft_tunnels, tunnels_of


def make_plan(desired: HostState, observed: ObservedState) -> Plan:
    """The steps that bring the host from ``observed`` to ``desired``, and what they cannot reach.

    Empty when the host is as it shall be, apart from what the failures name.
    """
    if observed.has_ovs and not observed.vswitchd_running:
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
    segments, failures = expand(desired, inventory)
    there = _bridges_there(desired, segments, inventory)
    yield from _draft_ports(desired, doubles, there, inventory)
    yield from failures
    yield from _draft_segments(segments, desired.host_uid, doubles, there, inventory)
    explicit, refusals = explicit_tunnels(desired, inventory)
    failures += refusals
    yield from refusals
    tunnels = [*_mesh(segments), *(each for each in explicit if each.id not in doubles)]
    yield from (doubles[each.id] for each in explicit if each.id in doubles)
    yield from draft_tunnels(tunnels, inventory, there)
    intended = {bridge.id for bridge in desired_bridges(desired)}
    intended |= {port.id for port in desired.ports} | {each.id for each in desired.tunnels}
    intended |= {tunnel.id for tunnel in tunnels} | {failure.resource for failure in failures}
    yield from _draft_removals(desired, intended, segments, inventory)


def _bridges_there(
    desired: HostState, segments: Iterable[Segment], inventory: Inventory
) -> frozenset[str]:
    """Names of the bridges, of either sort, that exist already and stay."""
    of_ovs = {b.name for b in desired_bridges(desired) if kept_row(b, inventory) is not None}
    of_linux = {each.bridge for each in segments if kept_bridge(each, inventory) is not None}
    return frozenset(of_ovs | of_linux)


def _draft_ports(
    desired: HostState, doubles: Mapping[str, Failure], there: Container[str], inventory: Inventory
) -> Iterator[Draft | Failure]:
    linux_bridges = {each.linux_bridge for each in desired.attachments} - {""}
    for port in sorted(desired.ports, key=lambda port: port.id):
        yield (
            doubles.get(port.id)
            or _bridge_unknown(desired, port)
            or draft_port(
                port,
                inventory,
                bridge_is_there=port.bridge in there,
                on_linux_bridge=port.bridge in linux_bridges,
            )
        )


def _draft_segments(
    segments: Iterable[Segment],
    host_uid: str,
    doubles: Mapping[str, Failure],
    there: Container[str],
    inventory: Inventory,
) -> Iterator[Draft | Failure]:
    """Devices of the kernel where it carries the segment, and none where it does not any more."""
    present = inventory.owned_ids()
    for segment in segments:
        if segment.backend is Backend.KERNEL:
            yield doubles.get(segment.id) or draft_kernel_segment(
                segment, host_uid, inventory, bridge_is_there=segment.bridge in there
            )
        elif segment.id in present:
            yield removal(segment.id, inventory)


def _mesh(segments: Iterable[Segment]) -> list[TunnelPort]:
    by_ovs = (segment for segment in segments if segment.backend is Backend.OVS)
    return [tunnel for segment in by_ovs for tunnel in tunnels_of(segment)]


def _draft_removals(
    desired: HostState, intended: set[str], segments: Iterable[Segment], inventory: Inventory
) -> list[Draft | Failure]:
    here = {segment.id for segment in segments}
    by_kernel = {segment.id for segment in segments if segment.backend is Backend.KERNEL}
    replaced = {each for each in inventory.ports if segment_of(each) in by_kernel}
    attached = {segment_id(each.segment_uid) for each in desired.attachments}
    return draft_removals(
        intended | here | replaced, attached - here, desired.removed - attached, inventory
    )


def _bridge_unknown(desired: HostState, port: Port) -> Failure | None:
    names = {bridge.name for bridge in desired_bridges(desired)}
    if port.bridge in names | {each.linux_bridge for each in desired.attachments} - {""}:
        return None
    message = f"port {port.interface} is to be on bridge {port.bridge}, which intent does not have"
    return Failure(port.id, ErrorKind.INVALID, "BridgeUnknown", message)


def _doubles(desired: HostState) -> dict[str, Failure]:
    """Failures of those that ask for the same thing; none has a better right to it."""
    claims: list[tuple[str, Claim]] = [
        *_device_claims(desired),
        *((tunnel.id, identity(tunnel)) for tunnel in desired.tunnels),
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


def _device_claims(desired: HostState) -> Iterator[tuple[str, Claim]]:
    """The names of the devices that segments have in the kernel."""
    for attachment in desired.attachments:
        fragment = desired.fragments.get(attachment.fragment_hash)
        if attachment.backend is Backend.KERNEL and fragment is not None:
            yield segment_id(attachment.segment_uid), LinkName(device_name(fragment.vni))
        if attachment.linux_bridge:
            yield segment_id(attachment.segment_uid), LinkName(attachment.linux_bridge)


def _broken_bridges(desired: HostState, failures: Iterable[Failure]) -> dict[str, Failure]:
    by_resource = {failure.resource: failure for failure in failures}
    makers = [
        *((bridge.id, bridge.name) for bridge in desired_bridges(desired)),
        *((segment_id(a.segment_uid), a.linux_bridge) for a in desired.attachments),
    ]
    return {name: by_resource[each] for each, name in makers if name and each in by_resource}
