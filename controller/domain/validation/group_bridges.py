"""Rules of bridges that a HostGroup brings to hosts: what keeps one off a host, or on it.

A bridge comes and goes with the labels of hosts and the selector of its group, so that whoever
writes one of the three answers for the hosts that it brings together. Pure; owns nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from controller.domain.intent import (
    DEFAULT_PROJECT,
    BridgeSpec,
    BridgeType,
    HostSpec,
    Kind,
    Ref,
)
from controller.domain.validation.after import After
from controller.domain.validation.clashes import held_devices, holders_of_devices
from controller.domain.validation.faults import Faults
from controller.domain.validation.host_states import way_out
from controller.domain.validation.relations import unknown
from controller.domain.validation.world import Draft

_NAMED = 10
"""Hosts that a violation names: a group may have thousands."""
_EACH_THE_SAME = ("hwaddr", "datapath_id")
"""Settings that two bridges may not share."""


class _Spread(NamedTuple):
    """A bridge of a group."""

    entry: Draft
    spec: BridgeSpec
    group: str


class _Pair(NamedTuple):
    """A bridge of a group on one of its hosts."""

    bridge: _Spread
    host: str
    owner: HostSpec


class _Rule(NamedTuple):
    code: str
    field: str
    """Of the host: where it says what is in the way, when it was in the group before."""
    is_broken: Callable[[_Pair], bool]
    why: str
    fix: str


def check_group_bridges(after: After, faults: Faults) -> None:
    bridges = {each.entry.ref.name: each for each in _spread(after)}
    for each in bridges.values():
        if each.entry.ref in after.drafts:
            _check_bridge(each, after, faults)
    if not bridges:
        return
    pairs = [pair for each in bridges.values() for pair in _concerned(each, after)]
    for rule in _rules(after) if pairs else ():
        _check(rule, pairs, after, faults)
    _check_leaving(bridges, after, faults)


def _spread(after: After) -> Iterator[_Spread]:
    for entry in after.entries.values():
        if isinstance(entry.spec, BridgeSpec) and entry.spec.host_group is not None:
            yield _Spread(entry, entry.spec, entry.spec.host_group)


def _group(name: str) -> Ref:
    return Ref(Kind.HOST_GROUP, DEFAULT_PROJECT, name)


def _check_bridge(bridge: _Spread, after: After, faults: Faults) -> None:
    entry, at = bridge.entry, f"{bridge.entry.pointer}/spec"
    if _group(bridge.group) not in after.entries:
        unknown(Kind.HOST_GROUP, bridge.group, f"{at}/host_group", faults)
    elif entry.current is None and not after.groups.of(bridge.group):
        faults.warn(
            f"{at}/host_group",
            "host_group_empty",
            f"HostGroup {bridge.group!r} has no hosts, so that Bridge {entry.ref.name!r} is on none"
            " until one gets its labels",
            "give hosts the labels that the group's selector asks for",
        )
    for field in _EACH_THE_SAME:
        if getattr(bridge.spec.settings, field) is not None:
            faults.invalid(
                f"{at}/{field}",
                "setting_of_one_host",
                f"{field!r} would be the same on every host of HostGroup {bridge.group!r}, and no"
                " two bridges may have one",
                f"leave {field!r} out, or make a Bridge of each 'host'",
            )


# --- what keeps a bridge off a host --------------------------------------------------------------


def _concerned(bridge: _Spread, after: After) -> Iterator[_Pair]:
    """Yield the hosts that the request may bring the bridge to, or where it may be in the way."""
    hosts = after.groups.of(bridge.group)
    is_written = bridge.entry.ref in after.drafts or _group(bridge.group) in after.drafts
    for name in sorted(hosts):
        owner = after.host(name)
        if owner is not None and (is_written or after.written_host(name) is not None):
            yield _Pair(bridge, name, owner)


def _rules(after: After) -> tuple[_Rule, ...]:
    holders, held = holders_of_devices(after), held_devices(after)

    def is_taken(pair: _Pair) -> bool:
        there = holders.get((pair.host, pair.bridge.spec.interface), set())
        return bool(there - {pair.bridge.entry.ref})

    def is_held(pair: _Pair) -> bool:
        is_there = _was_there(pair.bridge, pair.host, after)
        return not is_there and (pair.host, pair.bridge.spec.interface) in held

    return (
        _Rule(
            "host_without_ovs",
            "spec/overlay_bridge_type",
            _lacks_ovs,
            "needs Open vSwitch, which there is none of (overlay_bridge_type is 'linux')",
            "set the Bridge's type to 'linux', or let the group's selector leave these hosts out",
        ),
        _Rule(
            "management_interface_taken",
            "spec/management_interface",
            _takes_way_out,
            "would take what is, or carries, the management interface",
            "choose another device, or let the group's selector leave these hosts out",
        ),
        _Rule(
            "interface_taken",
            "spec/overlay_bridge",
            is_taken,
            "has the device name of something else",
            "choose another device name, or let the group's selector leave these hosts out",
        ),
        _Rule(
            "interface_held",
            "metadata/labels",
            is_held,
            "has the device name of something that was deleted, or left, and that the host has not"
            " confirmed as removed",
            "wait until the host has applied that, or choose another device name",
        ),
    )


def _lacks_ovs(pair: _Pair) -> bool:
    no_ovs = pair.owner.overlay_bridge_type is BridgeType.LINUX
    return no_ovs and pair.bridge.spec.type is BridgeType.OVS


def _takes_way_out(pair: _Pair) -> bool:
    device = pair.owner.management_interface
    return device is not None and pair.bridge.spec.interface in way_out(device)


def _was_there(bridge: _Spread, host: str, after: After) -> bool:
    before = bridge.entry.current
    return (
        before is not None
        and isinstance(before.spec, BridgeSpec)
        and after.groups_before.has(before.spec, host)
    )


def _check(rule: _Rule, pairs: Iterable[_Pair], after: After, faults: Faults) -> None:
    found: dict[tuple[str, str], list[_Pair]] = defaultdict(list)
    for pair in pairs:
        if rule.is_broken(pair) and (at := _blamed(pair, rule.field, after)) is not None:
            found[at, pair.bridge.entry.ref.name].append(pair)
    for (pointer, name), broken in found.items():
        faults.conflict(
            pointer,
            rule.code,
            f"Bridge {name!r} of HostGroup {broken[0].bridge.group!r}, with the device"
            f" {broken[0].bridge.spec.interface!r}, {rule.why}: on"
            f" {_named(pair.host for pair in broken)}",
            rule.fix,
        )


def _blamed(pair: _Pair, field: str, after: After) -> str | None:
    """Point at what the request writes of bridge, group and host, in this order."""
    if pair.bridge.entry.ref in after.drafts and pair.bridge.entry.current is None:
        return f"{pair.bridge.entry.pointer}/spec/host_group"
    host = after.written_host(pair.host)
    is_there = _was_there(pair.bridge, pair.host, after)
    if (group := after.drafts.get(_group(pair.bridge.group))) is not None and not is_there:
        return f"{group.pointer}/spec/selector"
    if host is None:
        return None
    return f"{host.pointer}/{field if is_there else 'metadata/labels'}"


def _named(hosts: Iterable[str]) -> str:
    names = sorted(set(hosts))
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    words = "host" if len(names) == 1 else "hosts"
    return f"{words} {', '.join(map(repr, names[:_NAMED]))}{more}"


# --- what keeps a bridge on a host ---------------------------------------------------------------


def _check_leaving(bridges: dict[str, _Spread], after: After, faults: Faults) -> None:
    """Refuse to take a bridge from hosts that still have something at it. What the request itself
    puts there is judged by what it says."""
    for name, bridge in bridges.items():
        stuck: dict[str, list[str]] = defaultdict(list)
        users: dict[str, dict[Ref, None]] = defaultdict(dict)
        for host, there in after.at_bridge(name).items():
            left = [entry.ref for entry in there if entry.ref not in after.drafts]
            pointer = _parted(bridge, host, after) if left else None
            if pointer is not None:
                stuck[pointer].append(host)
                users[pointer] |= dict.fromkeys(left)
        for pointer, hosts in stuck.items():
            faults.conflict(
                pointer,
                "bridge_in_use_leaves_host",
                f"{_named(hosts)} would leave HostGroup {bridge.group!r}, and lose Bridge {name!r}"
                f" with {after.listing(users[pointer])} at it",
                "delete those in the same request, or first",
            )


def _parted(bridge: _Spread, host: str, after: After) -> str | None:
    """Point at what takes the bridge from the host; None where nothing does."""
    is_there = after.groups.has(bridge.spec, host)
    if is_there or not _was_there(bridge, host, after):
        return None
    if (written := after.written_host(host)) is not None:
        return f"{written.pointer}/metadata/labels"
    group = after.drafts.get(_group(bridge.group))
    return f"{group.pointer}/spec/selector" if group is not None else None
