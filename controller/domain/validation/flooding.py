"""Explicit tunnels and patches must not close a circle: a flooded frame would go round it for ever.

The flooding graph has a node for each VLAN of each bridge at which a tunnel or patch ends, and of
each outside VTEP, which is taken to forward between all tunnels that end at it. A bridge of a group
is another one on each host. A tunnel or patch is an edge; one that carries many VLANs at both ends
is an edge for each. Without a circle, every frame reaches every node once at most. Only VLANs that
some of them name need nodes of their own, and of those that all trunks treat alike one will do: all
others have the edges that untagged frames have, or fewer.

A segment is one node, on all of its hosts at once: within itself it gives each member one copy of
what is flooded (``controller.domain.topology``). It is joined to a bridge by a port of type patch,
its provider attachment. What is connected beyond the devices that ports of the types system and
bond take, nobody here can know; ``topology`` allows one attachment of a segment for that reason.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple, TypeAlias

from controller.domain.intent import Kind, PortSpec, Ref, Spec, TunnelEnd, TunnelSpec
from controller.domain.settings import PatchSpec, PortSettings
from controller.domain.validation.after import After
from controller.domain.validation.faults import Faults
from controller.domain.validation.touched import outsides
from controller.domain.validation.world import BridgeAt, Draft, Outside, Place

_UNTAGGED = 0


class Node(NamedTuple):
    place: Place
    vlan: int


Edge: TypeAlias = tuple[Node, Node]


class _End(NamedTuple):
    place: Place
    tag: int | None
    """None: a trunk. 0: what has no VLAN alone."""
    trunks: frozenset[int] = frozenset()
    """Empty: every VLAN."""

    def passes(self, vlan: int) -> bool:
        return not self.trunks or vlan in self.trunks


Link: TypeAlias = tuple[_End, _End]


def check_flooding(after: After, faults: Faults) -> None:
    """Refuse each new tunnel or patch that closes a circle, and name the circle in its order."""
    if not any(link_of(ref, draft.spec) for ref, draft in after.drafts.items()):
        return
    joining = {entry.ref: entry for entry in after.joining()}
    links = links_of((ref, entry.spec) for ref, entry in joining.items())
    vlans = vlans_of(end for _, link in links for end in link)
    forest = Forest()
    # What exists is free of circles, so with it laid first something new is always what closes one.
    for ref, link in sorted(links, key=lambda found: _order(joining[found[0]])):
        entry = joining[ref]
        circles = [c for edge in edges_of(link, vlans) if (c := forest.lay(edge, ref))]
        if circles and joins_anew(entry):
            faults.conflict(
                f"{entry.pointer}/spec/{where_joined(entry.ref)}",
                "flooding_loop",
                f"{entry.ref.kind} {entry.ref.name!r} closes a circle in which flooded frames would"
                f" go round for ever: {tell(circles[0])}",
                "leave out or delete something of the circle, or set the 'tag' of its ends to VLANs"
                " that the others do not connect",
            )


def where_joined(ref: Ref) -> str:
    """Name the field that says what is joined."""
    return "ends" if ref.kind is Kind.TUNNEL else "patch"


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


def joins_anew(entry: Draft) -> bool:
    """Tell whether it joins what it did not join before; a patch can be moved and retagged."""
    link = link_of(entry.ref, entry.spec)
    before = entry.current and link_of(entry.ref, entry.current.spec)
    return link is not None and link != before


def _order(entry: Draft) -> tuple[bool, Kind, str]:
    return joins_anew(entry), entry.ref.kind, entry.ref.name


def links_of(specs: Iterable[tuple[Ref, Spec]]) -> list[tuple[Ref, Link]]:
    return [(ref, link) for ref, spec in specs if (link := link_of(ref, spec)) is not None]


def link_of(ref: Ref, spec: Spec) -> Link | None:
    """Return what a tunnel or patch joins, None when an end is not known well enough to tell."""
    match spec:
        case TunnelSpec(ends=(first, second)):
            places = _place(first, spec), _place(second, spec)
            if places[0] is not None and places[1] is not None:
                return _End(places[0], first.tag), _End(places[1], second.tag)
        case PortSpec(host=str(host), settings=PortSettings(patch=PatchSpec() as patch)):
            far = _End(BridgeAt(host, patch.bridge), patch.tag)
            if spec.bridge is not None:
                trunks = frozenset(spec.settings.trunks)
                return _End(BridgeAt(host, spec.bridge), spec.tag, trunks), far
            if spec.segment is not None:
                return _End(Ref(Kind.SEGMENT, ref.project, spec.segment), _UNTAGGED), far
    return None


def vlans_of(ends: Iterable[_End]) -> tuple[int, ...]:
    found = list(ends)
    tags = {end.tag for end in found if end.tag is not None}
    trunks = {end.trunks for end in found if end.trunks}
    alike: dict[frozenset[frozenset[int]], int] = {}
    for vlan in sorted({vlan for each in trunks for vlan in each} - tags):
        alike.setdefault(frozenset(each for each in trunks if vlan in each), vlan)
    return tuple(sorted({_UNTAGGED, *tags, *alike.values()}))


def edges_of(link: Link, vlans: Iterable[int]) -> Iterator[Edge]:
    first, second = link
    if first.tag is None and second.tag is None:
        for vlan in vlans:
            if first.passes(vlan) and second.passes(vlan):
                yield Node(first.place, vlan), Node(second.place, vlan)
    elif all(end.tag is not None or end.passes(_UNTAGGED) for end in link):
        # What comes out of an access end has no tag, and without one it enters the other end.
        yield (
            Node(first.place, first.tag or _UNTAGGED),
            Node(second.place, second.tag or _UNTAGGED),
        )


def _place(end: TunnelEnd, spec: TunnelSpec) -> Place | None:
    if end.host is None:
        return next(outsides(spec), None)
    return None if end.bridge is None else BridgeAt(end.host, end.bridge)


class Forest:
    """The graph laid so far, without the edges that would have closed a circle."""

    def __init__(self) -> None:
        self._parents: dict[Node, Node] = {}
        self._edges: dict[Node, list[tuple[Node, Ref]]] = {}

    def lay(self, edge: Edge, of: Ref) -> list[Node | Ref]:
        """Add an edge of a tunnel or patch; the circle that it would close, from node to node."""
        start, end = edge
        roots = self._root(start), self._root(end)
        if roots[0] == roots[1]:
            return [*self._path(start, end), of]
        self._parents[roots[0]] = roots[1]
        self._edges.setdefault(start, []).append((end, of))
        self._edges.setdefault(end, []).append((start, of))
        return []

    def _root(self, node: Node) -> Node:
        while (parent := self._parents.get(node, node)) != node:
            self._parents[node] = self._parents.get(parent, parent)
            node = parent
        return node

    def _path(self, start: Node, end: Node) -> list[Node | Ref]:
        """Return the one way between two connected nodes."""
        came: dict[Node, tuple[Node, Ref]] = {}
        queue = deque([end])
        while start not in came and queue:
            node = queue.popleft()
            for neighbour, tunnel in self._edges.get(node, ()):
                if neighbour not in came and neighbour != end:
                    came[neighbour] = (node, tunnel)
                    queue.append(neighbour)
        path: list[Node | Ref] = [start]
        node = start
        while node != end:
            node, tunnel = came[node]
            path += [tunnel, node]
        return path


def tell(circle: list[Node | Ref]) -> str:
    words = [_name(step) for step in circle]
    return f"{' - '.join(words)} - and back to {words[0]}"


def _name(step: Node | Ref) -> str:
    if isinstance(step, Ref):
        return f"{step.kind} {step.name!r}"
    if isinstance(step.place, Ref):
        return f"Segment {step.place.name!r}"
    if isinstance(step.place, Outside):
        return f"the outside VTEP {step.place.ip} with key {step.place.key}"
    vlan = f"VLAN {step.vlan}" if step.vlan else "untagged"
    return f"Bridge {step.place.bridge!r} on host {step.place.host!r} ({vlan})"
