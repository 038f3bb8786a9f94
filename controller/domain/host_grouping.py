"""Into which groups hosts fall, for who looks at more of them than can be told apart. Pure.

Each host is in exactly one: where it has several zones or is in several host groups, it is with
those that have the same.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from controller.domain.errors import InvalidError, Violation
from controller.domain.label_selectors import Selector

MOST_HOSTS = 150
"""Beyond so many, hosts are not shown one by one unless that is asked for; nor are more groups."""
_LABEL = "label:"
_LONGEST_LABEL = 128


class Grouping(enum.StrEnum):
    AUTO = "auto"
    HOST = "host"
    ZONE = "zone"
    GROUP = "group"
    LABEL = "label"


@dataclass(frozen=True, slots=True)
class GroupBy:
    by: Grouping
    key: str = ""
    """Of a label."""

    def __str__(self) -> str:
        return f"{_LABEL}{self.key}" if self.by is Grouping.LABEL else self.by.value


class GroupableHost(NamedTuple):
    uid: UUID
    name: str
    revision: int
    labels: Mapping[str, str]
    zones: tuple[str, ...]


@dataclass(slots=True)
class HostSet:
    """A host, or hosts that are shown as one."""

    id: str
    title: str
    is_host: bool
    hosts: list[GroupableHost] = field(default_factory=list)

    @property
    def labels(self) -> dict[str, str]:
        """Those that all of the hosts have alike."""
        first, *others = (host.labels.items() for host in self.hosts)
        return dict(set(first).intersection(*others))


def parse_group_by(text: str) -> GroupBy:
    """InvalidError for what is none."""
    key = text.removeprefix(_LABEL)
    if text.startswith(_LABEL) and 0 < len(key) <= _LONGEST_LABEL:
        return GroupBy(Grouping.LABEL, key)
    if text in set(Grouping) - {Grouping.LABEL}:
        return GroupBy(Grouping(text))
    detail = f"group_by {text!r} is nothing that hosts can be grouped by"
    fix = "use auto, host, zone, group, or label:KEY with the key of a label, such as label:rack"
    raise InvalidError(detail, [Violation("", "group_by", detail, fix)])


def parse_within(text: str) -> GroupBy:
    """What hosts are grouped by where ``text`` is the id of a group; InvalidError where none is."""
    by, _, rest = text.partition(":")
    if by in {Grouping.ZONE, Grouping.GROUP}:
        return GroupBy(Grouping(by))
    key = rest.partition("=")[0]
    if by == Grouping.LABEL and 0 < len(key) <= _LONGEST_LABEL:
        return GroupBy(Grouping.LABEL, key)
    detail = f"within {text!r} is no group of hosts"
    fix = "use the id of a node of kind group, such as zone:east, group:edge or label:rack=r1"
    raise InvalidError(detail, [Violation("", "within", detail, fix)])


def chosen(asked: GroupBy, hosts: Collection[GroupableHost], *, has_groups: bool) -> GroupBy:
    """What ``auto`` amounts to: the first that makes the hosts fewer, once they are many."""
    if asked.by is not Grouping.AUTO:
        return asked
    if len(hosts) <= MOST_HOSTS:
        return GroupBy(Grouping.HOST)
    if has_groups and not any(host.zones for host in hosts):
        return GroupBy(Grouping.GROUP)
    return GroupBy(Grouping.ZONE)


def grouped(
    hosts: Collection[GroupableHost], by: GroupBy, groups: Mapping[str, Selector]
) -> list[HostSet]:
    """Each host once; ``groups`` are the selectors of the HostGroups by name."""
    found: dict[str, HostSet] = {}
    for host in hosts:
        where = _set_of(host, by, groups)
        found.setdefault(where.id, where).hosts.append(host)
    return list(found.values())


def inside(
    hosts: Collection[GroupableHost], group: str, groups: Mapping[str, Selector]
) -> list[GroupableHost]:
    """The hosts of the group with this id; there are none where there is no such group."""
    by = parse_within(group)
    return [host for host in hosts if _set_of(host, by, groups).id == group]


def _set_of(host: GroupableHost, by: GroupBy, groups: Mapping[str, Selector]) -> HostSet:
    match by.by:
        case Grouping.ZONE:
            return _named(by, sorted(host.zones), "no zone")
        case Grouping.GROUP:
            names = [name for name, each in sorted(groups.items()) if each.matches(host.labels)]
            return _named(by, names, "no group")
        case Grouping.LABEL:
            value = host.labels.get(by.key)
            if value is None:
                return HostSet(str(by), f"no {by.key}", is_host=False)
            return HostSet(f"{by}={value}", value or '""', is_host=False)
        case _:
            return HostSet(str(host.uid), host.name, is_host=True)


def _named(by: GroupBy, names: Collection[str], nothing: str) -> HostSet:
    return HostSet(f"{by}:{','.join(names)}", ", ".join(names) or nothing, is_host=False)
