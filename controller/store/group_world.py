"""What the rules look at of bridges that groups bring to hosts; see ``domain.validation``.

A change to what is on one host reads that host's bridges alone. A change to a bridge of a group, to
the group or to who is in it reads what is at stake on the hosts that gain or lose something: that
grows with the change, and of the rest of the fleet with the labels of its hosts alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_

from controller.domain.definitions import HostGroupSpec
from controller.domain.intent import BridgeSpec, Kind, Object
from controller.domain.label_selectors import Selector
from controller.domain.validation import Wanted
from controller.domain.validation.group_members import readable
from controller.store import objects
from controller.store.engine import Transaction
from controller.store.host_groups import groups_with_bridges, labelled_hosts, of_groups, on_hosts
from controller.store.tables import BridgeRow, HostRow, MirrorRow, PortRow, TunnelRow


@dataclass(frozen=True, slots=True)
class GroupWorld:
    objects: tuple[Object, ...] = ()
    hosts: tuple[UUID, ...] = ()
    """Those that gain or lose a bridge without being named by the change."""


def load_bridges(tx: Transaction, wanted: Wanted, named: Sequence[Object]) -> GroupWorld:
    """The bridges of touched hosts, with their groups, and what those of groups bring along."""
    uids = [found.uid for found in named if found.ref in wanted.hosts]
    if not (uids or wanted.labels or wanted.selectors or wanted.spread or _groups(wanted)):
        return GroupWorld()
    spread = {each.host_group for each in wanted.spread.values()}
    groups = groups_with_bridges(tx, _groups(wanted) | spread)
    touched = set(_touched(wanted, named, groups))
    here = or_(on_hosts(uids), of_groups(touched | _groups(wanted)))
    bridges = _current(tx, Kind.BRIDGE, here)
    reached = _reached(tx, wanted, named, groups)
    found = [*bridges, *_at_stake(tx, wanted, [*named, *bridges], reached)]
    used = {b.spec.host_group for b in (*named, *found) if isinstance(b.spec, BridgeSpec)}
    needed = used | spread | _groups(wanted)
    found += [group for name, group in groups.items() if name in needed]
    return GroupWorld(tuple(found), tuple(reached))


def _groups(wanted: Wanted) -> frozenset[str]:
    return frozenset(ref.name for ref in wanted.targets if ref.kind is Kind.HOST_GROUP)


def _current(tx: Transaction, kind: Kind, which: ColumnElement[bool]) -> list[Object]:
    query = objects.versions(kind).where(which, objects.current(kind))
    return objects.fetch(tx, kind, query)


def _before_and_after(
    name: str, groups: Mapping[str, Object], wanted: Wanted
) -> tuple[Selector | None, Selector | None]:
    """None where there is no such group, or none that can be read."""
    group = groups.get(name)
    spec = group.spec if group is not None else None
    before = readable(spec.selector) if isinstance(spec, HostGroupSpec) else None
    written = wanted.selectors.get(name)
    return before, before if written is None else readable(written)


def _matches(selector: Selector | None, labels: Mapping[str, str]) -> bool:
    return selector is not None and selector.matches(labels)


def _touched(
    wanted: Wanted, named: Iterable[Object], groups: Mapping[str, Object]
) -> Iterator[str]:
    """Name the groups that a touched host is in, before the change or after it."""
    labels = [found.labels for found in named if found.ref in wanted.hosts]
    labels += wanted.labels.values()
    for name in groups:
        selectors = _before_and_after(name, groups, wanted)
        if any(_matches(each, has) for each in selectors for has in labels):
            yield name


def _reached(
    tx: Transaction, wanted: Wanted, named: Iterable[Object], groups: Mapping[str, Object]
) -> list[UUID]:
    """The hosts that get a new bridge of a group, or go into or out of a group that changes."""
    known = {found.ref for found in named}
    made = {each.host_group for ref, each in wanted.spread.items() if ref not in known}
    selectors = {name: _before_and_after(name, groups, wanted) for name in made | _groups(wanted)}
    if not any(name in made or one != other for name, (one, other) in selectors.items()):
        return []
    return [
        host.uid
        for host in labelled_hosts(tx)
        if any(
            _concerns(ends, host.labels, is_new=name in made) for name, ends in selectors.items()
        )
    ]


def _concerns(
    ends: tuple[Selector | None, Selector | None], labels: Mapping[str, str], *, is_new: bool
) -> bool:
    before, after = (_matches(each, labels) for each in ends)
    return before is not after or (is_new and after)


# --- what is at stake ----------------------------------------------------------------------------


def _at_stake(
    tx: Transaction, wanted: Wanted, known: Iterable[Object], reached: Sequence[UUID]
) -> Iterator[Object]:
    """Read all that is at the bridges of groups that the change names; on the hosts that it
    reaches, what has a device name of these bridges, and what is at those of changed groups."""
    changed = _groups(wanted)
    bridges = {each.ref: (each.uid, each.spec) for each in known}
    written = [bridges[ref][0] for ref in wanted.spread if ref in bridges]
    of_changed = {
        uid: spec.interface
        for uid, spec in bridges.values()
        if isinstance(spec, BridgeSpec) and spec.host_group in changed
    }
    if not (reached or written):
        return
    devices = {each.interface for each in wanted.spread.values()} | {*of_changed.values()}
    names = [*filter(objects.can_be_stored, devices)]
    yield from _current(tx, Kind.HOST, HostRow.uid == func.any(list(reached)))
    yield from _namesakes(tx, names, reached)
    yield from _users(tx, written, list(of_changed), reached)


def _namesakes(tx: Transaction, names: list[str], hosts: Sequence[UUID]) -> Iterator[Object]:
    port, there = PortRow, PortRow.host_uid == func.any(list(hosts))
    bridge = BridgeRow
    is_near = or_(bridge.host_uid == func.any(list(hosts)), bridge.host_group.is_not(None))
    yield from _current(tx, Kind.BRIDGE, and_(is_near, bridge.interface == func.any(names)))
    has_it = or_(
        port.interface == func.any(names),
        port.patch_interface == func.any(names),
        port.members.bool_op("&&")(names),
    )
    yield from _current(tx, Kind.PORT, and_(there, has_it))


def _users(
    tx: Transaction, written: list[UUID], changed: list[UUID], hosts: Collection[UUID]
) -> Iterator[Object]:
    port, tunnel, mirror = PortRow, TunnelRow, MirrorRow
    ends = {
        Kind.PORT: ((port.host_uid, port.bridge_uid), (port.host_uid, port.patch_bridge_uid)),
        Kind.TUNNEL: (
            (tunnel.a_host_uid, tunnel.a_bridge_uid),
            (tunnel.b_host_uid, tunnel.b_bridge_uid),
        ),
        Kind.MIRROR: ((mirror.host_uid, mirror.bridge_uid),),
    }
    near = list(hosts)
    for kind, columns in ends.items():
        at_any = [bridge == func.any(written) for _, bridge in columns]
        at_near = [
            and_(host == func.any(near), bridge == func.any(changed)) for host, bridge in columns
        ]
        yield from _current(tx, kind, or_(*at_any, *at_near))
