"""Reads the compiler's input for a batch of hosts, at one revision, in a fixed number of queries.

Must run in a snapshot: what is read here belongs together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from controller.domain.host_intent import Departed, Grants, HostIntent, SegmentIntent, TunnelIntent
from controller.domain.intent import Backend, HostSpec, Kind, Object, SegmentSpec, segment_backend
from controller.store import objects
from controller.store.departed import load_departed
from controller.store.engine import Transaction
from controller.store.fleet import FleetState
from controller.store.grants import load_grants
from controller.store.host_groups import bridges_on
from controller.store.lifecycles import maintained
from controller.store.listing import read_listed
from controller.store.meshes import load_neighbours, load_profiles
from controller.store.monitoring import load_gone, load_watching
from controller.store.tables import (
    HostRow,
    HostSegmentRow,
    HostStatusRow,
    PortRow,
    SegmentRow,
)


def pins(tx: Transaction, hosts: Sequence[UUID]) -> dict[UUID, int]:
    """The revision by host that it is held at; hosts that follow the head are left out.

    One in maintenance that had reverted a change before stays at what it went back to."""
    row = HostStatusRow
    query = select(row.host_uid, row.pinned_revision).where(
        row.host_uid == func.any(list(hosts)), row.pinned_revision.is_not(None)
    )
    pinned = {host: found.revision for host, found in maintained(tx, hosts).items()}
    for host, pin in tx.execute(query):
        if pin is not None:
            pinned[host] = min(pin, pinned.get(host, pin))
    return pinned


def load_slices(
    tx: Transaction,
    fleet: FleetState,
    hosts: Sequence[UUID],
    revision: int,
    confirmed: Mapping[UUID, int],
) -> dict[UUID, HostIntent]:
    """Slices of the hosts that are intended at the revision."""
    found = {host.uid: host for host in _hosts(tx, hosts, revision)}
    bridges = bridges_on(tx, found, revision)
    ports = _ports(tx, found, revision)
    carried = _carried(tx, found, revision)
    segments = load_segments(tx, {uid for uids in carried.values() for uid in uids}, revision)
    vlans = _local_vlans(tx, carried)
    tunnels = _tunnels(tx, found, revision)
    on_them = [port for found_there in ports.values() for port in found_there]
    watching = load_watching(tx, found, on_them, revision)
    gone = load_gone(tx, found, revision, confirmed)
    grants = load_grants(tx, found, revision)
    departed = load_departed(tx, {uid: carried[uid] for uid in found}, revision, confirmed)
    return {
        uid: HostIntent(
            fleet_uid=fleet.uid,
            fleet_epoch=fleet.epoch,
            revision=revision,
            host=host,
            bridges=tuple(bridges[uid]),
            ports=tuple(ports[uid]),
            segments=tuple(segments[segment] for segment in carried[uid]),
            tunnels=tuple(tunnels[uid]),
            local_vlans=vlans[uid],
            departed=replace(
                departed.get(uid, Departed()),
                mirrors=gone.mirrors.get(uid, frozenset()),
                flow_exports=gone.flow_exports.get(uid, frozenset()),
            ),
            policies=watching.policies,
            mirrors=watching.mirrors.get(uid, ()),
            flow_exports=watching.flow_exports,
            host_groups=watching.host_groups,
            grants=grants.get(uid, Grants()),
        )
        for uid, host in found.items()
    }


def _hosts(tx: Transaction, uids: Iterable[UUID], revision: int) -> list[Object]:
    query = objects.versions(Kind.HOST).where(
        HostRow.uid == func.any(list(uids)), objects.valid_at(Kind.HOST, revision)
    )
    return objects.fetch(tx, Kind.HOST, query)


def _ports(
    tx: Transaction, hosts: Mapping[UUID, Object], revision: int
) -> dict[UUID, list[Object]]:
    query = objects.versions(Kind.PORT).where(
        PortRow.host_uid == func.any(list(hosts)), objects.valid_at(Kind.PORT, revision)
    )
    found: dict[UUID, list[Object]] = defaultdict(list)
    for version in tx.execute(query).mappings():
        found[version["host_uid"]].append(objects.read(Kind.PORT, version))
    return found


def _carried(
    tx: Transaction, hosts: Mapping[UUID, Object], revision: int
) -> dict[UUID, list[UUID]]:
    """Segments by host."""
    carried: dict[UUID, list[UUID]] = defaultdict(list)
    for host, segment in tx.execute(
        _members(revision).where(PortRow.host_uid == func.any(list(hosts)))
    ):
        if host is not None and segment is not None:
            carried[host].append(segment)
    return carried


def _members(revision: int) -> Select[UUID | None, UUID | None]:
    return (
        select(PortRow.host_uid, PortRow.segment_uid)
        .where(
            PortRow.segment_uid.is_not(None),
            PortRow.host_uid.is_not(None),
            objects.valid_at(Kind.PORT, revision),
        )
        .distinct()
    )


def load_segments(
    tx: Transaction, uids: Iterable[UUID], revision: int
) -> dict[UUID, SegmentIntent]:
    wanted = list(uids)
    query = objects.versions(Kind.SEGMENT).where(
        SegmentRow.uid == func.any(wanted), objects.valid_at(Kind.SEGMENT, revision)
    )
    segments = objects.fetch(tx, Kind.SEGMENT, query)
    found = tx.execute(_members(revision).where(PortRow.segment_uid == func.any(wanted))).all()
    pairs = [(host, segment) for host, segment in found if host is not None]
    hosts = {host.uid: host for host in _hosts(tx, {host for host, _ in pairs}, revision)}
    members: dict[UUID | None, list[Object]] = defaultdict(list)
    for host, segment in pairs:
        members[segment].append(hosts[host])
    by_kernel = [s.uid for s in segments if _is_by_kernel(s, members[s.uid])]
    macs = _macs(tx, by_kernel, revision)
    profiles = load_profiles(tx, segments, revision)
    neighbours = load_neighbours(tx, segments, revision)
    return {
        s.uid: SegmentIntent(
            segment=s,
            members=tuple(members[s.uid]),
            macs=macs.get(s.uid, {}),
            profile=profiles.get(s.uid),
            neighbours=neighbours.get(s.uid, {}),
        )
        for s in segments
    }


def _is_by_kernel(segment: Object, members: Iterable[Object]) -> bool:
    """Whether a host carries the segment by its kernel, which must be told every MAC address."""
    spec = segment.spec
    return isinstance(spec, SegmentSpec) and any(
        isinstance(host.spec, HostSpec) and segment_backend(spec, host.spec) is Backend.KERNEL
        for host in members
    )


def _macs(
    tx: Transaction, segments: Sequence[UUID], revision: int
) -> dict[UUID, Mapping[UUID, tuple[str, ...]]]:
    """By segment and host, without those on two hosts: which of them has the workload changes from
    one moment to the next, and frames for an address that is not known go to both."""
    row = PortRow
    addresses = func.array_agg(aggregate_order_by(row.mac, row.mac))
    query = (
        select(row.segment_uid, row.host_uid, addresses)
        .where(
            row.segment_uid == func.any(segments),
            row.mac.is_not(None),
            row.host_uid.is_not(None),
            row.migrating_to_uid.is_(None),
            objects.valid_at(Kind.PORT, revision),
        )
        .group_by(row.segment_uid, row.host_uid)
    )
    found: dict[UUID, dict[UUID, tuple[str, ...]]] = defaultdict(dict)
    for segment, host, macs in tx.execute(query):
        if segment is not None and host is not None:
            found[segment][host] = tuple(mac for mac in macs if mac is not None)
    return dict(found)


def _tunnels(
    tx: Transaction, hosts: Iterable[UUID], revision: int
) -> dict[UUID, list[TunnelIntent]]:
    """Explicit tunnels by host; one between two of the hosts is the same for both."""
    query = objects.versions(Kind.TUNNEL).where(
        objects.on_hosts(Kind.TUNNEL, hosts), objects.valid_at(Kind.TUNNEL, revision)
    )
    listed = [
        (listed.object, listed.subject.hosts) for listed in read_listed(tx, Kind.TUNNEL, query)
    ]
    ends = {
        host.uid: host for host in _hosts(tx, {uid for _, on in listed for uid in on}, revision)
    }
    found: dict[UUID, list[TunnelIntent]] = defaultdict(list)
    for tunnel, on in listed:
        intent = TunnelIntent(tunnel, tuple(ends[uid] for uid in on))
        for uid in on:
            found[uid].append(intent)
    return found


def _local_vlans(
    tx: Transaction, carried: Mapping[UUID, Sequence[UUID]]
) -> dict[UUID, dict[UUID, int]]:
    """By host and segment; a host without Open vSwitch has none."""
    row = HostSegmentRow
    query = select(row.host_uid, row.segment_uid, row.local_vlan).where(
        row.host_uid == func.any(list(carried)), row.local_vlan.is_not(None)
    )
    found: dict[UUID, dict[UUID, int]] = defaultdict(dict)
    wanted = {(host, segment) for host, segments in carried.items() for segment in segments}
    for host, segment, vlan in tx.execute(query):
        if vlan is not None and (host, segment) in wanted:
            found[host][segment] = vlan
    return found
