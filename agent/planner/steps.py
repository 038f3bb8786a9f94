"""The steps of a plan that go to the kernel: ``agent.netlink`` executes them.

Each is a plain value as ``agent.planner.plan`` says, and finds out before it acts whether the
device is still the one that it was planned for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from agent.fragments import Neighbour
from agent.model import TapOwner
from agent.observed import FdbEntry, Vxlan
from agent.planner.bridge_steps import BridgeStep
from agent.planner.wording import changes


@dataclass(frozen=True, slots=True)
class CreateVeth:
    """Create a veth(4) pair: ``name`` here, ``peer_name`` in namespace ``peer_netns``.

    The alias is what makes ``name`` ours, so it must never exist without it, not even when the
    agent is killed: send creation and alias in one sendmsg (the kernel handles the messages of one
    buffer to the end). ``mtu`` is of both ends, ``peer_mac`` (empty: any) of the peer.
    """

    resource: str
    name: str
    alias: str
    mtu: int
    peer_netns: str
    peer_name: str
    peer_mac: str = ""

    def describe(self) -> str:
        return f"create veth {self.name} with peer {self.peer_name} in namespace {self.peer_netns}"


@dataclass(frozen=True, slots=True)
class CreateVxlan:
    """Create a vxlan device, down, with its alias in one sendmsg as ``CreateVeth`` says.

    ``mac`` is set at creation, so that nobody's policy gives it another one. Not learning.
    """

    resource: str
    name: str
    alias: str
    vxlan: Vxlan
    mac: str
    mtu: int

    def describe(self) -> str:
        return (
            f"create vxlan device {self.name} with VNI {self.vxlan.vni} from {self.vxlan.local_ip} "
            f"on UDP port {self.vxlan.dst_port}"
        )


@dataclass(frozen=True, slots=True)
class SetVxlan:
    """Change what a vxlan device lets change while it lives; ``ifindex`` as in ``SetLink``."""

    resource: str
    name: str
    ifindex: int
    attributes: Mapping[str, int]
    local_ip: str = ""
    """Empty: stays; otherwise of the family that it has."""

    def describe(self) -> str:
        words = [f"{name} {value}" for name, value in sorted(self.attributes.items())]
        words += [f"local address {self.local_ip}"] if self.local_ip else []
        return f"change vxlan device {self.name}: {', '.join(words)}"


@dataclass(frozen=True, slots=True)
class AddNeighbours:
    """Tell a device of ours who has which address (permanent, with our mark).

    An address that somebody else made an entry for keeps that one, and refuses ours; one of ours
    that has another MAC by now gets that. ``ifindex`` as in ``SetLink``.
    """

    resource: str
    name: str
    entries: tuple[Neighbour, ...]
    ifindex: int | None = None

    def describe(self) -> str:
        return f"tell {self.name} the neighbours {_neighbours(self.entries)}"


@dataclass(frozen=True, slots=True)
class DeleteNeighbours:
    """Take neighbours of ours from a device; gone, or somebody else's by now, is success."""

    resource: str
    name: str
    entries: tuple[Neighbour, ...]
    ifindex: int

    def describe(self) -> str:
        return f"take from {self.name} the neighbours {_neighbours(self.entries)}"


@dataclass(frozen=True, slots=True)
class CreateLinuxBridge:
    """Create a Linux bridge, down, with its alias in one sendmsg as ``CreateVeth`` says."""

    resource: str
    name: str
    alias: str
    mac: str
    mtu: int

    def describe(self) -> str:
        return f"create Linux bridge {self.name}"


@dataclass(frozen=True, slots=True)
class CreateTap:
    """Create a TAP device that persists, down.

    It must never persist without its alias: it becomes persistent last, and is gone with the
    descriptor that made it until then. ``mtu`` 0 is the kernel's own.
    """

    resource: str
    name: str
    alias: str
    mtu: int
    owner: TapOwner

    def describe(self) -> str:
        return f"create TAP device {self.name}{_owned_by(self.owner)}"


@dataclass(frozen=True, slots=True)
class SetTapOwner:
    """Change who may open a TAP device; what is None of ``owner`` stays. ``ifindex`` as SetLink."""

    resource: str
    name: str
    owner: TapOwner
    ifindex: int

    def describe(self) -> str:
        return f"change TAP device {self.name}{_owned_by(self.owner)}"


