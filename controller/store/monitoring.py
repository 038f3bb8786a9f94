"""Policies of ports, mirrors and exports of flows: what the rules and the compiler need of them,
and which hosts they are on.

There are few mirrors on a host and few exports in a fleet; of ports with a policy there may be as
many as there are ports, so that no query here reads them all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Double, Select, cast, func, select, text
from sqlalchemy.dialects.postgresql import array

from controller.domain.definitions import FlowExportSpec
from controller.domain.intent import DEFAULT_PROJECT, BridgeType, Kind, Object, PortSpec, Ref
from controller.domain.validation.mirror_ports import UPLINKS
from controller.store import objects
from controller.store.engine import Transaction
from controller.store.tables import (
    HostGroupRow,
    HostRow,
    MirrorRow,
    PortRow,
    QosPolicyRow,
)

_NAMED = 6
"""Ports that hold a policy: enough to name some, and to know of more."""

# --- what the rules look at ----------------------------------------------------------------------


def load_watchers(
    tx: Transaction, targets: Collection[Ref], hosts: Collection[UUID]
) -> list[Object]:
    """Read what ``World.objects`` has of mirrors, exports and ports with a policy."""
    kinds = {ref.kind for ref in targets}
    found = _mirrors(tx, targets, hosts)
    if kinds & {Kind.FLOW_EXPORT, Kind.HOST_GROUP}:
        exports = objects.fetch(tx, Kind.FLOW_EXPORT, _current(Kind.FLOW_EXPORT))
        found += [*exports, *_groups_of(tx, exports, None).values()]
    if Kind.MIRROR in kinds:
        found += _uplinks(tx, hosts)
    if Kind.QOS_POLICY in kinds:
        found += _ports_of_policies(tx, targets)
    return found


def labels_of_exporting(tx: Transaction, targets: Iterable[Ref]) -> tuple[Mapping[str, str], ...]:
    """Read the labels, each once, of the hosts that exports and groups could choose."""
    if not {ref.kind for ref in targets} & {Kind.FLOW_EXPORT, Kind.HOST_GROUP}:
        return ()
    has_ovs = HostRow.overlay_bridge_type == BridgeType.OVS
    query = select(HostRow.labels).where(has_ovs, objects.current(Kind.HOST)).distinct()
    return tuple(tx.execute(query).scalars())


def _current(kind: Kind) -> Select[Any]:
    return objects.versions(kind).where(objects.current(kind))


def _mirrors(tx: Transaction, targets: Iterable[Ref], hosts: Collection[UUID]) -> list[Object]:
    found: list[Object] = []
    if hosts:
        on_hosts = objects.on_hosts(Kind.MIRROR, hosts)
        found += objects.fetch(tx, Kind.MIRROR, _current(Kind.MIRROR).where(on_hosts))
    words = (_words(ref) for ref in targets if ref.kind is Kind.SEGMENT)
    if segments := [*filter(objects.can_be_stored, words)]:
        selected = MirrorRow.spec["select_segments"].has_any(array(segments))
        found += objects.fetch(tx, Kind.MIRROR, _current(Kind.MIRROR).where(selected))
    return found


def _uplinks(tx: Transaction, hosts: Collection[UUID]) -> list[Object]:
    """What copies of a mirror may leave by: a host has few."""
    query = _current(Kind.PORT).where(
        PortRow.host_uid == func.any(list(hosts)), PortRow.type.in_(sorted(UPLINKS))
    )
    return objects.fetch(tx, Kind.PORT, query)


def _words(ref: Ref) -> str:
    """As a stored mirror calls a segment."""
    return ref.name if ref.project == DEFAULT_PROJECT else f"{ref.project}/{ref.name}"


_SOME_PORTS = text("""
SELECT port.uid FROM unnest(CAST(:names AS text[])) AS policy, LATERAL (
    SELECT uid FROM port WHERE valid_to IS NULL AND side = 0 AND qos_policy = policy LIMIT :most
) AS port
""")


def _ports_of_policies(tx: Transaction, targets: Iterable[Ref]) -> list[Object]:
    """Read some ports of each policy: more than the request names itself, where there are more."""
    wanted = list(targets)
    names = [ref.name for ref in wanted if ref.kind is Kind.QOS_POLICY]
    most = _NAMED + sum(ref.kind is Kind.PORT for ref in wanted)
    known = [*filter(objects.can_be_stored, names)]
    uids = list(tx.execute(_SOME_PORTS, {"names": known, "most": most}).scalars())
    query = _current(Kind.PORT).where(PortRow.uid == func.any(uids), objects.once(Kind.PORT))
    return objects.fetch(tx, Kind.PORT, query) if uids else []


# --- what is compiled ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Watching:
    """What a batch of hosts has of all this at one revision."""

    policies: Mapping[str, Object] = field(default_factory=dict)
    mirrors: Mapping[UUID, tuple[Object, ...]] = field(default_factory=dict)
    """By host."""
    flow_exports: tuple[Object, ...] = ()
    host_groups: Mapping[str, Object] = field(default_factory=dict)


def load_watching(
    tx: Transaction, hosts: Collection[UUID], ports: Iterable[Object], revision: int
) -> Watching:
    names = {p.spec.qos_policy for p in ports if isinstance(p.spec, PortSpec)} - {None}
    exports = objects.fetch(tx, Kind.FLOW_EXPORT, _valid_at(Kind.FLOW_EXPORT, revision))
    query = _valid_at(Kind.MIRROR, revision).where(objects.on_hosts(Kind.MIRROR, hosts))
    mirrors: dict[UUID, list[Object]] = defaultdict(list)
    for row in tx.execute(query).mappings():
        mirrors[row["host_uid"]].append(objects.read(Kind.MIRROR, row))
    return Watching(
        policies=_named(tx, Kind.QOS_POLICY, [name for name in names if name], revision),
        mirrors={host: tuple(found) for host, found in mirrors.items()},
        flow_exports=tuple(exports),
        host_groups=_groups_of(tx, exports, revision),
    )


def _valid_at(kind: Kind, revision: int) -> Select[Any]:
    return objects.versions(kind).where(objects.valid_at(kind, revision))


def _named(
    tx: Transaction, kind: Kind, names: Collection[str], revision: int | None
) -> dict[str, Object]:
    """Definitions by name; they are all in one project."""
    if not names:
        return {}
    row = QosPolicyRow if kind is Kind.QOS_POLICY else HostGroupRow
    query = _current(kind) if revision is None else _valid_at(kind, revision)
    found = objects.fetch(tx, kind, query.where(row.name == func.any(list(names))))
    return {each.name: each for each in found}


def _groups_of(
    tx: Transaction, exports: Iterable[Object], revision: int | None
) -> dict[str, Object]:
    """``revision`` None: as they are now."""
    specs = (each.spec for each in exports)
    names = {spec.host_group for spec in specs if isinstance(spec, FlowExportSpec)}
    return _named(tx, Kind.HOST_GROUP, [name for name in names if name], revision)


_GONE = text("""
WITH since AS (
    SELECT * FROM unnest(CAST(:hosts AS uuid[]), CAST(:after AS bigint[])) AS t(host_uid, after)
)
SELECT host_uid, mirror.uid, CAST(NULL AS uuid)
FROM since JOIN mirror USING (host_uid)
WHERE valid_to > after AND valid_to <= :revision
UNION
SELECT host_uid, NULL, flow_export.uid
FROM since JOIN flow_export ON valid_to > after AND valid_to <= :revision
""")


@dataclass(frozen=True, slots=True)
class Gone:
    """Mirrors and exports of which a version was closed, by host."""

    mirrors: Mapping[UUID, frozenset[UUID]]
    flow_exports: Mapping[UUID, frozenset[UUID]]


def load_gone(
    tx: Transaction, hosts: Collection[UUID], revision: int, confirmed: Mapping[UUID, int]
) -> Gone:
    """What was closed after ``confirmed`` (0 when missing) up to ``revision``."""
    asked = {
        "hosts": list(hosts),
        "after": [confirmed.get(host, 0) for host in hosts],
        "revision": revision,
    }
    mirrors: dict[UUID, set[UUID]] = defaultdict(set)
    exports: dict[UUID, set[UUID]] = defaultdict(set)
    for host, mirror, export in tx.execute(_GONE, asked):
        if mirror is not None:
            mirrors[host].add(mirror)
        if export is not None:
            exports[host].add(export)
    return Gone(_frozen(mirrors), _frozen(exports))


def _frozen(found: Mapping[UUID, set[UUID]]) -> dict[UUID, frozenset[UUID]]:
    return {host: frozenset(uids) for host, uids in found.items()}


# --- mirrors that end ----------------------------------------------------------------------------


def mirrors_due(tx: Transaction, now: datetime) -> list[Object]:
    """Mirrors whose time to live is over."""
    ttl_s = cast(MirrorRow.spec["ttl_s"].astext, Double)
    ends_at = MirrorRow.updated_at + func.make_interval(0, 0, 0, 0, 0, 0, ttl_s)
    query = _current(Kind.MIRROR).where(MirrorRow.spec.has_key("ttl_s"), ends_at <= now)
    return objects.fetch(tx, Kind.MIRROR, query.order_by(MirrorRow.name))
