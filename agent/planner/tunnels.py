"""Tunnels: one vxlan interface per segment and remote member.

A tunnel port is ``protected`` from the transaction that creates it, so that a flood from one tunnel
never enters another: that is what keeps a full mesh free of loops.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
from collections.abc import Container, Iterable

from agent.model import OvsInterface, OvsPort
from agent.planner.draft import Draft
from agent.planner.health import interface_failures
from agent.planner.inventory import (
    Inventory,
    LinkName,
    OvsName,
    PlacedPort,
    Thing,
    ThingKind,
    TunnelKey,
)
from agent.planner.plan import AddPort, Stage
from agent.planner.rows import mend_port
from agent.planner.segments import Tunnel

_OTHER_KEYS = frozenset({"in_key", "out_key"})
"""Options that take precedence over ``key``; with them a tunnel is another one."""


def draft_tunnels(
    tunnels: Iterable[Tunnel], inventory: Inventory, *, bridge_is_there: bool
) -> list[Draft]:
    taken = {claim.name for claim in inventory.holders if isinstance(claim, OvsName | LinkName)}
    drafts: list[Draft] = []
    for tunnel in tunnels:
        kept = _fitting_row(tunnel, inventory) if bridge_is_there else None
        if kept is None:
            name = choose_name(tunnel.key, taken)
            taken.add(name)
            drafts.append(_make(tunnel, name, inventory))
        else:
            drafts.append(_mend(tunnel, kept, inventory))
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


def _fitting_row(tunnel: Tunnel, inventory: Inventory) -> PlacedPort | None:
    """The row of this tunnel that need not be made anew, whatever its name and other columns."""
    for placed in inventory.ports.get(tunnel.id, ()):
        interfaces = placed.port.interfaces
        if placed.bridge == tunnel.bridge and len(interfaces) == 1:
            options = interfaces[0].options
            wanted = tunnel.options.items()
            is_same = wanted <= options.items() and not _OTHER_KEYS & options.keys()
            if interfaces[0].type == "vxlan" and is_same:
                return placed
    return None


def _wanted_row(tunnel: Tunnel, name: str, inventory: Inventory) -> OvsPort:
    marks = inventory.mark(tunnel.id)
    interface = OvsInterface(name, type="vxlan", options=tunnel.options, external_ids=marks)
    return OvsPort(name, (interface,), tag=tunnel.tag, protected=True, external_ids=marks)


def _stale_rows(tunnel: Tunnel, inventory: Inventory, kept: PlacedPort | None) -> tuple[Thing, ...]:
    return tuple(
        Thing(ThingKind.PORT, placed.port.name)
        for placed in inventory.ports.get(tunnel.id, ())
        if placed is not kept
    )


def _make(tunnel: Tunnel, name: str, inventory: Inventory) -> Draft:
    add = AddPort(tunnel.id, tunnel.bridge, _wanted_row(tunnel, name, inventory))
    return Draft(
        tunnel.id,
        bridge=tunnel.bridge,
        claims=(tunnel.key,),
        stale=_stale_rows(tunnel, inventory, None),
        make=Stage(ovsdb=(add,)),
        make_first=True,
    )


def _mend(tunnel: Tunnel, placed: PlacedPort, inventory: Inventory) -> Draft:
    wanted = _wanted_row(tunnel, placed.port.interfaces[0].name, inventory)
    ops = mend_port(tunnel.id, placed, wanted, interface_columns=())
    return Draft(
        tunnel.id,
        bridge=tunnel.bridge,
        stale=_stale_rows(tunnel, inventory, placed),
        mend=Stage(ovsdb=ops),
        failures=() if ops else interface_failures(tunnel.id, placed.port.interfaces[0]),
    )
