"""What is on the host, sorted by whose it is and by what it occupies.

Built once per plan from the observed state. Ownership is read from marks alone (external_ids of
rows, aliases of devices), never from names. Of what is desired it knows only what
is to be given back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from agent.columns import Release
from agent.model import BOUND_KEY, ID_KEY, IFACE_ID_KEY, OWNER_KEY, alias
from agent.monitoring import OvsMirror
from agent.observed import Link, ObservedState, OvsBridge, OvsPort
from agent.planner.claims import Claim, Holder
from agent.planner.holders import device_rows, holders_of, in_order, is_backed
from agent.planner.ownership import aliased_id, bound_id, owned_id, segment_of
from agent.planner.releases import Releases, by_row


@dataclass(frozen=True, slots=True)
class PlacedPort:
    bridge: str
    port: OvsPort


@dataclass(frozen=True, slots=True)
class PlacedMirror:
    bridge: str
    mirror: OvsMirror


@dataclass(frozen=True, slots=True)
class PlacedExport:
    bridge: str
    table: str


@dataclass(frozen=True, slots=True)
class Inventory:
    """``bridges``, ``ports`` and ``links`` hold what is ours, by resource id."""

    owner: str
    observed: ObservedState
    bridges: Mapping[str, tuple[OvsBridge, ...]]
    ports: Mapping[str, tuple[PlacedPort, ...]]
    links: Mapping[str, tuple[Link, ...]]
    holders: Mapping[Claim, tuple[Holder, ...]]
    meshes: Mapping[str, tuple[PlacedPort, ...]]
    """The tunnel ports that are ours, by the segment that they carry."""
    enslaved: Mapping[str, tuple[str, ...]]
    """The devices in each Linux bridge or other master."""
    device_rows: frozenset[str]
    """Names of the devices that Open vSwitch makes and removes together with a row."""
    releases: Releases = field(default_factory=dict)
    """What intent set on rows of ours and does not set any more."""
    stacks: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    """The devices that take the frames of another one, by its ifindex."""
    mirrors: Mapping[str, tuple[PlacedMirror, ...]] = field(default_factory=dict)
    exports: Mapping[str, tuple[PlacedExport, ...]] = field(default_factory=dict)
    """Of flows, likewise what is ours by resource id; both on bridges of ours alone, for what is
    on a bridge of somebody else he put there."""
    userspace: frozenset[str] = frozenset()
    """The bridges that shall have a userspace datapath."""
    let_go: frozenset[str] = frozenset()
    """Devices of others that are taken out of a Linux bridge of ours."""
    is_whole: bool = True
    """As of the desired state."""
    plugged: Mapping[str, tuple[PlacedPort, ...]] = field(default_factory=dict)
    """Ports of others by the iface-ids of their interfaces, as far as intent is about those."""
    bound: Mapping[str, tuple[PlacedPort, ...]] = field(default_factory=dict)
    """Ports of others that bear our mark, by the resource that they are bound to."""
    forced: frozenset[str] = frozenset()
    """Resources for which a device may be taken in with the host's own addresses."""
    on_trial: frozenset[str] = frozenset()
    """Devices for which the same holds, because it is undone where that cuts the host off."""

    def may_plug(self, resource: str, device: str) -> bool:
        return resource in self.forced or device in self.on_trial

    def released(self, resource: str, table: str, row: str) -> tuple[Release, ...]:
        return self.releases.get((resource, table, row), ())

    def owned_ids(self) -> frozenset[str]:
        return frozenset({*self.bridges, *self.ports, *self.links, *self.mirrors, *self.exports})

    def owns(self, external_ids: Mapping[str, str]) -> bool:
        return external_ids.get(OWNER_KEY) == self.owner and bool(external_ids.get(ID_KEY))

    def owns_device(self, name: str) -> bool:
        link = self.observed.links.get(name)
        return link is not None and bool(aliased_id(link, self.owner))

    def foreign_interfaces(self, port: OvsPort) -> tuple[str, ...]:
        """Interfaces that somebody else put into a port of ours."""
        return tuple(
            sorted(
                interface.name
                for interface in port.interfaces
                if not self.owns(interface.external_ids)
                and (interface.name != port.name or OWNER_KEY in interface.external_ids)
            )
        )

    def is_backed(self, link: Link) -> bool:
        """Whether the device comes and goes with a row of OVSDB."""
        return is_backed(link, self.device_rows)

    def alias(self, resource: str) -> str:
        return alias(self.owner, resource)

    def mark(self, resource: str) -> dict[str, str]:
        """The external_ids that make a row ours."""
        return {OWNER_KEY: self.owner, ID_KEY: resource}


