"""Loads the slice of the world that the rules look at; see ``controller.domain.validation``.

The number of queries depends on what kinds and projects a change names, never on how much it
changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import func, select

from controller.domain.allocation import VNI_POOL
from controller.domain.intent import Kind, Object, Ref
from controller.domain.validation import Wanted, World
from controller.store import objects
from controller.store.elsewhere import load_elsewhere
from controller.store.engine import Transaction
from controller.store.held import free_vnis, held_interfaces
from controller.store.tables import BridgeRow, HostRow, PortRow, SegmentRow, VniAllocationRow


def load_world(tx: Transaction, wanted: Wanted) -> World:
    """Must run under the revision lock, and after released numbers were collected."""
    named = objects.fetch_refs(tx, wanted.refs)
    hosts = [o.uid for o in named if o.ref in wanted.hosts]
    found = [*named, *_on_hosts(tx, hosts), *_with_vteps(tx, wanted.vteps)]
    found += _segments_carried(tx, [o.uid for o in named if o.ref in wanted.host_targets])
    segments = {o.uid for o in found if o.kind is Kind.SEGMENT}
    macs = filter(objects.can_be_stored, wanted.macs)
    return World(
        objects={o.ref: o for o in found},
        elsewhere=load_elsewhere(tx, segments, hosts, macs, wanted.ips),
        projects=objects.existing_projects(tx, wanted.projects),
        vnis=_taken_vnis(tx, wanted.vnis),
        free_vnis=free_vnis(tx, VNI_POOL, wanted.new_vnis),
        held_interfaces=held_interfaces(tx, hosts),
    )


def _on_hosts(tx: Transaction, hosts: Iterable[UUID]) -> list[Object]:
    uids = list(hosts)
    bridges = objects.versions(Kind.BRIDGE).where(
        BridgeRow.host_uid == func.any(uids), objects.current(Kind.BRIDGE)
    )
    ports = objects.versions(Kind.PORT).where(
        PortRow.host_uid == func.any(uids), objects.current(Kind.PORT)
    )
    return objects.fetch(tx, Kind.BRIDGE, bridges) + objects.fetch(tx, Kind.PORT, ports)


def _segments_carried(tx: Transaction, hosts: Iterable[UUID]) -> list[Object]:
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
    query = objects.versions(Kind.HOST).where(
        (HostRow.vtep_ipv4 == func.any(addresses)) | (HostRow.vtep_ipv6 == func.any(addresses)),
        objects.current(Kind.HOST),
    )
    return objects.fetch(tx, Kind.HOST, query)


def _taken_vnis(tx: Transaction, vnis: Iterable[int]) -> dict[int, Ref | None]:
    query = (
        select(VniAllocationRow.vni, SegmentRow.project, SegmentRow.name)
        .outerjoin(
            SegmentRow,
            (SegmentRow.uid == VniAllocationRow.segment_uid)
            & (SegmentRow.vni == VniAllocationRow.vni)
            & SegmentRow.valid_to.is_(None),
        )
        .where(VniAllocationRow.vni == func.any(list(vnis)))
    )
    return {
        vni: None if name is None else Ref(Kind.SEGMENT, project, name)
        for vni, project, name in tx.execute(query)
    }
