"""A fleet's worth of intent: segments that every host has ports on, and the rows that they become.

Five segments, so that a host has a port of each segment for every fifth of its ports, and a tunnel
per segment and other host.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bench.workload import PORT_MTU, Row
from deploy.lab.lab import Lab
from deploy.lab.ovs import LabSwitch
from deploy.lab.topology import plan

_SEGMENTS = 5
_FIRST_VNI = 2_000_000


@contextmanager
def bare_hosts(count: int) -> Iterator[list[LabSwitch]]:
    lab = Lab(plan(count, 0))
    lab.clear()
    try:
        lab.start_hosts()
        yield list(lab.switches.values())
    finally:
        lab.clear()


@dataclass(frozen=True, slots=True)
class Mesh:
    hosts: int
    ports: int
    """Per host."""

    @property
    def tunnel_count(self) -> int:
        """Over all hosts, both ends of each."""
        return self.hosts * (self.hosts - 1) * _SEGMENTS

    def objects(self) -> list[dict[str, Any]]:
        segments = [
            {
                "kind": "Segment",
                "metadata": {"name": f"s{number}"},
                "spec": {"backend": "ovs", "vni": _FIRST_VNI + number, "mtu": PORT_MTU},
            }
            for number in range(_SEGMENTS)
        ]
        ports = [
            _port(f"h{host}", number)
            for host in range(1, self.hosts + 1)
            for number in range(self.ports)
        ]
        return [*segments, *ports]

    def one_more(self, number: int) -> dict[str, Any]:
        return _port("h1", self.ports + number)

    def rows(self, index: int) -> list[Row]:
        """What one host needs; ``index`` counts from 0."""
        return [*self._tunnels(index), *(_row(number) for number in range(self.ports))]

    def more_rows(self, count: int) -> list[Row]:
        return [_row(self.ports + number) for number in range(count)]

    def _tunnels(self, index: int) -> Iterator[Row]:
        addresses = [host.vtep for host in plan(self.hosts, 0).hosts]
        for number in range(_SEGMENTS):
            for remote, address in enumerate(addresses):
                if remote != index:
                    options = {
                        "remote_ip": address,
                        "local_ip": addresses[index],
                        "key": str(_FIRST_VNI + number),
                        "dst_port": "4789",
                    }
                    yield Row(f"t{number}-{remote}", "vxlan", options, tag=1 + number)


def _row(number: int) -> Row:
    return Row(f"p{number}", "internal", mtu=PORT_MTU, tag=1 + number % _SEGMENTS)


def _port(host: str, number: int) -> dict[str, Any]:
    spec = {"host": host, "segment": f"s{number % _SEGMENTS}", "interface": f"p{number}"}
    return {"kind": "Port", "metadata": {"name": f"{host}-p{number}"}, "spec": spec}
