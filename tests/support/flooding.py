"""Where a broadcast goes in a fabric of hosts: the flooding of NORMAL, followed copy by copy.

Honours what the planner relies on: access tags, trunks, ``protected``, and that a tunnel's packet
is taken only by the tunnel with the mirrored identity.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agent.model import ObservedState, OvsBridge, OvsPort
from agent.planner.claims import TunnelKey, tunnel_key

MAX_COPIES = 10_000
"""More copies than any loop-free fabric of a test can make."""


@dataclass(frozen=True, slots=True)
class Place:
    """A port of a bridge of a host."""

    host: str
    bridge: str
    port: str


class LoopError(AssertionError):
    """The flood does not end."""


def flood(fabric: Mapping[str, ObservedState], source: Place) -> Counter[Place]:
    """How many copies of a broadcast sent into ``source`` each other port puts out."""
    copies: Counter[Place] = Counter()
    queue = deque([(source, _port(fabric, source).tag or 0)])
    while queue:
        ingress, vlan = queue.popleft()
        bridge = fabric[ingress.host].bridges[ingress.bridge]
        for port in _egress(bridge, ingress.port, vlan):
            place = Place(ingress.host, ingress.bridge, port.name)
            copies[place] += 1
            queue.extend(_arrivals(fabric, ingress.host, port))
        if copies.total() > MAX_COPIES:
            raise LoopError(f"a broadcast into {source} loops")
    return copies


def _egress(bridge: OvsBridge, ingress: str, vlan: int) -> Iterator[OvsPort]:
    entry = next(port for port in bridge.ports if port.name == ingress)
    for port in bridge.ports:
        if port is entry or (entry.protected and port.protected):
            continue
        if port.interfaces[0].ofport == -1:
            continue
        carries_all = port.tag is None and not port.trunks
        if carries_all or port.tag == vlan or vlan in port.trunks:
            yield port


def _arrivals(
    fabric: Mapping[str, ObservedState], host: str, egress: OvsPort
) -> Iterator[tuple[Place, int]]:
    sent = tunnel_key(egress.interfaces[0])
    if sent is None:
        return
    mirrored = TunnelKey(sent.local_ip, sent.remote_ip, sent.vni, sent.dst_port)
    for other, observed in fabric.items():
        if other != host:
            for bridge in observed.bridges.values():
                for port in bridge.ports:
                    if tunnel_key(port.interfaces[0]) == mirrored:
                        yield Place(other, bridge.name, port.name), port.tag or 0


def _port(fabric: Mapping[str, ObservedState], place: Place) -> OvsPort:
    ports = fabric[place.host].bridges[place.bridge].ports
    return next(port for port in ports if port.name == place.port)
