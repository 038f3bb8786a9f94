"""Whether Open vSwitch does what its rows say: that it accepted them is not yet working."""

from __future__ import annotations

from agent.errors import ErrorKind, Failure
from agent.observed import OvsInterface

_TUNNEL_EXISTS = (
    "another tunnel of this ovs-vswitchd has the same remote, local address, VNI and UDP port; "
    "remove that one"
)
_DEVICE_EXISTS = "a device that Open vSwitch did not make has this name; remove or rename that one"
_WAYS_OUT = {
    "no such device": "the device is gone; it comes back with the next resync, or re-create it",
    "device or resource busy": "the device belongs to another bridge, bond or team; free it there",
    "address already in use": (
        "a kernel vxlan device uses the same UDP port; give one of them another dst_port"
    ),
    "not supported": "this host's kernel or Open vSwitch lacks the feature",
}


def no_open_vswitch(resource: str) -> Failure:
    message = (
        "it needs Open vSwitch, which this host is meant not to have (--ovsdb none); start the "
        "agent with the host's database, or have it on another host"
    )
    return Failure(resource, ErrorKind.UNSUPPORTED, "NoOpenVswitch", message)


def no_vxlan(resource: str) -> Failure:
    message = "this Open vSwitch has no vxlan interfaces; install one that has"
    return Failure(resource, ErrorKind.UNSUPPORTED, "VxlanUnavailable", message)


def no_ipv6(resource: str, address: str) -> Failure:
    message = (
        f"its tunnels would start at {address}, and the kernel of this host has no IPv6; start it "
        "without ipv6.disable=1, or give the host an IPv4 VTEP"
    )
    return Failure(resource, ErrorKind.UNSUPPORTED, "Ipv6Unavailable", message)


def vlan_limited(resource: str) -> Failure:
    message = (
        "it is to tell customer VLANs apart (cvlans), and Open vSwitch looks at one VLAN header "
        "alone, so that every tagged frame towards it is dropped; run: ovs-vsctl set Open_vSwitch "
        ". other_config:vlan-limit=2, or leave cvlans out"
    )
    return Failure(resource, ErrorKind.UNSUPPORTED, "VlanLimit", message)


def foreign_interface(resource: str, name: str, strangers: tuple[str, ...]) -> Failure:
    message = (
        f"somebody added {', '.join(strangers)} to port {name}, which is ours; take it out of the "
        "port, the agent does not touch it"
    )
    return Failure(resource, ErrorKind.CONFLICT, "ForeignInterface", message)


def bridge_missing(resource: str, bridge: str, maker: str) -> Failure:
    message = f"its bridge {bridge} could not be created; see {maker}"
    return Failure(resource, ErrorKind.TRANSIENT, "BridgeMissing", message)


def interface_failures(resource: str, interface: OvsInterface) -> tuple[Failure, ...]:
    """Why an interface does not carry packets; nothing when it does."""
    if interface.error or (interface.ofport is not None and interface.ofport < 0):
        return (_refused(resource, interface),)
    if interface.ofport is None:
        return (_unopened(resource, interface),)
    return ()


def _refused(resource: str, interface: OvsInterface) -> Failure:
    error = interface.error or "no reason given"
    exists = _TUNNEL_EXISTS if interface.type == "vxlan" else _DEVICE_EXISTS
    ways_out = {"file exists": exists, **_WAYS_OUT}
    way_out = next(
        (words for sign, words in ways_out.items() if sign in error.lower()),
        "see the log of ovs-vswitchd",
    )
    message = f"Open vSwitch cannot use interface {interface.name}: {error} ({way_out})"
    return Failure(resource, ErrorKind.DATAPATH, "InterfaceError", message)


def _unopened(resource: str, interface: OvsInterface) -> Failure:
    message = (
        f"ovs-vswitchd has not opened interface {interface.name} yet; if it stays so, see its log "
        "(datapath_type system needs the kernel module openvswitch)"
    )
    return Failure(resource, ErrorKind.TRANSIENT, "InterfaceNotOpen", message)
