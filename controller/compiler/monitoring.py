"""What watches the traffic of a host: mirrors, and exports of flows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from ovsfleet.v1 import state_pb2

from controller.compiler.fragment import host_spec
from controller.compiler.naming import flow_export_id, mirror_id, mirror_tunnel
from controller.compiler.port import bridge_spec, has_no_ovs, interfaces
from controller.compiler.settings import atoms
from controller.domain.definitions import (
    FlowExportSpec,
    FlowProtocol,
    HostGroupSpec,
    MirrorSpec,
    MirrorTunnelSpec,
    MirrorTunnelType,
)
from controller.domain.host_intent import HostIntent
from controller.domain.host_vteps import vtep_of
from controller.domain.intent import (
    AddressFamily,
    BridgeType,
    Kind,
    Object,
    PortSpec,
    Ref,
)
from controller.domain.label_selectors import Selector, parse_selector
from controller.domain.mirroring import nothing_to_mirror
from controller.domain.validation.references import qualified

_PROTOCOLS = {
    FlowProtocol.NETFLOW: state_pb2.FLOW_PROTOCOL_NETFLOW,
    FlowProtocol.SFLOW: state_pb2.FLOW_PROTOCOL_SFLOW,
    FlowProtocol.IPFIX: state_pb2.FLOW_PROTOCOL_IPFIX,
}
EXPORT_COLUMNS: Mapping[FlowProtocol, Mapping[str, str]] = {
    FlowProtocol.NETFLOW: {
        "targets": "targets",
        "active_timeout_s": "active_timeout",
        "engine_id": "engine_id",
        "engine_type": "engine_type",
        "add_id_to_interface": "add_id_to_interface",
    },
    FlowProtocol.SFLOW: {
        "targets": "targets",
        "sampling": "sampling",
        "agent": "agent",
        "header_b": "header",
        "polling_s": "polling",
    },
    FlowProtocol.IPFIX: {
        "targets": "targets",
        "sampling": "sampling",
        "active_timeout_s": "cache_active_timeout",
        "cache_max_flows": "cache_max_flows",
        "obs_domain_id": "obs_domain_id",
        "obs_point_id": "obs_point_id",
    },
}
"""Columns of the table of each protocol."""
TUNNEL_OPTIONS = ("key", "erspan_ver", "erspan_idx", "erspan_dir", "erspan_hwid")
"""Fields of a mirror's tunnel that are keys of Interface.options under the same names."""


def overlay_of(intent: HostIntent) -> str | None:
    """Return the name of the bridge that the host has for its segments, while it has some."""
    if not intent.segments or has_no_ovs(intent):
        return None
    return host_spec(intent.host).overlay_bridge


# --- mirrors -------------------------------------------------------------------------------------


def compile_mirrors(intent: HostIntent) -> list[state_pb2.Mirror]:
    """Build the mirrors that have something to copy, and somewhere to copy it to."""
    by_uid = sorted(intent.mirrors, key=lambda mirror: str(mirror.uid))
    return [compiled for mirror in by_uid if (compiled := _mirror(mirror, intent)) is not None]


def _mirror(mirror: Object, intent: HostIntent) -> state_pb2.Mirror | None:
    """Build a mirror; None while it would copy nothing, or all that it was not asked for."""
    spec = _mirror_spec(mirror)
    bridge = overlay_of(intent) if spec.bridge is None else interfaces(intent)[spec.bridge]
    devices = _devices(spec, intent)
    sources = _known(spec.select_src_ports, devices)
    destinations = _known(spec.select_dst_ports, devices)
    vlans = sorted({*spec.select_vlans, *_local_vlans(spec, intent)})
    names_ports = bool(spec.select_src_ports or spec.select_dst_ports)
    is_empty = names_ports and not (sources or destinations)
    is_lost = spec.output_port is not None and spec.output_port not in devices
    is_waiting = nothing_to_mirror(spec, _segments_there(intent)) != ""
    if bridge is None or is_empty or is_lost or is_waiting:
        return None
    return state_pb2.Mirror(
        id=mirror_id(mirror.uid),
        name=mirror.name,
        bridge=bridge,
        # Open vSwitch takes VLANs from what ports select, and without ports selects nothing.
        select_all=not names_ports,
        select_src_ports=sources,
        select_dst_ports=destinations,
        select_vlans=vlans,
        output_port=devices[spec.output_port] if spec.output_port is not None else "",
        output_vlan=spec.output_vlan or 0,
        tunnel=_tunnel(mirror, spec.tunnel, intent) if spec.tunnel is not None else None,
        snaplen=spec.snaplen or 0,
    )


def _mirror_spec(mirror: Object) -> MirrorSpec:
    if not isinstance(mirror.spec, MirrorSpec):
        raise TypeError(f"{mirror.kind} {mirror.name!r} is not a mirror")
    return mirror.spec


