"""Groups of hosts, and the bridges that they bring: who is in which, now and at any revision.

The one place that says what it means for a host to be in a group. Of all the labels in a fleet
nothing is read for a change to what is on one host. Reads only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, text
from sqlalchemy.orm import aliased

from controller.domain.definitions import HostGroupSpec
from controller.domain.intent import BridgeType, Kind, Lifecycle, Object, is_removed
from controller.domain.label_selectors import Selector, parse_selector
from controller.store import objects
from controller.store.engine import Transaction
from controller.store.lifecycles import CONFIRMED
from controller.store.tables import BridgeRow, ChangeLogRow, HostGroupRow, HostRow


class LabelledHost(NamedTuple):
    uid: UUID
    labels: Mapping[str, str]
    has_ovs: bool


def labelled_hosts(tx: Transaction) -> list[LabelledHost]:
    """All current hosts that can be in a group: for changes of groups alone, which concern any
    number of them."""
    row = HostRow
    query = select(row.uid, row.labels, row.overlay_bridge_type == BridgeType.OVS).where(
        objects.current(Kind.HOST), row.state != Lifecycle.REMOVED
    )
    return [LabelledHost(*found) for found in tx.execute(query)]


# A host in maintenance is at the version before the one that put it there: what counts is since
# when it has its labels, and not when anything of it changed last.
_SINCE = text("""
SELECT uid, labels, overlay_bridge_type = 'ovs', coalesce(
    (
        SELECT max(valid_to) FROM host AS before
        WHERE before.uid = host.uid AND before.labels <> host.labels
    ),
    (SELECT min(valid_from) FROM host AS first WHERE first.uid = host.uid)
)
FROM host WHERE valid_to IS NULL AND state <> 'removed'
""")


def labelled_since(tx: Transaction) -> list[tuple[LabelledHost, int]]:
    """All current hosts, each with the revision at which its labels became these."""
    return [(LabelledHost(*host), since) for *host, since in tx.execute(_SINCE)]


def bridges_on_hosts(tx: Transaction, uids: Collection[UUID]) -> dict[UUID, dict[UUID, int]]:
    """By bridge of a group and host, the newest revision of what brought the one to the other."""
    row = BridgeRow
    query = select(row.uid, row.host_group).where(
        row.uid == func.any(list(uids)), objects.current(Kind.BRIDGE), row.host_group.is_not(None)
    )
    groups = {uid: name for uid, name in tx.execute(query) if name is not None}
    histories = histories_of_groups(tx, set(groups.values()))
    hosts = labelled_since(tx)
    return {
        uid: {
            host.uid: max(entered, since)
            for host, since in hosts
            if (entered := histories[groups[uid]].entered(host.labels)) is not None
        }
        for uid in groups
    }


class GroupHistory(NamedTuple):
    """The selectors that a group has had, and since when each; the newest first."""

    versions: tuple[tuple[Selector, int], ...]

    def entered(self, labels: Mapping[str, str]) -> int | None:
        """Return the revision at which such a host came into the group; None where it is in none
        of it. A change that leaves a host in it is none to what the host has."""
        found = None
        for selector, since in self.versions:
            if not selector.matches(labels):
                break
            found = since
        return found


EVERY_HOST = GroupHistory(((Selector(), 0),))
"""Of what names no group."""


def histories_of_groups(tx: Transaction, names: Collection[str]) -> dict[str, GroupHistory]:
    """Of the current groups of these names."""
    row, now = HostGroupRow, aliased(HostGroupRow)
    query = (
        select(now.name, row.spec["selector"].astext, row.valid_from)
        .join(now, and_(now.uid == row.uid, now.valid_to.is_(None)))
        .where(now.name == func.any(list(names)))
        .order_by(row.valid_from.desc())
    )
    found: dict[str, list[tuple[Selector, int]]] = defaultdict(list)
    for name, words, since in tx.execute(query) if names else ():
        found[name].append((parse_selector(words), since))
    return {name: GroupHistory(tuple(versions)) for name, versions in found.items()}


def groups_named(tx: Transaction, names: Collection[str]) -> dict[str, Object]:
    known = [*filter(objects.can_be_stored, names)]
    if not known:
        return {}
    query = objects.versions(Kind.HOST_GROUP).where(
        HostGroupRow.name == func.any(known), objects.current(Kind.HOST_GROUP)
    )
    return {group.name: group for group in objects.fetch(tx, Kind.HOST_GROUP, query)}


def selector_of(group: Object) -> Selector:
    spec = group.spec
    return parse_selector(spec.selector) if isinstance(spec, HostGroupSpec) else Selector()


def groups_with_bridges(
    tx: Transaction, names: Collection[str] = (), revision: int | None = None
) -> dict[str, Object]:
    """The groups that some bridge refers to, with those of these names; ``revision`` None: now."""
    has_bridges = exists().where(
        BridgeRow.host_group == HostGroupRow.name, _there(Kind.BRIDGE, revision)
    )
    known = [*filter(objects.can_be_stored, names)]
    query = objects.versions(Kind.HOST_GROUP).where(
        or_(has_bridges, HostGroupRow.name == func.any(known)), _there(Kind.HOST_GROUP, revision)
    )
    return {group.name: group for group in objects.fetch(tx, Kind.HOST_GROUP, query)}


def _there(kind: Kind, revision: int | None) -> ColumnElement[bool]:
    return objects.current(kind) if revision is None else objects.valid_at(kind, revision)


def groups_of_hosts(
    groups: Mapping[str, Object], hosts: Iterable[Object]
) -> dict[UUID, frozenset[str]]:
    """By host, the names of the groups that it is in."""
    selectors = {name: selector_of(group) for name, group in groups.items()}
    return {
        host.uid: frozenset(
            name
            for name, each in selectors.items()
            if each.matches(host.labels) and not is_removed(host)
        )
        for host in hosts
    }


def bridges_on(
    tx: Transaction, hosts: Mapping[UUID, Object], revision: int
) -> dict[UUID, list[Object]]:
    """The bridges of hosts at a revision, by host: its own, and those of its groups."""
    groups = groups_with_bridges(tx, revision=revision)
    in_groups = groups_of_hosts(groups, hosts.values())
    named = frozenset[str]().union(*in_groups.values())
    query = objects.versions(Kind.BRIDGE).where(
        or_(on_hosts(hosts), of_groups(named)), objects.valid_at(Kind.BRIDGE, revision)
    )
    found: dict[UUID, list[Object]] = defaultdict(list)
    of_group: dict[str, list[Object]] = defaultdict(list)
    for row in tx.execute(query).mappings():
        bridge = objects.read(Kind.BRIDGE, row)
        if row["host_uid"] is not None:
            found[row["host_uid"]].append(bridge)
        else:
            of_group[row["host_group"]].append(bridge)
    for host, names in in_groups.items():
        found[host] += (bridge for name in sorted(names) for bridge in of_group[name])
    return found


def on_hosts(hosts: Iterable[UUID]) -> ColumnElement[bool]:
    return objects.on_hosts(Kind.BRIDGE, hosts)


def of_groups(names: Collection[str]) -> ColumnElement[bool]:
    return BridgeRow.host_group == func.any(list(names))


def listed_on(
    tx: Transaction, hosts: Collection[UUID], revision: int | None
) -> ColumnElement[bool]:
    """Whether a bridge is on one of the hosts; ``revision`` None: now."""
    groups = groups_with_bridges(tx, revision=revision)
    if not groups:
        return on_hosts(hosts)
    in_groups = groups_of_hosts(groups, _hosts(tx, hosts, revision))
    return or_(on_hosts(hosts), of_groups(frozenset[str]().union(*in_groups.values())))


def with_other_members(tx: Transaction, after: int) -> frozenset[str]:
    """Names of groups with bridges that, since a revision, have or had a host whose version is
    another, or another selector: of their bridges more or less may be needed than was."""
    groups = groups_with_bridges(tx)
    if not groups:
        return frozenset()
    row, log = HostRow, ChangeLogRow
    of_kind = (
        select(log.uid).where(log.revision > after, log.kind == kind)
        for kind in (Kind.HOST, Kind.HOST_GROUP)
    )
    hosts, changed = (frozenset(tx.execute(query).scalars()) for query in of_kind)
    query = select(row.labels).where(
        row.uid == func.any(list(hosts)), or_(row.valid_to.is_(None), row.valid_to > after)
    )
    labels = list(tx.execute(query.distinct()).scalars()) if hosts else []
    return frozenset(
        name
        for name, group in groups.items()
        if group.uid in changed or any(map(selector_of(group).matches, labels))
    )


def _hosts(tx: Transaction, uids: Collection[UUID], revision: int | None) -> list[Object]:
    query = objects.versions(Kind.HOST).where(
        HostRow.uid == func.any(list(uids)), _there(Kind.HOST, revision)
    )
    return objects.fetch(tx, Kind.HOST, query)


# --- what was on hosts ---------------------------------------------------------------------------

_TOGETHER = """
SELECT DISTINCT since.host_uid, bridge.uid, bridge.interface, host.labels,
    host_group.spec ->> 'selector'
