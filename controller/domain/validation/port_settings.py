"""Rules for what may stand together on one port: its type, its VLANs, its bond."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from controller.domain.intent import PortSpec, PortType
from controller.domain.settings import (
    AdminState,
    BondMode,
    BondSpec,
    Lacp,
    PortSettings,
    VlanMode,
)
from controller.domain.validation import fields
from controller.domain.validation.faults import Faults
from controller.domain.validation.fields import Fault
from controller.domain.validation.settings import check_port_values, said

_ON_EXPLICIT_BRIDGES = frozenset(
    {
        "trunks",
        "vlan_mode",
        "cvlans",
        "qinq_ethtype",
        "stp",
        "rstp",
        "mcast_snooping",
        "protected",
        "bridge_port",
    }
)
"""A segment's port is an access port of its local VLAN, its bridge runs no spanning tree, and to be
``protected`` there would cut it off from the segment's tunnels."""
_MADE_BY_OTHERS = frozenset({PortType.SYSTEM, PortType.BOND})
_BRIDGE_ONLY = _MADE_BY_OTHERS | {PortType.PATCH}
_NO_SPANNING_TREE = frozenset({PortType.INTERNAL, PortType.BOND})
_OWN_GROUPS = {
    "tap_owner": PortType.TAP,
    "patch": PortType.PATCH,
    "bond": PortType.BOND,
}
_NOT_ON_PATCH = ("cvlans", "qinq_ethtype", "ingress_policing", "transient")
_NATIVE = (VlanMode.NATIVE_TAGGED, VlanMode.NATIVE_UNTAGGED)
_SHORTEST_REBALANCE_MS = 1000

Found: TypeAlias = Iterator[tuple[str, Fault]]
"""Where, below the spec, and what is wrong there."""


def check_port_settings(spec: PortSpec, at: str, faults: Faults) -> None:
    check_port_values(spec.settings, at, faults)
    for found in (_place(spec), _type(spec), _workload(spec), _vlan(spec), _members(spec)):
        for where, fault in found:
            faults.invalid(f"{at}/{where}", *fault)


def _place(spec: PortSpec) -> Found:
    if spec.segment is None:
        return
    if spec.type in _MADE_BY_OTHERS:
        why = f"a port of type {spec.type} is no end of a segment"
        yield "segment", Fault("type_needs_bridge", why, "set 'bridge' instead of 'segment'")
    for name in said(spec.settings):
        if name in _ON_EXPLICIT_BRIDGES:
            why = f"{name!r} is only for ports of a Bridge, and this one is on a segment"
            fix = f"leave {name!r} out, or put the port on a bridge"
            yield name, Fault("setting_needs_bridge", why, fix)


def _type(spec: PortSpec) -> Found:
    settings = spec.settings
    for name, owner in _OWN_GROUPS.items():
        is_there = getattr(settings, name) is not None
        if is_there and spec.type is not owner:
            why = f"{name!r} is only for ports of type {owner}, and this one is {spec.type}"
            yield name, Fault("setting_not_on_type", why, f"leave {name!r} out")
        if not is_there and spec.type is owner and owner is not PortType.TAP:
            why = f"a port of type {owner} needs {name!r}"
            yield name, Fault(f"{name}_missing", why, f"set {name!r}, or choose another type")
    for name in ("stp", "rstp"):
        if getattr(settings, name) is not None and spec.type in _NO_SPANNING_TREE:
            why = f"ports of type {spec.type} take no part in a spanning tree"
            yield name, Fault("setting_not_on_type", why, f"leave {name!r} out")
    if spec.type is PortType.PATCH:
        yield from _patch(spec)


def _patch(spec: PortSpec) -> Found:
    settings = spec.settings
    refused = [name for name in _NOT_ON_PATCH if name in said(settings)]
    if settings.admin_state is AdminState.DOWN:
        refused.append("admin_state")
    if spec.mtu is not None:
        refused.append("mtu")
    if settings.vlan_mode not in (None, VlanMode.ACCESS, VlanMode.TRUNK):
        refused.append("vlan_mode")
    for name in refused:
        why = f"a patch has no device and no workload that this {name!r} could be of"
        yield name, Fault("setting_not_on_type", why, f"leave {name!r} out")
    patch = settings.patch
    if patch is None:
        return
    if patch.bridge == spec.bridge:
        why = f"both ends of the patch are on Bridge {patch.bridge!r}"
        yield "patch/bridge", Fault("same_bridge", why, "name another bridge of the host")
    if patch.interface == spec.interface:
        why = f"both ends of the patch are called {patch.interface!r}"
        yield "patch/interface", Fault("interface_taken", why, "choose another name for one")
    if fault := fields.new_host_device(patch.interface):
        yield "patch/interface", fault


def _workload(spec: PortSpec) -> Found:
    """Refuse addresses where the agent has no device of a workload to give them to."""
    if spec.mac is not None and spec.type in _BRIDGE_ONLY:
        why = f"a port of type {spec.type} keeps the address that its device has"
        yield "mac", Fault("mac_not_settable", why, "leave 'mac' out")
    if spec.addresses and spec.type in _BRIDGE_ONLY | {PortType.TAP}:
        why = f"a port of type {spec.type} has no device that the agent gives addresses to"
        yield "addresses", Fault("addresses_not_settable", why, "leave 'addresses' out")


# --- VLANs ---------------------------------------------------------------------------------------


