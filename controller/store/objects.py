"""Rows of the versioned tables as domain objects, and back.

The only module that knows which column holds what of a spec.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, Select, and_, false, func, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute

from controller.domain.definitions import MirrorSpec
from controller.domain.intent import (
    DEFINITIONS,
    INHERIT,
    BridgeSpec,
    Definition,
    HostSpec,
    Kind,
    Object,
    PortSpec,
    Ref,
    SegmentSpec,
    Spec,
    TunnelEnd,
    TunnelSpec,
    VethPeerSpec,
)
from controller.store.definitions import definition
from controller.store.definitions import written as written_definition
from controller.store.engine import Transaction
from controller.store.segments import segment_columns, segment_spec
from controller.store.settings import bridge_settings, port_settings, written
from controller.store.tables import (
    VERSIONED,
    BridgeRow,
    MirrorRow,
    PortRow,
    ProjectRow,
    TunnelRow,
)

Columns: TypeAlias = dict[str, Any]


def versions(kind: Kind) -> Select[Any]:
    """Select whole versions; narrow it down with ``current`` or ``valid_at``."""
    return select(VERSIONED[kind].__table__)


def current(kind: Kind) -> ColumnElement[bool]:
    return VERSIONED[kind].valid_to.is_(None)


def once(kind: Kind) -> ColumnElement[bool]:
    """Whether a row is the one that stands for its version, where a version has several."""
    return PortRow.side == 0 if kind is Kind.PORT else true()


def valid_at(kind: Kind, revision: int) -> ColumnElement[bool]:
    row = VERSIONED[kind]
    return and_(row.valid_from <= revision, or_(row.valid_to.is_(None), row.valid_to > revision))


def host_columns(kind: Kind) -> tuple[InstrumentedAttribute[Any], ...]:
    """The columns with the uids of the hosts that objects of a kind are on."""
    match kind:
        case Kind.BRIDGE:
            return (BridgeRow.host_uid,)
        case Kind.PORT:
            return (PortRow.host_uid, PortRow.migrating_to_uid)
        case Kind.TUNNEL:
            return (TunnelRow.a_host_uid, TunnelRow.b_host_uid)
        case Kind.MIRROR:
            return (MirrorRow.host_uid,)
        case _:
            return ()


def on_hosts(kind: Kind, hosts: Iterable[UUID]) -> ColumnElement[bool]:
    """Whether a version is on one of the hosts."""
    uids = list(hosts)
    return or_(false(), *(column == func.any(uids) for column in host_columns(kind)))


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
        row.project == project, row.name == func.any(list(names)), current(kind), once(kind)
    )


def can_be_stored(word: str) -> bool:
    """False for what no name or address contains; PostgreSQL cannot even be asked for some."""
    return word.isascii() and word.isprintable()


def existing_projects(tx: Transaction, names: Iterable[str]) -> frozenset[str]:
    known = [name for name in names if can_be_stored(name)]
    query = select(ProjectRow.name).where(ProjectRow.name == func.any(known))
    return frozenset(tx.execute(query).scalars())


def spec_columns(spec: Spec, uids: Mapping[tuple[Kind, str], UUID]) -> Columns:
    """Spread a spec over its columns. ``uids`` resolves the names that refer to objects."""
    match spec:
        case HostSpec():
            return _host_columns(spec)
        case BridgeSpec():
            return _bridge_columns(spec, uids)
        case SegmentSpec():
            return segment_columns(spec)
        case PortSpec():
            return _port_columns(spec, uids)
        case TunnelSpec():
            return _tunnel_columns(spec, uids)
        case _:
            return _definition_columns(spec, uids)


def sides(kind: Kind, columns: Columns) -> list[Columns]:
    """The rows of one version: a port has one more on the host that it is migrating to."""
    if kind is not Kind.PORT or columns["migrating_to_uid"] is None:
        return [columns]
    return [columns, {**columns, "side": 1, "host_uid": columns["migrating_to_uid"]}]


def _plain(spec: Spec | TunnelEnd) -> Columns:
    return {name: getattr(spec, name) for name in spec.__dataclass_fields__}


def _host_columns(spec: HostSpec) -> Columns:
    return {
        **_plain(spec),
        "vteps": list(spec.vteps),
        "zones": list(spec.zones),
        "former_vteps": list(spec.former_vteps),
        "vtep_steps": list(spec.vtep_steps),
        "vtep_ipv4": next((v for v in spec.vteps if ":" not in v), None),
        "vtep_ipv6": next((v for v in spec.vteps if ":" in v), None),
    }


def _bridge_columns(spec: BridgeSpec, uids: Mapping[tuple[Kind, str], UUID]) -> Columns:
    return {
        **_plain(spec),
        "settings": written(spec.settings),
        "host_uid": uids[Kind.HOST, spec.host] if spec.host is not None else None,
    }


def _port_columns(spec: PortSpec, uids: Mapping[tuple[Kind, str], UUID]) -> Columns:
    columns = _plain(spec)
    peer = columns.pop("peer")
    bond, patch = spec.settings.bond, spec.settings.patch
    return {
        **columns,
        "settings": written(spec.settings),
        "members": list(bond.members) if bond else None,
        "patch_bridge_uid": uids[Kind.BRIDGE, patch.bridge] if patch else None,
        "patch_interface": patch.interface if patch else None,
        "addresses": list(spec.addresses),
        "peer_netns": peer.netns if peer else None,
        "peer_interface": peer.interface if peer else None,
        "side": 0,
        "host_uid": uids[Kind.HOST, spec.host] if spec.host else None,
        "migrating_to_uid": uids[Kind.HOST, spec.migrating_to] if spec.migrating_to else None,
        "segment_uid": uids[Kind.SEGMENT, spec.segment] if spec.segment else None,
        "bridge_uid": uids[Kind.BRIDGE, spec.bridge] if spec.bridge else None,
    }


def _tunnel_columns(spec: TunnelSpec, uids: Mapping[tuple[Kind, str], UUID]) -> Columns:
    columns = _plain(spec)
    for letter, end in zip("ab", columns.pop("ends"), strict=True):
        columns |= {f"{letter}_{field}": value for field, value in _plain(end).items()}
        columns[f"{letter}_host_uid"] = uids[Kind.HOST, end.host] if end.host else None
        columns[f"{letter}_bridge_uid"] = uids[Kind.BRIDGE, end.bridge] if end.bridge else None
    return {**columns, "ttl": _word(spec.ttl), "tos": _word(spec.tos)}


def _definition_columns(spec: Definition, uids: Mapping[tuple[Kind, str], UUID]) -> Columns:
    columns: Columns = {"spec": written_definition(spec)}
    if not isinstance(spec, MirrorSpec):
        return columns
    return {
        **columns,
        "host_uid": uids[Kind.HOST, spec.host],
        "bridge_uid": uids[Kind.BRIDGE, spec.bridge] if spec.bridge else None,
    }


def _word(number: int | str | None) -> str | None:
    return None if number is None else str(number)


def read(kind: Kind, row: RowMapping) -> Object:
    return Object(
        kind=kind,
        uid=row["uid"],
        project=row["project"],
        name=row["name"],
        spec=definition(kind, row["spec"]) if kind in DEFINITIONS else _READERS[kind](row),
        revision=row["valid_from"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        labels=row["labels"],
    )


def _host_spec(row: RowMapping) -> HostSpec:
    return HostSpec(
        tuple(row["vteps"]),
        row["underlay_mtu"],
        row["datapath_type"],
        row["overlay_bridge"],
        row["overlay_bridge_type"],
        tuple(row["zones"]),
        row["vtep_pool"],
        row["management_interface"],
        row["state"],
        tuple(row["former_vteps"]),
        tuple(row["vtep_steps"]),
        row["overlay_bridge_ready"],
        row["confirm"],
        row["confirm_timeout_s"],
    )


def _bridge_spec(row: RowMapping) -> BridgeSpec:
    return BridgeSpec(
        host=row["host"],
        interface=row["interface"],
        type=row["type"],
        host_group=row["host_group"],
        datapath_type=row["datapath_type"],
        settings=bridge_settings(row["settings"]),
        drift_policy=row["drift_policy"],
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
        qos_policy=row["qos_policy"],
        settings=port_settings(row["settings"]),
        iface_id=row["iface_id"],
        migrating_to=row["migrating_to"],
        drift_policy=row["drift_policy"],
    )


def _tunnel_spec(row: RowMapping) -> TunnelSpec:
    return TunnelSpec(
        ends=(_tunnel_end(row, "a"), _tunnel_end(row, "b")),
        key=row["key"],
        dst_port=row["dst_port"],
        address_family=row["address_family"],
        ttl=_number(row["ttl"]),
        tos=_number(row["tos"]),
        csum=row["csum"],
        df_default=row["df_default"],
        drift_policy=row["drift_policy"],
    )


def _tunnel_end(row: RowMapping, letter: str) -> TunnelEnd:
    return TunnelEnd(*(row[f"{letter}_{field}"] for field in ("host", "bridge", "ip", "tag")))


def _number(word: str | None) -> int | str | None:
    return word if word is None or word == INHERIT else int(word)


_READERS: dict[Kind, Callable[[RowMapping], Spec]] = {
    Kind.HOST: _host_spec,
    Kind.BRIDGE: _bridge_spec,
    Kind.SEGMENT: segment_spec,
    Kind.PORT: _port_spec,
    Kind.TUNNEL: _tunnel_spec,
}
