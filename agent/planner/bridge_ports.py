"""Ports of explicit Linux bridges: veths, TAP devices, and devices that somebody else made.

What a port is like on its bridge, attributes and VLANs, is set once it is in it: the kernel forgets
both when it leaves. That a foreign device is in a bridge of ours may be somebody else's doing; only
what an earlier state put there is taken out.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TypeAlias

from agent.bridge_attributes import COST, DEFAULT_PVID, FILTERING, PORT, STATE, BridgeVlan
from agent.columns import NO_SETTINGS, Release
from agent.errors import ErrorKind, Failure
from agent.model import Bridge, BridgeType, HostState, Port, PortType
from agent.observed import Link, ObservedState
from agent.planner.brake import NOT_REMOVED
from agent.planner.bridge_steps import SetBridgePort, SetBridgeVlans
from agent.planner.claims import Claim, OvsName
from agent.planner.devices import (
    device_missing,
    foreign_link,
    own_addresses,
    receiver_conflict,
)
from agent.planner.draft import NOTHING, Draft, joined
from agent.planner.inventory import Inventory
from agent.planner.link_releases import MASTER, PORT_TABLE, VLANS, holds, wanted_vlans
from agent.planner.links import Wish, configure
from agent.planner.linux_explicit import (
    given_back,
    in_order,
    wanted_attributes,
    without_lacking,
)
from agent.planner.plan import NetlinkStep, SetLink, Stage
from agent.planner.port_rows import stale_links, stale_rows
from agent.planner.taps import draft_enslaved_tap
from agent.planner.veths import draft_enslaved_veth

Steps: TypeAlias = tuple[NetlinkStep, ...]

_TYPES = frozenset({PortType.VETH, PortType.TAP, PortType.SYSTEM})


def draft_bridge_port(
    port: Port, bridge: Bridge, inventory: Inventory, there: Container[str]
) -> Draft | Failure:
    """``there`` has the bridges, of either sort, that exist already and stay."""
    if refusal := _misplaced(port, bridge) or _unfiltered(port, bridge, inventory):
        return refusal
    draft = _draft(port, inventory, bridge_is_there=port.bridge in there)
    if isinstance(draft, Failure):
        return draft
    wanted = wanted_attributes(port.id, port.bridge_port_attributes, PORT)
    failures = (*draft.failures, *wanted.failures)
    link = inventory.observed.links.get(port.interface)
    if draft.make == NOTHING and link is None:
        return replace(draft, failures=failures)  # it is not there to be set up
    if draft.make == NOTHING and link is not None:
        changed = _changed(port, link, wanted.values, inventory)
        lacking = without_lacking(port.id, changed, link)
        vlans = _vlan_steps(port, bridge, link, inventory)
        attributes = _attribute_steps(port, changed, link.ifindex)
        mend = _settled(draft.mend, vlans, attributes)
        return replace(draft, mend=mend, failures=(*failures, *lacking))
    index = link.ifindex if link is not None and port.type is PortType.SYSTEM else None
    vlans, attributes = _first_steps(port, bridge, wanted.values, index)
    make = _arriving(port, link, draft, vlans, attributes)
    return replace(draft, make=make, failures=failures)


def _draft(port: Port, inventory: Inventory, *, bridge_is_there: bool) -> Draft | Failure:
    if port.type is PortType.TAP:
        return draft_enslaved_tap(port, inventory, bridge_is_there=bridge_is_there)
    if port.peer is not None:
        return draft_enslaved_veth(port, port.peer, inventory, bridge_is_there=bridge_is_there)
    return _draft_device(port, inventory, bridge_is_there=bridge_is_there)


def _draft_device(port: Port, inventory: Inventory, *, bridge_is_there: bool) -> Draft | Failure:
    stale = (*stale_rows(port, inventory, None), *stale_links(port, inventory, None))
    draft = Draft(port.id, bridge=port.bridge, stale=stale)
    link = foreign_link(port, port.interface, inventory)
    if link is None:
        return replace(draft, failures=(device_missing(port, port.interface),))
    draft = replace(draft, takes=frozenset({link.name}))
    wish = Wish(mtu=port.mtu or None, up=not port.admin_down)
    if bridge_is_there and link.master == port.bridge:
        return replace(draft, mend=Stage(post=configure(port.id, None, link.name, link, wish)))
    # A bridge of that name that is there now is another one, which goes.
    is_left = link.master == port.bridge and inventory.owns_device(link.master)
    loose = replace(link, master="") if is_left else link
    if conflict := receiver_conflict(port, loose, inventory) or _in_use(port, link, inventory):
        return conflict
    enslave = SetLink(port.id, None, link.name, master=port.bridge, ifindex=link.ifindex)
    rest = configure(port.id, None, link.name, link, wish)
    claims: tuple[Claim, ...] = (OvsName(link.name),)
    return replace(draft, claims=claims, make=Stage(post=(enslave, *rest)))


# --- refusals ------------------------------------------------------------------------------------


def _misplaced(port: Port, bridge: Bridge) -> Failure | None:
    where = f"port {port.interface} is on Linux bridge {bridge.name}"
    if port.type not in _TYPES:
        message = (
            f"{where} and of type {port.type.value}, which needs Open vSwitch; make it a veth, a "
            "tap or a system port"
        )
        return Failure(port.id, ErrorKind.INVALID, "InternalNeedsOvs", message)
    if (port.settings, port.interface_settings, port.qos) != (NO_SETTINGS, NO_SETTINGS, None):
        message = f"{where} and is to have settings of Open vSwitch; leave them out"
        return Failure(port.id, ErrorKind.INVALID, "SettingsNeedOvs", message)
    if (port.tag or port.trunks or port.vlan_mode) and not _filters(bridge):
        message = (
            f"{where}, which does not filter VLANs, and is to be in VLANs; set vlan_filtering on "
            "the bridge, or leave them out"
        )
        return Failure(port.id, ErrorKind.INVALID, "VlansNeedFiltering", message)
    return None


def _unfiltered(port: Port, bridge: Bridge, inventory: Inventory) -> Failure | None:
    """Up without its VLANs it would be in everybody's; to try again with each start is no use."""
    link = inventory.observed.links.get(bridge.name)
    if link is None or FILTERING not in link.lacks or not wanted_vlans(port):
        return None
    message = (
        f"port {port.interface} is to be in VLANs of Linux bridge {bridge.name}, and this kernel "
        "does not filter VLANs: the port is not set up. Leave its VLANs out, or give the host a "
        "kernel that does (CONFIG_BRIDGE_VLAN_FILTERING)"
    )
    return Failure(port.id, ErrorKind.UNSUPPORTED, "NotSupported", message)


