"""Mirrors: a row of table Mirror per resource, and the port that carries copies to a collector.

A mirror refers to ports of its bridge, so that its row is planned last, when it is known which
ports there will be. It must never copy more than was asked for: without its output, or without any
port that it is to copy from, it is not made, and one that is there already copies nothing then.
The port to a collector only comes together with the row, and goes with it: Open vSwitch keeps
frames off a port that a mirror puts out to, without one it is a trunk that takes and gets all.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterator
from dataclasses import replace

from agent.errors import ErrorKind, Failure
from agent.monitoring import Mirror, MirrorTunnel, OvsMirror
from agent.observed import OvsInterface, OvsPort
from agent.planner.claims import OvsName, Thing, ThingKind
from agent.planner.draft import Draft
from agent.planner.health import interface_failures, no_open_vswitch
from agent.planner.inventory import Inventory, PlacedMirror, PlacedPort
from agent.planner.monitoring_ops import mirror_columns
from agent.planner.ownership import ownership
from agent.planner.plan import (
    AddMirror,
    AddPort,
    DeleteMirror,
    DeletePort,
    OvsdbOp,
    SetMirror,
    Stage,
)
from agent.planner.qos import foreign_qos
from agent.planner.rows import mend_port


def draft_mirror(
    mirror: Mirror, inventory: Inventory, of_ovs: Collection[str], there: Container[str]
) -> Draft | Failure:
    """What it needs, and what has to go; ``of_ovs`` are the bridges of intent, ``there`` those
    that exist already and stay.
    """
    if refusal := _refusal(mirror, inventory, of_ovs):
        return refusal
    row, tunnel = kept_mirror(mirror, inventory, there), _kept_tunnel(mirror, inventory, there)
    stale = [each for each in inventory.mirrors.get(mirror.id, ()) if each is not row]
    gone = [each.port.name for each in inventory.ports.get(mirror.id, ()) if each is not tunnel]
    is_missing = mirror.tunnel is not None and tunnel is None
    return Draft(
        mirror.id,
        bridge=mirror.bridge,
        claims=(OvsName(_output_port(mirror)),) if is_missing else (),
        stale=tuple(Thing(ThingKind.PORT, name) for name in gone),
        mend=Stage(ovsdb=tuple(delete_mirror(mirror.id, each, inventory) for each in stale)),
    )


def kept_mirror(mirror: Mirror, inventory: Inventory, there: Container[str]) -> PlacedMirror | None:
    """The row that already is this mirror."""
    rows = inventory.mirrors.get(mirror.id, ()) if mirror.bridge in there else ()
    return next((row for row in rows if row.bridge == mirror.bridge), None)


def delete_mirror(resource: str, placed: PlacedMirror, inventory: Inventory) -> OvsdbOp:
    return DeleteMirror(resource, placed.bridge, placed.mirror.name, inventory.mark(resource))


def mirror_steps(
    mirror: Mirror,
    ports: Collection[str],
    doomed: Collection[str],
    there: Container[str],
    inventory: Inventory,
) -> Iterator[OvsdbOp | Failure]:
    """``ports`` are all that the bridge will have but the mirror's own, ``doomed`` those that go,
    or go and come back: Open vSwitch takes them out of the row by itself.
    """
    kept, tunnel = kept_mirror(mirror, inventory, there), _kept_tunnel(mirror, inventory, there)
    wanted = _wanted(mirror, ports, inventory)
    is_there = kept is not None or _is_whole(wanted)
    if is_there:
        yield from _tunnel_steps(mirror, tunnel, inventory)
    elif tunnel is not None:
        yield DeletePort(mirror.id, tunnel.bridge, tunnel.port.name, tunnel.port)
    if kept is not None:
        yield from _mend(mirror, _without(kept.mirror, doomed), wanted)
    elif is_there:
        yield AddMirror(mirror.id, mirror.bridge, wanted)
    if missing := sorted(_named(mirror) - set(ports)):
        yield _port_missing(mirror, missing, is_made=_is_whole(wanted))


def _mend(mirror: Mirror, row: OvsMirror, wanted: OvsMirror) -> Iterator[OvsdbOp]:
    wishes, now = mirror_columns(wanted), mirror_columns(row)
    changed = {name: value for name, value in wishes.items() if now[name] != value}
    if changed:
        yield SetMirror(mirror.id, mirror.bridge, row.name, ownership(wanted.external_ids), changed)


# --- the row -------------------------------------------------------------------------------------


def _wanted(mirror: Mirror, ports: Collection[str], inventory: Inventory) -> OvsMirror:
    names = mirror.select_src_ports | mirror.select_dst_ports
    output = _output_port(mirror)
    has_output = mirror.tunnel is not None or output in ports
    return OvsMirror(
        name=mirror.name,
        # Open vSwitch takes VLANs out of what ports select; VLANs alone select of every port.
        select_all=mirror.select_all or bool(mirror.select_vlans and not names),
        select_src_port=mirror.select_src_ports.intersection(ports),
        select_dst_port=mirror.select_dst_ports.intersection(ports),
        select_vlan=mirror.select_vlans,
        output_port=output if has_output else None,
        output_vlan=mirror.output_vlan or None,
        snaplen=mirror.snaplen or None,
        external_ids=inventory.mark(mirror.id),
    )


def _is_whole(row: OvsMirror) -> bool:
    has_source = row.select_all or row.select_src_port or row.select_dst_port
    return bool(has_source and (row.output_port or row.output_vlan))


def _without(row: OvsMirror, ports: Collection[str]) -> OvsMirror:
    return replace(
        row,
        select_src_port=row.select_src_port.difference(ports),
        select_dst_port=row.select_dst_port.difference(ports),
        output_port=None if row.output_port in ports else row.output_port,
    )


def _output_port(mirror: Mirror) -> str:
    return mirror.output_port if mirror.tunnel is None else mirror.tunnel.interface


def _named(mirror: Mirror) -> set[str]:
    """Ports that others make."""
    return {*mirror.select_src_ports, *mirror.select_dst_ports, mirror.output_port} - {""}


def _port_missing(mirror: Mirror, missing: list[str], *, is_made: bool) -> Failure:
    without = "it copies what the others carry" if is_made else "it copies nothing until then"
    message = (
        f"mirror {mirror.name} is about ports that bridge {mirror.bridge} does not have: "
        f"{', '.join(missing)}; {without}, and takes them in as soon as they are there"
    )
    return Failure(mirror.id, ErrorKind.TRANSIENT, "PortMissing", message)


# --- what it needs -------------------------------------------------------------------------------


def _refusal(mirror: Mirror, inventory: Inventory, of_ovs: Collection[str]) -> Failure | None:
    if not inventory.observed.has_ovs:
        return no_open_vswitch(mirror.id)
    if mirror.bridge not in of_ovs:
        message = (
            f"mirror {mirror.name} is to be on bridge {mirror.bridge}, which intent does not have"
        )
        return Failure(mirror.id, ErrorKind.INVALID, "BridgeUnknown", message)
    return _incomplete(mirror) or _tunnel_unavailable(mirror, inventory)


def _incomplete(mirror: Mirror) -> Failure | None:
    if not _output_port(mirror) and not mirror.output_vlan:
        message = f"mirror {mirror.name} has no output; give it a port, a VLAN or a tunnel"
        return Failure(mirror.id, ErrorKind.INVALID, "OutputMissing", message)
    named = mirror.select_src_ports or mirror.select_dst_ports or mirror.select_vlans
    if not named and not mirror.select_all:
        message = f"mirror {mirror.name} selects nothing; name ports or VLANs, or select all"
        return Failure(mirror.id, ErrorKind.INVALID, "SelectionMissing", message)
    return None


def _tunnel_unavailable(mirror: Mirror, inventory: Inventory) -> Failure | None:
    tunnel = mirror.tunnel
    if tunnel is not None and tunnel.type not in inventory.observed.iface_types:
        message = (
            f"this Open vSwitch has no {tunnel.type or 'unnamed'} interfaces, which mirror "
            f"{mirror.name} needs; install one that has, or give the mirror another output"
        )
        return Failure(mirror.id, ErrorKind.UNSUPPORTED, "TunnelTypeUnavailable", message)
    return None


# --- its tunnel ----------------------------------------------------------------------------------


def _kept_tunnel(mirror: Mirror, inventory: Inventory, there: Container[str]) -> PlacedPort | None:
    """The port that need not be made anew, whatever its options are."""
    tunnel = mirror.tunnel
    if tunnel is None or mirror.bridge not in there:
        return None
    for placed in inventory.ports.get(mirror.id, ()):
        found = [(each.name, each.type) for each in placed.port.interfaces]
        if (placed.bridge, found) == (mirror.bridge, [(tunnel.interface, tunnel.type)]):
            return placed
    return None


def _tunnel_steps(
    mirror: Mirror, kept: PlacedPort | None, inventory: Inventory
) -> Iterator[OvsdbOp | Failure]:
    tunnel = mirror.tunnel
    if tunnel is None:
        return
    row = _tunnel_row(tunnel, inventory.mark(mirror.id))
    wanted = replace(row, qos=foreign_qos(mirror.id, tunnel.interface, inventory))
    if kept is None:
        yield AddPort(mirror.id, mirror.bridge, wanted)
        return
    interface = kept.port.interfaces[0]
    surplus = frozenset(interface.options.keys() - tunnel.options.keys())
    ops = mend_port(mirror.id, kept, wanted, interface_columns=(), unset=surplus)
    yield from ops or interface_failures(mirror.id, interface)


def _tunnel_row(tunnel: MirrorTunnel, marks: dict[str, str]) -> OvsPort:
    options = dict(tunnel.options)
    interface = OvsInterface(tunnel.interface, tunnel.type, options, external_ids=marks)
    return OvsPort(tunnel.interface, (interface,), external_ids=marks)
