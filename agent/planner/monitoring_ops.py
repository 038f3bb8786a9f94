"""The steps that are written to the tables QoS, Queue, Mirror, NetFlow, sFlow and IPFIX.

As those of :mod:`agent.planner.ops`. Rows of these tables have no name of their own, so that each
step finds its row by the mark in ``external_ids``, which it also gives to what it makes. Rows of
ours are ours as a whole: a step writes all that it names, whatever is there; what it rests on is
that the row is ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from agent.monitoring import OvsFlowExport, OvsMirror, OvsQos

MirrorValue: TypeAlias = str | int | bool | frozenset[str] | frozenset[int] | None
"""Of a column of Mirror; ports by name, None is the empty set of an optional column."""


@dataclass(frozen=True, slots=True)
class SetQos:
    """Shape what a port sends as ``qos`` says: in place where the row is of that port already.

    None takes our QoS from it. A row that nobody refers to any more goes with its queues, as far
    as they are of the same mark. Must not be executed when the port's QoS is somebody else's.
    """

    resource: str
    bridge: str
    port: str
    external_ids: Mapping[str, str]
    qos: OvsQos | None

    def describe(self) -> str:
        if self.qos is None:
            return f"take the QoS from port {self.port}"
        queues = ", ".join(str(each) for each in self.qos.queues)
        with_queues = f" and queues {queues}" if queues else ""
        settings = "".join(f", {k} {v}" for k, v in sorted(self.qos.other_config.items()))
        return f"set QoS {self.qos.type} on port {self.port}{with_queues}{settings}"


@dataclass(frozen=True, slots=True)
class DeleteStrays:
    """Delete the QoS and Queue rows of this mark that nothing refers to."""

    resource: str
    external_ids: Mapping[str, str]

    def describe(self) -> str:
        return "delete rows of QoS and Queue that nothing refers to any more"


@dataclass(frozen=True, slots=True)
class AddMirror:
    """Insert a Mirror into ``bridge``; a port it names that is not there is left out."""

    resource: str
    bridge: str
    mirror: OvsMirror

    def describe(self) -> str:
        return f"create mirror {self.mirror.name} on bridge {self.bridge}{_to(self.mirror)}"


@dataclass(frozen=True, slots=True)
class SetMirror:
    """Write whole ``columns`` of the mirror on ``bridge``; ports as with ``AddMirror``."""

    resource: str
    bridge: str
    name: str
    external_ids: Mapping[str, str]
    columns: Mapping[str, MirrorValue]

    def describe(self) -> str:
        words = ", ".join(f"{name} {_value(self.columns[name])}" for name in sorted(self.columns))
        return f"change mirror {self.name}: {words}"


@dataclass(frozen=True, slots=True)
class DeleteMirror:
    """Take a Mirror of that name and mark out of ``bridge``."""

    resource: str
    bridge: str
    name: str
    external_ids: Mapping[str, str]

    def describe(self) -> str:
        return f"delete mirror {self.name} from bridge {self.bridge}"


@dataclass(frozen=True, slots=True)
class SetFlowExport:
    """Have all of ``bridges`` refer to one row of ``table`` that is as ``row``.

    Must not be executed when one of them has somebody else's.
    """

    resource: str
    table: str
    bridges: tuple[str, ...]
    row: OvsFlowExport

    def describe(self) -> str:
        targets = self.row.settings.columns.get("targets", ())
        where = f" to {', '.join(map(str, targets))}" if targets else ""
        return f"export flows of bridges {', '.join(self.bridges)} by {self.table}{where}"


@dataclass(frozen=True, slots=True)
class ClearFlowExport:
    """Take the row of this mark out of one bridge; it goes with the last that refers to it."""

    resource: str
    table: str
    bridge: str
    external_ids: Mapping[str, str]

    def describe(self) -> str:
        return f"no longer export flows of bridge {self.bridge} by {self.table}"


MonitoringOp: TypeAlias = (
    SetQos | DeleteStrays | AddMirror | SetMirror | DeleteMirror | SetFlowExport | ClearFlowExport
)


def mirror_columns(mirror: OvsMirror) -> dict[str, MirrorValue]:
    """All that a mirror is made of, by column."""
    return {column: getattr(mirror, column) for column in _MIRROR_COLUMNS}


_MIRROR_COLUMNS = (
    "name",
    "select_all",
    "select_src_port",
    "select_dst_port",
    "select_vlan",
    "output_port",
    "output_vlan",
    "snaplen",
)


def _to(mirror: OvsMirror) -> str:
    if mirror.output_port is not None:
        return f", to port {mirror.output_port}"
    return "" if mirror.output_vlan is None else f", to VLAN {mirror.output_vlan}"


def _value(value: MirrorValue) -> str:
    if value is None or value == frozenset():
        return "unset"
    if isinstance(value, frozenset):
        return ",".join(map(str, sorted(value)))
    return str(value).lower() if isinstance(value, bool) else str(value)
