"""Rules of Linux bridges: what they and their ports can be told, and what they can be joined to.

Nothing of intent joins two of them, so that they need no place in the flooding graph: their ports
are veth pairs into namespaces, TAP devices and devices that somebody else made.
"""

from __future__ import annotations

from collections.abc import Iterator

from controller.domain.definitions import MirrorSpec
from controller.domain.intent import (
    BridgeSpec,
    BridgeType,
    DatapathType,
    PortSpec,
    PortType,
    TunnelSpec,
)
from controller.domain.linux_bridge import BridgePortState, LinuxBridgeSettings
from controller.domain.settings import AdminState, VlanMode
from controller.domain.validation.after import After
from controller.domain.validation.faults import Faults
from controller.domain.validation.fields import Fault
from controller.domain.validation.port_settings import Found, mode_of
from controller.domain.validation.settings import said
from controller.domain.validation.world import BridgeAt, Draft

_NOTHING_SAID = LinuxBridgeSettings()
_LIKE_BRIDGES = {
    "stp": "linux.stp_state",
    "rstp": "linux.stp_state",
    "mcast_snooping": "linux.mcast_snooping",
    "mac_aging_time_s": "linux.ageing_time_s",
    "forward_bpdu": "linux.group_fwd_mask",
}
"""Where the kernel has something like what only Open vSwitch understands."""
_LIKE_PORTS = {
    "stp": "bridge_port.cost",
    "rstp": "bridge_port.cost",
    "mcast_snooping": "bridge_port.mcast_flood",
    "protected": "bridge_port.isolated",
}
_OF_ANY_BRIDGE = frozenset({"trunks", "vlan_mode", "admin_state", "tap_owner", "bridge_port"})
"""Settings of a port that a Linux bridge has too; who owns a TAP device is the device's own."""
_ENSLAVED = (PortType.VETH, PortType.TAP, PortType.SYSTEM)
_WAYS_OUT = {
    PortType.INTERNAL: "set type to 'veth' and give the port a 'peer', or to 'tap'",
    PortType.PATCH: "join bridges of Open vSwitch, or put the ports on one bridge",
    PortType.BOND: "make the bond on the host and name it as a port of type 'system'",
    PortType.BOUND: "set 'segment' instead of 'bridge'",
}
_MOST_PORTS = 1023
"""The kernel gives each port of a bridge a number of ten bits, and 0 to none."""
_VLAN_FIELDS = ("tag", "trunks", "vlan_mode")


def is_linux_bridge(name: str | None, after: After) -> bool:
    bridge = after.bridge(name) if name is not None else None
    return bridge is not None and bridge.type is BridgeType.LINUX


def check_linux_bridges(after: After, faults: Faults) -> None:
    for draft in after.drafts.values():
        match draft.spec:
            case BridgeSpec() as bridge:
                _report(_told(bridge), draft, faults)
                _check_ports_there(draft, bridge, after, faults)
            case PortSpec() as port:
                _report(_port(port, after), draft, faults)
                _check_carrier(draft, port, after, faults)
                _check_room(draft, port, after, faults)
            case TunnelSpec() as tunnel:
                _report(_tunnel(tunnel, after), draft, faults)
            case MirrorSpec(bridge=name) if is_linux_bridge(name, after):
                _report(_mirror(name), draft, faults)
            case _:
                pass


def _report(found: Found, draft: Draft, faults: Faults) -> None:
    for where, fault in found:
        faults.invalid(f"{draft.pointer}/spec/{where}", *fault)


# --- a bridge by itself --------------------------------------------------------------------------


def _told(spec: BridgeSpec) -> Found:
    if spec.type is BridgeType.OVS:
        if spec.settings.linux is not None:
            why = "'linux' is only for bridges of type linux, and this one is of Open vSwitch"
            fix = "leave 'linux' out, or set type to 'linux'"
            yield "linux", Fault("setting_not_on_type", why, fix)
        return
    for name in said(spec.settings):
        if name != "linux":
            yield name, _not_on_linux(name, _LIKE_BRIDGES.get(name))
    if spec.datapath_type is not DatapathType.SYSTEM:
        yield "datapath_type", _not_on_linux("datapath_type", None)


