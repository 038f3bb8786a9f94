"""Taking over what somebody else made, where an operator granted it: the mark goes on, no more.

What else would have to change is asked of the planner itself: it plans for the host as if the mark
were on already. What it would do then is what differs from intent, and without leave to change that
the mark stays off as well. Only bridges and ports are taken over, under the very name that they
have in intent; never what bears the mark of another fleet, nor the ports on a bridge.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from agent.errors import ErrorKind, Failure
from agent.model import (
    BOUND_KEY,
    DEVICE_KEY,
    ID_KEY,
    OVS_KINDS,
    OWNER_KEY,
    Bridge,
    BridgeType,
    HostState,
    Port,
    PortType,
    alias,
)
from agent.observed import Link, ObservedState, OvsBridge, OvsPort
from agent.planner.claims import Thing, ThingKind
from agent.planner.inventory import PlacedPort, placed_ports
from agent.planner.owners import is_marked
from agent.planner.plan import (
    NetlinkStep,
    OvsdbOp,
    Plan,
    SetBridge,
    SetInterface,
    SetLink,
    SetPort,
    Stage,
    Step,
)

Planner: TypeAlias = Callable[[HostState, ObservedState], Plan]

_MARK_KEYS = frozenset({OWNER_KEY, ID_KEY, DEVICE_KEY})
_OF_WHAT_IS_THERE = frozenset({"InterfaceNotOpen", "InterfaceError"})
"""Reasons of failures that stand beside the steps of a resource. With any other one it has none, or
not all, for as long as that lasts: what differs from intent could not be told.
"""
_MOST_TOLD = 10
_DEVICE_KINDS: Mapping[PortType, frozenset[str]] = {
    PortType.VETH: frozenset({"veth"}),
    PortType.TAP: frozenset({"tun"}),
}
"""Of the devices that ports have beside their rows; those of internal ports go with the row."""


@dataclass(frozen=True, slots=True)
class _Find:
    """What one resource may take over."""

    resource: str
    bridges: tuple[OvsBridge, ...] = ()
    ports: tuple[PlacedPort, ...] = ()
    links: tuple[Link, ...] = ()
    interfaces: frozenset[str] = frozenset()
    """Of ``ports``, those that intent has as well: what else is in them stays a stranger's."""

    @property
    def words(self) -> str:
        things = [Thing(ThingKind.BRIDGE, row.name) for row in self.bridges]
        things += [Thing(ThingKind.PORT, placed.port.name) for placed in self.ports]
        rows = {thing.name for thing in things}
        things += [Thing(ThingKind.LINK, each.name) for each in self.links if each.name not in rows]
        return " and ".join(str(thing) for thing in things)


def adoptable_names(desired: HostState) -> frozenset[str]:
    """Names of devices that may be taken over: to be looked at as closely as our own."""
    granted = desired.grants.adoptions
    bridges = (each.name for each in _bridges(desired) if each.id in granted)
    return frozenset({*bridges, *(each.interface for each in desired.ports if each.id in granted)})


def with_adoptions(
    plan: Plan, desired: HostState, observed: ObservedState, plan_for: Planner
) -> Plan:
    """``plan`` with the marks that are to be put on before all else; the rest of what is taken
    over follows in the next plan.
    """
    found = {find.resource: find for find in _finds(desired, observed)}
    if not found:
        return plan
    refused: dict[str, Failure] = {}
    while found:
        as_if = plan_for(desired, _marked(observed, desired.fleet_uid, found.values()))
        against = {
            resource: failure
            for resource, find in found.items()
            if (failure := _refusal(find, as_if, is_free=desired.grants.adoptions[resource]))
        }
        if not against:
            break
        refused |= against
        found = {resource: find for resource, find in found.items() if resource not in against}
    failures = [each for each in plan.failures if each.resource not in {*found, *refused}]
    stages = [_without(stage, found) for stage in plan.stages]
    marks = Stage(
        ovsdb=tuple(op for find in found.values() for op in _mark_rows(find, desired.fleet_uid)),
        post=tuple(step for find in found.values() for step in _mark_links(find, desired)),
    )
    return Plan(
        tuple(stage for stage in (marks, *stages) if any(stage.steps())),
        tuple(sorted((*failures, *refused.values()))),
    )


# --- what there is to take over ------------------------------------------------------------------


def _finds(desired: HostState, observed: ObservedState) -> Iterator[_Find]:
    granted = desired.grants.adoptions
    finds = [_bridge(each, observed) for each in _bridges(desired) if each.id in granted]
    finds += [_port(each, observed) for each in desired.ports if each.id in granted]
    return (find for find in finds if find.bridges or find.ports or find.links)


def _bridges(desired: HostState) -> tuple[Bridge, ...]:
    return (*(() if desired.overlay is None else (desired.overlay,)), *desired.bridges)


def _bridge(bridge: Bridge, observed: ObservedState) -> _Find:
    if bridge.type is BridgeType.LINUX:
        return _Find(bridge.id, links=_free_links(bridge.name, {"bridge"}, observed))
    row = observed.bridges.get(bridge.name)
    if row is None or not _is_free(row.external_ids):
        return _Find(bridge.id)
    return _Find(bridge.id, (row,), links=_free_links(bridge.name, OVS_KINDS, observed))


