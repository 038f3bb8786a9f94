"""From the desired and the observed state to a plan: draft per resource, settle, put in stages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Container, Iterable, Iterator
from functools import partial

from agent.errors import ErrorKind, Failure
from agent.model import (
    HOST_ID,
    Backend,
    Bridge,
    BridgeType,
    DatapathType,
    HostState,
    Port,
    PortType,
    segment_id,
)
from agent.observed import ObservedState
from agent.planner.adoption import with_adoptions
from agent.planner.bound import bound_names, draft_letting_go
from agent.planner.brake import mass_removal
from agent.planner.bridge_ports import draft_let_go, kept_enslaved, let_go
from agent.planner.bridges import draft_bridge, kept_row
from agent.planner.cards import draft_cards_given_back
from agent.planner.carriage import device_name
from agent.planner.claims import Claim, IfaceId, LinkName, PeerName
from agent.planner.draft import Draft
from agent.planner.explicit import explicit_tunnels, identity
from agent.planner.free_vlans import FreeVlans
from agent.planner.handing_back import draft_handing_back
from agent.planner.inventory import Inventory, take_inventory
from agent.planner.kernel import draft_kernel_segment, has_device
from agent.planner.linux_bridges import draft_linux_bridge, kept_bridge
from agent.planner.linux_explicit import draft_explicit_bridge
from agent.planner.lost_ends import kernel_ends, lost_failures, with_lost_ends
from agent.planner.management_path import management_path
from agent.planner.marks import handed_back
from agent.planner.monitoring import draft_monitoring, monitoring_steps
from agent.planner.ownership import segment_of
from agent.planner.plan import Plan
from agent.planner.ports import draft_port
from agent.planner.removal import Meshes, draft_removals, removal
from agent.planner.segments import Segment, expand
from agent.planner.settle import settle
from agent.planner.stages import arrange
from agent.planner.surroundings import survey
from agent.planner.tunnels import TunnelPort, as_found, draft_tunnels, tunnels_of


def make_plan(desired: HostState, observed: ObservedState, *, may_cut: bool = False) -> Plan:
    """The steps that bring the host from ``observed`` to ``desired``, and what they cannot reach.

    Empty when the host is as it shall be, apart from what the failures name. It ``may_cut`` the
    host off where it is undone then: a card with the host's own address by which the controller is
    reached is plugged in only so.
    """
    if observed.has_ovs and not observed.vswitchd_running:
        return Plan(failures=(_vswitchd_down(),))
    plan_for = partial(_plan, may_cut=may_cut)
    plan = plan_for(desired, observed)
    if not desired.grants.adoptions:
        return plan
    return with_adoptions(plan, desired, observed, plan_for)


def _plan(desired: HostState, observed: ObservedState, *, may_cut: bool) -> Plan:
    desired = with_lost_ends(desired, observed)
    freed = let_go(desired, observed)
    inventory = take_inventory(
        observed,
        desired.fleet_uid,
        desired.released,
        _userspace(desired),
        frozenset(freed),
        iface_ids=frozenset(port.iface_id for port in desired.ports if port.iface_id),
        is_whole=desired.is_whole,
        forced=desired.grants.forced,
        on_trial=management_path(observed).devices if may_cut else frozenset(),
    )
    contested = _contested(desired)
    vlans = FreeVlans(desired)
    letting_go = list(draft_letting_go(desired, vlans, inventory))
    surroundings = survey(desired, inventory, bound_names(desired, letting_go, inventory))
    segments, refusals = expand(desired, surroundings)
    explicit, misfits = explicit_tunnels(desired, surroundings)
    bridges = list(_draft_bridges(desired, refusals, contested, inventory))
    broken = {name: item for name, item in bridges if isinstance(item, Failure)}
    drafted = [item for _, item in bridges]
    mesh = _mesh(segments) if desired.is_whole else list(as_found(_mesh(segments), inventory))
    drafted += _draft(desired, segments, [*mesh, *explicit], contested, inventory)
    drafted += [*draft_let_go(freed, desired, inventory), *kept_enslaved(desired, observed)]
    drafted += [*letting_go, *draft_cards_given_back(desired, observed)]
    of_ovs = frozenset(bridge.name for bridge in desired_bridges(desired))
    there = _bridges_there(desired, inventory)
    drafted += draft_monitoring(desired, of_ovs, there, inventory)
    drafted += _draft_removals(desired, segments, mesh, refusals, inventory, vlans=vlans)
    drafts = [item for item in drafted if isinstance(item, Draft)]
    failures = [item for item in (*drafted, *refusals, *misfits) if isinstance(item, Failure)]
    settlement = settle(drafts, broken, inventory)
    failures += settlement.failures
    failures += (each for draft in settlement.accepted.values() for each in draft.failures)
    rows = list(monitoring_steps(desired, settlement, of_ovs, there, inventory))
    failures += (each for each in rows if isinstance(each, Failure))
    failures += lost_failures(desired)
    owned = inventory.owned_ids() | inventory.bound.keys() | kernel_ends(desired)
    if held := mass_removal(failures, owned):
        failures.append(held)
    last = (each for each in rows if not isinstance(each, Failure))
    return Plan(arrange(settlement, inventory, last), tuple(sorted(set(failures))))


def _vswitchd_down() -> Failure:
    message = (
        "ovs-vswitchd is not running or does not act on its database; start it (on Debian: "
        "systemctl start openvswitch-switch); nothing is changed until then"
    )
    return Failure(HOST_ID, ErrorKind.TRANSIENT, "VswitchdDown", message)


# --- drafts --------------------------------------------------------------------------------------


def desired_bridges(desired: HostState) -> tuple[Bridge, ...]:
    """Those of Open vSwitch."""
    overlay = () if desired.overlay is None else (desired.overlay,)
    explicit = (bridge for bridge in desired.bridges if bridge.type is not BridgeType.LINUX)
    return (*overlay, *sorted(explicit, key=lambda bridge: bridge.id))


def linux_bridges(desired: HostState) -> tuple[Bridge, ...]:
    """The explicit ones."""
    linux = (bridge for bridge in desired.bridges if bridge.type is BridgeType.LINUX)
    return tuple(sorted(linux, key=lambda bridge: bridge.id))


def _userspace(desired: HostState) -> frozenset[str]:
    bridges = desired_bridges(desired)
    return frozenset(b.name for b in bridges if b.datapath_type is DatapathType.NETDEV)


def _draft_bridges(
    desired: HostState,
    refusals: Iterable[Failure],
    contested: Container[Claim],
    inventory: Inventory,
) -> Iterator[tuple[str, Draft | Failure]]:
    """All bridges by their names; of a segment that cannot be here, the Linux bridge still can."""
    for bridge in desired_bridges(desired):
        double = _double(bridge.id, (LinkName(bridge.name),), contested)
        yield bridge.name, double or draft_bridge(bridge, inventory)
    for bridge in linux_bridges(desired):
        double = _double(bridge.id, (LinkName(bridge.name),), contested)
        yield bridge.name, double or draft_explicit_bridge(bridge, desired.host_uid, inventory)
    unknown = {failure.resource: failure for failure in refusals}
    for attachment in desired.attachments:
        name, resource = attachment.linux_bridge, segment_id(attachment.segment_uid)
        fragment = desired.fragments.get(attachment.fragment_hash)
        if name and fragment is None:
            yield name, unknown[resource]
        elif name and fragment is not None:
            double = _double(resource, (LinkName(name),), contested)
            host = desired.host_uid
            yield name, double or draft_linux_bridge(attachment, fragment.mtu, host, inventory)


def _draft(
    desired: HostState,
    segments: list[Segment],
    tunnels: list[TunnelPort],
    contested: Container[Claim],
    inventory: Inventory,
) -> Iterator[Draft | Failure]:
    """Everything that shall be here but bridges."""
    there = _bridges_there(desired, inventory)
    yield from _draft_ports(desired, contested, there, inventory)
    clear = [each for each in segments if desired.is_whole or not has_device(each, inventory)]
    yield from _draft_segments(clear, desired.host_uid, contested, there, inventory)
    explicit = [each for each in tunnels if not each.segment]
    doubles = {each.id: _double(each.id, (each.key,), contested) for each in explicit}
    yield from (failure for failure in doubles.values() if failure is not None)
    tunnels = [each for each in tunnels if doubles.get(each.id) is None]
    yield from draft_tunnels(tunnels, inventory, there)


def _bridges_there(desired: HostState, inventory: Inventory) -> frozenset[str]:
    """Names of the bridges, of either sort, that exist already and stay."""
    of_ovs = {b.name for b in desired_bridges(desired) if kept_row(b, inventory) is not None}
    of_linux = {
        each.linux_bridge
        for each in desired.attachments
        if kept_bridge(segment_id(each.segment_uid), each.linux_bridge, inventory) is not None
    }
    explicit = {
        each.name
        for each in linux_bridges(desired)
        if kept_bridge(each.id, each.name, inventory) is not None
    }
    return frozenset(of_ovs | of_linux | explicit)


def _draft_ports(
    desired: HostState, contested: Container[Claim], there: Container[str], inventory: Inventory
) -> Iterator[Draft | Failure]:
    of_ovs = {bridge.name for bridge in desired_bridges(desired)}
    of_segments = {each.linux_bridge for each in desired.attachments} - {""}
    explicit = {bridge.name: bridge for bridge in linux_bridges(desired)}
    of_linux = of_segments | explicit.keys()
    for port in sorted(desired.ports, key=lambda port: port.id):
        yield (
            _double(port.id, _port_claims(port), contested)
            or _bridge_unknown(port, of_ovs, of_linux)
            or draft_port(
                port, inventory, there, explicit, on_linux_bridge=port.bridge in of_segments
            )
        )


def _draft_segments(
    segments: Iterable[Segment],
    host_uid: str,
    contested: Container[Claim],
    there: Container[str],
    inventory: Inventory,
) -> Iterator[Draft | Failure]:
    """Devices of the kernel where it carries the segment, and none where it does not any more."""
    present = inventory.owned_ids()
    for segment in segments:
        if segment.backend is Backend.KERNEL:
            name = LinkName(device_name(segment.vni))
            yield _double(segment.id, (name,), contested) or draft_kernel_segment(
                segment, host_uid, inventory, bridge_is_there=segment.bridge in there
            )
        elif segment.id in present:
            yield removal(segment.id, inventory)


def _mesh(segments: Iterable[Segment]) -> list[TunnelPort]:
    by_ovs = (segment for segment in segments if segment.backend is Backend.OVS)
    return [tunnel for segment in by_ovs for tunnel in tunnels_of(segment)]


def _draft_removals(
    desired: HostState,
    segments: list[Segment],
    mesh: list[TunnelPort],
    refusals: Iterable[Failure],
    inventory: Inventory,
    *,
    vlans: FreeVlans,
) -> list[Draft | Failure]:
    """Of what is not intended any more; ``refusals`` are about what is, and cannot be."""
    overlay = () if desired.overlay is None else (desired.overlay,)
    intended = {bridge.id for bridge in (*overlay, *desired.bridges)}
    intended |= {port.id for port in desired.ports} | {each.id for each in desired.tunnels}
    intended |= {each.id for each in desired.mirrors}
    intended |= {each.id for each in desired.flow_exports}
    intended |= {tunnel.id for tunnel in mesh} | {each.resource for each in refusals}
    here = {segment.id for segment in segments}
    by_kernel = {segment.id for segment in segments if segment.backend is Backend.KERNEL}
    replaced = {each for each in inventory.ports if segment_of(each) in by_kernel}
    attached = {segment_id(each.segment_uid) for each in desired.attachments}
    unclear = attached - here if desired.is_whole else attached
    opened = {tunnel.segment for tunnel in mesh if not tunnel.protected}
    meshes = Meshes(
        {each: each not in opened for each in here},
        {each.local_vlan: segment_id(each.segment_uid) for each in desired.attachments},
    )
    handed = handed_back(desired.released) - intended
    gone = draft_removals(
        intended | here | replaced | handed,
        unclear,
        desired.removed - attached,
        meshes,
        inventory,
        vlans=vlans,
    )
    return [*draft_handing_back(handed, inventory), *gone]


def _bridge_unknown(
    port: Port, of_ovs: Collection[str], of_linux: Collection[str]
) -> Failure | None:
    """The far end of a patch can only be on a bridge of Open vSwitch."""
    bridge = port.bridge
    if bridge in of_ovs or bridge in of_linux:
        if port.patch is None or port.patch.bridge in of_ovs:
            return None
        bridge = port.patch.bridge
    name = port.interface or port.iface_id
    message = f"port {name} is to be on bridge {bridge}, which intent does not have"
    return Failure(port.id, ErrorKind.INVALID, "BridgeUnknown", message)


def _contested(desired: HostState) -> frozenset[Claim]:
    """What is asked for more than once; nobody has a better right to it."""
    counts = Counter(_asked_for(desired))
    return frozenset(claim for claim, count in counts.items() if count > 1)


def _asked_for(desired: HostState) -> Iterator[Claim]:
    yield from (identity(tunnel) for tunnel in desired.tunnels)
    yield from (LinkName(bridge.name) for bridge in desired_bridges(desired))
    yield from (LinkName(bridge.name) for bridge in linux_bridges(desired))
    for port in desired.ports:
        yield from _port_claims(port)
    for attachment in desired.attachments:
        fragment = desired.fragments.get(attachment.fragment_hash)
        if attachment.backend is Backend.KERNEL and fragment is not None:
            yield LinkName(device_name(fragment.vni))
        if attachment.linux_bridge:
            yield LinkName(attachment.linux_bridge)


def _port_claims(port: Port) -> tuple[Claim, ...]:
    if port.type is PortType.BOUND:
        return (IfaceId(port.iface_id),)
    names = [port.interface, *port.members]
    if port.patch is not None:
        names.append(port.patch.interface)
    claims: tuple[Claim, ...] = tuple(LinkName(name) for name in names)
    if port.peer is None:
        return claims
    return (*claims, PeerName(port.peer.netns, port.peer.interface))


def _double(resource: str, claims: Iterable[Claim], contested: Container[Claim]) -> Failure | None:
    for claim in claims:
        if claim in contested:
            message = (
                f"{claim} is asked for more than once on this host; choose another for one of them"
            )
            return Failure(resource, ErrorKind.INVALID, "NameNotUnique", message)
    return None
