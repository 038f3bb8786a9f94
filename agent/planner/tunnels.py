"""Tunnels of Open vSwitch: one vxlan interface per segment and remote member, and explicit ones.

A mesh's tunnel port is ``protected`` from the transaction that creates it, so that a flood from one
tunnel never enters another: that is what keeps a full mesh free of loops. Where a segment has links
between some members only, those without split horizon are ordinary ports, and so is an explicit
tunnel; that they close no loop is proven before they become intent.

A member that has another VTEP than before keeps tunnels from and to the former one, beside those
of the new: a peer that has not heard of the change yet is reached by these, and reaches it. All of
them are one resource; where both ends have both, floods arrive once by each.

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
    tunnel_key,
)
from agent.planner.draft import Draft
from agent.planner.health import foreign_interface, interface_failures
from agent.planner.inventory import Inventory, PlacedPort
from agent.planner.neighbours import Remote
from agent.planner.plan import AddPort, OvsdbOp, Stage
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
    former: tuple[TunnelKey, ...] = ()
    """Those from and to former VTEPs, each with a row of its own that is like the one of ``key``;
    none where it is not protected."""


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
            former=tuple(_former(segment, remote)),
        )
        for remote in segment.remotes
    ]


def _former(segment: Segment, remote: Remote) -> Iterator[TunnelKey]:
    """Who is outside of the fleet has no part in the change: its tunnel is replaced."""
    if remote.end == remote.vtep or not (segment.former_ip or remote.former_vtep):
        return
    here, there = (segment.local_ip, segment.former_ip), (remote.vtep, remote.former_vtep)
    for local_ip, remote_ip in list(itertools.product(here, there))[1:]:
        if local_ip and remote_ip:
            yield TunnelKey(remote_ip, local_ip, str(segment.vni), str(segment.dst_port))


def as_found(mesh: Iterable[TunnelPort], inventory: Inventory) -> Iterator[TunnelPort]:
    """The mesh where it is not known for sure who is linked to whom: what is there of a segment
    stays as it is, and nothing is added to it.
    """
    for tunnel in mesh:
        if rows := inventory.ports.get(tunnel.id):
            there = {tunnel_key(row) for placed in rows for row in placed.port.interfaces}
            protected = all(placed.port.protected for placed in rows)
            former = tuple(key for key in tunnel.former if protected and key in there)
            yield replace(tunnel, protected=protected, former=former)
        elif tunnel.segment not in inventory.meshes:
            yield tunnel


def draft_tunnels(
    tunnels: Iterable[TunnelPort], inventory: Inventory, there: Container[str]
) -> list[Draft | Failure]:
    """``there`` holds the names of the bridges that exist already."""
    taken = {claim.name for claim in inventory.holders if isinstance(claim, OvsName | LinkName)}
    drafts: list[Draft | Failure] = []
    for tunnel in tunnels:
        kept = _kept_rows(tunnel, inventory) if tunnel.bridge in there else {}
        missing = [key for key in (tunnel.key, *tunnel.former) if key not in kept]
        if not missing:
            drafts.append(_mend(tunnel, kept, inventory))
        elif refusal := _stranger_inside(tunnel, inventory):
            drafts.append(refusal)
        else:
            names = {key: choose_name(key, taken) for key in missing}
            taken.update(names.values())
            drafts.append(_make(tunnel, names, kept, inventory))
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


def _identity(key: TunnelKey) -> dict[str, str]:
    """The options that make it another tunnel when they change."""
    return {
        "key": key.vni,
        "remote_ip": key.remote_ip,
        "local_ip": key.local_ip,
        "dst_port": key.dst_port,
    }


def _kept_rows(tunnel: TunnelPort, inventory: Inventory) -> dict[TunnelKey, PlacedPort]:
    found = ((key, _fitting_row(tunnel, key, inventory)) for key in (tunnel.key, *tunnel.former))
    return {key: placed for key, placed in found if placed is not None}


def _fitting_row(tunnel: TunnelPort, key: TunnelKey, inventory: Inventory) -> PlacedPort | None:
    """The row of this tunnel that need not be made anew, whatever its name and other columns."""
    for placed in inventory.ports.get(tunnel.id, ()):
        interfaces = placed.port.interfaces
        if placed.bridge == tunnel.bridge and len(interfaces) == 1:
            options = interfaces[0].options
            wanted = _identity(key).items()
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


def _wanted_row(tunnel: TunnelPort, key: TunnelKey, name: str, inventory: Inventory) -> OvsPort:
    marks = inventory.mark(tunnel.id)
    others = {key: value for key, value in (tunnel.options or {}).items() if value is not None}
    options = _identity(key) | others
    interface = OvsInterface(
        name, type="vxlan", options=options, external_ids=marks, settings=tunnel.settings
    )
    return OvsPort(
        name, (interface,), tag=tunnel.tag, protected=tunnel.protected, external_ids=marks
    )


def _stale_rows(
    tunnel: TunnelPort, inventory: Inventory, kept: Mapping[TunnelKey, PlacedPort]
) -> tuple[Thing, ...]:
    staying = [placed.port.name for placed in kept.values()]
    return tuple(
        Thing(ThingKind.PORT, placed.port.name)
        for placed in inventory.ports.get(tunnel.id, ())
        if placed.port.name not in staying
    )


def _can_overlap(tunnel: TunnelPort, inventory: Inventory) -> bool:
    """Whether it and what it replaces may be there at once."""
    rows = inventory.ports.get(tunnel.id, ())
    return tunnel.protected and all(placed.port.protected for placed in rows)


def _make(
    tunnel: TunnelPort,
    names: Mapping[TunnelKey, str],
    kept: Mapping[TunnelKey, PlacedPort],
    inventory: Inventory,
) -> Draft:
    """``names`` are of the rows that are missing."""
    rows = (_wanted_row(tunnel, key, name, inventory) for key, name in names.items())
    adds = tuple(AddPort(tunnel.id, tunnel.bridge, row) for row in rows)
    claims: tuple[Claim, ...] = (*names, UdpPort(int(tunnel.key.dst_port), Backend.KERNEL))
    if tunnel.segment:
        claims = (*claims, Carriage(tunnel.segment, Backend.KERNEL))
    return replace(
        _mend(tunnel, kept, inventory),
        claims=claims,
        make=Stage(ovsdb=adds),
        make_first=_can_overlap(tunnel, inventory),
    )


def _mend(tunnel: TunnelPort, kept: Mapping[TunnelKey, PlacedPort], inventory: Inventory) -> Draft:
    mended = {key: _mended(tunnel, key, placed, inventory) for key, placed in kept.items()}
    return Draft(
        tunnel.id,
        bridge=tunnel.bridge,
        stale=_stale_rows(tunnel, inventory, kept),
        mend=Stage(ovsdb=tuple(op for ops in mended.values() for op in ops)),
        failures=tuple(
            failure
            for key, ops in mended.items()
            if not ops
            for failure in interface_failures(tunnel.id, kept[key].port.interfaces[0])
        ),
    )


def _mended(
    tunnel: TunnelPort, key: TunnelKey, placed: PlacedPort, inventory: Inventory
) -> tuple[OvsdbOp, ...]:
    interface = placed.port.interfaces[0]
    wanted = _wanted_row(tunnel, key, interface.name, inventory)
    unset = frozenset(key for key, value in (tunnel.options or {}).items() if value is None)
    released = inventory.released(tunnel.segment, "Interface", EVERY_ROW)
    unset |= options_given_back(interface, wanted.interfaces[0].options, released)
    return mend_port(
        tunnel.id, placed, wanted, interface_columns=(), unset=unset, interface_released=released
    )