@dataclass(frozen=True, slots=True)
class AddFdb:
    """Add forwarding entries to a vxlan device of ours (NLM_F_APPEND, permanent, NTF_EXT_LEARNED).

    ``ifindex`` as in ``SetLink``. Being there already is success; a MAC of ours that leads
    elsewhere is led to its new place.
    """

    resource: str
    name: str
    entries: tuple[FdbEntry, ...]
    ifindex: int | None = None

    def describe(self) -> str:
        return f"add to the forwarding table of {self.name}: {_entries(self.entries)}"


@dataclass(frozen=True, slots=True)
class DeleteFdb:
    """Take forwarding entries, by MAC and remote VTEP, from a device; gone is success."""

    resource: str
    name: str
    entries: tuple[FdbEntry, ...]
    ifindex: int

    def describe(self) -> str:
        return f"take from the forwarding table of {self.name}: {_entries(self.entries)}"


@dataclass(frozen=True, slots=True)
class DeleteLink:
    """Delete the device ``name`` if it still has this ifindex and alias; gone is success."""

    resource: str
    name: str
    ifindex: int
    alias: str

    def describe(self) -> str:
        return f"delete device {self.name}"


@dataclass(frozen=True, slots=True)
class SetLink:
    """Change what is not None of a device; ``netns`` None is the agent's own namespace.

    ``ifindex`` tells the device from another that has its name by then; None while it is not made
    yet: it has to be of a kind that Open vSwitch or we make then. The same holds for addresses.
    """

    resource: str
    netns: str | None
    name: str
    mtu: int | None = None
    mac: str | None = None
    up: bool | None = None
    alias: str | None = None
    master: str | None = None
    """The Linux bridge to enslave it to (IFLA_MASTER), by name; empty releases it."""
    quiet: bool | None = None
    """True keeps the host from taking part in IP on it (``Link.quiet``), before it goes up."""
    userspace: bool = False
    """Its frames go through a userspace datapath: no offload may be on that this cannot take."""
    ifindex: int | None = None

    def describe(self) -> str:
        wanted = {
            "mtu": self.mtu,
            "mac": self.mac,
            "up": self.up,
            "alias": self.alias,
            "master": self.master,
        }
        named = {key: value for key, value in wanted.items() if value is not None}
        words = [changes(named, {})] if named else []
        if self.quiet:
            words.append("keep the host itself from answering and listening on it")
        if self.userspace:
            words.append("turn off the offloads that the userspace datapath cannot take")
        return f"change device {self.name}{_where(self.netns)}: {', '.join(words)}"


@dataclass(frozen=True, slots=True)
class AddAddress:
    """Give a device an address in CIDR form, with our mark; being there already is success.

    One that is there already stays whose it is: it is not marked.
    """

    resource: str
    netns: str | None
    name: str
    cidr: str
    ifindex: int | None = None

    def describe(self) -> str:
        return f"add address {self.cidr} to {self.name}{_where(self.netns)}"


@dataclass(frozen=True, slots=True)
class DeleteAddress:
    """Take an address that bears our mark from a device, and no other along with it.

    Its being gone, or somebody else's by now, is success.
    """

    resource: str
    netns: str | None
    name: str
    cidr: str
    ifindex: int | None = None

    def describe(self) -> str:
        return f"delete address {self.cidr} from {self.name}{_where(self.netns)}"


TableStep: TypeAlias = AddFdb | DeleteFdb | AddNeighbours | DeleteNeighbours
NetlinkStep: TypeAlias = (
    CreateVeth
    | CreateVxlan
    | CreateLinuxBridge
    | CreateTap
    | SetTapOwner
    | AddFdb
    | DeleteFdb
    | DeleteLink
    | SetLink
    | AddAddress
    | DeleteAddress
    | BridgeStep
    | SetVxlan
    | AddNeighbours
    | DeleteNeighbours
)


def _entries(entries: tuple[FdbEntry, ...]) -> str:
    return _shown([f"{each.mac} at {each.dst or 'the device itself'}" for each in entries])


def _neighbours(entries: tuple[Neighbour, ...]) -> str:
    return _shown([f"{each.ip} at {each.mac}" for each in entries])


def _shown(words: list[str]) -> str:
    more = len(words) - 3
    shown = ", ".join(words[:3])
    return shown if more <= 0 else f"{shown} and {more} more"


def _owned_by(owner: TapOwner) -> str:
    parts = {"user": owner.uid, "group": owner.gid}
    words = " and ".join(f"{what} {who}" for what, who in parts.items() if who is not None)
    return f" for {words}" if words else ""


def _where(netns: str | None) -> str:
    return "" if netns is None else f" in namespace {netns}"
