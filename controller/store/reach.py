"""Which hosts profiles, policies and exports of flows are on through others: ports, or labels.

Reads only. ``services`` derives statuses from it, and ``entries`` whom a change concerns.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple, TypeAlias
from uuid import UUID

from sqlalchemy import and_, false, func, select, true, union

from controller.domain.definitions import FlowExportSpec, HostGroupSpec, QosPolicySpec
from controller.domain.intent import BridgeSpec, Kind, Ref
from controller.domain.label_selectors import Selector, parse_selector
from controller.domain.status import HostFacts
from controller.store import objects
from controller.store.changelog import newest_membership_change
from controller.store.engine import Transaction
from controller.store.export_reach import exports_on_hosts
from controller.store.facts import resource_facts
from controller.store.host_groups import (
    bridges_on_hosts,
    groups_named,
    labelled_hosts,
    selector_of,
)
from controller.store.tables import (
    BridgeRow,
    FlowExportRow,
    HostSegmentRow,
    PortRow,
    QosPolicyRow,
    SegmentRow,
    TunnelProfileRow,
)
from controller.store.writing import Writing

Reach: TypeAlias = dict[UUID, int]
"""By host, the newest revision of what brought the object there: ports, segments or labels."""


def reached_facts(
    tx: Transaction, kind: Kind, uids: Collection[UUID], *, of_each_host: bool = False
) -> dict[UUID, tuple[HostFacts, ...]]:
    """By uid, of bridges of groups, tunnel profiles, policies or exports, what is known of each of
    their hosts. The number of queries does not grow with what is asked for."""
    reached = _reach(tx, kind, uids)
    on_hosts = {uid: tuple(reached[uid]) for uid in uids}
    found = resource_facts(tx, on_hosts, of_each_host=of_each_host)
    return {
        uid: tuple(
            replace(facts, needed_revision=needed)
            for facts, needed in zip(found[uid], reached[uid].values(), strict=True)
        )
        for uid in uids
    }


def _reach(tx: Transaction, kind: Kind, uids: Collection[UUID]) -> Mapping[UUID, Reach]:
    match kind:
        case Kind.BRIDGE:
            return bridges_on_hosts(tx, uids)
        case Kind.TUNNEL_PROFILE:
            return _profiles(tx, uids)
        case Kind.QOS_POLICY:
            return _policies(tx, uids)
        case _:
            return exports_on_hosts(tx, uids)


def _profiles(tx: Transaction, uids: Collection[UUID]) -> Mapping[UUID, Reach]:
    """The members of the segments that refer to a profile. All of a segment's members have other
    tunnels since the newest of them came or left."""
    profile, segment, member = TunnelProfileRow, SegmentRow, HostSegmentRow
    of_segment = (
        select(
            profile.uid.label("profile"),
            segment.uid.label("segment"),
            func.greatest(segment.valid_from, newest_membership_change(segment.uid)).label("since"),
        )
        .join(segment, and_(segment.tunnel_profile == profile.name, objects.current(Kind.SEGMENT)))
        .where(profile.uid == func.any(list(uids)), objects.current(Kind.TUNNEL_PROFILE))
        .cte()
    )
    is_on_it = and_(member.segment_uid == of_segment.c.segment, member.released_revision.is_(None))
    query = (
        select(of_segment.c.profile, member.host_uid, func.max(of_segment.c.since))
        .join(member, is_on_it)
        .group_by(of_segment.c.profile, member.host_uid)
    )
    return _by_uid(tx.execute(query))


def _policies(tx: Transaction, uids: Collection[UUID]) -> Mapping[UUID, Reach]:
    policy, port = QosPolicyRow, PortRow
    query = (
        select(policy.uid, port.host_uid, func.max(port.valid_from))
        .join(port, and_(port.qos_policy == policy.name, objects.current(Kind.PORT)))
        .where(policy.uid == func.any(list(uids)), objects.current(Kind.QOS_POLICY))
        .group_by(policy.uid, port.host_uid)
    )
    return _by_uid(tx.execute(query))


def _by_uid(rows: Iterable[tuple[UUID, UUID, int]]) -> Mapping[UUID, Reach]:
    found: dict[UUID, Reach] = defaultdict(dict)
    for uid, host, revision in rows:
        found[uid][host] = revision
    return found


# --- whom a change concerns ----------------------------------------------------------------------


def concerned(tx: Transaction, writing: Writing) -> Iterator[tuple[Ref, UUID, UUID]]:
    """Yield what changed, its uid, and each host that is to be compiled anew for it alone."""
    yield from _with_other_policies(tx, writing)
    changed = [*_of_changed(tx, writing), *_of_changed_groups(tx, writing)]
    selectors = list(dict.fromkeys(changed))
    hosts = labelled_hosts(tx) if selectors else []
    for host in hosts:
        for selected in selectors:
            if (host.has_ovs or not selected.needs_ovs) and selected.has(host.labels):
                yield selected.ref, selected.uid, host.uid


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
        if name is not None and host is not None:
            yield changed[name].ref, writing.uids[changed[name].ref], host


class _Selected(NamedTuple):
    """Hosts that a change concerns: those that one of the two matches, and the other does not."""

    ref: Ref
    uid: UUID
    needs_ovs: bool
    one: Selector
    other: Selector | None = None

    def has(self, labels: Mapping[str, str]) -> bool:
        is_other = self.other is not None and self.other.matches(labels)
        return self.one.matches(labels) is not is_other


def _of_changed(tx: Transaction, writing: Writing) -> Iterator[_Selected]:
    """Each version of an export or bridge that was closed or opened, with what its group is and
    what it was."""
    versions = [
        (ref, spec, isinstance(spec, FlowExportSpec))
        for ref, spec in writing.specs()
        if isinstance(spec, FlowExportSpec)
        or (isinstance(spec, BridgeSpec) and spec.host_group is not None)
    ]
    if not versions:
        return
    groups = groups_named(tx, {spec.host_group for _, spec, _ in versions if spec.host_group})
    closed = {gone.name: gone for gone in writing.replaced if gone.kind is Kind.HOST_GROUP}
    for ref, spec, needs_ovs in versions:
        if spec.host_group is None:
            yield _Selected(ref, writing.uids[ref], needs_ovs, Selector())
            continue
        for known in (closed, groups):
            if (group := known.get(spec.host_group)) is not None:
                yield _Selected(ref, writing.uids[ref], needs_ovs, selector_of(group))


def _of_changed_groups(tx: Transaction, writing: Writing) -> Iterable[_Selected]:
    """Groups that some export or bridge refers to, and who is in them by another selector."""
    changed = {d.ref.name: d for d in writing.planned.updates if isinstance(d.spec, HostGroupSpec)}
    if not changed:
        return ()
    name, has_bridge = FlowExportRow.spec["host_group"].astext, BridgeRow.host_group
    asked = list(changed)
    query = union(
        select(name, true()).where(name == func.any(asked), objects.current(Kind.FLOW_EXPORT)),
        select(has_bridge, false()).where(
            has_bridge == func.any(asked), objects.current(Kind.BRIDGE)
        ),
    )
    # What only an export refers to sorts first, so that a bridge has the last word.
    rows = [(each, needs_ovs) for each, needs_ovs in tx.execute(query) if each is not None]
    used = dict(sorted(rows, reverse=True))
    return [
        _Selected(d.ref, writing.uids[d.ref], needs_ovs, selector_of(d.current), _written(d.spec))
        for each, needs_ovs in used.items()
        if (d := changed[each]).current is not None
    ]


def _written(spec: object) -> Selector:
    return parse_selector(spec.selector) if isinstance(spec, HostGroupSpec) else Selector()
