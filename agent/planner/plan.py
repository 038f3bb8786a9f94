"""What a plan is made of: steps that carry everything needed to execute them.

Owned by the planner; ``agent.ovsdb`` and ``agent.netlink`` execute the steps and the in-memory
switch of the tests imitates them. A step never refers to the desired state, holds no behaviour but
its own description, and names in ``resource`` what it serves, so that a refused step fails that
resource alone.

Ownership marks (``external_ids`` of rows, aliases of devices) are ordinary values in the steps;
that of an address is the same for all of them, so that no step spells it out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

from agent.errors import Failure
from agent.model import FdbEntry, OvsBridge, OvsInterface, OvsPort, Vxlan

ColumnValue: TypeAlias = str | int | bool | frozenset[int] | None
"""Value of a whole OVSDB column; None is the empty set of an optional column."""


def _empty() -> Mapping[str, str]:
    return MappingProxyType({})


def _no_columns() -> Mapping[str, ColumnValue]:
    return MappingProxyType({})


# --- OVSDB ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AddBridge:
    """Insert a Bridge with its local Port and Interface (type ``internal``), all of ``name``.

    ``external_ids`` go on all three rows. The bridge is appended to Open_vSwitch.bridges.
    """

    resource: str
    name: str
    datapath_type: str
    external_ids: Mapping[str, str]
    fail_mode: str = "standalone"

    def describe(self) -> str:
        return f"create bridge {self.name} (datapath_type {self.datapath_type})"


@dataclass(frozen=True, slots=True)
class SetBridge:
    """Write whole ``columns`` (datapath_type, fail_mode) and the keys of ``external_ids``.

    ``based_on`` is the row as it was when the plan was made: where the named columns read
    differently now, the plan is out of date. The same holds for the other Set steps.
    """

    resource: str
    name: str
    based_on: OvsBridge
    columns: Mapping[str, ColumnValue] = field(default_factory=_no_columns)
    external_ids: Mapping[str, str] = field(default_factory=_empty)

    def describe(self) -> str:
        return f"change bridge {self.name}: {_changes(self.columns, self.external_ids)}"


@dataclass(frozen=True, slots=True)
class DeleteBridge:
    """Delete a Bridge; its local port goes with it. Every other port of ours has a DeletePort.

    Must not be executed when the bridge has other ports than its local one by then, or when its
    external_ids are no longer those of ``based_on``.
    """

    resource: str
    name: str
    based_on: OvsBridge

    def describe(self) -> str:
        return f"delete bridge {self.name}"


@dataclass(frozen=True, slots=True)
class AddPort:
    """Insert a Port with its one Interface, of the same name, into ``bridge``.

    ``port`` holds every column to write on both rows, the marks included; its ofport and error
    mean nothing here. ``bridge`` may be one that the same transaction creates.
    """

    resource: str
    bridge: str
    port: OvsPort

    def describe(self) -> str:
        interface = self.port.interfaces[0]
        kind = interface.type or "system"
        where = f" to {interface.options['remote_ip']}" if "remote_ip" in interface.options else ""
        tag = "" if self.port.tag is None else f", tag {self.port.tag}"
        return f"add {kind} port {self.port.name}{where} to bridge {self.bridge}{tag}"


@dataclass(frozen=True, slots=True)
class SetPort:
    """Write whole ``columns`` (tag, trunks, vlan_mode, protected) and keys of external_ids."""

    resource: str
    bridge: str
    name: str
    based_on: OvsPort
    columns: Mapping[str, ColumnValue] = field(default_factory=_no_columns)
    external_ids: Mapping[str, str] = field(default_factory=_empty)

    def describe(self) -> str:
        return f"change port {self.name}: {_changes(self.columns, self.external_ids)}"


@dataclass(frozen=True, slots=True)
class SetInterface:
    """Write whole ``columns`` (mac, mtu_request), and keys of options and external_ids."""

    resource: str
    name: str
    based_on: OvsInterface
    columns: Mapping[str, ColumnValue] = field(default_factory=_no_columns)
    options: Mapping[str, str] = field(default_factory=_empty)
    external_ids: Mapping[str, str] = field(default_factory=_empty)

    def describe(self) -> str:
        changes = _changes({**self.columns, **self.options}, self.external_ids)
        return f"change interface {self.name}: {changes}"


@dataclass(frozen=True, slots=True)
class DeletePort:
    """Take a Port and its Interfaces out of ``bridge``.

    Must not be executed when the row's external_ids or set of interfaces are no longer those of
    ``based_on``.
    """

    resource: str
    bridge: str
    name: str
    based_on: OvsPort

    def describe(self) -> str:
        return f"delete port {self.name} from bridge {self.bridge}"


OvsdbOp: TypeAlias = (
    AddBridge | SetBridge | DeleteBridge | AddPort | SetPort | SetInterface | DeletePort
)


# --- netlink -------------------------------------------------------------------------------------


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
class AddFdb:
    """Add forwarding entries to a vxlan device of ours (NLM_F_APPEND, permanent, NTF_EXT_LEARNED).

    ``ifindex`` as in ``SetLink``. Being there already is success.
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
        return f"change device {self.name}{_where(self.netns)}: {_changes(named, {})}"


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