def _not_on_linux(name: str, like: str | None) -> Fault:
    why = f"{name!r} is of Open vSwitch, and the bridge is one of the kernel (type linux)"
    fix = f"leave {name!r} out" + (f", and see {like!r} for what comes near" if like else "")
    return Fault("setting_needs_ovs", why, fix)


# --- ports ---------------------------------------------------------------------------------------


def _port(spec: PortSpec, after: After) -> Found:
    patch = spec.settings.patch
    if patch is not None and is_linux_bridge(patch.bridge, after):
        why = f"Bridge {patch.bridge!r} is one of the kernel, and a patch joins those of OVS"
        yield "patch/bridge", Fault("patch_needs_ovs", why, _WAYS_OUT[PortType.PATCH])
    bridge = after.bridge(spec.bridge) if spec.bridge is not None else None
    if bridge is None:
        return
    if bridge.type is BridgeType.LINUX:
        yield from _at_linux(spec, bridge)
    elif spec.settings.bridge_port is not None:
        why = f"'bridge_port' is of ports of Linux bridges, and Bridge {spec.bridge!r} is none"
        yield "bridge_port", Fault("setting_needs_linux_bridge", why, "leave 'bridge_port' out")


def _at_linux(spec: PortSpec, bridge: BridgeSpec) -> Found:
    if spec.type not in _ENSLAVED:
        why = f"a port of type {spec.type} is one of Open vSwitch, and Bridge {spec.bridge!r} is"
        fault = Fault(f"{spec.type}_needs_ovs", f"{why} one of the kernel", _WAYS_OUT[spec.type])
        yield "type", fault
        return
    names = [name for name in said(spec.settings) if name not in _OF_ANY_BRIDGE]
    for name in names + (["qos_policy"] if spec.qos_policy is not None else []):
        yield name, _not_on_linux(name, _LIKE_PORTS.get(name))
    linux = bridge.settings.linux or _NOTHING_SAID
    yield from _vlans(spec) if linux.vlan_filtering else _no_vlans(spec)
    yield from _state(spec, linux)


def _no_vlans(spec: PortSpec) -> Found:
    for name in _names_vlans(spec):
        why = f"Bridge {spec.bridge!r} does not keep VLANs apart (linux.vlan_filtering)"
        fix = f"set linux.vlan_filtering of the Bridge to true, or leave {name!r} out"
        yield name, Fault("vlan_filtering_off", why, fix)


def _names_vlans(spec: PortSpec) -> Iterator[str]:
    if spec.tag is not None:
        yield "tag"
    yield from (name for name in said(spec.settings) if name in _VLAN_FIELDS)


def _vlans(spec: PortSpec) -> Found:
    settings, mode = spec.settings, mode_of(spec)
    if mode is VlanMode.DOT1Q_TUNNEL:
        why = "a Linux bridge tells VLANs by one tag, and a dot1q-tunnel needs two"
        fix = "set linux.vlan_protocol of a Bridge to '802.1ad', and make this an access port there"
        yield "vlan_mode", Fault("not_on_linux_bridge", why, fix)
        return
    if 0 in settings.trunks:
        why = "on a Linux bridge every frame has a VLAN: 0 is none"
        fix = "leave 0 out, and set vlan_mode to 'native-untagged' with a 'tag' for such frames"
        yield "trunks", Fault("tag_out_of_range", why, fix)
    if settings.vlan_mode not in (None, VlanMode.ACCESS) and not settings.trunks:
        why = (
            f"a port of vlan_mode {str(mode)!r} at a Linux bridge carries the VLANs it names alone"
        )
        yield "trunks", Fault("trunks_missing", why, "name the VLANs in 'trunks'")


