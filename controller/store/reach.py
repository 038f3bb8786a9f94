"""Which hosts profiles, policies and exports of flows are on through others: ports, or labels.

Reads only. ``services`` derives statuses from it, and ``entries`` whom a change concerns.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import and_, func, select

from controller.domain.definitions import FlowExportSpec, HostGroupSpec, QosPolicySpec
from controller.domain.intent import BridgeType, Kind, Object, Ref
from controller.domain.label_selectors import Selector, parse_selector
from controller.store import objects
from controller.store.engine import Transaction
from controller.store.tables import (
    FlowExportRow,
    HostGroupRow,
    HostRow,
    HostSegmentRow,
    PortRow,
    QosPolicyRow,
    SegmentRow,
    TunnelProfileRow,
)
from controller.store.writing import Writing


class Reach(NamedTuple):
    revision: int
    """What its hosts need: that of the object, or of what says which hosts they are."""
    hosts: tuple[UUID, ...] = ()


def reach(tx: Transaction, kind: Kind, uids: Collection[UUID]) -> dict[UUID, Reach]:
    """By uid, of tunnel profiles, policies or exports. One to three queries, however many there
    are."""
    readers = {Kind.TUNNEL_PROFILE: _profiles, Kind.QOS_POLICY: _policies}
    return dict(readers.get(kind, _exports)(tx, uids))


def _profiles(tx: Transaction, uids: Collection[UUID]) -> Iterator[tuple[UUID, Reach]]:
    """The members of the segments that refer to a profile."""
    profile, segment, member = TunnelProfileRow, SegmentRow, HostSegmentRow
    hosts = func.array_agg(member.host_uid.distinct()).filter(member.host_uid.is_not(None))
    refers = and_(segment.tunnel_profile == profile.name, objects.current(Kind.SEGMENT))
    is_on_it = and_(member.segment_uid == segment.uid, member.released_revision.is_(None))
    query = (
        select(profile.uid, profile.valid_from, hosts)
        .outerjoin(segment, refers)
        .outerjoin(member, is_on_it)
        .where(profile.uid == func.any(list(uids)), objects.current(Kind.TUNNEL_PROFILE))
        .group_by(profile.uid, profile.valid_from)
    )
    for uid, revision, on in tx.execute(query):
        yield uid, Reach(revision, tuple(on or ()))


def _policies(tx: Transaction, uids: Collection[UUID]) -> Iterator[tuple[UUID, Reach]]:
    policy, port = QosPolicyRow, PortRow
    hosts = func.array_agg(port.host_uid.distinct()).filter(port.host_uid.is_not(None))
    query = (
        select(policy.uid, policy.valid_from, hosts)
        .outerjoin(port, and_(port.qos_policy == policy.name, objects.current(Kind.PORT)))
        .where(policy.uid == func.any(list(uids)), objects.current(Kind.QOS_POLICY))
        .group_by(policy.uid, policy.valid_from)
    )
    for uid, revision, on in tx.execute(query):
        yield uid, Reach(revision, tuple(on or ()))


def _exports(tx: Transaction, uids: Collection[UUID]) -> Iterator[tuple[UUID, Reach]]:
    query = objects.versions(Kind.FLOW_EXPORT).where(
        FlowExportRow.uid == func.any(list(uids)), objects.current(Kind.FLOW_EXPORT)
    )
    exports = objects.fetch(tx, Kind.FLOW_EXPORT, query)
    groups = _groups(tx, {g for e in exports if (g := _group_of(e)) is not None})
    hosts = _labels(tx) if exports else {}
    for export in exports:
        group = groups.get(_group_of(export) or "")
        selector = _selector(group) if group else Selector()
        on = tuple(uid for uid, labels in hosts.items() if selector.matches(labels))
        yield export.uid, Reach(max(export.revision, group.revision if group else 0), on)


def _group_of(export: Object) -> str | None:
    return export.spec.host_group if isinstance(export.spec, FlowExportSpec) else None


def _groups(tx: Transaction, names: Collection[str]) -> dict[str, Object]:
    if not names:
        return {}
    query = objects.versions(Kind.HOST_GROUP).where(
        HostGroupRow.name == func.any(list(names)), objects.current(Kind.HOST_GROUP)
    )
    return {group.name: group for group in objects.fetch(tx, Kind.HOST_GROUP, query)}


def _selector(group: Object) -> Selector:
    return parse_selector(group.spec.selector) if isinstance(group.spec, HostGroupSpec) else _NONE


_NONE = Selector()


def _labels(tx: Transaction) -> dict[UUID, Mapping[str, str]]:
    """The labels of all hosts with Open vSwitch."""
    row = HostRow
    query = select(row.uid, row.labels).where(
        objects.current(Kind.HOST), row.overlay_bridge_type == BridgeType.OVS
    )
    return dict(tx.execute(query).all())


# --- whom a change concerns ----------------------------------------------------------------------


def concerned(tx: Transaction, writing: Writing) -> Iterator[tuple[Ref, UUID, UUID]]:
    """Yield what changed, its uid, and each host that is to be compiled anew for it alone."""
    yield from _with_other_policies(tx, writing)
    selectors = [*_of_changed_exports(tx, writing), *_of_changed_groups(tx, writing)]
    hosts = _labels(tx) if selectors else {}
    for host, labels in hosts.items():
        for selected in selectors:
            if selected.has(labels):
                yield selected.ref, selected.uid, host


def _with_other_policies(tx: Transaction, writing: Writing) -> Iterator[tuple[Ref, UUID, UUID]]:
    changed = {d.ref.name: d for d in writing.planned.updates if isinstance(d.spec, QosPolicySpec)}
    if not changed:
        return
    row = PortRow
    query = (
        select(row.qos_policy, row.host_uid)
        .where(row.qos_policy == func.any(list(changed)), objects.current(Kind.PORT))
        .distinct()
    )
    for name, host in tx.execute(query):
        if name is not None:
            yield changed[name].ref, writing.uids[changed[name].ref], host


class _Selected(NamedTuple):
    """Hosts that a change concerns: those that one of the two matches, and the other does not."""

    ref: Ref
    uid: UUID
    one: Selector
    other: Selector | None = None

    def has(self, labels: Mapping[str, str]) -> bool:
        is_other = self.other is not None and self.other.matches(labels)
        return self.one.matches(labels) is not is_other


def _of_changed_exports(tx: Transaction, writing: Writing) -> Iterator[_Selected]:
    """Each version that was closed or opened, with what its group is and what it was."""
    versions = [(ref, s) for ref, s in writing.specs() if isinstance(s, FlowExportSpec)]
    if not versions:
        return
    groups = _groups(tx, {spec.host_group for _, spec in versions if spec.host_group})
    closed = {gone.name: gone for gone in writing.replaced if gone.kind is Kind.HOST_GROUP}
    for ref, spec in versions:
        if spec.host_group is None:
            yield _Selected(ref, writing.uids[ref], Selector())
            continue
        for known in (closed, groups):
            if (group := known.get(spec.host_group)) is not None:
                yield _Selected(ref, writing.uids[ref], _selector(group))


def _of_changed_groups(tx: Transaction, writing: Writing) -> Iterable[_Selected]:
    """Groups that some export refers to, and who is in them by another selector."""
    changed = {d.ref.name: d for d in writing.planned.updates if isinstance(d.spec, HostGroupSpec)}
    if not changed:
        return ()
    name = FlowExportRow.spec["host_group"].astext
    query = select(name).where(name == func.any(list(changed)), objects.current(Kind.FLOW_EXPORT))
    used = {each for each in tx.execute(query).scalars() if each is not None}
    return [
        _Selected(d.ref, writing.uids[d.ref], _selector(d.current), _written(d.spec))
        for each in used
        if (d := changed[each]).current is not None
    ]


def _written(spec: object) -> Selector:
    return parse_selector(spec.selector) if isinstance(spec, HostGroupSpec) else _NONE