FROM since
JOIN host ON host.uid = since.host_uid AND host.state <> 'removed'
    AND host.valid_from <= :revision AND (host.valid_to IS NULL OR host.valid_to > after)
JOIN bridge ON bridge.host_group IS NOT NULL
    AND bridge.valid_from <= :revision AND (bridge.valid_to IS NULL OR bridge.valid_to > after)
JOIN host_group ON host_group.name = bridge.host_group
    AND host_group.valid_from <= :revision
    AND (host_group.valid_to IS NULL OR host_group.valid_to > after)
WHERE least(host.valid_to, bridge.valid_to, host_group.valid_to) <= :revision
    AND greatest(host.valid_from, bridge.valid_from, host_group.valid_from)
        < least(host.valid_to, bridge.valid_to, host_group.valid_to)
"""
"""Versions of host, bridge and group that were there together at some time, and are not any more
at a revision. A host of which nothing changed meets nothing but what did."""

_ENDED = text(f"""
WITH since AS (
    SELECT * FROM unnest(CAST(:hosts AS uuid[]), CAST(:after AS bigint[])) AS t(host_uid, after)
)
{_TOGETHER}
""")  # noqa: S608 (of constants)

_HELD = text(f"""
WITH confirmed AS ({CONFIRMED}),
since AS (
    SELECT host_uid, applied_revision AS after FROM confirmed
    WHERE host_uid = ANY(CAST(:hosts AS uuid[]))
)
{_TOGETHER}
UNION
SELECT failure.host_uid, bridge.uid, bridge.interface, NULL, NULL
FROM resource_failure AS failure JOIN bridge ON bridge.uid = object_uid AND host_group IS NOT NULL
WHERE failure.host_uid = ANY(CAST(:hosts AS uuid[]))
""")  # noqa: S608 (of constants)
"""With those that a host reports trouble with."""
_EVER = 2**63 - 1


class Ended(NamedTuple):
    """A bridge of a group as a host had it until one of the three changed. It may have it again."""

    bridge: UUID
    interface: str


def ended(
    tx: Transaction, hosts: Sequence[UUID], after: Sequence[int], revision: int
) -> dict[UUID, set[Ended]]:
    """By host, what it had after a revision of its own and may not have at ``revision``."""
    asked = {"hosts": list(hosts), "after": list(after), "revision": revision}
    return _matching(tx.execute(_ENDED, asked))


def held_names(tx: Transaction, hosts: Sequence[UUID]) -> Iterator[tuple[UUID, str, UUID]]:
    """Host and device name of bridges of groups that it has no longer and may still carry, with the
    bridge's uid."""
    found = _matching(tx.execute(_HELD, {"hosts": list(hosts), "revision": _EVER}))
    there = uids_on(tx, list(found)) if found else {}
    for host, bridges in found.items():
        gone = (each for each in bridges if each.bridge not in there[host])
        yield from ((host, each.interface, each.bridge) for each in gone)


