"""Where copies of a flooded frame get to over explicit tunnels, told from what hosts are told.

It knows nothing of intent or of its rules: it takes compiled states, finds the far end of a tunnel
as a vswitchd would (by addresses, key and UDP port), and walks every copy with the VLAN rules of
ovs-vswitchd.conf.db(5). An outside VTEP repeats what it gets into every other tunnel that it has.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from ovsfleet.v1 import state_pb2

_UNNAMED_VLAN = 4001
"""A VLAN that no tunnel names."""


class Place(NamedTuple):
    host: str
    bridge: str
    vlan: int
    """0: untagged."""


@dataclass(frozen=True)
class _End:
    host: str
    bridge: str
    tag: int
    addresses: tuple[str, str, int, int]
    """Local and remote IP, key and UDP port."""

    def leave(self, vlan: int) -> int | None:
        """Return the tag on the wire of a frame that the bridge floods here; None: it does not."""
        if self.tag:
            return 0 if vlan == self.tag else None
        return vlan

    def enter(self, wire_tag: int) -> Place | None:
        """Return where a frame from the wire gets to; None when it is dropped."""
        if self.tag:
            return None if wire_tag else Place(self.host, self.bridge, self.tag)
        return Place(self.host, self.bridge, wire_tag)


class Wiring:
    def __init__(self, parts: Iterable[state_pb2.HostPart]) -> None:
        self._ends = [
            _End(part.host_uid, t.bridge, t.tag, (t.local_ip, t.remote_ip, t.vni, t.dst_port))
            for part in parts
            for t in part.tunnels
        ]
        self._at: dict[tuple[str, str], list[_End]] = defaultdict(list)
        self._towards: dict[tuple[str, int, int], list[_End]] = defaultdict(list)
        for end in self._ends:
            self._at[end.host, end.bridge].append(end)
            self._towards[end.addresses[1:]].append(end)
        self._by_addresses = {end.addresses: end for end in self._ends}

    def frame_comes_twice(self) -> bool:
        """Whether some frame, sent somewhere, gets to some bridge and VLAN a second time."""
        vlans = {0, _UNNAMED_VLAN, *(end.tag for end in self._ends)}
        starts = {Place(end.host, end.bridge, vlan) for end in self._ends for vlan in vlans}
        return any(self._comes_twice(start) for start in starts)

    def _comes_twice(self, start: Place) -> bool:
        seen = {start}
        copies: deque[tuple[Place, _End | None]] = deque([(start, None)])
        while copies:
            place, came_by = copies.popleft()
            for end in self._at[place.host, place.bridge]:
                wire_tag = end.leave(place.vlan)
                if end is came_by or wire_tag is None:
                    continue
                for far in self._far_ends(end):
                    arrived = far.enter(wire_tag)
                    if arrived in seen:
                        return True
                    if arrived is not None:
                        seen.add(arrived)
                        copies.append((arrived, far))
        return False

    def _far_ends(self, end: _End) -> Iterator[_End]:
        local, remote, key, dst_port = end.addresses
        partner = self._by_addresses.get((remote, local, key, dst_port))
        if partner is not None:
            yield partner
        else:
            repeated = self._towards[remote, key, dst_port]
            yield from (other for other in repeated if other is not end)
