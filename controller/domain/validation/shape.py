"""Rules for one manifest by itself: its spec brought into normal form and each field checked."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

from controller.auth import PROJECT_KINDS
from controller.domain.definitions import TunnelProfileSpec
from controller.domain.intent import (
    DEFAULT_PROJECT,
    DEFINITIONS,
    AddressFamily,
    BridgeSpec,
    HostSpec,
    Kind,
    PortSpec,
    PortType,
    Ref,
    SegmentSpec,
    Spec,
    TunnelEnd,
    TunnelSpec,
)
from controller.domain.mtu import MIN_IPV6_MTU, MIN_MTU
from controller.domain.validation import fields
from controller.domain.validation.binding import check_hosts
from controller.domain.validation.faults import Faults
from controller.domain.validation.fields import Fault
from controller.domain.validation.normal_forms import normal_definition
from controller.domain.validation.port_settings import check_port_settings
from controller.domain.validation.profile_fields import check_profile
from controller.domain.validation.segment_fields import check_segment_fields
from controller.domain.validation.settings import check_bridge_settings, normalise_settings
from controller.domain.validation.world import Draft, World

SPEC_TYPES: dict[Kind, type[Spec]] = {
    Kind.HOST: HostSpec,
    Kind.BRIDGE: BridgeSpec,
    Kind.SEGMENT: SegmentSpec,
    Kind.PORT: PortSpec,
    Kind.TUNNEL: TunnelSpec,
    **DEFINITIONS,
}
_MIN_UNDERLAY_MTU = 576
"""What every IPv4 host must be able to receive (RFC 791, 3.1)."""
_MAX_ADDRESSES = 64
_MAX_LABELS = 64


def normalise(spec: Spec) -> Spec:
    """Bring addresses into their one spelling; what is malformed stays for the checks to name."""
    if isinstance(spec, HostSpec):
        return replace(spec, vteps=tuple(_vtep(v) for v in spec.vteps))
    if isinstance(spec, BridgeSpec):
        return replace(spec, settings=normalise_settings(spec.settings))
    if isinstance(spec, PortSpec):
        return _normal_port(spec)
    if isinstance(spec, TunnelSpec):
        first, second = spec.ends
        return replace(spec, ends=(_end(first), _end(second)))
    return normal_definition(spec)


def _normal_port(spec: PortSpec) -> PortSpec:
    return replace(
        spec,
        # That a port is to move to where it is, is how a migration ends.
        migrating_to=None if spec.migrating_to == spec.host else spec.migrating_to,
        mac=spec.mac.lower().replace("-", ":") if spec.mac else None,
        addresses=tuple(_cidr(a) for a in spec.addresses),
        settings=normalise_settings(spec.settings),
    )


def _end(end: TunnelEnd) -> TunnelEnd:
    return end if end.ip is None else replace(end, ip=_vtep(end.ip))


def _vtep(address: str) -> str:
    return fields.ip_of(address) or address if "/" not in address else address


def _cidr(address: str) -> str:
    try:
        return str(ipaddress.ip_interface(address)) if "/" in address else address
    except ValueError:
        return address


def check_shape(draft: Draft, world: World, faults: Faults) -> None:
    """Find what is wrong with a draft whatever else exists."""
    _check_metadata(draft, world, faults)
    _check_device(draft, faults)
    at = f"{draft.pointer}/spec"
    match draft.spec:
        case HostSpec():
            _check_host(draft.spec, at, faults)
        case BridgeSpec():
            _check_whereabouts(draft.spec, at, faults)
            check_bridge_settings(draft.spec.settings, at, faults)
        case SegmentSpec():
            _check_segment(draft.spec, at, faults)
        case PortSpec():
            _check_port(draft.spec, at, faults)
        case TunnelSpec():
            _check_tunnel(draft.spec, at, faults)
        case TunnelProfileSpec():
            check_profile(draft.spec, at, faults)


def _report(fault: Fault | None, pointer: str, faults: Faults) -> None:
    if fault is not None:
        faults.invalid(pointer, *fault)


def _check_metadata(draft: Draft, world: World, faults: Faults) -> None:
    at = f"{draft.pointer}/metadata"
    _report(fields.name(draft.ref.name), f"{at}/name", faults)
    _check_project(draft.ref, world, f"{at}/project", faults)
    if len(draft.labels) > _MAX_LABELS:
        faults.invalid(
            f"{at}/labels",
            "too_many_labels",
            f"{len(draft.labels)} labels",
            f"keep at most {_MAX_LABELS}",
        )
    for key, value in draft.labels.items():
        escaped = key.replace("~", "~0").replace("/", "~1")
        _report(fields.label(key, value), f"{at}/labels/{escaped}", faults)


def _check_project(ref: Ref, world: World, pointer: str, faults: Faults) -> None:
    if ref.kind not in PROJECT_KINDS and ref.project != DEFAULT_PROJECT:
        faults.invalid(
            pointer,
            "wrong_project",
            f"a {ref.kind} belongs to the network-admin, in project {DEFAULT_PROJECT!r}",
            f"leave the project out or write {DEFAULT_PROJECT!r}",
        )
    elif ref.project not in world.projects:
        faults.invalid(
            pointer,
            "unknown_project",
            f"there is no project {ref.project!r}",
            f"name a project that exists, e.g. {DEFAULT_PROJECT!r}",
        )


def _check_device(draft: Draft, faults: Faults) -> None:
    check = fields.host_device if keeps_device(draft) else fields.new_host_device
    match draft.spec:
        case HostSpec(overlay_bridge=device):
            _report(check(device), f"{draft.pointer}/spec/overlay_bridge", faults)
        case PortSpec(type=PortType.BOUND):
            pass
        case BridgeSpec(interface=device) | PortSpec(interface=device):
            _report(check(device), f"{draft.pointer}/spec/interface", faults)
        case _:
            pass


def keeps_device(draft: Draft) -> bool:
    """Tell whether the object has the same device already."""
    before, now = draft.current.spec if draft.current else None, draft.spec
    if isinstance(before, HostSpec) and isinstance(now, HostSpec):
        return (before.overlay_bridge, before.overlay_bridge_type) == (
            now.overlay_bridge,
            now.overlay_bridge_type,
        )
    if isinstance(before, BridgeSpec | PortSpec) and isinstance(now, BridgeSpec | PortSpec):
        return (before.host, before.interface) == (now.host, now.interface)
    return False


def _check_host(spec: HostSpec, at: str, faults: Faults) -> None:
    for index, vtep in enumerate(spec.vteps):
        _report(fields.vtep(vtep), f"{at}/vteps/{index}", faults)
    families = [family(v) for v in spec.vteps if fields.vtep(v) is None]
    for index in range(1, len(families)):
        if families[index] in families[:index]:
            faults.invalid(
                f"{at}/vteps/{index}",
                "vtep_family_twice",
                f"the host has two IPv{families[index]} VTEPs",
                "keep one address of each family",
            )
    smallest = MIN_IPV6_MTU if 6 in families else _MIN_UNDERLAY_MTU
    _report(fields.mtu(spec.underlay_mtu, smallest), f"{at}/underlay_mtu", faults)
    _report(fields.confirm_timeout(spec.confirm_timeout_s), f"{at}/confirm_timeout_s", faults)


def _check_whereabouts(spec: BridgeSpec, at: str, faults: Faults) -> None:
    if spec.host is None and spec.host_group is None:
        faults.invalid(
            f"{at}/host",
            "host_missing",
            "the bridge is on no host",
            "set exactly one of 'host' and 'host_group'",
        )
    if spec.host is not None and spec.host_group is not None:
        faults.invalid(
            f"{at}/host_group",
            "host_twice",
            f"the bridge is on host {spec.host!r} and on those of HostGroup {spec.host_group!r}",
            "set exactly one of 'host' and 'host_group'",
        )


def family(address: str) -> int:
    """Return 4 or 6 for a well-formed address."""
    return 6 if ":" in address else 4


def _check_segment(spec: SegmentSpec, at: str, faults: Faults) -> None:
    if spec.vni is not None:
        _report(fields.vni(spec.vni), f"{at}/vni", faults)
    if spec.mtu is not None:
        _report(fields.mtu(spec.mtu), f"{at}/mtu", faults)
    if spec.dst_port is not None:
        _report(fields.udp_port(spec.dst_port), f"{at}/dst_port", faults)
    check_segment_fields(spec, at, faults)


def _check_port(spec: PortSpec, at: str, faults: Faults) -> None:
    _check_attachment(spec, at, faults)
    _check_peer(spec, at, faults)
    if spec.mac is not None:
        _report(fields.mac(spec.mac), f"{at}/mac", faults)
    if spec.mtu is not None:
        smallest = MIN_IPV6_MTU if has_ipv6(spec) else MIN_MTU
        _report(fields.mtu(spec.mtu, smallest), f"{at}/mtu", faults)
    _check_addresses(spec, at, faults)
    check_hosts(spec, at, faults)
    check_port_settings(spec, at, faults)


def has_ipv6(spec: PortSpec) -> bool:
    return any(":" in address for address in spec.addresses)


def _check_addresses(spec: PortSpec, at: str, faults: Faults) -> None:
    if len(spec.addresses) > _MAX_ADDRESSES:
        faults.invalid(
            f"{at}/addresses",
            "too_many_addresses",
            f"{len(spec.addresses)} addresses on one port",
            f"keep at most {_MAX_ADDRESSES}",
        )
    for index, address in enumerate(spec.addresses):
        _report(fields.address(address), f"{at}/addresses/{index}", faults)


def _check_attachment(spec: PortSpec, at: str, faults: Faults) -> None:
    if spec.segment is None and spec.bridge is None:
        faults.invalid(
            f"{at}/segment",
            "attachment_missing",
            "the port is on no segment and on no bridge",
            "set exactly one of 'segment' and 'bridge'",
        )
    if spec.segment is not None and spec.bridge is not None:
        faults.invalid(
            f"{at}/bridge",
            "attachment_ambiguous",
            f"the port is on segment {spec.segment!r} and on bridge {spec.bridge!r}",
            "set exactly one of 'segment' and 'bridge'",
        )
    if spec.tag is not None:
        _report(fields.tag(spec.tag), f"{at}/tag", faults)
        if spec.segment is not None:
            faults.invalid(
                f"{at}/tag",
                "tag_on_segment",
                "the VLAN of a segment's port is chosen by the controller for each host",
                "leave 'tag' out, or put the port on a bridge",
            )


def _check_peer(spec: PortSpec, at: str, faults: Faults) -> None:
    if spec.type is PortType.VETH and spec.peer is None:
        faults.invalid(
            f"{at}/peer",
            "peer_missing",
            "a veth port needs to know where its other end goes",
            "set peer.netns and peer.interface",
        )
    if spec.type is not PortType.VETH and spec.peer is not None:
        faults.invalid(
            f"{at}/peer",
            "peer_not_allowed",
            f"a port of type {spec.type} has no other end",
            "leave 'peer' out, or set type to 'veth'",
        )
    if spec.peer is not None:
        _report(fields.netns(spec.peer.netns), f"{at}/peer/netns", faults)
        _report(fields.device(spec.peer.interface), f"{at}/peer/interface", faults)


def _check_tunnel(spec: TunnelSpec, at: str, faults: Faults) -> None:
    if spec.ends[0].host is None:
        faults.invalid(
            f"{at}/ends/0/host",
            "host_missing",
            "the first end of a tunnel is on a host of the fleet",
            "set 'host' and 'bridge', and put an outside VTEP second",
        )
    for index, end in enumerate(spec.ends):
        _check_end(end, spec.address_family, f"{at}/ends/{index}", faults)
    if spec.key is not None:
        _report(fields.vni(spec.key), f"{at}/key", faults)
    _report(fields.udp_port(spec.dst_port), f"{at}/dst_port", faults)
    _report(fields.ttl(spec.ttl), f"{at}/ttl", faults)
    _report(fields.tos(spec.tos), f"{at}/tos", faults)


def _check_end(end: TunnelEnd, wanted: AddressFamily, at: str, faults: Faults) -> None:
    if end.host is None:
        _check_outside(end, at, faults)
    elif end.bridge is None:
        faults.invalid(
            f"{at}/bridge",
            "bridge_missing",
            f"the end on host {end.host!r} is at no bridge",
            "name a Bridge of that host",
        )
    if end.tag is not None:
        _report(fields.tag(end.tag), f"{at}/tag", faults)
    if end.ip is not None:
        _report(_tunnel_ip(end.ip, wanted), f"{at}/ip", faults)


def _check_outside(end: TunnelEnd, at: str, faults: Faults) -> None:
    if end.ip is None:
        faults.invalid(
            f"{at}/ip",
            "end_missing",
            "the end names neither a host nor an address",
            "set 'host' and 'bridge' for a host of the fleet, or 'ip' for an outside VTEP",
        )
    for field in ("bridge", "tag"):
        if getattr(end, field) is not None:
            faults.invalid(
                f"{at}/{field}",
                "not_on_outside_end",
                f"an outside VTEP has no {field!r} that the fleet could set",
                f"leave {field!r} out, or name the 'host'",
            )


def _tunnel_ip(ip: str, wanted: AddressFamily) -> Fault | None:
    if fault := fields.vtep(ip):
        return fault
    if family(ip) == (4 if wanted is AddressFamily.IPV4 else 6):
        return None
    return Fault(
        "wrong_address_family",
        f"{ip} is not an {wanted} address",
        f"give an {wanted} address, or set the tunnel's address_family",
    )