def _vlan(spec: PortSpec) -> Found:
    settings, mode = spec.settings, mode_of(spec)
    if mode is VlanMode.TRUNK and spec.tag is not None:
        why = "a port of vlan_mode 'trunk' has no VLAN of its own"
        fix = "leave 'tag' out, or choose vlan_mode 'native-tagged' or 'native-untagged'"
        yield "tag", Fault("tag_with_trunk", why, fix)
    if mode is not VlanMode.TRUNK and spec.tag is None and spec.segment is None:
        why = f"a port of vlan_mode {str(mode)!r} needs the VLAN that it is of"
        yield "tag", Fault("tag_missing", why, "set 'tag', or choose vlan_mode 'trunk'")
    if settings.trunks and mode in (VlanMode.ACCESS, VlanMode.DOT1Q_TUNNEL):
        why = f"a port of vlan_mode {str(mode)!r} carries its 'tag' alone"
        if settings.vlan_mode is None:
            why = "with 'tag' alone a port is an access port, and carries that VLAN alone"
        fix = "leave 'trunks' out, or choose a vlan_mode that trunks"
        yield "trunks", Fault("trunks_with_access", why, fix)
    yield from _customer_vlans(settings)
    if settings.priority_tags is not None and mode is VlanMode.NATIVE_TAGGED:
        why = "every frame that leaves a native-tagged port has a VLAN"
        yield "priority_tags", Fault("not_in_vlan_mode", why, "leave 'priority_tags' out")


def _customer_vlans(settings: PortSettings) -> Found:
    for name in ("cvlans", "qinq_ethtype"):
        if getattr(settings, name) and settings.vlan_mode is not VlanMode.DOT1Q_TUNNEL:
            why = f"{name!r} is ignored but with vlan_mode 'dot1q-tunnel'"
            fix = f"set vlan_mode to 'dot1q-tunnel', or leave {name!r} out"
            yield name, Fault("not_in_vlan_mode", why, fix)


def mode_of(spec: PortSpec) -> VlanMode:
    """Return the mode that Open vSwitch takes where none is set."""
    if spec.settings.vlan_mode is not None:
        return spec.settings.vlan_mode
    return VlanMode.TRUNK if spec.tag is None and spec.segment is None else VlanMode.ACCESS


def carries(spec: PortSpec, vlan: int) -> bool:
    """Tell whether frames of a VLAN of its bridge pass a port; 0 stands for those without one."""
    mode, trunks = mode_of(spec), spec.settings.trunks
    if mode in (VlanMode.ACCESS, VlanMode.DOT1Q_TUNNEL):
        return vlan == spec.tag
    return not trunks or vlan in trunks or (mode in _NATIVE and vlan == spec.tag)


# --- bonds ---------------------------------------------------------------------------------------


def _members(spec: PortSpec) -> Found:
    bond = spec.settings.bond
    if bond is None:
        return
    for name in sorted(set(bond.members)):
        if fault := fields.new_host_device(name):
            yield "bond/members", fault
        if bond.members.count(name) > 1:
            why = f"{name!r} is named twice"
            yield "bond/members", Fault("member_twice", why, "name each device once")
    if spec.interface in bond.members:
        why = f"{spec.interface!r} is the name of the bond itself"
        yield "bond/members", Fault("member_is_bond", why, "choose another 'interface'")
    if len(set(bond.members)) < 2:
        why = f"a bond has at least two members, and this one has {len(set(bond.members))}"
        fix = "name two devices or more, or set type to 'system'"
        yield "bond/members", Fault("too_few_members", why, fix)
    yield from _bond(bond)


def _bond(bond: BondSpec) -> Found:
    mode = bond.mode or BondMode.ACTIVE_BACKUP
    lacp = bond.lacp or Lacp.OFF
    if mode is BondMode.BALANCE_TCP and lacp is Lacp.OFF:
        why = "balance-tcp needs a partner that negotiates LACP"
        fix = "set lacp to 'active' or 'passive', or choose another mode"
        yield "bond/lacp", Fault("balance_tcp_needs_lacp", why, fix)
    for name in ("lacp_time", "lacp_fallback_ab"):
        if getattr(bond, name) is not None and lacp is Lacp.OFF:
            why = f"without LACP {name!r} means nothing"
            yield f"bond/{name}", Fault("lacp_is_off", why, f"set 'lacp', or leave {name!r} out")
    yield from _primary(bond, mode)
    yield from _balancing(bond, mode, lacp)


def _primary(bond: BondSpec, mode: BondMode) -> Found:
    if bond.primary is None:
        return
    if bond.primary not in bond.members:
        why = f"{bond.primary!r} is not a member of the bond"
        yield "bond/primary", Fault("primary_not_a_member", why, "name one of the members")
    falls_back = mode is BondMode.BALANCE_TCP and bond.lacp_fallback_ab
    if mode is not BondMode.ACTIVE_BACKUP and not falls_back:
        why = f"a bond of mode {str(mode)!r} uses all of its members"
        yield "bond/primary", Fault("not_in_bond_mode", why, "leave 'primary' out")


def _balancing(bond: BondSpec, mode: BondMode, lacp: Lacp) -> Found:
    interval = bond.rebalance_interval_ms
    if interval is not None and mode is BondMode.ACTIVE_BACKUP:
        why = "a bond of mode 'active-backup' balances nothing"
        fix = "leave 'rebalance_interval_ms' out, or choose another mode"
        yield "bond/rebalance_interval_ms", Fault("not_in_bond_mode", why, fix)
    if interval is not None and 0 < interval < _SHORTEST_REBALANCE_MS:
        why = f"{interval} ms would be {_SHORTEST_REBALANCE_MS}"
        fix = f"choose 0 (never) or at least {_SHORTEST_REBALANCE_MS}"
        yield "bond/rebalance_interval_ms", Fault("out_of_range", why, fix)
    if bond.all_members_active and (mode is not BondMode.BALANCE_SLB or lacp is not Lacp.OFF):
        why = "'all_members_active' is only for mode 'balance-slb' without LACP"
        yield "bond/all_members_active", Fault("not_in_bond_mode", why, "leave it out")
