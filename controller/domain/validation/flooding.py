"""Explicit tunnels must not close a circle: a flooded frame would go round it for ever.

The flooding graph has a node for each VLAN of each bridge at which a tunnel ends, and of each
outside VTEP, which is taken to forward between all tunnels that end at it. A tunnel is an edge; one
that carries all VLANs at both ends is an edge for each VLAN. Without a circle, every frame reaches
every node once at most. Only VLANs that some tunnel names need nodes of their own: all others have
the edges that untagged frames have, or fewer. Segments are not in it: their meshes live on bridges
of their own.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple, TypeAlias

from controller.domain.intent import Kind, Ref, TunnelEnd, TunnelSpec
from controller.domain.validation.after import After
from controller.domain.validation.faults import Faults
from controller.domain.validation.world import Draft, Outside, Place, outsides

_UNTAGGED = 0


class _Node(NamedTuple):
    place: str | Outside
    """Name of a bridge, or an outside VTEP."""
    vlan: int


_Edge: TypeAlias = tuple[_Node, _Node]


def check_flooding(after: After, faults: Faults) -> None:
    """Refuse each new tunnel that closes a circle, and name the circle in its order."""
    if not any(ref.kind is Kind.TUNNEL for ref in after.drafts):
        return
    vlans = _vlans(spec for _, spec in after.tunnels())
    forest = _Forest()
    # What exists is free of circles, so with it laid first a new tunnel is always what closes one.
    for entry, spec in sorted(after.tunnels(), key=lambda found: _order(found[0])):
        circles = [c for edge in _edges(spec, vlans) if (c := forest.lay(edge, entry.ref))]
        if circles and entry.current is None:
            faults.conflict(
                f"{entry.pointer}/spec/ends",
                "flooding_loop",
                f"Tunnel {entry.ref.name!r} closes a circle in which flooded frames would go round"
                f" for ever: {_tell(circles[0])}",
                "leave out or delete a tunnel of the circle, or set the 'tag' of its ends to VLANs"
                " that the others do not connect",
            )


def inner_places(
    links: Iterable[tuple[Place, Place]], inhabited: Collection[Place]
) -> frozenset[Place]:
    """Return the ends of those new links that can be a part of a circle.

    One that leads to where no other link and no tunnel ends (``inhabited`` are the places at which
    some tunnel ends already) is in no circle, nor is one that then leads to such a place, and so
    on. Most tunnels are like that, so that their proof needs nothing of what is there."""
    left = list(links)
    while True:
        ends = Counter(place for link in left for place in link)
        inner = [
            link for link in left if all(place in inhabited or ends[place] > 1 for place in link)
        ]
        if len(inner) == len(left):
            return frozenset(ends)
        left = inner


def _order(entry: Draft) -> tuple[bool, str]:
    return entry.current is None, entry.ref.name


def _vlans(tunnels: Iterable[TunnelSpec]) -> tuple[int, ...]:
    tags = {end.tag for spec in tunnels for end in spec.ends if end.tag is not None}
    return (_UNTAGGED, *sorted(tags))


def _edges(spec: TunnelSpec, vlans: Iterable[int]) -> Iterator[_Edge]:
    """Yield what a tunnel connects; nothing when an end is not known well enough to tell."""
    first, second = (_place(end, spec) for end in spec.ends)
    if first is None or second is None:
        return
    tags = [end.tag for end in spec.ends]
    if tags == [None, None]:
        for vlan in vlans:
            yield _Node(first, vlan), _Node(second, vlan)
    else:
        # What comes out of an access end has no tag, and without one it enters the other end.
        yield _Node(first, tags[0] or _UNTAGGED), _Node(second, tags[1] or _UNTAGGED)


def _place(end: TunnelEnd, spec: TunnelSpec) -> str | Outside | None:
    return end.bridge if end.host is not None else next(outsides(spec), None)


class _Forest:
    """The graph laid so far, without the edges that would have closed a circle."""

    def __init__(self) -> None:
        self._parents: dict[_Node, _Node] = {}
        self._edges: dict[_Node, list[tuple[_Node, Ref]]] = {}

    def lay(self, edge: _Edge, tunnel: Ref) -> list[_Node | Ref]:
        """Add an edge; the circle that it would close, from node to tunnel to node, if any."""
        start, end = edge
        roots = self._root(start), self._root(end)
        if roots[0] == roots[1]:
            return [*self._path(start, end), tunnel]
        self._parents[roots[0]] = roots[1]
        self._edges.setdefault(start, []).append((end, tunnel))
        self._edges.setdefault(end, []).append((start, tunnel))
        return []

    def _root(self, node: _Node) -> _Node:
        while (parent := self._parents.get(node, node)) != node:
            self._parents[node] = self._parents.get(parent, parent)
            node = parent
        return node

    def _path(self, start: _Node, end: _Node) -> list[_Node | Ref]:
        """Return the one way between two connected nodes."""
        came: dict[_Node, tuple[_Node, Ref]] = {}
        queue = deque([end])
        while start not in came and queue:
            node = queue.popleft()
            for neighbour, tunnel in self._edges.get(node, ()):
                if neighbour not in came and neighbour != end:
                    came[neighbour] = (node, tunnel)
                    queue.append(neighbour)
        path: list[_Node | Ref] = [start]
        node = start
        while node != end:
            node, tunnel = came[node]
            path += [tunnel, node]
        return path


def _tell(circle: list[_Node | Ref]) -> str:
    words = [_name(step) for step in circle]
    return f"{' - '.join(words)} - and back to {words[0]}"


def _name(step: _Node | Ref) -> str:
    if isinstance(step, Ref):
        return f"Tunnel {step.name!r}"
    if isinstance(step.place, Outside):
        return f"the outside VTEP {step.place.ip} with key {step.place.key}"
    vlan = f"VLAN {step.vlan}" if step.vlan else "untagged"
    return f"Bridge {step.place!r} ({vlan})"