def _port(port: Port, observed: ObservedState) -> _Find:
    if port.type in (PortType.BOUND, PortType.UNKNOWN):
        return _Find(port.id)
    places = {(port.bridge, port.interface)}
    if port.patch is not None:
        places.add((port.patch.bridge, port.patch.interface))
    rows = tuple(
        placed
        for bridge in sorted({bridge for bridge, _ in places} & observed.bridges.keys())
        for placed in placed_ports(observed.bridges[bridge])
        if (bridge, placed.port.name) in places and _is_free_port(placed.port)
    )
    names = {port.patch.interface} if port.patch is not None else set[str]()
    names |= {*port.members} or {port.interface}
    kinds = _DEVICE_KINDS.get(port.type, frozenset())
    if port.type is PortType.INTERNAL and rows:
        kinds = OVS_KINDS
    links = _free_links(port.interface, kinds, observed)
    return _Find(port.id, ports=rows, links=links, interfaces=frozenset(names))


def _free_links(name: str, kinds: Collection[str], observed: ObservedState) -> tuple[Link, ...]:
    link = observed.links.get(name)
    if link is None or link.kind not in kinds or is_marked(link):
        return ()
    return (link,)


def _is_free(external_ids: Mapping[str, str]) -> bool:
    return OWNER_KEY not in external_ids and BOUND_KEY not in external_ids


def _is_free_port(row: OvsPort) -> bool:
    return _is_free(row.external_ids) and all(
        _is_free(each.external_ids) for each in row.interfaces
    )


# --- whether it may be taken over ----------------------------------------------------------------


def _refusal(find: _Find, as_if: Plan, *, is_free: bool) -> Failure | None:
    """``is_free`` to be changed."""
    for failure in as_if.failures:
        if failure.resource == find.resource and failure.reason not in _OF_WHAT_IS_THERE:
            message = f"{find.words} is not taken over: {failure.message}"
            return replace(failure, message=message)
    changes = [] if is_free else list(_differences(find, as_if))
    if not changes:
        return None
    told = "; ".join(changes[:_MOST_TOLD])
    if len(changes) > _MOST_TOLD:
        told += f"; and {len(changes) - _MOST_TOLD} more"
    message = (
        f"{find.words} is not taken over, for it differs from intent, which would {told}; make "
        "intent like it, or have it changed with `ovsfleet adopt --accept-differences`"
    )
    return Failure(find.resource, ErrorKind.CONFLICT, "AdoptionDiffers", message)


def _differences(find: _Find, as_if: Plan) -> Iterator[str]:
    for link in find.links:
        if link.alias:
            yield f"overwrite the alias {link.alias!r} of device {link.name}"
    for stage in as_if.stages:
        for step in stage.steps():
            if step.resource == find.resource and not _is_mark(step):
                yield step.describe()


def _is_mark(step: Step) -> bool:
    """Whether it writes our marks alone."""
    if not isinstance(step, SetBridge | SetPort | SetInterface):
        return False
    is_more = isinstance(step, SetInterface) and (step.options or step.without)
    if step.columns or step.settings or is_more:
        return False
    return step.external_ids.keys() <= _MARK_KEYS


# --- the marks -----------------------------------------------------------------------------------


def _mark(owner: str, resource: str) -> dict[str, str]:
    return {OWNER_KEY: owner, ID_KEY: resource}


def _mark_rows(find: _Find, owner: str) -> Iterator[OvsdbOp]:
    mark = _mark(owner, find.resource)
    for row in find.bridges:
        yield SetBridge(find.resource, row.name, row, external_ids=mark)
        for port in row.ports:
            if port.name == row.name:
                yield from _mark_port(find.resource, PlacedPort(row.name, port), {row.name}, mark)
    for placed in find.ports:
        yield from _mark_port(find.resource, placed, find.interfaces, mark)


def _mark_port(
    resource: str, placed: PlacedPort, names: Collection[str], mark: Mapping[str, str]
) -> Iterator[OvsdbOp]:
    port = placed.port
    yield SetPort(resource, placed.bridge, port.name, port, external_ids=mark)
    for interface in port.interfaces:
        if interface.name in names:
            yield SetInterface(resource, interface.name, interface, external_ids=mark)


def _mark_links(find: _Find, desired: HostState) -> Iterator[NetlinkStep]:
    words = alias(desired.fleet_uid, find.resource)
    for link in find.links:
        yield SetLink(find.resource, None, link.name, alias=words, ifindex=link.ifindex)


def _marked(observed: ObservedState, owner: str, finds: Iterable[_Find]) -> ObservedState:
    """The host as it is once the marks are on."""
    bridges, links = dict(observed.bridges), dict(observed.links)
    for find in finds:
        mark = _mark(owner, find.resource)
        for row in find.bridges:
            marked = replace(bridges[row.name], external_ids={**row.external_ids, **mark})
            bridges[row.name] = _with_port(marked, row.name, {row.name}, mark)
        for placed in find.ports:
            bridges[placed.bridge] = _with_port(
                bridges[placed.bridge], placed.port.name, find.interfaces, mark
            )
        for link in find.links:
            links[link.name] = replace(link, alias=alias(owner, find.resource))
    return replace(observed, bridges=bridges, links=links)


def _with_port(
    bridge: OvsBridge, name: str, interfaces: Collection[str], mark: Mapping[str, str]
) -> OvsBridge:
    def marked(port: OvsPort) -> OvsPort:
        rows = tuple(
            replace(each, external_ids={**each.external_ids, **mark})
            if each.name in interfaces
            else each
            for each in port.interfaces
        )
        return replace(port, interfaces=rows, external_ids={**port.external_ids, **mark})

    ports = tuple(marked(port) if port.name == name else port for port in bridge.ports)
    return replace(bridge, ports=ports)


def _without(stage: Stage, resources: Collection[str]) -> Stage:
    return Stage(
        pre=tuple(step for step in stage.pre if step.resource not in resources),
        ovsdb=tuple(op for op in stage.ovsdb if op.resource not in resources),
        post=tuple(step for step in stage.post if step.resource not in resources),
    )
