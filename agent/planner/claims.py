"""What a resource has to have for itself on a host, and who has it already.

A claim is the name of something that only one can have. Which claims a resource makes is said where
it is drafted, who holds them is read off the host in ``holders``.
"""

from __future__ import annotations

import enum
import functools
import ipaddress
from collections.abc import Collection
from dataclasses import dataclass
from typing import TypeAlias

from agent.model import Backend
from agent.observed import OvsInterface

DEFAULT_VXLAN_PORT = "4789"
"""What ovs-vswitchd takes for a vxlan Interface without options:dst_port."""


class ThingKind(enum.Enum):
    BRIDGE = "bridge"
    PORT = "port"
    INTERFACE = "interface"
    """One of several in a port, that goes without the others."""
    LINK = "device"


@dataclass(frozen=True, slots=True, order=True)
class Thing:
    """Something that exists and may have to go: names are unique within each kind."""

    kind: ThingKind
    name: str

    def __str__(self) -> str:
        return f"{self.kind.value} {self.name}"


@dataclass(frozen=True, slots=True)
class OvsName:
    """A name in OVSDB: bridges, ports and interfaces share one space, as a bridge has all three."""

    name: str

    def __str__(self) -> str:
        return f"name {self.name}"


@dataclass(frozen=True, slots=True)
class LinkName:
    """A device name in the agent's network namespace."""

    name: str

    def __str__(self) -> str:
        return f"device name {self.name}"


@dataclass(frozen=True, slots=True)
class PeerName:
    """A device name in another network namespace."""

    netns: str
    name: str

    def __str__(self) -> str:
        return f"device name {self.name} in namespace {self.netns}"


@dataclass(frozen=True, slots=True)
class IfaceId:
    """What somebody else's port is known by; only one of ours may be bound to it."""

    iface_id: str

    def __str__(self) -> str:
        return f"iface-id {self.iface_id!r}"


@dataclass(frozen=True, slots=True)
class TunnelKey:
    """What ovs-vswitchd tells vxlan tunnels apart by, over all of its bridges."""

    remote_ip: str
    local_ip: str
    vni: str
    dst_port: str

    def __str__(self) -> str:
        return (
            f"tunnel to {self.remote_ip} from {self.local_ip or 'any address'} with VNI {self.vni} "
            f"and UDP port {self.dst_port}"
        )


@dataclass(frozen=True, slots=True)
class DeviceKey:
    """What the kernel tells vxlan devices apart by."""

    vni: int
    dst_port: int

    def __str__(self) -> str:
        return f"VNI {self.vni} on UDP port {self.dst_port}"


@dataclass(frozen=True, slots=True)
class UdpPort:
    """A UDP port in the hands of one backend; who claims it is the other one.

    With Open vSwitch's kernel datapath the second to come gets EADDRINUSE, with the one in
    userspace nobody gets an error and packets are lost.
    """

    number: int
    backend: Backend

    def __str__(self) -> str:
        return f"UDP port {self.number}"


@dataclass(frozen=True, slots=True)
class Carriage:
    """A segment in the hands of one backend; who claims it is the other one.

    With both at once, each remote member would get every flood twice, and send it back.
    """

    segment: str
    backend: Backend

    def __str__(self) -> str:
        return f"the traffic of {self.segment}"


Claim: TypeAlias = (
    OvsName | LinkName | PeerName | IfaceId | TunnelKey | DeviceKey | UdpPort | Carriage
)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who occupies a claim: ``resource`` is empty for what is not ours."""

    thing: Thing
    resource: str
    words: str
    whole: Thing | None = None
    """What ``thing`` is a part of and goes with as well."""
    owner: str = "is not ours"
    """Of what is not ours: whose it is, in words."""
    adoptable: str = ""
    """Of what is not ours: ``bridge`` or ``port``, if such a resource may take it over."""
    place: str = ""
    """The bridge that a port is on, and would have to be on for that."""

    def going(self, doomed: Collection[Thing]) -> tuple[Thing, ...]:
        """What of it is doomed, so that the claim gets free; nothing while it stays."""
        return tuple(each for each in (self.thing, self.whole) if each and each in doomed)


def tunnel_key(interface: OvsInterface) -> TunnelKey | None:
    """The identity of a vxlan interface; None for other types and for tunnels that cannot work."""
    if interface.type != "vxlan" or "remote_ip" not in interface.options:
        return None
    options = interface.options
    return TunnelKey(
        remote_ip=normal_ip(options["remote_ip"]),
        local_ip=normal_ip(options.get("local_ip", "")),
        vni=_normal_number(options.get("in_key", options.get("key", "0"))),
        dst_port=_normal_number(options.get("dst_port", DEFAULT_VXLAN_PORT)),
    )


@functools.lru_cache(maxsize=16384)
def normal_ip(text: str) -> str:
    """An address as the kernel prints it; what is none stays as it is."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text


def _normal_number(text: str) -> str:
    try:
        return str(int(text, 0))
    except ValueError:
        return text