def _filters(bridge: Bridge) -> bool:
    return bool(bridge.link_attributes.get(FILTERING))


def _in_use(port: Port, link: Link, inventory: Inventory) -> Failure | None:
    addresses = own_addresses(link)
    if not addresses or inventory.may_plug(port.id, link.name):
        return None
    message = (
        f"device {link.name} has the host's own {', '.join(addresses)}, out of reach once it is in "
        f"Linux bridge {port.bridge}; move them to another device, or name another one for the "
        f"port. If they may fall silent: ovsfleet release HOST --force --only {port.id}"
    )
    return Failure(port.id, ErrorKind.CONFLICT, "DeviceInUse", message)


# --- what a port is like on its bridge -----------------------------------------------------------


def _settled(stage: Stage, vlans: Steps, attributes: Steps) -> Stage:
    """A port comes up only in the VLANs that it is to be in, and not in the bridge's own.

    The attributes come last: where one is refused, the port is there and up all the same.
    """
    place = next((at for at, step in enumerate(stage.post) if _is_up(step)), len(stage.post))
    post = (*stage.post[:place], *vlans, *stage.post[place:], *attributes)
    return replace(stage, post=post)


def _is_up(step: NetlinkStep) -> bool:
    """Of what is in the namespace of the bridge: the far end of a veth may come up at any time."""
    return isinstance(step, SetLink) and step.netns is None and bool(step.up)


def _arriving(port: Port, link: Link | None, draft: Draft, vlans: Steps, rest: Steps) -> Stage:
    """One that is up already would be in the bridge's own VLAN at first: it is taken down."""
    is_moved = link is not None and link.up and draft.make.pre == ()
    if link is None or not is_moved or not vlans:
        return _settled(draft.make, vlans, rest)
    down = SetLink(port.id, None, link.name, up=False, ifindex=link.ifindex)
    up = () if port.admin_down else (replace(down, up=True),)
    return _settled(joined(Stage(post=(down,)), draft.make), (*vlans, *up), rest)


def _first_steps(
    port: Port, bridge: Bridge, wanted: Mapping[str, int], index: int | None
) -> tuple[Steps, Steps]:
    """Of one that comes into the bridge: its VLANs, and the rest.

    Its state can be set once it has a carrier.
    """
    changed = {
        name: value
        for name, value in wanted.items()
        if name != STATE and (name == COST or value != PORT[name].default)
    }
    steps = _attribute_steps(port, changed, index)
    vlans = wanted_vlans(port)
    if not _filters(bridge) or not vlans:
        return (), steps
    return (SetBridgeVlans(port.id, port.interface, tuple(sorted(vlans)), index),), steps


