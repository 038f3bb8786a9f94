"""Ports that a hypervisor plugs: found by their iface-id, put into a VLAN, and let go of again.

They stay somebody else's: only tag, mtu_request and our mark are ever written, and nothing of them
is deleted. A tag taken off would make the port a trunk of all VLANs, and let its guest hear every
segment of the host; left on, it would keep the guest in a segment that it is no part of any more.
So that a port which is let go of gets a VLAN that nobody else on the bridge has.

Intent is about a port of one iface-id on one bridge. What is in the way of binding that one leaves
it as it is; a port of another iface-id or bridge is let go of, as one of another host is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator

from agent.errors import ErrorKind, Failure
from agent.model import BOUND_KEY, BOUND_MTU_KEY, IFACE_ID_KEY, OWNER_KEY, HostState, Port, PortType
from agent.observed import OvsPort
from agent.planner.brake import NOT_REMOVED
from agent.planner.draft import Draft
from agent.planner.free_vlans import FreeVlans
from agent.planner.health import interface_failures
from agent.planner.inventory import Inventory, PlacedPort
from agent.planner.links import Wish, configure
from agent.planner.ownership import bound_id, bound_mark
from agent.planner.plan import BindPort, NetlinkStep, Stage, UnbindPort

_MTUS = range(68, 65536)
"""What the schema of OVSDB and devices take."""
_DEVICE_TYPES = frozenset({"", "system", "internal", "tap"})
"""Types of interfaces that are a device of the kernel, by their own name."""


def draft_bound(port: Port, inventory: Inventory, *, on_linux: bool) -> Draft | Failure:
    if on_linux:
        return _needs_ovs(port)
    placed = find_bound(port, inventory)
    if isinstance(placed, Failure):
        return Draft(port.id, bridge=port.bridge, failures=(placed,))
    ops = tuple(_bind(port, placed, inventory))
    return Draft(
        port.id,
        bridge=port.bridge,
        mend=Stage(ovsdb=ops, post=_repair_mtu(port, placed.port, inventory)),
        failures=() if ops else interface_failures(port.id, placed.port.interfaces[0]),
    )


def find_bound(port: Port, inventory: Inventory) -> PlacedPort | Failure:
    """The one port that may be bound, or why there is none."""
    rows = inventory.plugged.get(port.iface_id, ()) if port.iface_id else ()
    here = [each for each in rows if each.bridge == port.bridge]
    if not here:
        return _not_here(port, rows)
    if len(here) > 1:
        return _twice(port, here)
    return _unfit(port, here[0].port, inventory) or here[0]


def _bind(port: Port, placed: PlacedPort, inventory: Inventory) -> Iterator[BindPort]:
    row, mark = placed.port, bound_mark(inventory.owner, port.id)
    mtu = 0 if row.interfaces[0].mtu_request == port.mtu else port.mtu
    if mtu or (row.tag or 0, row.external_ids.get(BOUND_KEY)) != (port.tag, mark):
        before = _mtu_before(row, inventory.owner)
        yield BindPort(port.id, placed.bridge, row, port.tag, mtu, mark, before)


def _mtu_before(row: OvsPort, owner: str) -> int | None:
    """What is to be kept of a row that bears no mark yet: with one, what it has is ours."""
    found = row.interfaces[0].mtu_request or 0
    return None if bound_id(row.external_ids, owner) or found == _kept_mtu(row) else found


def _kept_mtu(row: OvsPort) -> int:
    """0 for none, and for what nobody but a person can have written there."""
    text = row.external_ids.get(BOUND_MTU_KEY, "")
    number = int(text) if text.isascii() and text.isdigit() else 0
    return number if number in _MTUS else 0


def _repair_mtu(port: Port, row: OvsPort, inventory: Inventory) -> tuple[NetlinkStep, ...]:
    """Open vSwitch sets the MTU when it is asked for; we, when the device has lost it since."""
    (interface,) = row.interfaces
    link = inventory.observed.links.get(interface.name)
    if link is None or interface.type not in _DEVICE_TYPES:
        return ()
    mtu = port.mtu if interface.mtu_request == port.mtu else None
    return configure(port.id, None, link.name, link, Wish(mtu=mtu or None))


# --- letting go ----------------------------------------------------------------------------------


def draft_letting_go(
    desired: HostState, vlans: FreeVlans, inventory: Inventory
) -> Iterator[Draft | Failure]:
    """For ports that bear our mark and that nothing is bound to any more.

    What intent neither has nor says that it was deleted stays as it is, as everywhere.
    """
    if not inventory.bound:
        return
    ports = {port.id: port for port in desired.ports}
    kept = {name for port in desired.ports for name in _kept(port, inventory)}
    for resource in sorted(inventory.bound):
        for placed in inventory.bound[resource]:
            if placed.port.name in kept or _may_be(ports.get(resource), placed):
                continue
            if resource in ports or resource in desired.removed:
                yield _let_go(resource, placed, vlans, inventory)
            else:
                yield _not_removed(resource, placed)


def _kept(port: Port, inventory: Inventory) -> Iterator[str]:
    if port.type is PortType.BOUND:
        placed = find_bound(port, inventory)
        if not isinstance(placed, Failure):
            yield placed.port.name


def _may_be(port: Port | None, placed: PlacedPort) -> bool:
    """Whether it is what ``port`` is about, and only something is in the way of binding it."""
    if port is None or port.type is PortType.UNKNOWN:
        return port is not None
    is_here = port.type is PortType.BOUND and port.bridge == placed.bridge
    return is_here and port.iface_id in _iface_ids(placed.port)


def _let_go(
    resource: str, placed: PlacedPort, vlans: FreeVlans, inventory: Inventory
) -> Draft | Failure:
    vlan = None
    if _is_access(placed.port) and (vlan := vlans.take(placed.bridge, inventory)) is None:
        return _no_vlan(resource, placed)
    op = UnbindPort(resource, placed.bridge, placed.port, vlan, _kept_mtu(placed.port))
    return Draft(resource, frees=placed.port.name, mend=Stage(ovsdb=(op,)))


# --- who is where --------------------------------------------------------------------------------


def bound_names(
    desired: HostState, letting_go: Iterable[Draft | Failure], inventory: Inventory
) -> frozenset[str]:
    """Ports of others that are in nobody's way once the plan is executed.

    They are in the VLAN of the segment that they are bound to, or in one of their own, which
    ``letting_go`` has drafts for.
    """
    asked = Counter(port.iface_id for port in desired.ports if port.type is PortType.BOUND)
    sole = (port for port in desired.ports if asked[port.iface_id] == 1)
    bound = {name for port in sole for name in _kept(port, inventory)}
    at_home = {
        placed.port.name
        for port in desired.ports
        for placed in inventory.bound.get(port.id, ())
        if is_at_home(port, placed)
    }
    alone = {
        op.based_on.name
        for draft in letting_go
        if isinstance(draft, Draft)
        for op in draft.mend.ovsdb
        if isinstance(op, UnbindPort) and op.tag is not None
    }
    return frozenset(bound | at_home | alone)


def is_at_home(port: Port | None, placed: PlacedPort) -> bool:
    """Whether a row that bears the mark of ``port`` is in the VLAN of that one's own segment."""
    return (
        port is not None
        and _may_be(port, placed)
        and (port.bridge, port.tag) == (placed.bridge, placed.port.tag)
    )


