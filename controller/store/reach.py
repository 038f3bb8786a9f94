"""Which hosts profiles, policies and exports of flows are on through others: ports, or labels.

Reads only. ``services`` derives statuses from it, and ``entries`` whom a change concerns.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple, TypeAlias
from uuid import UUID

from sqlalchemy import and_, func, select

from controller.domain.definitions import FlowExportSpec, HostGroupSpec, QosPolicySpec
from controller.domain.intent import Kind, Ref
from controller.domain.label_selectors import Selector, parse_selector
from controller.domain.status import HostFacts
from controller.store import objects
from controller.store.changelog import newest_membership_change
from controller.store.engine import Transaction
from controller.store.export_reach import (
    exports_on_hosts,
    groups_named,
    labels_of_hosts,
    selector_of,
)
from controller.store.facts import resource_facts
from controller.store.tables import (
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
    """By uid, of tunnel profiles, policies or exports, what is known of each of their hosts. The
    number of queries does not grow with what is asked for."""
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
    selectors = [*_of_changed_exports(tx, writing), *_of_changedgroups_named(tx, writing)]
    hosts = labels_of_hosts(tx) if selectors else {}
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
    groups = groups_named(tx, {spec.host_group for _, spec in versions if spec.host_group})
    closed = {gone.name: gone for gone in writing.replaced if gone.kind is Kind.HOST_GROUP}
    for ref, spec in versions:
        if spec.host_group is None:
            yield _Selected(ref, writing.uids[ref], Selector())
            continue
        for known in (closed, groups):
            if (group := known.get(spec.host_group)) is not None:
                yield _Selected(ref, writing.uids[ref], selector_of(group))


def _of_changedgroups_named(tx: Transaction, writing: Writing) -> Iterable[_Selected]:
    """Groups that some export refers to, and who is in them by another selector."""
    changed = {d.ref.name: d for d in writing.planned.updates if isinstance(d.spec, HostGroupSpec)}
    if not changed:
        return ()
    name = FlowExportRow.spec["host_group"].astext
    query = select(name).where(name == func.any(list(changed)), objects.current(Kind.FLOW_EXPORT))
    used = {each for each in tx.execute(query).scalars() if each is not None}
    return [
        _Selected(d.ref, writing.uids[d.ref], selector_of(d.current), _written(d.spec))
        for each in used
        if (d := changed[each]).current is not None
    ]


def _written(spec: object) -> Selector:
    return parse_selector(spec.selector) if isinstance(spec, HostGroupSpec) else Selector()
