"""Bonds: several devices that somebody else made, as the interfaces of one port.

Members come and go one by one, so that the others keep forwarding: those that join do so before
those that leave are taken out, unless another port waits for them. A member whose device is missing
is left out and told; the bond carries traffic over the rest, or waits for the first to come back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from agent.errors import Failure
from agent.model import Port
from agent.observed import Link, OvsPort
from agent.planner.claims import OvsName, Thing, ThingKind
from agent.planner.devices import (
    configure_device,
    device_conflict,
    device_missing,
    foreign_link,
    mend_device_row,
)
from agent.planner.draft import Draft
from agent.planner.health import interface_failures
from agent.planner.inventory import Inventory, PlacedPort
from agent.planner.plan import AddInterface, AddPort, DeleteInterface, NetlinkStep, OvsdbOp, Stage
from agent.planner.port_rows import (
    WantedRow,
    interface_type,
    is_same_device,
    stale_links,
    stale_rows,
    without_device,
)


@dataclass(frozen=True, slots=True)
class _Members:
    """The interfaces of the row that is there, by what becomes of them."""

    sound: frozenset[str]
    """They stay."""
    renewed: frozenset[str]
    """Their device is another one of the same name now: taken out, and put in anew."""
    missing: frozenset[str]
    """They are members and have no device."""
    leaving: frozenset[str]
    """Another port may wait for them."""
    joining: frozenset[str]

    @property
    def waiting(self) -> frozenset[str]:
        """Those that stay although they have no device: no other has one."""
        return frozenset() if self.sound | self.renewed | self.joining else self.missing

    @property
    def going(self) -> frozenset[str]:
        return self.leaving | (self.missing - self.waiting)

    def can_stay(self, inventory: Inventory) -> bool:
        """Whether the port has an interface after each transaction on the way."""
        is_free = not any(OvsName(name) in inventory.holders for name in self.joining)
        return bool(self.sound | self.missing) or (bool(self.joining) and is_free)


def draft_bond(
    port: Port, inventory: Inventory, wanted: WantedRow, *, bridge_is_there: bool
) -> Draft | Failure:
    links = {name: foreign_link(port, name, inventory) for name in port.members}
    present = {name: link for name, link in links.items() if link is not None}
    for link in present.values():
        if conflict := device_conflict(port, link, inventory):
            return conflict
    missing = tuple(device_missing(port, name) for name in port.members if name not in present)
    row = _with_interfaces(wanted.row, present)
    placed = _fitting_row(port, inventory) if bridge_is_there else None
    members = None if placed is None else _sorted_out(port, placed, present, inventory)
    if placed is None or members is None or not members.can_stay(inventory):
        draft = _make(port, inventory, row)
    else:
        draft = _mend(port, inventory, placed, members, wanted.row)
        post = _configured(port, placed, members, present)
        draft = replace(draft, mend=replace(draft.mend, post=post))
    return replace(draft, failures=(*missing, *draft.failures))


def _with_interfaces(row: OvsPort, present: Mapping[str, Link]) -> OvsPort:
    """The row with those of its interfaces for which there is a device."""
    kept = tuple(each for each in row.interfaces if each.name in present)
    return replace(row, interfaces=kept)


def _fitting_row(port: Port, inventory: Inventory) -> PlacedPort | None:
    for placed in inventory.ports.get(port.id, ()):
        kinds = {interface_type(interface) for interface in placed.port.interfaces}
        if (placed.bridge, placed.port.name, kinds) == (port.bridge, port.interface, {""}):
            return placed
    return None


def _sorted_out(
    port: Port, placed: PlacedPort, present: Mapping[str, Link], inventory: Inventory
) -> _Members:
    there = {each.name: each for each in placed.port.interfaces}
    known = there.keys() & present.keys()
    sound = {name for name in known if is_same_device(there[name], present[name], inventory)}
    return _Members(
        sound=frozenset(sound),
        renewed=frozenset(known - sound),
        missing=frozenset(there.keys() & set(port.members) - present.keys()),
        leaving=frozenset(there.keys() - set(port.members)),
        joining=frozenset(present.keys() - there.keys()),
    )


def _configured(
    port: Port, placed: PlacedPort, members: _Members, present: Mapping[str, Link]
) -> tuple[NetlinkStep, ...]:
    return tuple(
        step
        for interface in placed.port.interfaces
        if interface.name in members.sound
        for step in configure_device(port, interface, present[interface.name])
    )


def _make(port: Port, inventory: Inventory, row: OvsPort) -> Draft:
    """With no device there is no row: Open vSwitch has no port without interfaces."""
    stale = (*stale_rows(port, inventory, None), *stale_links(port, inventory, None))
    if not row.interfaces:
        return Draft(port.id, bridge=port.bridge, stale=stale)
    names = (port.interface, *(each.name for each in row.interfaces))
    add = AddPort(port.id, port.bridge, row)
    return Draft(
        port.id,
        bridge=port.bridge,
        claims=tuple(OvsName(name) for name in names),
        stale=stale,
        make=Stage(ovsdb=(add,)),
    )


def _mend(
    port: Port, inventory: Inventory, placed: PlacedPort, members: _Members, row: OvsPort
) -> Draft:
    there = {each.name: each for each in placed.port.interfaces}
    wanted = {each.name: each for each in row.interfaces}

    def adding(names: frozenset[str]) -> tuple[OvsdbOp, ...]:
        return tuple(
            AddInterface(port.id, placed.bridge, row.name, wanted[name]) for name in sorted(names)
        )

    kept = (
        *(wanted[name] for name in sorted(members.sound)),
        *(without_device(wanted[n], there[n], inventory) for n in sorted(members.waiting)),
    )
    ops: tuple[OvsdbOp, ...] = (
        *mend_device_row(port, placed, replace(row, interfaces=kept), inventory),
        *(
            DeleteInterface(port.id, placed.bridge, row.name, there[name])
            for name in sorted(members.renewed)
        ),
    )
    make = adding(members.joining)
    later = adding(members.renewed)
    going = tuple(Thing(ThingKind.INTERFACE, name) for name in sorted(members.going))
    failures = (
        failure
        for name in sorted(members.sound)
        for failure in interface_failures(port.id, there[name])
    )
    return Draft(
        port.id,
        bridge=port.bridge,
        claims=tuple(OvsName(name) for name in sorted(members.joining)),
        stale=(*stale_rows(port, inventory, placed), *going, *stale_links(port, inventory, None)),
        mend=Stage(ovsdb=ops),
        make=Stage(ovsdb=make),
        later=Stage(ovsdb=later),
        failures=() if ops or make or later or going else tuple(failures),
    )
