"""Tunnels of Open vSwitch: one vxlan interface per segment and remote member, and explicit ones.

A mesh's tunnel port is ``protected`` from the transaction that creates it, so that a flood from one
tunnel never enters another: that is what keeps a full mesh free of loops. Where a segment has links
between some members only, those without split horizon are ordinary ports, and so is an explicit
tunnel; that they close no loop is proven before they become intent.

Therefore only protected ones are replaced without a gap: the new one is made in one transaction,
and once it works the old one goes in another. Meanwhile floods go out twice. An old and a new
ordinary tunnel side by side, at both ends, would be a loop of two.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from agent.columns import NO_SETTINGS, Settings
from agent.errors import Failure
from agent.model import Backend, tunnel_id
from agent.observed import OvsInterface, OvsPort
from agent.planner.carriage import (
    EVERY_ROW,
    EXTENSIONS,
    options_given_back,
    ovs_options,
    ovs_settings,
)
from agent.planner.claims import (
    Carriage,
    Claim,
    LinkName,
    OvsName,
    Thing,
    ThingKind,
    TunnelKey,
    UdpPort,
)
from agent.planner.draft import Draft
from agent.planner.health import foreign_interface, interface_failures
from agent.planner.inventory import Inventory, PlacedPort
from agent.planner.plan import AddPort, Stage
from agent.planner.rows import mend_port
from agent.planner.segments import Segment

_OTHER_KEYS = frozenset({"in_key", "out_key"})
"""Options that take precedence over ``key``; with them a tunnel is another one."""


@dataclass(frozen=True, slots=True)
class TunnelPort:
    """One tunnel as intended."""

    id: str
    bridge: str
    tag: int | None
    key: TunnelKey
    segment: str = ""
    """The id of the segment whose mesh it is a part of; empty for an explicit tunnel."""
    protected: bool = False
    options: Mapping[str, str | None] | None = None
    """What else is intended of its options, None for those that are to be unset."""
    settings: Settings = NO_SETTINGS
    """Of its row in table Interface."""

    @property
    def identity(self) -> dict[str, str]:
        """The options that make it another tunnel when they change."""
        return {
            "key": self.key.vni,
            "remote_ip": self.key.remote_ip,
            "local_ip": self.key.local_ip,
            "dst_port": self.key.dst_port,
        }


def tunnels_of(segment: Segment) -> list[TunnelPort]:
    """The mesh at the edge: one tunnel for each other end."""
    options, settings = ovs_options(segment.options), ovs_settings(segment.options)
    return [
        TunnelPort(
            id=tunnel_id(segment.uid, remote.end),
            bridge=segment.bridge,
            tag=segment.tag,
            key=TunnelKey(
                remote_ip=remote.vtep,
                local_ip=segment.local_ip,
                vni=str(segment.vni),
                dst_port=str(segment.dst_port),
            ),
            segment=segment.id,
            protected=remote.protected,
            options=options,
            settings=settings,
        )
        for remote in segment.remotes
    ]


def as_found(mesh: Iterable[TunnelPort], inventory: Inventory) -> Iterator[TunnelPort]:
    """The mesh where it is not known for sure who is linked to whom: what is there of a segment
    stays as it is, and nothing is added to it.
    """
    for tunnel in mesh:
        if rows := inventory.ports.get(tunnel.id):
            yield replace(tunnel, protected=rows[0].port.protected)
        elif tunnel.segment not in inventory.meshes:
            yield tunnel


def draft_tunnels(
    tunnels: Iterable[TunnelPort], inventory: Inventory, there: Container[str]
) -> list[Draft | Failure]:
    """``there`` holds the names of the bridges that exist already."""
    taken = {claim.name for claim in inventory.holders if isinstance(claim, OvsName | LinkName)}
    drafts: list[Draft | Failure] = []
    for tunnel in tunnels:
        kept = _fitting_row(tunnel, inventory) if tunnel.bridge in there else None
        if kept is not None:
            drafts.append(_mend(tunnel, kept, inventory))
        elif refusal := _stranger_inside(tunnel, inventory):
            drafts.append(refusal)
        else:
            name = choose_name(tunnel.key, taken)
            taken.add(name)
            drafts.append(_make(tunnel, name, inventory))
    return drafts


def choose_name(key: TunnelKey, taken: Container[str]) -> str:
    """A name of 13 bytes that depends on the tunnel alone, unless that one is taken."""
    for attempt in itertools.count():
        text = "|".join((key.vni, key.local_ip, key.remote_ip, key.dst_port, str(attempt)))
        digest = hashlib.sha256(text.encode()).digest()
        name = "vx" + base64.b32encode(digest).decode().lower()[:11]
        if name not in taken:
            return name
    raise AssertionError("there are more names than anybody can take")


def _fitting_row(tunnel: TunnelPort, inventory: Inventory) -> PlacedPort | None:
    """The row of this tunnel that need not be made anew, whatever its name and other columns."""
    for placed in inventory.ports.get(tunnel.id, ()):
        interfaces = placed.port.interfaces
        if placed.bridge == tunnel.bridge and len(interfaces) == 1:
            options = interfaces[0].options
            wanted = tunnel.identity.items()
            is_same = wanted <= options.items() and not _OTHER_KEYS & options.keys()
            is_same = is_same and _has_extensions(tunnel, interfaces[0], inventory)
            if interfaces[0].type == "vxlan" and is_same:
                return placed
    return None


def _has_extensions(tunnel: TunnelPort, row: OvsInterface, inventory: Inventory) -> bool:
    options = tunnel.options or {}
    if EXTENSIONS in options:
        return row.options.get(EXTENSIONS) == options[EXTENSIONS]
    released = inventory.released(tunnel.segment, "Interface", EVERY_ROW)
    return EXTENSIONS not in options_given_back(row, options, released)


def _stranger_inside(tunnel: TunnelPort, inventory: Inventory) -> Failure | None:
    for placed in inventory.ports.get(tunnel.id, ()):
        if strangers := inventory.foreign_interfaces(placed.port):
            return foreign_interface(tunnel.id, placed.port.name, strangers)
    return None


def _wanted_row(tunnel: TunnelPort, name: str, inventory: Inventory) -> OvsPort:
    marks = inventory.mark(tunnel.id)
    others = {key: value for key, value in (tunnel.options or {}).items() if value is not None}
    options = tunnel.identity | others
    interface = OvsInterface(
        name, type="vxlan", options=options, external_ids=marks, settings=tunnel.settings
    )
    return OvsPort(
        name, (interface,), tag=tunnel.tag, protected=tunnel.protected, external_ids=marks
    )


def _stale_rows(
    tunnel: TunnelPort, inventory: Inventory, kept: PlacedPort | None
) -> tuple[Thing, ...]:
    return tuple(
        Thing(ThingKind.PORT, placed.port.name)
        for placed in inventory.ports.get(tunnel.id, ())
        if placed is not kept
    )


def _can_overlap(tunnel: TunnelPort, inventory: Inventory) -> bool:
    """Whether it and what it replaces may be there at once."""
    rows = inventory.ports.get(tunnel.id, ())
    return tunnel.protected and all(placed.port.protected for placed in rows)


def _make(tunnel: TunnelPort, name: str, inventory: Inventory) -> Draft:
    add = AddPort(tunnel.id, tunnel.bridge, _wanted_row(tunnel, name, inventory))
    claims: tuple[Claim, ...] = (tunnel.key, UdpPort(int(tunnel.key.dst_port), Backend.KERNEL))
    if tunnel.segment:
        claims = (*claims, Carriage(tunnel.segment, Backend.KERNEL))
    return Draft(
        tunnel.id,
        bridge=tunnel.bridge,
        claims=claims,
        stale=_stale_rows(tunnel, inventory, None),
        make=Stage(ovsdb=(add,)),
        make_first=_can_overlap(tunnel, inventory),
    )


def _mend(tunnel: TunnelPort, placed: PlacedPort, inventory: Inventory) -> Draft:
    interface = placed.port.interfaces[0]
    wanted = _wanted_row(tunnel, interface.name, inventory)
    unset = frozenset(key for key, value in (tunnel.options or {}).items() if value is None)
    released = inventory.released(tunnel.segment, "Interface", EVERY_ROW)
    unset |= options_given_back(interface, wanted.interfaces[0].options, released)
    ops = mend_port(
        tunnel.id, placed, wanted, interface_columns=(), unset=unset, interface_released=released
    )
    return Draft(
        tunnel.id,
        bridge=tunnel.bridge,
        stale=_stale_rows(tunnel, inventory, placed),
        mend=Stage(ovsdb=ops),
        failures=() if ops else interface_failures(tunnel.id, interface),
    )
