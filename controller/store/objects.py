"""Rows of the versioned tables as domain objects, and back.

The only module that knows which column holds what of a spec.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, Select, and_, func, or_, select

from controller.domain.intent import (
    BridgeSpec,
    HostSpec,
    Kind,
    Object,
    PortSpec,
    Ref,
    SegmentSpec,
    Spec,
    VethPeerSpec,
)
from controller.store.engine import Transaction
from controller.store.tables import (
    VERSIONED,
    BridgeRow,
    HostRow,
    PortRow,
    ProjectRow,
    SegmentRow,
)

VersionedRow: TypeAlias = HostRow | BridgeRow | SegmentRow | PortRow
Columns: TypeAlias = dict[str, Any]


def versions(kind: Kind) -> Select[Any]:
    """Select whole versions; narrow it down with ``current`` or ``valid_at``."""
    return select(VERSIONED[kind].__table__)


def current(kind: Kind) -> ColumnElement[bool]:
    return VERSIONED[kind].valid_to.is_(None)


def valid_at(kind: Kind, revision: int) -> ColumnElement[bool]:
    row = VERSIONED[kind]
    return and_(row.valid_from <= revision, or_(row.valid_to.is_(None), row.valid_to > revision))


def fetch(tx: Transaction, kind: Kind, query: Select[Any]) -> list[Object]:
    """Run a query made with ``versions`` and read its rows."""
    return [read(kind, row) for row in tx.execute(query).mappings()]


def fetch_refs(tx: Transaction, refs: Iterable[Ref]) -> list[Object]:
    """Read the current objects with these names: one query for each kind and project."""
    names: dict[tuple[Kind, str], list[str]] = defaultdict(list)
    for ref in refs:
        if can_be_stored(ref.project) and can_be_stored(ref.name):
            names[ref.kind, ref.project].append(ref.name)
    return [
        found
        for (kind, project), wanted in sorted(names.items())
        for found in fetch(tx, kind, _named(kind, project, wanted))
    ]


def _named(kind: Kind, project: str, names: Sequence[str]) -> Select[Any]:
    row = VERSIONED[kind]
    return versions(kind).where(
        row.project == project, row.name == func.any(list(names)), current(kind)
    )


def can_be_stored(word: str) -> bool:
    """False for what no name or address contains; PostgreSQL cannot even be asked for some."""
    return word.isascii() and word.isprintable()


def existing_projects(tx: Transaction, names: Iterable[str]) -> frozenset[str]:
    known = [name for name in names if can_be_stored(name)]
    query = select(ProjectRow.name).where(ProjectRow.name == func.any(known))
    return frozenset(tx.execute(query).scalars())


def spec_columns(spec: Spec, uids: Mapping[str, UUID]) -> Columns:
    """Spread a spec over its columns. ``uids`` resolves the fields that refer to objects."""
    match spec:
        case HostSpec():
            return _host_columns(spec)
        case BridgeSpec():
            return {**_plain(spec), "host_uid": uids["host"]}
        case SegmentSpec():
            return _plain(spec)
        case PortSpec():
            return _port_columns(spec, uids)


def _plain(spec: Spec) -> Columns:
    return {name: getattr(spec, name) for name in spec.__dataclass_fields__}


def _host_columns(spec: HostSpec) -> Columns:
    return {
        **_plain(spec),
        "vteps": list(spec.vteps),
        "vtep_ipv4": next((v for v in spec.vteps if ":" not in v), None),
        "vtep_ipv6": next((v for v in spec.vteps if ":" in v), None),
    }


def _port_columns(spec: PortSpec, uids: Mapping[str, UUID]) -> Columns:
    columns = _plain(spec)
    peer = columns.pop("peer")
    return {
        **columns,
        "addresses": list(spec.addresses),
        "peer_netns": peer.netns if peer else None,
        "peer_interface": peer.interface if peer else None,
        "host_uid": uids["host"],
        "segment_uid": uids.get("segment"),
        "bridge_uid": uids.get("bridge"),
    }


def read(kind: Kind, row: RowMapping) -> Object:
    return Object(
        kind=kind,
        uid=row["uid"],
        project=row["project"],
        name=row["name"],
        spec=_READERS[kind](row),
        revision=row["valid_from"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        labels=row["labels"],
    )


def _host_spec(row: RowMapping) -> HostSpec:
    return HostSpec(
        tuple(row["vteps"]), row["underlay_mtu"], row["datapath_type"], row["overlay_bridge"]
    )


def _bridge_spec(row: RowMapping) -> BridgeSpec:
    return BridgeSpec(row["host"], row["interface"], row["datapath_type"])


def _segment_spec(row: RowMapping) -> SegmentSpec:
    return SegmentSpec(
        row["vni"], row["mtu"], row["dst_port"], row["address_family"], row["backend"]
    )


def _port_spec(row: RowMapping) -> PortSpec:
    peer = None
    if row["peer_interface"] is not None:
        peer = VethPeerSpec(row["peer_netns"], row["peer_interface"])
    return PortSpec(
        host=row["host"],
        interface=row["interface"],
        type=row["type"],
        segment=row["segment"],
        bridge=row["bridge"],
        tag=row["tag"],
        mac=row["mac"],
        mtu=row["mtu"],
        addresses=tuple(row["addresses"]),
        peer=peer,
    )


_READERS: dict[Kind, Callable[[RowMapping], Spec]] = {
    Kind.HOST: _host_spec,
    Kind.BRIDGE: _bridge_spec,
    Kind.SEGMENT: _segment_spec,
    Kind.PORT: _port_spec,
}
