"""Transport zones: a segment in one has ports on its hosts alone."""

from __future__ import annotations

from controller.domain.definitions import TransportZoneSpec
from controller.domain.intent import (
    DEFAULT_PROJECT,
    HostSpec,
    Kind,
    PortSpec,
    Ref,
    SegmentSpec,
)
from controller.domain.validation.after import After
from controller.domain.validation.faults import Faults
from controller.domain.validation.relations import unknown
from controller.domain.validation.world import Draft

_MAX_ZONES = 64
_NAMED = 5


def check_zones(after: After, faults: Faults) -> None:
    """Check what the request writes about zones, and every segment that it touches."""
    for draft in after.drafts.values():
        _check_references(draft, after, faults)
        if isinstance(draft.spec, HostSpec) and draft.spec.zones:
            _check_list(draft, draft.spec, faults)
    for ref, segment in after.touched_segments():
        if segment.zone is not None:
            _check_members(ref, segment.zone, after, faults)


def _check_references(draft: Draft, after: After, faults: Faults) -> None:
    """Name the zones and pools that do not exist."""
    spec, at = draft.spec, f"{draft.pointer}/spec"
    named: list[tuple[Kind, str | None, str]] = []
    if isinstance(spec, HostSpec):
        named += [(Kind.TRANSPORT_ZONE, z, f"{at}/zones/{i}") for i, z in enumerate(spec.zones)]
    if isinstance(spec, SegmentSpec):
        named.append((Kind.TRANSPORT_ZONE, spec.zone, f"{at}/zone"))
    if isinstance(spec, SegmentSpec | TransportZoneSpec):
        named.append((Kind.POOL, spec.vni_pool, f"{at}/vni_pool"))
    if isinstance(spec, HostSpec | TransportZoneSpec):
        named.append((Kind.POOL, spec.vtep_pool, f"{at}/vtep_pool"))
    for kind, name, pointer in named:
        if name is not None and Ref(kind, DEFAULT_PROJECT, name) not in after.entries:
            unknown(kind, name, pointer, faults)


def _check_list(draft: Draft, spec: HostSpec, faults: Faults) -> None:
    for index, zone in enumerate(spec.zones):
        if zone in spec.zones[:index]:
            faults.invalid(
                f"{draft.pointer}/spec/zones/{index}",
                "zone_twice",
                f"zone {zone!r} is named twice",
                "name each zone once",
            )
    if len(spec.zones) > _MAX_ZONES:
        faults.invalid(
            f"{draft.pointer}/spec/zones",
            "too_many_zones",
            f"the host is in {len(spec.zones)} zones",
            f"keep at most {_MAX_ZONES}",
        )


def _check_members(ref: Ref, zone: str, after: After, faults: Faults) -> None:
    outside: set[str] = set()
    for port, name in after.plugged(ref):
        host = after.host(name)
        if host is None or zone in host.zones:
            continue
        if port.ref in after.drafts:
            _refuse(f"{port.pointer}/spec/segment", ref, zone, name, faults)
        outside.add(name)
    for name in sorted(outside):
        written = after.written_host(name)
        if written is not None and not _brings_port(ref, name, after):
            _refuse(f"{written.pointer}/spec/zones", ref, zone, name, faults)
    far = after.elsewhere(ref).outsiders
    written_segment = after.drafts.get(ref)
    if written_segment is not None and (names := sorted(outside | set(far))):
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        listed = ", ".join(repr(name) for name in names[:_NAMED]) + more
        _refuse(f"{written_segment.pointer}/spec/zone", ref, zone, listed, faults, quote=False)


def _brings_port(segment: Ref, host: str, after: After) -> bool:
    """Tell whether a port that the request writes is at fault already."""
    return any(
        port.ref in after.drafts and isinstance(port.spec, PortSpec) and port.spec.host == host
        for port, _ in after.ports_of(segment)
    )


def _refuse(
    pointer: str, segment: Ref, zone: str, host: str, faults: Faults, *, quote: bool = True
) -> None:
    faults.conflict(
        pointer,
        "host_not_in_zone",
        f"segment {segment.name!r} is in zone {zone!r}, and host"
        f" {repr(host) if quote else host} is not",
        f"add {zone!r} to the host's 'zones', keep the segment's ports on hosts of the zone, or"
        " change the segment's zone",
    )