# --- what is in the way --------------------------------------------------------------------------


def _needs_ovs(port: Port) -> Failure:
    message = (
        f"a port is bound by its tag, and Linux bridge {port.bridge} of this host has none to set; "
        "have the guest on a host with Open vSwitch"
    )
    return Failure(port.id, ErrorKind.UNSUPPORTED, "BoundNeedsOvs", message)


def _not_here(port: Port, rows: Collection[PlacedPort]) -> Failure:
    if not rows:
        message = (
            f"nothing with iface-id {port.iface_id!r} is plugged into bridge {port.bridge} of this "
            f"host; have the hypervisor plug it there, it is bound as soon as it is"
        )
        return Failure(port.id, ErrorKind.TRANSIENT, "NotPlugged", message)
    names = ", ".join(f"port {each.port.name} on bridge {each.bridge}" for each in rows)
    message = (
        f"iface-id {port.iface_id!r} is plugged in as {names}, and it belongs on bridge "
        f"{port.bridge}; plug it there (for libvirt: <source bridge='{port.bridge}'/>)"
    )
    return Failure(port.id, ErrorKind.CONFLICT, "PluggedElsewhere", message)


def _twice(port: Port, here: Collection[PlacedPort]) -> Failure:
    names = " and ".join(each.port.name for each in here)
    message = (
        f"ports {names} on bridge {port.bridge} all have iface-id {port.iface_id!r}, so that none "
        f"is changed; remove what is left over with: ovs-vsctl del-port {port.bridge} PORT"
    )
    return Failure(port.id, ErrorKind.CONFLICT, "IfaceIdTwice", message)