def _attribute_steps(port: Port, changed: Mapping[str, int], index: int | None) -> Steps:
    if not changed:
        return ()
    return (SetBridgePort(port.id, port.interface, in_order(changed, PORT), index),)


def _changed(
    port: Port, link: Link, wanted: Mapping[str, int], inventory: Inventory
) -> dict[str, int]:
    """Of one that is there: what of its attributes is not as it shall be."""
    held = _held(port, link, inventory)
    attributes = tuple(each for each in held if each.column in PORT)
    changed = given_back(link, wanted, attributes)
    defaults = {name: each.default for name, each in PORT.items()} | {COST: link.own_cost}
    for name, value in wanted.items():
        is_settable = link.running or name != STATE
        if is_settable and link.bridge_port_attributes.get(name, defaults[name]) != value:
            changed[name] = value
    return changed


def _vlan_steps(port: Port, bridge: Bridge, link: Link, inventory: Inventory) -> Steps:
    """Where the bridge does not filter yet they do not show: they are set before it does."""
    vlans = _vlans(port, bridge, _held(port, link, inventory))
    if vlans is None or vlans == link.vlans:
        return ()
    return (SetBridgeVlans(port.id, link.name, tuple(sorted(vlans)), link.ifindex),)


def _held(port: Port, link: Link, inventory: Inventory) -> tuple[Release, ...]:
    released = inventory.released(port.id, PORT_TABLE, link.name)
    return tuple(r for r in released if holds(r, inventory.observed, inventory.owner))


def _vlans(port: Port, bridge: Bridge, held: Iterable[Release]) -> frozenset[BridgeVlan] | None:
    """None where intent does not say, and what it said once is not there any more."""
    if _filters(bridge) and (vlans := wanted_vlans(port)):
        return vlans
    if all(each.column != VLANS for each in held):
        return None
    default = bridge.link_attributes.get(DEFAULT_PVID, 1)
    return frozenset({BridgeVlan(default, pvid=True, untagged=True)} if default else ())


# --- devices that are let go ---------------------------------------------------------------------


def let_go(desired: HostState, observed: ObservedState) -> dict[str, str]:
    """Devices that an earlier state put into a bridge of ours, by name, and for which resource.

    Absence alone is no order to take one out: the port has to be deleted, or to be elsewhere now.
    """
    known = {port.id for port in desired.ports} | desired.removed
    unwanted = _unwanted(desired, observed)
    return {each.row: each.resource for each in unwanted if each.resource in known}


def kept_enslaved(desired: HostState, observed: ObservedState) -> Iterator[Failure]:
    """Devices that intent has no port for any more, without one having been deleted."""
    known = {port.id for port in desired.ports} | desired.removed
    for each in _unwanted(desired, observed):
        if each.resource not in known:
            message = (
                f"device {each.row} is in Linux bridge {each.value[0]} by our doing, but intent "
                "neither has the port nor says that it was deleted, so it stays; `ovsfleet release "
                f"HOST --removals` frees it, or by hand: ip link set {each.row} nomaster"
            )
            yield Failure(each.resource, ErrorKind.CONFLICT, NOT_REMOVED, message)


def _unwanted(desired: HostState, observed: ObservedState) -> list[Release]:
    """Of devices that are still where an earlier state put them, and no port wants there now."""
    released = [each for each in sorted(desired.released) if each.column == MASTER]
    if not released:
        return released
    linux = {bridge.name for bridge in desired.bridges if bridge.type is BridgeType.LINUX}
    wanted = {(port.interface, port.bridge) for port in desired.ports if port.bridge in linux}
    return [
        each
        for each in released
        if (each.row, each.value[0]) not in wanted and holds(each, observed, desired.fleet_uid)
    ]


def draft_let_go(
    released: dict[str, str], desired: HostState, inventory: Inventory
) -> Iterator[Draft]:
    intended = {port.id for port in desired.ports}
    for name, resource in sorted(released.items()):
        link = inventory.observed.links[name]
        free = SetLink(resource, None, name, master="", ifindex=link.ifindex)
        draft = Draft(resource, frees=name, takes=frozenset({name}), mend=Stage(pre=(free,)))
        yield replace(draft, is_on_the_move=resource in intended)


def still_enslaved(released: Collection[Release]) -> frozenset[str]:
    """Resources that still have a device of somebody else's in a bridge of ours."""
    return frozenset(each.resource for each in released if each.column == MASTER)
