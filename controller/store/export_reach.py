"""Which hosts exports of flows are on, and what brought each of them there.

An export follows labels: of hosts, through its group, and of bridges. Reads only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, select, text

from controller.domain.definitions import FlowExportSpec, HostGroupSpec
from controller.domain.intent import BridgeType, Kind, Object
from controller.domain.label_selectors import Selector, parse_selector
from controller.store import objects
from controller.store.engine import Transaction
from controller.store.tables import BridgeRow, FlowExportRow, HostGroupRow, HostRow


class _Labelled(NamedTuple):
    """A host, or a bridge on one."""

    host: UUID
    labels: Mapping[str, str]
    since: int
    """The revision at which its labels became these; of a bridge, that of its version."""


def exports_on_hosts(tx: Transaction, uids: Collection[UUID]) -> dict[UUID, dict[UUID, int]]:
    """By export and host, the newest revision of what brought the one to the other."""
    query = objects.versions(Kind.FLOW_EXPORT).where(
        FlowExportRow.uid == func.any(list(uids)), objects.current(Kind.FLOW_EXPORT)
    )
    exports = {
        each.uid: each.spec
        for each in objects.fetch(tx, Kind.FLOW_EXPORT, query)
        if isinstance(each.spec, FlowExportSpec)
    }
    if not exports:
        return {}
    groups = groups_named(tx, {spec.host_group for spec in exports.values() if spec.host_group})
    hosts, overlays, bridges = _hosts(tx), _overlays(tx), _bridges(tx)
    found: dict[UUID, dict[UUID, int]] = {}
    for uid, spec in exports.items():
        group = groups.get(spec.host_group or "")
        brought = defaultdict(int, overlays) if spec.overlay else defaultdict[UUID, int](int)
        for host, revision in _newest(spec, bridges).items():
            brought[host] = max(brought[host], revision)
        selector = selector_of(group) if group else Selector()
        chosen = [each for each in hosts if selector.matches(each.labels)]
        least = group.revision if group else 0
        found[uid] = {each.host: max(least, each.since, brought[each.host]) for each in chosen}
    return found


def _newest(spec: FlowExportSpec, bridges: Iterable[_Labelled]) -> dict[UUID, int]:
    """By host, the newest bridge that the export's selector matches."""
    if spec.bridge_selector is None:
        return {}
    selector = parse_selector(spec.bridge_selector)
    newest: dict[UUID, int] = {}
    for each in bridges:
        if selector.matches(each.labels):
            newest[each.host] = max(newest.get(each.host, 0), each.since)
    return newest


# A host in maintenance is at the version before the one that put it there: what counts is since
# when it has its labels, and not when anything of it changed last.
_HOSTS = text("""
SELECT uid, labels, coalesce(
    (
        SELECT max(valid_to) FROM host AS before
        WHERE before.uid = host.uid AND before.labels <> host.labels
    ),
    (SELECT min(valid_from) FROM host AS first WHERE first.uid = host.uid)
)
FROM host WHERE valid_to IS NULL AND overlay_bridge_type = 'ovs'
""")

# A host has the bridge of its segments once it applied a revision with any of its ports there. The
# first one found will do, so that the ports of a host that is behind are all that is read.
_OVERLAYS = text("""
SELECT host_uid, (
    SELECT min(valid_from) FROM port
    WHERE port.host_uid = host_status.host_uid AND valid_to IS NULL AND segment_uid IS NOT NULL
)
FROM host_status WHERE NOT EXISTS (
    SELECT FROM port
    WHERE port.host_uid = host_status.host_uid AND valid_to IS NULL AND segment_uid IS NOT NULL
        AND valid_from <= host_status.applied_revision
)
""")


def _hosts(tx: Transaction) -> list[_Labelled]:
    return [_Labelled(*row) for row in tx.execute(_HOSTS)]


def _overlays(tx: Transaction) -> dict[UUID, int]:
    """By host that has yet to make the bridge of its segments, when it first needs it."""
    return {host: revision for host, revision in tx.execute(_OVERLAYS) if revision is not None}


def _bridges(tx: Transaction) -> list[_Labelled]:
    row = BridgeRow
    query = select(row.host_uid, row.labels, row.valid_from).where(
        objects.current(Kind.BRIDGE), row.type == BridgeType.OVS
    )
    return [_Labelled(*found) for found in tx.execute(query)]


def groups_named(tx: Transaction, names: Collection[str]) -> dict[str, Object]:
    if not names:
        return {}
    query = objects.versions(Kind.HOST_GROUP).where(
        HostGroupRow.name == func.any(list(names)), objects.current(Kind.HOST_GROUP)
    )
    return {group.name: group for group in objects.fetch(tx, Kind.HOST_GROUP, query)}


def selector_of(group: Object) -> Selector:
    spec = group.spec
    return parse_selector(spec.selector) if isinstance(spec, HostGroupSpec) else Selector()


def labels_of_hosts(tx: Transaction) -> dict[UUID, Mapping[str, str]]:
    """The labels of all hosts with Open vSwitch."""
    row = HostRow
    query = select(row.uid, row.labels).where(
        objects.current(Kind.HOST), row.overlay_bridge_type == BridgeType.OVS
    )
    return dict(tx.execute(query).all())
