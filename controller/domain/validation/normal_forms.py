"""The one spelling of segments, profiles, policies, mirrors and exports of flows.

What is malformed stays as it is, for the checks to name. Pure; owns nothing.
"""

from __future__ import annotations

import ipaddress
from dataclasses import replace

from controller.domain.definitions import (
    FlowExportSpec,
    MirrorSpec,
    MirrorTunnelSpec,
    QosPolicySpec,
    TunnelProfileSpec,
)
from controller.domain.intent import Kind, SegmentSpec, Spec
from controller.domain.validation import fields
from controller.domain.validation.profile_fields import normal_profile
from controller.domain.validation.references import qualified
from controller.domain.validation.segment_fields import normal_segment


def normal_definition(spec: Spec) -> Spec:
    match spec:
        case SegmentSpec():
            return normal_segment(spec)
        case TunnelProfileSpec():
            return normal_profile(spec)
        case QosPolicySpec(queues=queues):
            return replace(spec, queues=tuple(sorted(queues, key=lambda queue: queue.id)))
        case MirrorSpec():
            return _mirror(spec)
        case FlowExportSpec(targets=targets):
            return replace(spec, targets=tuple(sorted({_target(each) for each in targets})))
        case _:
            return spec


def _mirror(spec: MirrorSpec) -> MirrorSpec:
    return replace(
        spec,
        select_src_ports=_names(Kind.PORT, spec.select_src_ports),
        select_dst_ports=_names(Kind.PORT, spec.select_dst_ports),
        select_vlans=tuple(sorted(set(spec.select_vlans))),
        select_segments=_names(Kind.SEGMENT, spec.select_segments),
        output_port=_name(Kind.PORT, spec.output_port) if spec.output_port is not None else None,
        tunnel=_tunnel(spec.tunnel) if spec.tunnel is not None else None,
    )


def _names(kind: Kind, words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({_name(kind, each) for each in words}))


def _name(kind: Kind, words: str) -> str:
    """Leave the default project out."""
    ref = qualified(kind, words)
    return ref.name if ref == qualified(kind, ref.name) else words


def _tunnel(spec: MirrorTunnelSpec) -> MirrorTunnelSpec:
    local = spec.local_ip and _address(spec.local_ip)
    return replace(spec, remote_ip=_address(spec.remote_ip), local_ip=local)


def _address(words: str) -> str:
    return words if "/" in words else fields.ip_of(words) or words


def _target(words: str) -> str:
    parsed = parsed_target(words)
    if parsed is None:
        return words
    ip, port = parsed
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def parsed_target(words: str) -> tuple[str, int] | None:
    """Return a collector's address and UDP port; None for what has no such form."""
    host, colon, port = words.rpartition(":")
    is_bracketed = host.startswith("[") and host.endswith("]")
    inside = host[1:-1] if is_bracketed else host
    try:
        ip = ipaddress.ip_address(inside)
    except ValueError:
        return None
    is_number = port.isascii() and port.isdigit() and len(port) <= 5
    if not colon or not is_number or is_bracketed != (ip.version == 6) or "%" in inside:
        return None
    return str(ip), int(port)