def _state(spec: PortSpec, linux: LinuxBridgeSettings) -> Found:
    port = spec.settings.bridge_port
    if port is None or port.state is None:
        return
    if port.state is BridgePortState.BLOCKING:
        why = "without STP the kernel makes 'blocking' 'forwarding' at once"
        fix = "write 'listening', which forwards and learns nothing either, or 'disabled'"
        yield "bridge_port/state", Fault("state_not_kept", why, fix)
    if linux.stp_state:
        why = f"Bridge {spec.bridge!r} runs STP, which chooses the state of its ports"
        fix = "leave 'state' out, or set linux.stp_state of the Bridge to false"
        yield "bridge_port/state", Fault("state_chosen_by_stp", why, fix)
    if spec.settings.admin_state is AdminState.DOWN:
        why = "the state of a port that is down is always 'disabled'"
        fix = "leave 'state' out, or set admin_state to 'up'"
        yield "bridge_port/state", Fault("state_of_port_down", why, fix)


def _check_carrier(draft: Draft, spec: PortSpec, after: After, faults: Faults) -> None:
    """Refuse to move a port between Open vSwitch and the kernel: it would be another device."""
    before = draft.current.spec if draft.current else None
    if not isinstance(before, PortSpec) or before.bridge == spec.bridge:
        return
    if is_linux_bridge(before.bridge, after) != is_linux_bridge(spec.bridge, after):
        faults.invalid(
            f"{draft.pointer}/spec/bridge",
            "immutable",
            f"Port {draft.ref.name!r} cannot move between Open vSwitch and a Linux bridge",
            "delete the port and create it anew where you want it",
        )


def _check_room(draft: Draft, spec: PortSpec, after: After, faults: Faults) -> None:
    before = draft.current.spec if draft.current else None
    is_there = isinstance(before, PortSpec) and before.bridge == spec.bridge
    if is_there or spec.bridge is None or not is_linux_bridge(spec.bridge, after):
        return
    ports = len(after.ports_at(BridgeAt(spec.host or "", spec.bridge)))
    if ports > _MOST_PORTS:
        faults.conflict(
            f"{draft.pointer}/spec/bridge",
            "too_many_bridge_ports",
            f"Bridge {spec.bridge!r} would have {ports} ports, and the kernel has numbers for"
            f" {_MOST_PORTS}",
            "put some of the ports on another bridge",
        )


# --- a bridge and what is at it ------------------------------------------------------------------


def _check_ports_there(draft: Draft, bridge: BridgeSpec, after: After, faults: Faults) -> None:
    """Blame the bridge for ports that the request does not write, and that it no longer suits."""
    if bridge.type is BridgeType.OVS or draft.current is None:
        return
    linux = bridge.settings.linux or _NOTHING_SAID
    others = [
        (entry, spec)
        for host in after.at_bridge(draft.ref.name)
        for entry, spec in after.ports_at(BridgeAt(host, draft.ref.name))
        if entry.ref not in after.drafts
    ]
    tagged = [e.ref for e, spec in others if any(_names_vlans(spec))]
    if tagged and not linux.vlan_filtering:
        faults.conflict(
            f"{draft.pointer}/spec/linux/vlan_filtering",
            "vlan_filtering_off",
            f"{after.listing(tagged)} of Bridge {draft.ref.name!r} are told VLANs, which it would"
            " not keep apart",
            "set linux.vlan_filtering to true, or change those ports in the same request",
        )
    told = [e.ref for e, spec in others if any(_state(spec, linux))]
    if told:
        faults.conflict(
            f"{draft.pointer}/spec/linux/stp_state",
            "state_chosen_by_stp",
            f"{after.listing(told)} of Bridge {draft.ref.name!r} are told a state, which STP would"
            " choose",
            "leave linux.stp_state off, or change those ports in the same request",
        )


def _mirror(bridge: str | None) -> Found:
    why = f"Bridge {bridge!r} is one of the kernel, and a Mirror is a row of Open vSwitch"
    yield "bridge", Fault("mirror_needs_ovs", why, "name a Bridge of type ovs")


def _tunnel(spec: TunnelSpec, after: After) -> Found:
    for index, end in enumerate(spec.ends):
        if is_linux_bridge(end.bridge, after):
            why = f"Bridge {end.bridge!r} is one of the kernel, and a Tunnel needs Open vSwitch"
            fix = "name a Bridge of type ovs, or put the port on a Segment with backend 'kernel'"
            yield f"ends/{index}/bridge", Fault("tunnel_needs_ovs", why, fix)
