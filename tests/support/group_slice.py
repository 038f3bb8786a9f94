"""What ``World.objects`` promises of bridges of groups: the model of that part of the loader."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from controller.domain.definitions import HostGroupSpec
from controller.domain.intent import (
    DEFAULT_PROJECT,
    BridgeSpec,
    Kind,
    Object,
    PortSpec,
    Ref,
    Spec,
)
from controller.domain.validation import Wanted
from controller.domain.validation.group_members import readable
from controller.domain.validation.references import bridges_at, devices_of, references


def brought(objects: Mapping[Ref, Object], want: Wanted) -> set[Ref]:
    """Choose the bridges of groups on touched hosts, and what is at stake where one comes or goes;
    with the groups of all bridges there."""
    near = _near(objects, want)
    reached = _reached(objects, want)
    of_groups = {o.ref: _group(o.spec) for o in spread(objects.values())}
    changed = {ref.name for ref in want.targets if ref.kind is Kind.HOST_GROUP}
    found = {ref for ref, group in of_groups.items() if group in near | changed}
    found |= {Ref(Kind.HOST, DEFAULT_PROJECT, name) for name in reached}
    devices = {each.interface for each in want.spread.values()}
    for ref, group in of_groups.items():
        devices |= _devices(objects[ref].spec) if group in changed else set()
    for each in objects.values():
        if (
            reached
            and devices & _devices(each.spec)
            and (_hosts(each) & reached or _group(each.spec))
        ):
            found.add(each.ref)
        for host, bridge in bridges_at(each.spec):
            ref = Ref(Kind.BRIDGE, DEFAULT_PROJECT, bridge)
            if ref in want.spread or (host in reached and of_groups.get(ref) in changed):
                found.add(each.ref)
    used = {of_groups[ref] for ref in (found | want.refs) & of_groups.keys()}
    used |= {each.host_group for each in want.spread.values()} | changed
    return found | {Ref(Kind.HOST_GROUP, DEFAULT_PROJECT, name) for name in used if name}


def _near(objects: Mapping[Ref, Object], want: Wanted) -> set[str]:
    """Name the groups that a touched host is in, before the change or after it."""
    labels = [objects[ref].labels for ref in want.hosts if ref in objects]
    labels += want.labels.values()
    return {
        name
        for name in _names(objects)
        if any(_is_in(name, has, objects, want, at) for has in labels for at in (0, 1))
    }


def _names(objects: Mapping[Ref, Object]) -> set[str]:
    return {ref.name for ref in objects if ref.kind is Kind.HOST_GROUP}


def _is_in(
    group: str, labels: Mapping[str, str], objects: Mapping[Ref, Object], want: Wanted, at: int
) -> bool:
    """``at`` 0 is before the change, 1 after it."""
    found = objects.get(Ref(Kind.HOST_GROUP, DEFAULT_PROJECT, group))
    words = found.spec.selector if found and isinstance(found.spec, HostGroupSpec) else None
    if at and group in want.selectors:
        words = want.selectors[group]
    selector = readable(words) if words is not None else None
    return selector is not None and selector.matches(labels)


def _reached(objects: Mapping[Ref, Object], want: Wanted) -> set[str]:
    made = {each.host_group for ref, each in want.spread.items() if ref not in objects}
    changed = {ref.name for ref in want.targets if ref.kind is Kind.HOST_GROUP}
    found = set()
    for host in (o for o in objects.values() if o.kind is Kind.HOST):
        for name in made | changed:
            before, after = (_is_in(name, host.labels, objects, want, at) for at in (0, 1))
            if before is not after or (name in made and after):
                found.add(host.name)
    return found


def spread(objects: Iterable[Object]) -> list[Object]:
    """Choose the bridges of groups."""
    return [each for each in objects if _group(each.spec) is not None]


def members(objects: Mapping[Ref, Object], group: str | None) -> set[str]:
    """Name the hosts that are in a group."""
    found = objects.get(Ref(Kind.HOST_GROUP, DEFAULT_PROJECT, group or ""))
    words = found.spec.selector if found and isinstance(found.spec, HostGroupSpec) else ""
    selector = readable(words)
    hosts = (o for o in objects.values() if o.kind is Kind.HOST)
    return {host.name for host in hosts if selector is not None and selector.matches(host.labels)}


def _group(spec: Spec) -> str | None:
    return spec.host_group if isinstance(spec, BridgeSpec) else None


def _hosts(found: Object) -> set[str]:
    refs = references(found.ref, found.spec)
    return {ref.name for ref in refs if ref.kind is Kind.HOST}


def _devices(spec: Spec) -> set[str]:
    match spec:
        case BridgeSpec(interface=device):
            return {device}
        case PortSpec():
            return {name for _, name in devices_of(spec)}
        case _:
            return set()
