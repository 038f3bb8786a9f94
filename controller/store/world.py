"""Loads the slice of the world that the rules look at; see ``controller.domain.validation``.

The number of queries depends on what kinds and projects a change names, never on how much it
changes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on

from controller.domain.intent import Kind, Object, PortSpec, Ref, SegmentSpec
from controller.domain.validation import Wanted, World, counts_ports, references
from controller.domain.validation.fields import KERNEL_VXLAN_PREFIX
from controller.domain.validation.pools import demands
from controller.store import meshes, objects, tunnels
from controller.store.elsewhere import load_elsewhere
from controller.store.engine import Transaction
from controller.store.former_vteps import has_former_vteps
from controller.store.group_world import load_bridges
from controller.store.held import held_interfaces, held_keys
from controller.store.monitoring import labels_of_exporting, load_watchers
from controller.store.pools import every_pool, find_free
from controller.store.referrers import load_referrers
from controller.store.tables import (
    HostRow,
    PortRow,
    SegmentRow,
    TunnelRow,
    VniAllocationRow,
)


def load_world(tx: Transaction, wanted: Wanted) -> World:
    """Must run under the revision lock, and after released numbers were collected."""
    named = objects.fetch_refs(tx, wanted.refs)
    uids = {found.ref: found.uid for found in named}
    hosts = _known(wanted.hosts, uids)
    # A spanning tree and a Linux bridge have few ports, and all of them count.
    crowded = [each.uid for each in named if counts_ports(each.spec)]
    ports = _ports(tx, wanted, uids, crowded)
    bridges = load_bridges(tx, wanted, named)
    found = [*named, *bridges.objects, *ports, *_segments_of(tx, hosts)]
    departing, left = tunnels.departing(tx) if wanted.links else ((), {})
    found += [*_with_vteps(tx, wanted.vteps), *_tunnels(tx, wanted, uids, crowded)]
    found += [*load_referrers(tx, wanted.targets), *load_watchers(tx, wanted.targets, hosts)]
    found += _with_iface_ids(tx, wanted.iface_ids)
    linked = tunnels.known_places((place for link in wanted.links for place in link), uids)
    found += tunnels.flooding_component(tx, wanted.links, left | linked, departing)
    if wanted.takers:
        found += every_pool(tx)
    free = find_free(tx, demands(wanted.takers, found))
    mentioned = {ref.name for ref in wanted.host_targets} | wanted.vteps
    found += meshes.mentioning(tx, mentioned)
    found += meshes.profiles_beside(tx, found)
    uids = {each.ref: each.uid for each in found}
    summed_up = wanted.segments | _segments_on(wanted.host_targets, ports)
    summed_up |= _with_profiles(wanted.targets, found)
    unplugged = [o.uid for o in named if isinstance(o.spec, PortSpec) and o.spec.host is None]
    subnets = {uids[ref]: asked for ref, asked in wanted.subnets.items() if ref in uids}
    macs = filter(objects.can_be_stored, wanted.macs)
    zones = {uids[ref]: zone for ref, zone in wanted.zones.items() if ref in uids}
    return World(
        objects={each.ref: each for each in found},
        elsewhere=load_elsewhere(
            tx,
            _known(summed_up, uids),
            hosts,
            macs,
            wanted.ips,
            unplugged=unplugged,
            zones=zones,
            named=meshes.named_members(tx, found, wanted.refs, hosts),
            outside=meshes.outside_subnets(tx, subnets, hosts, unplugged),
        ),
        hosts=frozenset(ref.name for ref in wanted.hosts),
        projects=objects.existing_projects(tx, wanted.projects),
        vnis=_taken_vnis(tx, wanted.vnis),
        held_keys=held_keys(tx, wanted.vnis),
        lingering=meshes.lingering(tx, _known(wanted.topologies, uids)),
        departing=departing,
        free_vnis=free.vnis,
        pooled_vnis=free.pooled_vnis,
        pooled_vteps=free.pooled_vteps,
        outside_pools=free.outside_pools,
        mesh_tunnels=meshes.mesh_tunnels(
            tx, _known(wanted.mesh_hosts | _growing(wanted, ports), uids)
        ),
        exporting=labels_of_exporting(tx, wanted.targets),
        held_interfaces=held_interfaces(tx, [*hosts, *bridges.hosts]),
    )


def _with_profiles(targets: Collection[Ref], loaded: Iterable[Object]) -> frozenset[Ref]:
    """The segments that refer to a tunnel profile among the targets."""
    profiles = {ref.name for ref in targets if ref.kind is Kind.TUNNEL_PROFILE}
    return frozenset(
        found.ref
        for found in loaded
        if isinstance(found.spec, SegmentSpec) and found.spec.tunnel_profile in profiles
    )


def _growing(wanted: Wanted, ports: Iterable[Object]) -> frozenset[Ref]:
    """The hosts that the request may join to a segment; of those that have ports there already,
    ``ports`` holds one."""
    there = {
        (host, ref)
        for found in ports
        if isinstance(found.spec, PortSpec)
        for host in found.spec.hosts
        for ref in references(found.ref, found.spec)
    }
    return frozenset(host for host, segment in wanted.joins if (host.name, segment) not in there)


def _known(refs: Iterable[Ref], uids: Mapping[Ref, UUID]) -> list[UUID]:
    return [uids[ref] for ref in refs if ref in uids]


def _ports(
    tx: Transaction, wanted: Wanted, uids: Mapping[Ref, UUID], crowded: Collection[UUID]
) -> list[Object]:
    """Read the ports on touched hosts that the rules look at, however many others there are."""
    port, targets = PortRow, _known(wanted.host_targets, uids)
    bridges = [*_known(wanted.port_bridges, uids), *crowded]
    there = (
        port.host_uid == func.any(_known(wanted.hosts, uids)),
        objects.current(Kind.PORT),
    )
    devices = [*filter(objects.can_be_stored, wanted.devices)]
    one_each = (
        select(port.uid)
        .where(*there, port.segment_uid.is_not(None))
        .ext(distinct_on(port.host_uid, port.segment_uid))
        .order_by(port.host_uid, port.segment_uid, port.name)
    )
    of_targets = select(port.segment_uid).where(
        port.host_uid == func.any(targets), objects.current(Kind.PORT)
    )
    looked_at = or_(
        port.host_uid == func.any(targets),
        port.segment_uid == func.any(_known(wanted.segments, uids)),
        port.segment_uid.in_(of_targets),
        port.bridge_uid == func.any(bridges),
        port.patch_bridge_uid == func.any(bridges),
        port.interface == func.any(devices),
        port.peer_interface == func.any(devices),
        port.patch_interface == func.any(devices),
        port.members.bool_op("&&")(devices),
        port.interface.startswith(KERNEL_VXLAN_PREFIX),
        port.uid.in_(one_each),
    )
    return objects.fetch(tx, Kind.PORT, objects.versions(Kind.PORT).where(*there, looked_at))


def _tunnels(
    tx: Transaction, wanted: Wanted, uids: Mapping[Ref, UUID], crowded: Collection[UUID]
) -> list[Object]:
    """Read the tunnels that the change touches, and what is at them."""
    targets = _known(wanted.host_targets, uids)
    ending_there = tunnels.looked_at(
        tx,
        hosts=_known(wanted.hosts, uids),
        targets=targets,
        bridges=[*_known(wanted.tunnel_bridges, uids), *crowded],
        keys=wanted.vnis,
    )
    ends = {ref for found in ending_there for ref in references(found.ref, found.spec)}
    return [
        *ending_there,
        *objects.fetch_refs(tx, {ref for ref in ends - uids.keys() if ref.kind is Kind.HOST}),
        *tunnels.ports_beside(tx, targets),
        *tunnels.with_ips(tx, filter(objects.can_be_stored, wanted.vteps)),
    ]


def _segments_on(hosts: Iterable[Ref], objects_there: Iterable[Object]) -> frozenset[Ref]:
    names = {host.name for host in hosts}
    return frozenset(
        ref
        for found in objects_there
        if isinstance(found.spec, PortSpec) and names.intersection(found.spec.hosts)
        for ref in references(found.ref, found.spec)
        if ref.kind is Kind.SEGMENT
    )


def _segments_of(tx: Transaction, hosts: Iterable[UUID]) -> list[Object]:
    """Read the segments that these hosts have ports on."""
    carried = select(PortRow.segment_uid).where(
        PortRow.host_uid == func.any(list(hosts)), objects.current(Kind.PORT)
    )
    query = objects.versions(Kind.SEGMENT).where(
        SegmentRow.uid.in_(carried), objects.current(Kind.SEGMENT)
    )
    return objects.fetch(tx, Kind.SEGMENT, query)


def _with_vteps(tx: Transaction, vteps: Iterable[str]) -> list[Object]:
    addresses = list(vteps)
    if not addresses:
        return []
    query = objects.versions(Kind.HOST).where(
        (HostRow.vtep_ipv4 == func.any(addresses))
        | (HostRow.vtep_ipv6 == func.any(addresses))
        | (has_former_vteps() & HostRow.former_vteps.bool_op("&&")(addresses)),
        objects.current(Kind.HOST),
    )
    return objects.fetch(tx, Kind.HOST, query)


def _with_iface_ids(tx: Transaction, iface_ids: Iterable[str]) -> list[Object]:
    asked = [*filter(objects.can_be_stored, iface_ids)]
    if not asked:
        return []
    query = objects.versions(Kind.PORT).where(
        PortRow.iface_id == func.any(asked), objects.current(Kind.PORT), objects.once(Kind.PORT)
    )
    return objects.fetch(tx, Kind.PORT, query)


def _taken_vnis(tx: Transaction, vnis: Iterable[int]) -> dict[int, Ref | None]:
    asked, allocated, tunnel = list(vnis), VniAllocationRow, TunnelRow
    if not asked:
        return {}
    of_segments = (
        select(allocated.vni, SegmentRow.project, SegmentRow.name)
        .outerjoin(
            SegmentRow,
            (SegmentRow.uid == allocated.segment_uid)
            & (SegmentRow.vni == allocated.vni)
            & objects.current(Kind.SEGMENT),
        )
        .where(allocated.vni == func.any(asked))
    )
    of_tunnels = select(tunnel.key, tunnel.project, tunnel.name).where(
        tunnel.key == func.any(asked), objects.current(Kind.TUNNEL)
    )
    taken: dict[int, Ref | None] = {
        vni: Ref(Kind.TUNNEL, project, name) for vni, project, name in tx.execute(of_tunnels)
    }
    for vni, project, name in tx.execute(of_segments):
        taken[vni] = None if name is None else Ref(Kind.SEGMENT, project, name)
    return taken
