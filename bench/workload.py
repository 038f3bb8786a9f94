"""What is put into Open vSwitch: the same rows as intent for ovsfleet and as rows for its peers."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

HOST = "h1"
BRIDGE = "bench"
"""Of ovsfleet's bridge in intent, and its device's name."""
PORT_MTU = 1400


class Kind(enum.StrEnum):
    VXLAN = "vxlan"
    """Tunnels from one bridge to as many VTEPs outside of the fleet."""
    INTERNAL = "internal"
    """Devices of the host, each a port of one bridge."""


@dataclass(frozen=True, slots=True)
class Row:
    """A Port with its Interface (ovs-vswitchd.conf.db(5))."""

    name: str
    type: str
    options: Mapping[str, str] = field(default_factory=dict)
    mtu: int = 0
    tag: int = 0


def rows(kind: Kind, count: int, vtep: str, first: int = 0) -> list[Row]:
    return [_row(kind, number, vtep) for number in range(first, first + count)]


def _row(kind: Kind, number: int, vtep: str) -> Row:
    if kind is Kind.INTERNAL:
        return Row(f"peer{number}", "internal", mtu=PORT_MTU)
    options = {
        "remote_ip": remote_ip(number),
        "local_ip": vtep,
        "key": str(key(number)),
        "dst_port": "4789",
    }
    return Row(f"peer{number}", "vxlan", options)


def remote_ip(number: int) -> str:
    """An address of 198.19.0.0/16, for benchmarks (RFC 2544): nothing is there."""
    return f"198.19.{1 + number // 250}.{1 + number % 250}"


def key(number: int) -> int:
    return 1_000_000 + number


def bridge(datapath_type: str) -> dict[str, Any]:
    return {
        "kind": "Bridge",
        "metadata": {"name": BRIDGE},
        "spec": {"host": HOST, "interface": BRIDGE, "datapath_type": datapath_type},
    }


def objects(kind: Kind, count: int, first: int = 0) -> list[dict[str, Any]]:
    """The manifests that make the rows of the same numbers."""
    make = _port if kind is Kind.INTERNAL else _tunnel
    return [make(number) for number in range(first, first + count)]


def _port(number: int) -> dict[str, Any]:
    spec = {"host": HOST, "bridge": BRIDGE, "interface": f"ours{number}", "mtu": PORT_MTU}
    return {"kind": "Port", "metadata": {"name": f"ours{number}"}, "spec": spec}


def _tunnel(number: int) -> dict[str, Any]:
    ends = [{"host": HOST, "bridge": BRIDGE}, {"ip": remote_ip(number)}]
    return {
        "kind": "Tunnel",
        "metadata": {"name": f"ours{number}"},
        "spec": {"ends": ends, "key": key(number)},
    }
