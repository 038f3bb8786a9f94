"""The world as the change would leave it: what the rules between objects look at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from controller.domain.definitions import MirrorSpec
from controller.domain.intent import (
    DEFAULT_PROJECT,
    DEFINITIONS,
    BridgeSpec,
    HostSpec,
    Kind,
    Object,
    PortSpec,
    Ref,
    Removal,
    SegmentSpec,
    Spec,
    TunnelSpec,
)
from controller.domain.validation.faults import listing
from controller.domain.validation.group_members import GroupMembers
from controller.domain.validation.presences import presences
from controller.domain.validation.references import bridges_at, references, watched_by
from controller.domain.validation.world import BridgeAt, Draft, Elsewhere, World

_SpecT = TypeVar("_SpecT", bound=Spec)


class After:
    """Every loaded object at its new version, without the deleted ones. Read-only once built."""

    def __init__(
        self, world: World, drafts: Mapping[Ref, Draft], removals: Mapping[Ref, Removal]
    ) -> None:
        self.world = world
        self.drafts = {each.ref: each for draft in drafts.values() for each in presences(draft)}
        """What the request writes; like ``entries``, twice what is on two hosts."""
        self.removals = removals
        """What the request deletes, all of it existing."""
        before = [e for found in world.objects.values() for e in presences(_as_it_is(found))]
        gone = {e.ref for e in before if e.current is not None and _is_gone(e, drafts, removals)}
        self.entries = {entry.ref: entry for entry in before if entry.ref not in gone}
        self.entries.update(self.drafts)
        self.groups = GroupMembers(self.entries.values())
        """Who is in which HostGroup after the change."""
        self.groups_before = GroupMembers(before)
        self._hosts_before = _members(filter(self._is_near, before))
        self._ports_by_segment: dict[Ref, list[Draft]] = defaultdict(list)
        self._referring: dict[Ref, list[Draft]] = defaultdict(list)
        self._by_host: dict[str, list[Draft]] = defaultdict(list)
        self._at_bridge: dict[str, dict[str, list[Draft]]] = defaultdict(dict)
        self._ports_by_bridge: dict[BridgeAt, list[tuple[Draft, PortSpec]]] = defaultdict(list)
        for entry in self.entries.values():
            self._index(entry)

    def _index(self, entry: Draft) -> None:
        for ref in _referred(entry):
            self._referring[ref].append(entry)
        spec = entry.spec
        if isinstance(spec, BridgeSpec | PortSpec | MirrorSpec) and spec.host is not None:
            self._by_host[spec.host].append(entry)
        if isinstance(spec, PortSpec) and spec.bridge is not None and spec.host is not None:
            self._ports_by_bridge[BridgeAt(spec.host, spec.bridge)].append((entry, spec))
        if isinstance(entry.spec, TunnelSpec):
            for host in {end.host for end in entry.spec.ends if end.host is not None}:
                self._by_host[host].append(entry)
        for host, bridge in bridges_at(spec):
            self._at_bridge[bridge].setdefault(host, []).append(entry)
        if (segment := segment_ref(entry)) is not None and self._is_near(entry):
            self._ports_by_segment[segment].append(entry)

    def _is_near(self, entry: Draft) -> bool:
        """Tell whether a port is on a touched host, or plugged nowhere; others are in ``elsewhere``
        already."""
        near = self.world.hosts
        if near is None or not isinstance(entry.spec, PortSpec):
            return True
        return entry.spec.host is None or entry.spec.host in near

    def listing(self, refs: Iterable[Ref], total: int | None = None) -> str:
        return listing(refs, total, self.world.within)

    def host(self, name: str | None) -> HostSpec | None:
        return self._spec(Ref(Kind.HOST, DEFAULT_PROJECT, name), HostSpec) if name else None

    def bridge(self, name: str) -> BridgeSpec | None:
        return self._spec(Ref(Kind.BRIDGE, DEFAULT_PROJECT, name), BridgeSpec)

    def is_on(self, bridge: BridgeSpec, host: str | None) -> bool:
        """Tell whether a bridge is on a loaded host: its own, or one of its group."""
        return self.groups.has(bridge, host)

    def segment(self, ref: Ref) -> SegmentSpec | None:
        return self._spec(ref, SegmentSpec)

    def _spec(self, ref: Ref, spec_type: type[_SpecT]) -> _SpecT | None:
        entry = self.entries.get(ref)
        return entry.spec if entry and isinstance(entry.spec, spec_type) else None

    def referring_to(self, definition: Ref) -> list[Draft]:
        """Return what refers to a definition, or to a port or segment as a mirror does, that the
        request names."""
        return self._referring.get(definition, [])

    def on_host(self, name: str) -> list[Draft]:
        """Return the bridges, ports, tunnels and mirrors of a touched host, without the bridges
        that it has as one of a group."""
        return self._by_host.get(name, [])

    def at_bridge(self, name: str) -> Mapping[str, list[Draft]]:
        """Return, by host, the ports and mirrors on a bridge and the tunnels that end at it."""
        return self._at_bridge.get(name, {})

    def ports_at(self, bridge: BridgeAt) -> list[tuple[Draft, PortSpec]]:
        """Return the ports alone, without far ends of patches: every tunnel of a bridge asks for
        them."""
        return self._ports_by_bridge.get(bridge, [])

    def hosts(self) -> Iterator[tuple[str, HostSpec]]:
        for entry in self.entries.values():
            if isinstance(entry.spec, HostSpec):
                yield entry.ref.name, entry.spec

    def tunnels(self) -> Iterator[tuple[Draft, TunnelSpec]]:
        for entry in self.entries.values():
            if isinstance(entry.spec, TunnelSpec):
                yield entry, entry.spec

    def joining(self) -> list[Draft]:
        """Return what joins bridges: the tunnels, and the ports that are patches."""
        return [entry for entry in self.entries.values() if _joins(entry.spec)]

    def written_host(self, name: str | None) -> Draft | None:
        """Return the host's draft, when the request writes the host itself."""
        return self.drafts.get(Ref(Kind.HOST, DEFAULT_PROJECT, name)) if name else None

    def ports_of(self, segment: Ref) -> list[tuple[Draft, PortSpec]]:
        """Return the segment's ports on touched hosts, and those of the request on none."""
        found = self._ports_by_segment.get(segment, [])
        return [(port, port.spec) for port in found if isinstance(port.spec, PortSpec)]

    def plugged(self, segment: Ref) -> list[tuple[Draft, str]]:
        """Return the segment's ports on touched hosts, each with its host."""
        return [(port, spec.host) for port, spec in self.ports_of(segment) if spec.host is not None]

    def hosts_before(self, segment: Ref) -> set[str]:
        """Name the touched hosts that had a port on the segment before the change."""
        return self._hosts_before.get(segment, set())

    def elsewhere(self, segment: Ref) -> Elsewhere:
        """Return the segment's ports on hosts that the change does not touch."""
        found = self.world.objects.get(segment)
        return self.world.elsewhere.get(found.uid, Elsewhere()) if found else Elsewhere()

    def before(self, ref: Ref) -> Draft:
        """Return an existing object as it was before the change."""
        return _as_it_is(self.world.objects[Ref(ref.kind, ref.project, ref.name)])

    def touched_segments(self) -> Iterator[tuple[Ref, SegmentSpec]]:
        """Yield the segments whose own spec, ports or member hosts the request writes."""
        refs = {ref for ref in self.drafts if ref.kind is Kind.SEGMENT}
        refs |= {s for draft in self.drafts.values() if (s := segment_ref(draft)) is not None}
        for draft in self.drafts.values():
            if isinstance(draft.spec, HostSpec):
                neighbours = self.on_host(draft.ref.name)
                refs |= {s for port in neighbours if (s := segment_ref(port)) is not None}
        for ref in sorted(refs, key=lambda r: (r.project, r.name)):
            if (spec := self.segment(ref)) is not None:
                yield ref, spec


