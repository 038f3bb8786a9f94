"""What is shaped, mirrored and exported on the bridges of Open vSwitch: as wished, and as it is.

A part of :mod:`agent.model`, frozen and made of plain values as all of it. References between rows
are told by the names of what they lead to; a row that has no name is told by its ownership mark.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from agent.columns import NO_SETTINGS, Settings


def _empty() -> Mapping[str, str]:
    return MappingProxyType({})


def _no_queues() -> Mapping[int, OvsQueue]:
    return MappingProxyType({})


class FlowProtocol(enum.Enum):
    """The value is the table of its rows; the same in lower case, the column of Bridge."""

    NETFLOW = "NetFlow"
    SFLOW = "sFlow"
    IPFIX = "IPFIX"
    UNKNOWN = ""
    """A value this agent is too old for; reported as UNSUPPORTED."""


EXPORT_TABLES = tuple(each.value for each in FlowProtocol if each is not FlowProtocol.UNKNOWN)


# --- desired -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Queue:
    id: int
    dscp: int | None = None
    other_config: Mapping[str, str] = field(default_factory=_empty)


@dataclass(frozen=True, slots=True)
class Qos:
    """How a port sends; the row and its queues are that port's alone."""

    type: str
    other_config: Mapping[str, str] = field(default_factory=_empty)
    queues: tuple[Queue, ...] = ()


@dataclass(frozen=True, slots=True)
class MirrorTunnel:
    """A port that is made to carry copies to a collector; ``options`` are all that it has."""

    interface: str
    type: str
    options: Mapping[str, str] = field(default_factory=_empty)


@dataclass(frozen=True, slots=True)
class Mirror:
    """Exactly one of the three outputs is set."""

    id: str
    name: str
    bridge: str
    select_all: bool = False
    select_src_ports: frozenset[str] = frozenset()
    select_dst_ports: frozenset[str] = frozenset()
    select_vlans: frozenset[int] = frozenset()
    output_port: str = ""
    output_vlan: int = 0
    tunnel: MirrorTunnel | None = None
    snaplen: int = 0
    """Bytes; 0: all."""


@dataclass(frozen=True, slots=True)
class FlowExport:
    id: str
    protocol: FlowProtocol
    bridges: tuple[str, ...]
    settings: Settings = NO_SETTINGS


# --- observed ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OvsQueue:
    """A row of OVSDB table Queue."""

    dscp: int | None = None
    other_config: Mapping[str, str] = field(default_factory=_empty)
    external_ids: Mapping[str, str] = field(default_factory=_empty)


@dataclass(frozen=True, slots=True)
class OvsQos:
    """A row of OVSDB table QoS with its queues by their numbers."""

    type: str
    other_config: Mapping[str, str] = field(default_factory=_empty)
    queues: Mapping[int, OvsQueue] = field(default_factory=_no_queues)
    external_ids: Mapping[str, str] = field(default_factory=_empty)
    row: str = field(default="", compare=False, repr=False)
    """UUID of the row that is there; a port that is made with it refers to that very row."""


@dataclass(frozen=True, slots=True)
class OvsMirror:
    """A row of OVSDB table Mirror; ports by name. Open vSwitch takes a reference to a port that
    goes out of the row by itself.
    """

    name: str
    select_all: bool = False
    select_src_port: frozenset[str] = frozenset()
    select_dst_port: frozenset[str] = frozenset()
    select_vlan: frozenset[int] = frozenset()
    output_port: str | None = None
    output_vlan: int | None = None
    snaplen: int | None = None
    external_ids: Mapping[str, str] = field(default_factory=_empty)


@dataclass(frozen=True, slots=True)
class OvsFlowExport:
    """A row of OVSDB table NetFlow, sFlow or IPFIX, which several bridges may share."""

    settings: Settings = NO_SETTINGS
    external_ids: Mapping[str, str] = field(default_factory=_empty)


@dataclass(frozen=True, slots=True, order=True)
class Stray:
    """Rows of table QoS or Queue that bear a mark and that nothing refers to: Open vSwitch keeps
    them for ever, and they have no effect.
    """

    table: str
    owner: str
    resource: str