def _devices(spec: MirrorSpec, intent: HostIntent) -> dict[str, str]:
    """Return the names that ports have on the mirror's bridge, by how the mirror calls them."""
    wanted = {*spec.select_src_ports, *spec.select_dst_ports}
    if spec.output_port is not None:
        wanted.add(spec.output_port)
    ports = {port.ref: port.spec for port in intent.ports}
    found = {words: _device(spec, ports.get(qualified(Kind.PORT, words))) for words in wanted}
    return {words: device for words, device in found.items() if device is not None}


def _device(spec: MirrorSpec, port: object) -> str | None:
    """Return the device of a port at the mirror's bridge; a patch is at two."""
    if not isinstance(port, PortSpec):
        return None
    patch = port.settings.patch
    if patch is not None and spec.bridge == patch.bridge:
        return patch.interface
    is_there = port.segment is not None if spec.bridge is None else port.bridge == spec.bridge
    return port.interface if is_there else None


def _known(names: Iterable[str], devices: Mapping[str, str]) -> list[str]:
    return sorted(devices[name] for name in names if name in devices)


def _segments_there(intent: HostIntent) -> set[Ref]:
    """Return the segments that the overlay bridge has a VLAN for."""
    found = (each.segment for each in intent.segments)
    return {segment.ref for segment in found if segment.uid in intent.local_vlans}


def _local_vlans(spec: MirrorSpec, intent: HostIntent) -> Iterator[int]:
    """Yield the VLANs of those selected segments that the host is on."""
    wanted = {qualified(Kind.SEGMENT, words) for words in spec.select_segments}
    for found in intent.segments:
        if found.segment.ref in wanted and found.segment.uid in intent.local_vlans:
            yield intent.local_vlans[found.segment.uid]


def _tunnel(mirror: Object, spec: MirrorTunnelSpec, intent: HostIntent) -> state_pb2.MirrorTunnel:
    family = AddressFamily.IPV6 if ":" in spec.remote_ip else AddressFamily.IPV4
    local = spec.local_ip or vtep_of(host_spec(intent.host), family)
    options = {name: getattr(spec, name) for name in TUNNEL_OPTIONS}
    if spec.type is MirrorTunnelType.ERSPAN and spec.erspan_ver is None:
        options["erspan_ver"] = 1
    options |= {"local_ip": local, "remote_ip": spec.remote_ip}
    return state_pb2.MirrorTunnel(
        interface=mirror_tunnel(mirror.uid),
        type=spec.type,
        options={name: str(value) for name, value in options.items() if value is not None},
    )


# --- exports of flows ----------------------------------------------------------------------------


def compile_flow_exports(intent: HostIntent) -> list[state_pb2.FlowExport]:
    """Build the exports that are for some bridge of the host."""
    found = []
    for export in sorted(intent.flow_exports, key=lambda export: str(export.uid)):
        spec = _export_spec(export)
        if bridges := sorted(_bridges(spec, intent)):
            found.append(_flow_export(export, spec, bridges))
    return found


def _flow_export(export: Object, spec: FlowExportSpec, bridges: list[str]) -> state_pb2.FlowExport:
    settings = state_pb2.Settings()
    for name, column in EXPORT_COLUMNS[spec.protocol].items():
        value = getattr(spec, name)
        if value is not None:
            settings.columns[column].atoms.extend(atoms(value))
    return state_pb2.FlowExport(
        id=flow_export_id(export.uid),
        protocol=_PROTOCOLS[spec.protocol],
        bridges=bridges,
        settings=settings,
    )


def _export_spec(export: Object) -> FlowExportSpec:
    if not isinstance(export.spec, FlowExportSpec):
        raise TypeError(f"{export.kind} {export.name!r} is not an export of flows")
    return export.spec


def _bridges(spec: FlowExportSpec, intent: HostIntent) -> Iterator[str]:
    if not _reaches(spec, intent):
        return
    overlay = overlay_of(intent)
    if spec.overlay and overlay is not None:
        yield overlay
    if spec.bridge_selector is not None:
        selector = _selector(spec.bridge_selector)
        for bridge in intent.bridges:
            its = bridge_spec(bridge)
            if its.type is BridgeType.OVS and selector.matches(bridge.labels):
                yield its.interface


def _reaches(spec: FlowExportSpec, intent: HostIntent) -> bool:
    if spec.host_group is None:
        return True
    group = intent.host_groups[spec.host_group].spec
    if not isinstance(group, HostGroupSpec):
        raise TypeError(f"{spec.host_group!r} is not a group of hosts")
    return _selector(group.selector).matches(intent.host.labels)


@lru_cache(maxsize=256)
def _selector(words: str) -> Selector:
    """There are few, and each is asked of every host."""
    return parse_selector(words)