NetlinkStep: TypeAlias = (
    CreateVeth
    | CreateVxlan
    | CreateLinuxBridge
    | AddFdb
    | DeleteFdb
    | DeleteLink
    | SetLink
    | AddAddress
    | DeleteAddress
)
Step: TypeAlias = OvsdbOp | NetlinkStep


# --- plan ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stage:
    """``pre`` in order, then all of ``ovsdb`` in one transaction, then ``post`` in order.

    Only when a stage is done (ovs-vswitchd has caught up with it) may the next one begin.
    """

    pre: tuple[NetlinkStep, ...] = ()
    ovsdb: tuple[OvsdbOp, ...] = ()
    post: tuple[NetlinkStep, ...] = ()

    def steps(self) -> Iterator[Step]:
        yield from self.pre
        yield from self.ovsdb
        yield from self.post

    def groups(self) -> Mapping[str, tuple[OvsdbOp, ...]]:
        """The OVSDB ops by resource, in an order in which each can be a transaction of its own.

        For the case that the one transaction is refused: bridges come before the ports that are
        added to them and after the ports that are taken from them.
        """
        grouped: dict[str, tuple[OvsdbOp, ...]] = {}
        for op in self.ovsdb:
            grouped[op.resource] = (*grouped.get(op.resource, ()), op)
        return grouped


@dataclass(frozen=True, slots=True)
class Plan:
    """The way from what is to what shall be, and what cannot be reached and why.

    A resource in ``failures`` has no steps that would create or change it.
    """

    stages: tuple[Stage, ...] = ()
    failures: tuple[Failure, ...] = field(default=())

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do; failures may still explain what is not as intended."""
        return not self.stages

    def describe(self) -> tuple[str, ...]:
        """One line of plain words per step and failure."""
        steps = tuple(
            f"{step.resource}: {step.describe()}" for stage in self.stages for step in stage.steps()
        )
        return steps + tuple(
            f"{failure.resource}: {failure.reason}: {failure.message}" for failure in self.failures
        )


def _changes(columns: Mapping[str, ColumnValue], external_ids: Mapping[str, str]) -> str:
    words = [f"{column} {_value(value)}" for column, value in sorted(columns.items())]
    if external_ids:
        words.append("ownership mark")
    return ", ".join(words)


def _value(value: ColumnValue) -> str:
    if value is None or value == frozenset():
        return "unset"
    return ",".join(map(str, sorted(value))) if isinstance(value, frozenset) else str(value)


def _entries(entries: tuple[FdbEntry, ...]) -> str:
    shown = ", ".join(f"{entry.mac} at {entry.dst}" for entry in entries[:3])
    more = len(entries) - 3
    return shown if more <= 0 else f"{shown} and {more} more"


def _where(netns: str | None) -> str:
    return "" if netns is None else f" in namespace {netns}"
