"""The mesh, expanded: one vxlan interface per segment and remote member.

A tunnel port is ``protected`` from the transaction that creates it, so that a flood from one tunnel
never enters another: that is what keeps a full mesh free of loops.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import itertools
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from agent.errors import ErrorKind, Failure
from agent.model import (
    Bridge,
    HostState,
    OvsInterface,
    OvsPort,
    SegmentAttachment,
    SegmentFragment,
    SegmentMember,
    segment_id,
    tunnel_id,
)
from agent.planner.bridges import kept_row
from agent.planner.draft import Draft
from agent.planner.health import interface_failures
from agent.planner.inventory import (
    Inventory,
    LinkName,
    OvsName,
    PlacedPort,
    Thing,
    ThingKind,
    TunnelKey,
    placed_ports,
)
from agent.planner.plan import AddPort, Stage
from agent.planner.rows import mend_port

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_OTHER_KEYS = frozenset({"in_key", "out_key"})
"""Options that take precedence over ``key``; with them a tunnel is another one."""


@dataclass(frozen=True, slots=True)
class Tunnel:
    """One tunnel as intended."""

    id: str
    bridge: str
    tag: int
    vni: int
    dst_port: int
    local_ip: str
    remote_ip: str

    @property
    def options(self) -> dict[str, str]:
        return {
            "key": str(self.vni),
            "remote_ip": self.remote_ip,
            "local_ip": self.local_ip,
            "dst_port": str(self.dst_port),
        }

    @property
    def key(self) -> TunnelKey:
        return TunnelKey(
            remote_ip=str(ipaddress.ip_address(self.remote_ip)),
            local_ip=str(ipaddress.ip_address(self.local_ip)),
            vni=str(self.vni),
            dst_port=str(self.dst_port),
        )


def expand(desired: HostState, inventory: Inventory) -> tuple[list[Tunnel], list[Failure]]:
    """Every tunnel that is asked for; a segment or tunnel that cannot be is a failure."""
    tunnels: list[Tunnel] = []
    failures: list[Failure] = []
    for attachment in sorted(desired.attachments, key=lambda each: each.segment_uid):
        for item in _expand_segment(desired, attachment, inventory):
            if isinstance(item, Failure):
                failures.append(item)
            else:
                tunnels.append(item)
    return tunnels, failures


def draft_tunnels(
    tunnels: Iterable[Tunnel], inventory: Inventory, *, bridge_is_there: bool
) -> list[Draft]:
    taken = {claim.name for claim in inventory.holders if isinstance(claim, OvsName | LinkName)}
    drafts: list[Draft] = []
    for tunnel in tunnels:
        kept = _fitting_row(tunnel, inventory) if bridge_is_there else None
        if kept is None:
            name = choose_name(tunnel.key, taken)
            taken.add(name)
            drafts.append(_make(tunnel, name, inventory))
        else:
            drafts.append(_mend(tunnel, kept, inventory))
    return drafts


def choose_name(key: TunnelKey, taken: Container[str]) -> str:
    """A name of 13 bytes that depends on the tunnel alone, unless that one is taken."""
    for attempt in itertools.count():
        text = "|".join((key.vni, key.local_ip, key.remote_ip, key.dst_port, str(attempt)))
        digest = hashlib.sha256(text.encode()).digest()
        name = "vx" + base64.b32encode(digest).decode().lower()[:11]
        if name not in taken:
            return name
    raise AssertionError("there are more names than anybody can take")


# --- segments ------------------------------------------------------------------------------------


def _expand_segment(
    desired: HostState, attachment: SegmentAttachment, inventory: Inventory
) -> Iterator[Tunnel | Failure]:
    fragment = desired.fragments.get(attachment.fragment_hash)
    overlay = desired.overlay
    resource = segment_id(attachment.segment_uid)
    if fragment is None:
        message = "its members are not known here; restart the agent to have everything sent again"
        yield Failure(resource, ErrorKind.INVALID, "FragmentMissing", message)
        return
    if overlay is None:
        message = "the host has segments but no overlay bridge; this is a fault of the controller"
        yield Failure(resource, ErrorKind.INVALID, "OverlayMissing", message)
        return
    refusal = (
        _contradiction(desired, attachment, fragment)
        or _unsupported(resource, inventory)
        or _vlan_conflict(resource, attachment, overlay, inventory)
    )
    if refusal is not None:
        yield refusal
        return
    yield from _expand_members(desired, overlay, attachment, fragment)


def _contradiction(
    desired: HostState, attachment: SegmentAttachment, fragment: SegmentFragment
) -> Failure | None:
    resource = segment_id(attachment.segment_uid)
    if all(member.host_uid != desired.host_uid for member in fragment.members):
        message = f"host {desired.host_name} is not among the members of its own segment"
        return Failure(resource, ErrorKind.INVALID, "NotAMember", message)
    others = [each for each in desired.attachments if each.segment_uid != attachment.segment_uid]
    for other in others:
        if other.local_vlan == attachment.local_vlan:
            message = (
                f"local VLAN {attachment.local_vlan} also stands for segment {other.segment_uid}"
            )
            return Failure(resource, ErrorKind.INVALID, "LocalVlanNotUnique", message)
        rival = desired.fragments.get(other.fragment_hash)
        if rival and (rival.vni, rival.dst_port) == (fragment.vni, fragment.dst_port):
            message = f"VNI {fragment.vni} is also that of segment {other.segment_uid}"
            return Failure(resource, ErrorKind.INVALID, "VniNotUnique", message)
    return None


def _unsupported(resource: str, inventory: Inventory) -> Failure | None:
    if "vxlan" in inventory.observed.iface_types:
        return None
    message = "this Open vSwitch has no vxlan interfaces; install one that has"
    return Failure(resource, ErrorKind.UNSUPPORTED, "VxlanUnavailable", message)


def _vlan_conflict(
    resource: str, attachment: SegmentAttachment, overlay: Bridge, inventory: Inventory
) -> Failure | None:
    row = kept_row(overlay, inventory)
    for placed in placed_ports(row) if row is not None else ():
        port = placed.port
        if port.tag == attachment.local_vlan and not inventory.owns(port.external_ids):
            message = (
                f"port {port.name} on bridge {overlay.name} is not ours and has the segment's "
                f"local VLAN {port.tag}; give it another tag or take it off the bridge"
            )
            return Failure(resource, ErrorKind.CONFLICT, "LocalVlanTaken", message)
    return None


def _expand_members(
    desired: HostState, overlay: Bridge, attachment: SegmentAttachment, fragment: SegmentFragment
) -> Iterator[Tunnel | Failure]:
    own = next(each for each in fragment.members if each.host_uid == desired.host_uid)
    vteps = Counter(_address(each.vtep) for each in fragment.members)
    for member in sorted(fragment.members, key=lambda each: each.host_uid):
        if member.host_uid == own.host_uid:
            continue
        resource = tunnel_id(attachment.segment_uid, member.host_uid)
        fault = _vtep_fault(own, member, vteps)
        if fault:
            yield Failure(resource, ErrorKind.INVALID, "VtepInvalid", fault)
            continue
        yield Tunnel(
            id=resource,
            bridge=overlay.name,
            tag=attachment.local_vlan,
            vni=fragment.vni,
            dst_port=fragment.dst_port,
            local_ip=str(_address(own.vtep)),
            remote_ip=str(_address(member.vtep)),
        )


def _vtep_fault(
    own: SegmentMember, member: SegmentMember, vteps: Mapping[Address | None, int]
) -> str:
    """Why no tunnel can lead to ``member``; empty if one can."""
    local, remote = _address(own.vtep), _address(member.vtep)
    if local is None or local.is_unspecified:
        return f"the VTEP of this host, {own.vtep!r}, is not an address; correct the host's vteps"
    if remote is None or remote.is_unspecified:
        return (
            f"the VTEP of host {member.host_name}, {member.vtep!r}, is not an address; correct "
            "that host's vteps"
        )
    if local.version != remote.version:
        return (
            f"the VTEP of host {member.host_name}, {remote}, is of another address family than "
            f"{local} of this host; give one of them a VTEP of the other's family"
        )
    if vteps[remote] > 1:
        return f"VTEP {remote} of host {member.host_name} is also another member's; make it unique"
    return ""


def _address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


# --- rows ----------------------------------------------------------------------------------------


def _fitting_row(tunnel: Tunnel, inventory: Inventory) -> PlacedPort | None:
    """The row of this tunnel that need not be made anew, whatever its name and other columns."""
    for placed in inventory.ports.get(tunnel.id, ()):
        interfaces = placed.port.interfaces
        if placed.bridge == tunnel.bridge and len(interfaces) == 1:
            options = interfaces[0].options
            wanted = tunnel.options.items()
            is_same = wanted <= options.items() and not _OTHER_KEYS & options.keys()
            if interfaces[0].type == "vxlan" and is_same:
                return placed
    return None


def _wanted_row(tunnel: Tunnel, name: str, inventory: Inventory) -> OvsPort:
    marks = inventory.mark(tunnel.id)
    interface = OvsInterface(name, type="vxlan", options=tunnel.options, external_ids=marks)
    return OvsPort(name, (interface,), tag=tunnel.tag, protected=True, external_ids=marks)


def _stale_rows(tunnel: Tunnel, inventory: Inventory, kept: PlacedPort | None) -> tuple[Thing, ...]:
    return tuple(
        Thing(ThingKind.PORT, placed.port.name)
        for placed in inventory.ports.get(tunnel.id, ())
        if placed is not kept
    )


def _make(tunnel: Tunnel, name: str, inventory: Inventory) -> Draft:
    add = AddPort(tunnel.id, tunnel.bridge, _wanted_row(tunnel, name, inventory))
    return Draft(
        tunnel.id,
        bridge=tunnel.bridge,
        claims=(tunnel.key,),
        stale=_stale_rows(tunnel, inventory, None),
        make=Stage(ovsdb=(add,)),
        make_first=True,
    )


def _mend(tunnel: Tunnel, placed: PlacedPort, inventory: Inventory) -> Draft:
    wanted = _wanted_row(tunnel, placed.port.interfaces[0].name, inventory)
    ops = mend_port(tunnel.id, placed, wanted, interface_columns=())
    return Draft(
        tunnel.id,
        bridge=tunnel.bridge,
        stale=_stale_rows(tunnel, inventory, placed),
        mend=Stage(ovsdb=ops),
        failures=() if ops else interface_failures(tunnel.id, placed.port.interfaces[0]),
    )
