"""Whether ports are shaped, mirrored and exported as desired: judged without the planner's code."""

from __future__ import annotations

from collections.abc import Iterator

from agent.columns import SETTABLE
from agent.model import ID_KEY, OWNER_KEY, HostState
from agent.monitoring import FlowExport, Mirror, OvsMirror, OvsQos, Qos
from agent.observed import ObservedState, OvsBridge

Place = tuple[str, ...]


def monitoring_faults(desired: HostState, observed: ObservedState) -> Iterator[tuple[str, str]]:
    for port in desired.ports:
        bridge = observed.bridges.get(port.bridge)
        rows = () if bridge is None else bridge.ports
        for row in (row for row in rows if row.name == port.interface):
            if not _is_shaped(desired.fleet_uid, port.id, port.qos, row.qos):
                yield port.id, f"QoS is {row.qos}"
    for mirror in desired.mirrors:
        yield from ((mirror.id, words) for words in _mirror_faults(mirror, desired, observed))
    for export in desired.flow_exports:
        yield from ((export.id, words) for words in _export_faults(export, desired, observed))


def watching_rows(observed: ObservedState, owner: str, *, ours: bool) -> dict[Place, object]:
    """Rows that are ours or not, by where they are and what they bear."""
    found: dict[Place, object] = {}
    for bridge in observed.bridges.values():
        for number, mirror in enumerate(bridge.mirrors):
            is_ours = mirror.external_ids.get(OWNER_KEY) == owner
            place = ("mirror", bridge.name, mirror.external_ids.get(ID_KEY, f"{number}"))
            if is_ours == ours:
                found[place if ours else ("mirror", bridge.name, mirror.name)] = repr(mirror)
        for table, row in bridge.exports.items():
            if (row.external_ids.get(OWNER_KEY) == owner) == ours:
                found["export", bridge.name, table] = (row.settings, dict(row.external_ids))
        for port in bridge.ports:
            if port.qos is not None and (port.qos.external_ids.get(OWNER_KEY) == owner) == ours:
                found["qos", port.name] = repr(port.qos)
    for stray in observed.strays:
        if (stray.owner == owner) == ours:
            found["stray", stray.table, stray.resource] = True
    return found


def _is_shaped(owner: str, resource: str, wish: Qos | None, row: OvsQos | None) -> bool:
    if row is None or row.external_ids.get(OWNER_KEY) != owner:
        return wish is None
    if wish is None or row.external_ids[ID_KEY] != resource:
        return False
    queues = {each.id: (each.dscp, each.other_config) for each in wish.queues}
    found = {number: (each.dscp, each.other_config) for number, each in row.queues.items()}
    return (row.type, row.other_config, found) == (wish.type, wish.other_config, queues)


def _own(bridge: OvsBridge, resource: str, owner: str) -> list[OvsMirror]:
    marks = {OWNER_KEY: owner, ID_KEY: resource}
    return [each for each in bridge.mirrors if marks.items() <= each.external_ids.items()]


def _mirror_faults(mirror: Mirror, desired: HostState, observed: ObservedState) -> Iterator[str]:
    bridges = observed.bridges.values()
    rows = {each.name: _own(each, mirror.id, desired.fleet_uid) for each in bridges}
    found = [(name, row) for name, there in rows.items() for row in there]
    if [name for name, _ in found] != [mirror.bridge]:
        yield f"rows are {found}"
        return
    row = found[0][1]
    output = mirror.output_port if mirror.tunnel is None else mirror.tunnel.interface
    wanted = (
        *(mirror.name, mirror.select_src_ports, mirror.select_dst_ports, mirror.select_vlans),
        *(output, mirror.output_vlan, mirror.snaplen),
    )
    is_as = (
        *(row.name, row.select_src_port, row.select_dst_port, row.select_vlan),
        *(row.output_port or "", row.output_vlan or 0, row.snaplen or 0),
    )
    names = mirror.select_src_ports | mirror.select_dst_ports
    selects_all = mirror.select_all or (mirror.select_vlans and not names)
    if is_as != wanted or row.select_all != bool(selects_all):
        yield f"row is {row}"
    ports = {port.name: port for port in observed.bridges[mirror.bridge].ports}
    if mirror.tunnel is not None:
        interface = ports[mirror.tunnel.interface].interfaces[0]
        if (interface.type, interface.options) != (mirror.tunnel.type, mirror.tunnel.options):
            yield f"tunnel is {interface}"


def _export_faults(
    export: FlowExport, desired: HostState, observed: ObservedState
) -> Iterator[str]:
    marks = {OWNER_KEY: desired.fleet_uid, ID_KEY: export.id}
    table = export.protocol.value
    exporting = {
        bridge.name: bridge.exports[table]
        for bridge in observed.bridges.values()
        if table in bridge.exports and marks.items() <= bridge.exports[table].external_ids.items()
    }
    if set(exporting) != set(export.bridges):
        yield f"exported are {sorted(exporting)}"
    wanted = {
        name: atoms
        for name, atoms in export.settings.columns.items()
        if atoms != SETTABLE[table][name].default
    }
    for name, row in exporting.items():
        if (row.settings.columns, row.settings.maps) != (wanted, export.settings.maps):
            yield f"row of {name} is {row}"
