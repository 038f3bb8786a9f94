"""Which hosts exports of flows are on, and what brought each of them there.

An export follows labels: of hosts, through its group, and of bridges. Reads only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, select, text

from controller.domain.definitions import FlowExportSpec
from controller.domain.intent import BridgeType, Kind
from controller.domain.label_selectors import parse_selector
from controller.store import objects
from controller.store.engine import Transaction
from controller.store.host_groups import (
    EVERY_HOST,
    GroupHistory,
    histories_of_groups,
    labelled_since,
)
from controller.store.tables import BridgeRow, FlowExportRow


class _Labelled(NamedTuple):
    """A host, or a bridge on one."""

    host: UUID
    labels: Mapping[str, str]
    since: int
    """The revision at which its labels became these; of a bridge, that of its version."""


class _Spread(NamedTuple):
    """A bridge of a group."""

    labels: Mapping[str, str]
    host_group: str
    since: int


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
    named = {spec.host_group for spec in exports.values() if spec.host_group}
    spread = _spread(tx)
    groups = histories_of_groups(tx, named | {each.host_group for each in spread})
    hosts, overlays, bridges = _hosts(tx), _overlays(tx), _bridges(tx)
    found: dict[UUID, dict[UUID, int]] = {}
    for uid, spec in exports.items():
        brought = defaultdict(int, overlays) if spec.overlay else defaultdict[UUID, int](int)
        there = [*bridges, *_on_hosts(spec, spread, hosts, groups)]
        for host, revision in _newest(spec, there).items():
            brought[host] = max(brought[host], revision)
        group = groups[spec.host_group] if spec.host_group else EVERY_HOST
        found[uid] = {
            each.host: max(entered, each.since, brought[each.host])
            for each in hosts
            if (entered := group.entered(each.labels)) is not None
        }
    return found


def _on_hosts(
    spec: FlowExportSpec,
    spread: Iterable[_Spread],
    hosts: Collection[_Labelled],
    groups: Mapping[str, GroupHistory],
) -> Iterator[_Labelled]:
    """Yield the bridges of groups that the export's selector matches, on each host."""
    if spec.bridge_selector is None:
        return
    selector = parse_selector(spec.bridge_selector)
    for each in spread:
        if selector.matches(each.labels):
            for host in hosts:
                if (entered := groups[each.host_group].entered(host.labels)) is not None:
                    yield _Labelled(host.host, each.labels, max(each.since, entered))


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
    found = labelled_since(tx)
    return [_Labelled(host.uid, host.labels, since) for host, since in found if host.has_ovs]


def _overlays(tx: Transaction) -> dict[UUID, int]:
    """By host that has yet to make the bridge of its segments, when it first needs it."""
    return {host: revision for host, revision in tx.execute(_OVERLAYS) if revision is not None}


def _bridges(tx: Transaction) -> list[_Labelled]:
    row = BridgeRow
    query = select(row.host_uid, row.labels, row.valid_from).where(
        objects.current(Kind.BRIDGE), row.type == BridgeType.OVS
    )
    return [
        _Labelled(host, labels, since)
        for host, labels, since in tx.execute(query)
        if host is not None
    ]


def _spread(tx: Transaction) -> list[_Spread]:
    row = BridgeRow
    query = select(row.labels, row.host_group, row.valid_from).where(
        objects.current(Kind.BRIDGE), row.type == BridgeType.OVS, row.host_group.is_not(None)
    )
    return [
        _Spread(labels, group, since)
        for labels, group, since in tx.execute(query)
        if group is not None
    ]