def _unfit(port: Port, row: OvsPort, inventory: Inventory) -> Failure | None:
    other = _other_fleet(row, inventory.owner)
    if other:
        message = (
            f"port {row.name} belongs to fleet {other}; delete the port there first, or take that "
            f"fleet's mark off with: ovs-vsctl remove Port {row.name} external_ids {BOUND_KEY} "
            f"{OWNER_KEY}"
        )
        return Failure(port.id, ErrorKind.CONFLICT, "BoundByOtherFleet", message)
    if len(row.interfaces) != 1:
        message = (
            f"port {row.name} with iface-id {port.iface_id!r} has {len(row.interfaces)} interfaces "
            "and is a bond; plug the guest in by a port of its own"
        )
        return Failure(port.id, ErrorKind.CONFLICT, "PortIsBond", message)
    if not _is_access(row):
        message = (
            f"port {row.name} has vlan_mode {row.vlan_mode or '(none)'} and trunks "
            f"{sorted(row.trunks)}, with which a tag does not make it an access port; nothing is "
            f"changed until: ovs-vsctl clear Port {row.name} vlan_mode trunks"
        )
        return Failure(port.id, ErrorKind.CONFLICT, "PortHasVlanMode", message)
    return None


def _other_fleet(row: OvsPort, owner: str) -> str:
    """Ports that are our own are not among those that are plugged."""
    bound = row.external_ids.get(BOUND_KEY, "").partition("/")[0]
    return row.external_ids.get(OWNER_KEY, "") or ("" if bound == owner else bound)


def _is_access(row: OvsPort) -> bool:
    """Whether its tag alone says which VLAN it is in (ovs-vswitchd.conf.db(5), Port.vlan_mode)."""
    return row.vlan_mode == "access" or (row.vlan_mode is None and not row.trunks)


def _iface_ids(row: OvsPort) -> frozenset[str]:
    return frozenset(each.external_ids.get(IFACE_ID_KEY, "") for each in row.interfaces)


def _no_vlan(resource: str, placed: PlacedPort) -> Failure:
    message = (
        f"port {placed.port.name} is to leave its VLAN, and bridge {placed.bridge} has no VLAN "
        "that nobody uses; unplug the port, or free a VLAN"
    )
    return Failure(resource, ErrorKind.CONFLICT, "NoFreeVlan", message)


def _not_removed(resource: str, placed: PlacedPort) -> Failure:
    name = placed.port.name
    message = (
        f"port {name} is bound in VLAN {placed.port.tag or 0}, but intent neither has that binding "
        "nor says that it was deleted, so it stays; `ovsfleet release HOST --removals` lets go of "
        f"it; to keep it so: ovs-vsctl remove Port {name} external_ids {BOUND_KEY}"
    )
    return Failure(resource, ErrorKind.CONFLICT, NOT_REMOVED, message)