def _matching(rows: Iterable[Any]) -> dict[UUID, set[Ended]]:
    found: dict[UUID, set[Ended]] = defaultdict(set)
    selectors: dict[str, Selector] = {}
    for host, bridge, interface, labels, words in rows:
        if labels is not None and words not in selectors:
            selectors[words] = parse_selector(words)
        if labels is None or selectors[words].matches(labels):
            found[host].add(Ended(bridge, interface))
    return found


def uids_on(
    tx: Transaction, hosts: Collection[UUID], revision: int | None = None
) -> dict[UUID, set[UUID]]:
    """By host, the bridges of groups that are on it; ``revision`` None: now."""
    groups = groups_with_bridges(tx, revision=revision)
    found: dict[UUID, set[UUID]] = {host: set() for host in hosts}
    if not groups:
        return found
    in_groups = groups_of_hosts(groups, _hosts(tx, hosts, revision))
    row, named = BridgeRow, frozenset[str]().union(*in_groups.values())
    query = select(row.host_group, row.uid).where(of_groups(named), _there(Kind.BRIDGE, revision))
    uids: dict[str | None, set[UUID]] = defaultdict(set)
    for group, uid in tx.execute(query):
        uids[group].add(uid)
    for host, names in in_groups.items():
        found[host].update(*(uids[name] for name in names))
    return found