def _referred(entry: Draft) -> Iterator[Ref]:
    yield from (ref for ref in references(entry.ref, entry.spec) if ref.kind in DEFINITIONS)
    if isinstance(entry.spec, MirrorSpec):
        yield from watched_by(entry.spec)


def _joins(spec: Spec) -> bool:
    if isinstance(spec, PortSpec):
        return spec.settings.patch is not None
    return isinstance(spec, TunnelSpec)


def _is_gone(entry: Draft, drafts: Mapping[Ref, Draft], removals: Mapping[Ref, Removal]) -> bool:
    """Tell whether the request deletes what an entry stands for, or writes it anew."""
    ref = entry.current.ref if entry.current else entry.ref
    return ref in drafts or ref in removals


def _as_it_is(found: Object) -> Draft:
    return Draft(found.ref, found.spec, found.labels, pointer="", current=found)


def _members(entries: Iterable[Draft]) -> dict[Ref, set[str]]:
    """Name the hosts that have a port on a segment, by segment."""
    members: dict[Ref, set[str]] = defaultdict(set)
    for entry in entries:
        segment = segment_ref(entry)
        if segment is not None and isinstance(entry.spec, PortSpec) and entry.spec.host:
            members[segment].add(entry.spec.host)
    return members


def segment_ref(entry: Draft) -> Ref | None:
    """Return the segment that an entry is a port of."""
    if isinstance(entry.spec, PortSpec) and entry.spec.segment is not None:
        return Ref(Kind.SEGMENT, entry.ref.project, entry.spec.segment)
    return None
