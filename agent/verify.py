"""What of our own is on the host: which interfaces are still in the making, which ids remain.

Pure; what differs from intent, and why, is the planner's to say.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.model import (
    ALIAS_PREFIX,
    ID_KEY,
    OWNER_KEY,
    HostState,
    ObservedState,
    OvsBridge,
    OvsInterface,
    OvsPort,
)


def unopened(desired: HostState, observed: ObservedState) -> frozenset[str]:
    """Names of our interfaces of which ovs-vswitchd has yet to say what became of them."""
    return frozenset(
        interface.name
        for interface in _our_interfaces(desired.fleet_uid, observed)
        if interface.ofport is None and not interface.error
    )


def owed_removals(desired: HostState, observed: ObservedState) -> frozenset[str]:
    """The ids of ``desired.removed`` that are still on the host under our mark."""
    present = owned_ids(desired.fleet_uid, observed)
    segments = {
        f"segment:{each.removeprefix('tunnel:').partition('/')[0]}"
        for each in present
        if each.startswith("tunnel:")
    }
    return desired.removed & (present | segments)


def owned_ids(owner: str, observed: ObservedState) -> frozenset[str]:
    """Every resource id that a row or a device carries beside our mark."""
    ids: set[str] = set()
    for bridge in observed.bridges.values():
        rows: tuple[OvsBridge | OvsPort, ...] = (bridge, *bridge.ports)
        ids.update(
            row.external_ids[ID_KEY]
            for row in rows
            if row.external_ids.get(OWNER_KEY) == owner and ID_KEY in row.external_ids
        )
    prefix = f"{ALIAS_PREFIX}:{owner}:"
    ids.update(
        link.alias.removeprefix(prefix)
        for link in observed.links.values()
        if link.alias.startswith(prefix)
    )
    return frozenset(ids)


def _our_interfaces(owner: str, observed: ObservedState) -> Iterator[OvsInterface]:
    for bridge in observed.bridges.values():
        for port in bridge.ports:
            for interface in port.interfaces:
                if interface.external_ids.get(OWNER_KEY) == owner:
                    yield interface