def take_inventory(
    observed: ObservedState,
    owner: str,
    released: Collection[Release] = (),
    userspace: frozenset[str] = frozenset(),
    let_go: frozenset[str] = frozenset(),
    *,
    iface_ids: frozenset[str] = frozenset(),
    is_whole: bool = True,
    forced: frozenset[str] = frozenset(),
    on_trial: frozenset[str] = frozenset(),
) -> Inventory:
    bridges: dict[str, list[OvsBridge]] = defaultdict(list)
    ports: dict[str, list[PlacedPort]] = defaultdict(list)
    links: dict[str, list[Link]] = defaultdict(list)
    for bridge in in_order(observed):
        if resource := owned_id(bridge.external_ids, owner):
            bridges[resource].append(bridge)
        for placed in placed_ports(bridge):
            if resource := owned_id(placed.port.external_ids, owner):
                ports[resource].append(placed)
    for name in sorted(observed.links):
        if resource := aliased_id(observed.links[name], owner):
            links[resource].append(observed.links[name])
    meshes: dict[str, list[PlacedPort]] = defaultdict(list)
    for resource in sorted(ports):
        meshes[segment_of(resource)] += ports[resource]
    enslaved: dict[str, list[str]] = defaultdict(list)
    for name in sorted(observed.links):
        enslaved[observed.links[name].master].append(name)
    return Inventory(
        owner=owner,
        observed=observed,
        bridges={key: tuple(rows) for key, rows in bridges.items()},
        ports={key: tuple(rows) for key, rows in ports.items()},
        links={key: tuple(rows) for key, rows in links.items()},
        meshes={key: tuple(rows) for key, rows in meshes.items() if key},
        enslaved={key: tuple(names) for key, names in enslaved.items() if key},
        holders=holders_of(observed, owner),
        device_rows=device_rows(observed),
        releases=by_row(released),
        stacks=_stacks(observed),
        mirrors=_mirrors(observed, owner),
        exports=_exports(observed, owner),
        userspace=userspace,
        let_go=let_go,
        is_whole=is_whole,
        plugged=_plugged(observed, owner, iface_ids) if iface_ids else {},
        bound=_bound(observed, owner),
        forced=forced,
        on_trial=on_trial,
    )


def _plugged(
    observed: ObservedState, owner: str, wanted: frozenset[str]
) -> dict[str, tuple[PlacedPort, ...]]:
    found: dict[str, list[PlacedPort]] = defaultdict(list)
    for bridge in in_order(observed):
        for port in bridge.ports:
            for interface in port.interfaces:
                iface_id = interface.external_ids.get(IFACE_ID_KEY)
                if iface_id not in wanted or port.name == bridge.name:
                    continue
                if not owned_id(port.external_ids, owner):
                    found[iface_id].append(PlacedPort(bridge.name, port))
    return {iface_id: _sorted(rows) for iface_id, rows in found.items()}


def _bound(observed: ObservedState, owner: str) -> dict[str, tuple[PlacedPort, ...]]:
    found: dict[str, list[PlacedPort]] = defaultdict(list)
    for bridge in in_order(observed):
        for port in bridge.ports:
            if BOUND_KEY in port.external_ids and not owned_id(port.external_ids, owner):
                found[bound_id(port.external_ids, owner)].append(PlacedPort(bridge.name, port))
    return {resource: _sorted(rows) for resource, rows in found.items() if resource}


def _sorted(rows: list[PlacedPort]) -> tuple[PlacedPort, ...]:
    return tuple(sorted(rows, key=lambda each: (each.bridge, each.port.name)))


def bound_ids(observed: ObservedState, owner: str) -> frozenset[str]:
    """The resources that ports of others are bound to."""
    return frozenset(_bound(observed, owner))


def _stacks(observed: ObservedState) -> dict[int, tuple[str, ...]]:
    found: dict[int, list[str]] = defaultdict(list)
    for name in sorted(observed.links):
        found[observed.links[name].stacked_on].append(name)
    return {index: tuple(names) for index, names in found.items() if index}


def _mirrors(observed: ObservedState, owner: str) -> dict[str, tuple[PlacedMirror, ...]]:
    found: dict[str, list[PlacedMirror]] = defaultdict(list)
    for bridge in _own_bridges(observed, owner):
        for mirror in sorted(bridge.mirrors, key=lambda each: each.name):
            if resource := owned_id(mirror.external_ids, owner):
                found[resource].append(PlacedMirror(bridge.name, mirror))
    return {resource: tuple(rows) for resource, rows in found.items()}


def _own_bridges(observed: ObservedState, owner: str) -> Iterator[OvsBridge]:
    return (each for each in in_order(observed) if owned_id(each.external_ids, owner))


def _exports(observed: ObservedState, owner: str) -> dict[str, tuple[PlacedExport, ...]]:
    found: dict[str, list[PlacedExport]] = defaultdict(list)
    for bridge in _own_bridges(observed, owner):
        for table, row in sorted(bridge.exports.items()):
            if resource := owned_id(row.external_ids, owner):
                found[resource].append(PlacedExport(bridge.name, table))
    return {resource: tuple(rows) for resource, rows in found.items()}


def owned_ids(observed: ObservedState, owner: str) -> frozenset[str]:
    """The resources of which something is here."""
    marks = [bridge.external_ids for bridge in observed.bridges.values()]
    marks += [
        placed.port.external_ids
        for bridge in observed.bridges.values()
        for placed in placed_ports(bridge)
    ]
    for bridge in _own_bridges(observed, owner):
        marks += [mirror.external_ids for mirror in bridge.mirrors]
        marks += [row.external_ids for row in bridge.exports.values()]
    of_rows = {owned_id(mark, owner) for mark in marks}
    of_links = {aliased_id(link, owner) for link in observed.links.values()}
    return frozenset((of_rows | of_links) - {""})


def placed_ports(bridge: OvsBridge) -> tuple[PlacedPort, ...]:
    """The bridge's ports but its local one, which is a part of the bridge."""
    ordered = sorted(bridge.ports, key=lambda port: port.name)
    return tuple(PlacedPort(bridge.name, port) for port in ordered if port.name != bridge.name)


def is_pair(link: Link, peer: Link) -> bool:
    """Whether two devices are the ends of one veth; what was not observed does not deny it."""
    if link.kind != "veth" or peer.kind != "veth":
        return False
    known = link.peer_ifindex and peer.peer_ifindex
    return not known or (link.peer_ifindex, peer.peer_ifindex) == (peer.ifindex, link.ifindex)
