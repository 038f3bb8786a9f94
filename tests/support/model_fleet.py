"""A fleet's intent in memory, for the pure core's tests: what the store does, in plain Python.

It loads exactly what ``wanted`` asks for and nothing else, so that a rule that needs more is found.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import UUID

from controller.domain.allocation import choose_local_vlan
from controller.domain.host_intent import Departed, HostIntent, SegmentIntent, TunnelIntent
from controller.domain.intent import (
    DEFAULT_PROJECT,
    Backend,
    BridgeSpec,
    BridgeType,
    HostSpec,
    Kind,
    Manifest,
    Object,
    PortSpec,
    Ref,
    Removal,
    SegmentSpec,
    Spec,
    TunnelEnd,
    TunnelSpec,
    segment_backend,
)
from controller.domain.topology import ArpMode
from controller.domain.validation import (
    Draft,
    Lingering,
    Planned,
    Wanted,
    World,
    named,
    plan_change,
    wanted,
)
from controller.domain.validation.binding import all_placed, iface_ids
from controller.domain.validation.meshes import tunnels_of
from controller.domain.validation.references import references
from tests.support.elsewhere import elsewhere, has_ovs
from tests.support.free_values import free_values
from tests.support.group_slice import members, spread
from tests.support.relinked import relinked
from tests.support.world_slice import hosts_of, segment_of, segments_on, slice_of

FLEET_UID = UUID(int=0xF1EE7)
EPOCH_START = datetime(2026, 1, 1, tzinfo=UTC)


def host(name: str, *vteps: str, **fields: object) -> Manifest:
    return manifest(Kind.HOST, name, replace(HostSpec(vteps=vteps), **fields))  # type: ignore[arg-type]


def bridge(name: str, on: str, **fields: object) -> Manifest:
    spec = BridgeSpec(host=on, interface=name[:15])
    return manifest(Kind.BRIDGE, name, replace(spec, **fields))  # type: ignore[arg-type]


def segment(name: str, **fields: object) -> Manifest:
    return manifest(Kind.SEGMENT, name, replace(SegmentSpec(), **fields))  # type: ignore[arg-type]


def port(name: str, on: str, **fields: object) -> Manifest:
    spec = PortSpec(host=on, interface=name[:15])
    return manifest(Kind.PORT, name, replace(spec, **fields))  # type: ignore[arg-type]


def tunnel(name: str, *ends: TunnelEnd, **fields: object) -> Manifest:
    first, second = ends
    return manifest(Kind.TUNNEL, name, replace(TunnelSpec((first, second)), **fields))  # type: ignore[arg-type]


def manifest(kind: Kind, name: str, spec: Spec) -> Manifest:
    return Manifest(Ref(kind, DEFAULT_PROJECT, name), spec)


def removal(kind: Kind, name: str) -> Removal:
    return Removal(Ref(kind, DEFAULT_PROJECT, name))


def pointed(manifests: Sequence[Manifest]) -> list[Manifest]:
    """Give each manifest its place in an ``apply`` request."""
    return [replace(m, pointer=f"/objects/{i}") for i, m in enumerate(manifests)]


@dataclass
class ModelFleet:
    """Current objects and the history that ``removed`` is derived from."""

    objects: dict[Ref, Object] = field(default_factory=dict)
    revision: int = 0
    _uids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _closed: list[tuple[int, Object]] = field(default_factory=list)
    _vlans: dict[UUID, dict[UUID, int]] = field(default_factory=lambda: defaultdict(dict))

    def apply(self, *manifests: Manifest) -> Planned:
        return self.commit(pointed(manifests), [])

    def delete(self, *removals: Removal) -> Planned:
        return self.commit([], removals)

    def commit(self, manifests: Sequence[Manifest], removals: Sequence[Removal]) -> Planned:
        planned = plan_change(self.world(manifests, removals), manifests, removals)
        if not planned.is_empty:
            self.revision += 1
            for draft in planned.creates + planned.updates:
                self._write(draft)
            for gone in planned.deletes:
                self._closed.append((self.revision, self.objects.pop(gone.ref)))
        return planned

    def _write(self, draft: Draft) -> None:
        current = draft.current
        if current is not None:
            self._closed.append((self.revision, current))
        self.objects[draft.ref] = Object(
            kind=draft.ref.kind,
            uid=current.uid if current else UUID(int=next(self._uids)),
            project=draft.ref.project,
            name=draft.ref.name,
            spec=draft.spec,
            revision=self.revision,
            created_at=EPOCH_START,
            updated_at=EPOCH_START,
            labels=draft.labels,
        )

    def world(self, manifests: Sequence[Manifest], removals: Sequence[Removal]) -> World:
        """Load what ``wanted`` asks for, by the letter."""
        current = {r: self.objects[r] for r in named(manifests, removals) if r in self.objects}
        plugged = self._plugged(manifests)
        want = wanted(all_placed(manifests, current, plugged), removals, current)
        objects = {ref: self.objects[ref] for ref in slice_of(self.objects, want)}
        near = {ref.name for ref in want.hosts}
        targets = {ref.name for ref in want.host_targets}
        summed = want.segments | {s for o in objects.values() for s in segments_on(o, targets)}
        profiles = {ref for ref in want.targets if ref.kind is Kind.TUNNEL_PROFILE}
        summed |= {
            o.ref
            for o in objects.values()
            if o.kind is Kind.SEGMENT and profiles & {*references(o.ref, o.spec)}
        }
        taken, held = self._numbers(), self._held_keys()
        return World(
            objects=objects,
            elsewhere={
                self.objects[ref].uid: elsewhere(self.objects, ref, near, want)
                for ref in summed & objects.keys()
            },
            hosts=frozenset(near),
            vnis={vni: ref for vni, ref in taken.items() if vni in want.vnis},
            held_keys=held & want.vnis,
            **free_values(want, self.objects, taken.keys() | held),
            mesh_tunnels=self._mesh_tunnels(want),
            lingering=self._lingering(want),
            exporting=tuple(o.labels for o in self.of_kind(Kind.HOST) if has_ovs(o)),
            plugged=plugged,
        )

    def _plugged(self, manifests: Sequence[Manifest]) -> dict[str, tuple[str, ...]]:
        """An iface-id names the hosts that it is plugged on behind a colon, of those there are."""
        hosts = {found.name for found in self.of_kind(Kind.HOST)}
        return {
            each: tuple(name for name in each.partition(":")[2].split(",") if name in hosts)
            for each in iface_ids(m.spec for m in manifests)
        }

    def whole_world(self, manifests: Sequence[Manifest], removals: Sequence[Removal]) -> World:
        """Load everything there is."""
        plugged = self._plugged(manifests)
        want = wanted(all_placed(manifests, self.objects, plugged), removals, self.objects)
        taken, held = self._numbers(), self._held_keys()
        return World(
            objects=dict(self.objects),
            vnis=dict(taken),
            held_keys=held,
            **free_values(want, self.objects, taken.keys() | held),
            mesh_tunnels=self._mesh_tunnels(want),
            exporting=tuple(o.labels for o in self.of_kind(Kind.HOST) if has_ovs(o)),
            plugged=plugged,
        )

    def _numbers(self) -> dict[int, Ref]:
        found: dict[int, Ref] = {}
        for each in self.objects.values():
            match each.spec:
                case SegmentSpec(vni=int(number)) | TunnelSpec(key=int(number)):
                    found[number] = each.ref
        return found

    def _held_keys(self) -> frozenset[int]:
        """Keys of deleted tunnels: no host of this fleet ever confirms a removal to it."""
        specs = (o.spec for _, o in self._closed)
        return frozenset(s.key for s in specs if isinstance(s, TunnelSpec) and s.key is not None)

    def _mesh_tunnels(self, want: Wanted) -> dict[UUID, int]:
        growing = want.mesh_hosts | {host for host, _ in want.joins}
        hosts = [self.objects[ref] for ref in growing if ref in self.objects]
        return {owner.uid: self._mesh_ports(owner.name) for owner in hosts}

    def _mesh_ports(self, name: str) -> int:
        intents = [self._segment_intent(o.ref) for o in self.of_kind(Kind.SEGMENT)]
        found = [(each.segment.spec, {m.name for m in each.members}) for each in intents]
        return sum(
            tunnels_of(name, spec, members, len(members))
            for spec, members in found
            if isinstance(spec, SegmentSpec) and spec.backend is Backend.OVS and name in members
        )

    def _lingering(self, want: Wanted) -> dict[UUID, tuple[Lingering, ...]]:
        """Earlier versions: no host of this fleet ever confirms one to it."""
        found: dict[UUID, tuple[Lingering, ...]] = defaultdict(tuple)
        for _, closed in self._closed:
            if closed.ref in want.topologies and isinstance(closed.spec, SegmentSpec):
                found[closed.uid] += (Lingering(closed.spec),)
        return dict(found)

    def of_kind(self, kind: Kind) -> list[Object]:
        return [o for o in self.objects.values() if o.kind is kind]

    def ports(self) -> list[tuple[Object, PortSpec]]:
        return [(o, o.spec) for o in self.objects.values() if isinstance(o.spec, PortSpec)]

    def host_intent(self, name: str, *, confirmed: int = 0) -> HostIntent:
        """Slice the intent for the compiler, as ``services.desired`` does."""
        owner = self.objects[Ref(Kind.HOST, DEFAULT_PROJECT, name)]
        ports = tuple(o for o, s in self.ports() if name in s.hosts)
        refs = {ref for o in ports if (ref := segment_of(o)) is not None}
        segments = tuple(self._segment_intent(ref) for ref in sorted(refs, key=lambda r: r.name))
        return HostIntent(
            fleet_uid=FLEET_UID,
            fleet_epoch=1,
            revision=self.revision,
            host=owner,
            bridges=tuple(o for o in self.of_kind(Kind.BRIDGE) if name in self._bridged(o)),
            ports=ports,
            segments=segments,
            tunnels=tuple(self._tunnel_intents(name)),
            local_vlans=self._local_vlans(owner, segments),
            departed=self._departed(owner, confirmed),
            policies=self._named(Kind.QOS_POLICY),
            mirrors=tuple(o for o in self.of_kind(Kind.MIRROR) if name in hosts_of(o)),
            flow_exports=tuple(self.of_kind(Kind.FLOW_EXPORT)),
            host_groups=self._named(Kind.HOST_GROUP),
        )

    def _bridged(self, bridge: Object) -> set[str]:
        """Name the hosts that a bridge is on."""
        assert isinstance(bridge.spec, BridgeSpec)
        return hosts_of(bridge) | members(self.objects, bridge.spec.host_group)

    def _named(self, kind: Kind) -> dict[str, Object]:
        return {found.name: found for found in self.of_kind(kind)}

    def _segment_intent(self, ref: Ref) -> SegmentIntent:
        names = sorted({name for o, s in self.ports() if segment_of(o) == ref for name in s.hosts})
        found = self.objects[ref]
        members = tuple(self.objects[Ref(Kind.HOST, DEFAULT_PROJECT, name)] for name in names)
        assert isinstance(found.spec, SegmentSpec)
        profile = Ref(Kind.TUNNEL_PROFILE, DEFAULT_PROJECT, found.spec.tunnel_profile or "")
        return SegmentIntent(
            segment=found,
            members=members,
            macs=self._macs(found, members),
            profile=self.objects.get(profile),
            neighbours=self._neighbours(found, members),
        )

    def _neighbours(
        self, found: Object, members: Sequence[Object]
    ) -> dict[UUID, tuple[tuple[str, str], ...]]:
        assert isinstance(found.spec, SegmentSpec)
        if found.spec.arp_mode is ArpMode.FLOOD:
            return {}
        ports = [s for o, s in self.ports() if segment_of(o) == found.ref]
        return {
            member.uid: tuple(
                (address.partition("/")[0], port.mac)
                for port in ports
                for address in port.addresses
                if port.host == member.name and port.mac is not None
            )
            for member in members
        }

    def _macs(self, found: Object, members: Sequence[Object]) -> dict[UUID, tuple[str, ...]]:
        assert isinstance(found.spec, SegmentSpec)
        specs = [(m.uid, m.name, m.spec) for m in members if isinstance(m.spec, HostSpec)]
        if all(segment_backend(found.spec, spec) is Backend.OVS for _, _, spec in specs):
            return {}
        ports = [
            s for o, s in self.ports() if segment_of(o) == found.ref and s.migrating_to is None
        ]
        return {
            uid: tuple(p.mac for p in ports if p.host == name and p.mac is not None)
            for uid, name, _ in specs
        }

    def _tunnel_intents(self, host: str) -> Iterator[TunnelIntent]:
        for found in self.of_kind(Kind.TUNNEL):
            if host in (names := hosts_of(found)):
                refs = [Ref(Kind.HOST, DEFAULT_PROJECT, name) for name in sorted(names)]
                yield TunnelIntent(found, tuple(self.objects[ref] for ref in refs))

    def _local_vlans(self, owner: Object, segments: Sequence[SegmentIntent]) -> dict[UUID, int]:
        assert isinstance(owner.spec, HostSpec)
        if owner.spec.overlay_bridge_type is BridgeType.LINUX:
            return {}
        return {s.segment.uid: self._vlan(owner.uid, s.segment.uid) for s in segments}

    def _vlan(self, host_uid: UUID, segment_uid: UUID) -> int:
        vlans = self._vlans[host_uid]
        return vlans.setdefault(segment_uid, choose_local_vlan(set(vlans.values())))

    def _departed(self, owner: Object, confirmed: int) -> Departed:
        closed = [o for revision, o in self._closed if revision > confirmed]
        mine = [o for o in closed if owner.name in hosts_of(o)]
        known = {o.ref: o.uid for o in [*self.objects.values(), *(o for _, o in self._closed)]}
        segments = {known[ref] for o in mine if (ref := segment_of(o)) is not None}
        members = {
            (known[ref], known[Ref(Kind.HOST, DEFAULT_PROJECT, other)])
            for o in closed
            for other in hosts_of(o) - {owner.name}
            if (ref := segment_of(o)) is not None
        }
        segments_relinked, vteps = relinked(self.objects.values(), closed, confirmed)
        return Departed(
            # Of groups, all of the fleet: whom they reached is not kept here.
            bridges=frozenset(
                o.uid
                for o in [*mine, *spread(closed), *spread(self.objects.values())]
                if o.kind is Kind.BRIDGE
            ),
            ports=frozenset(o.uid for o in mine if o.kind is Kind.PORT),
            segments=frozenset(segments),
            members=frozenset(members),
            relinked=segments_relinked,
            vteps=vteps,
            tunnels=frozenset(o.uid for o in mine if o.kind is Kind.TUNNEL),
            mirrors=frozenset(o.uid for o in mine if o.kind is Kind.MIRROR),
            flow_exports=frozenset(o.uid for o in closed if o.kind is Kind.FLOW_EXPORT),
        )
