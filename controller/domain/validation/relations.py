"""Rules between objects: references, fixed fields, VTEPs, MTU, and what still holds what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from controller.domain.definitions import FlowExportSpec, MirrorSpec, PoolSpec, QosPolicySpec
from controller.domain.intent import (
    DEFINITIONS,
    AddressFamily,
    BridgeSpec,
    HostSpec,
    Kind,
    PortSpec,
    Ref,
    SegmentSpec,
    Spec,
    TunnelSpec,
)
from controller.domain.mtu import MIN_IPV6_MTU, effective_mtu
from controller.domain.validation.after import After, segment_ref
from controller.domain.validation.binding import check_move, check_ready_bridge
from controller.domain.validation.faults import Faults
from controller.domain.validation.presences import FarSide, host_field
from controller.domain.validation.shape import family, has_ipv6
from controller.domain.validation.world import Draft

_ALWAYS_FIXED: dict[type[Spec], tuple[str, ...]] = {
    HostSpec: (),
    BridgeSpec: ("host", "host_group", "interface", "type", "datapath_type"),
    SegmentSpec: (),
    PortSpec: ("interface", "type", "patch"),
    TunnelSpec: ("ends", "key", "dst_port", "address_family"),
    MirrorSpec: ("host", "bridge"),
    FlowExportSpec: ("protocol",),
    PoolSpec: ("type",),
}
_FIXED_WHILE_IN_USE: dict[type[Spec], tuple[str, ...]] = {
    HostSpec: ("datapath_type", "overlay_bridge", "overlay_bridge_type"),
    SegmentSpec: ("vni", "dst_port", "address_family", "backend"),
    QosPolicySpec: ("type",),
}


def check_relations(after: After, faults: Faults) -> None:
    """Find everything wrong between what the request writes and what there is."""
    for draft in after.drafts.values():
        check_ready_bridge(draft, faults)
        _check_references(draft, after, faults)
        _check_fixed_fields(draft, after, faults)
    for ref, segment in after.touched_segments():
        _check_vteps(ref, segment, after, faults)
        _check_mtu(ref, segment, after, faults)
    for ref in after.removals:
        _check_holders(ref, after, faults)


def _check_references(draft: Draft, after: After, faults: Faults) -> None:
    spec, at = draft.spec, f"{draft.pointer}/spec"
    host = spec.host if isinstance(spec, BridgeSpec | PortSpec) else None
    if host is not None and after.host(host) is None:
        unknown(Kind.HOST, host, f"{at}/{host_field(draft)}", faults)
    if isinstance(spec, PortSpec) and not isinstance(draft.ref, FarSide):
        segment = segment_ref(draft)
        if segment is not None and after.segment(segment) is None:
            unknown(Kind.SEGMENT, segment.name, f"{at}/segment", faults)
        if spec.bridge is not None and host is not None:
            check_bridge(spec.bridge, ("port", host), f"{at}/bridge", after, faults)
        if spec.settings.patch is not None and host is not None:
            bridge = spec.settings.patch.bridge
            check_bridge(bridge, ("port", host), f"{at}/patch/bridge", after, faults)


def unknown(kind: Kind, name: str, pointer: str, faults: Faults) -> None:
    faults.invalid(
        pointer,
        f"unknown_{kind.lower()}",
        f"there is no {kind} {name!r}",
        f"create it first or in the same request, or name a {kind} that exists",
    )


def check_bridge(
    name: str, user: tuple[str, str], pointer: str, after: After, faults: Faults
) -> None:
    """Check that a bridge is where its user is, given what that is and its host."""
    (what, host), bridge = user, after.bridge(name)
    if bridge is None:
        unknown(Kind.BRIDGE, name, pointer, faults)
    elif not after.is_on(bridge, host):
        of_group = f"the hosts of HostGroup {bridge.host_group!r}"
        where = of_group if bridge.host_group is not None else f"host {bridge.host!r}"
        faults.invalid(
            pointer,
            "bridge_on_other_host",
            f"Bridge {name!r} is on {where}, the {what} on {host!r}",
            f"name a bridge of host {host!r}",
        )


def _check_fixed_fields(draft: Draft, after: After, faults: Faults) -> None:
    """Refuse what no agent can change in place without cutting traffic by surprise."""
    if draft.current is None or isinstance(draft.ref, FarSide):
        return
    check_move(draft, faults)
    for field in _changed(draft, _ALWAYS_FIXED.get(type(draft.spec), ())):
        faults.invalid(
            f"{draft.pointer}/spec/{field}",
            "immutable",
            f"{field!r} of {draft.ref.kind} {draft.ref.name!r} cannot change",
            "delete the object and create it anew with the value you want",
        )
    if holders := _users(draft.ref, after):
        for field in _changed(draft, _FIXED_WHILE_IN_USE.get(type(draft.spec), ())):
            faults.conflict(
                f"{draft.pointer}/spec/{field}",
                "immutable_in_use",
                f"{field!r} of {draft.ref.kind} {draft.ref.name!r} cannot change while it carries"
                f" {holders}",
                "delete those ports first, or create another object with the value you want",
            )


def _changed(draft: Draft, names: tuple[str, ...]) -> Iterator[str]:
    before = draft.current.spec if draft.current else draft.spec
    return (name for name in names if _field(before, name) != _field(draft.spec, name))


def _field(spec: Any, name: str) -> object:
    patch = spec.settings.patch if name == "patch" else None
    return getattr(spec, name, patch and (patch.bridge, patch.interface))


def _users(ref: Ref, after: After) -> str:
    """Name the ports that keep a host's overlay, a segment or a definition in use."""
    if ref.kind in DEFINITIONS:
        return after.listing(entry.ref for entry in after.referring_to(ref))
    if ref.kind is Kind.HOST:
        return after.listing(e.ref for e in after.on_host(ref.name) if segment_ref(e) is not None)
    return _segment_ports(ref, after)


def _segment_ports(ref: Ref, after: After) -> str:
    near = [port.ref for port, _ in after.ports_of(ref)]
    far = after.elsewhere(ref)
    return after.listing(near + [port.ref for port in far.sample], len(near) + far.ports)


def _check_vteps(ref: Ref, segment: SegmentSpec, after: After, faults: Faults) -> None:
    """A host with a port on a segment needs a tunnel end of the segment's address family."""
    version = 4 if segment.address_family is AddressFamily.IPV4 else 6
    for port, name in after.plugged(ref):
        host = after.host(name)
        if host is None or any(family(vtep) == version for vtep in host.vteps):
            continue
        pointer = _blame(port, name, after)
        if pointer is not None:
            faults.invalid(
                pointer,
                "vtep_missing",
                f"host {name!r} has no IPv{version} VTEP, which segment {ref.name!r} needs"
                f" there for {port.ref.kind} {port.ref.name!r}",
                f"give the host an IPv{version} address in 'vteps'",
            )


def _blame(port: Draft, host: str, after: After) -> str | None:
    """Return where the request brings in the port or its host; a used segment's family is fixed."""
    if port.ref in after.drafts:
        return f"{port.pointer}/spec/segment"
    written = after.written_host(host)
    return f"{written.pointer}/spec/vteps" if written else None


def _check_mtu(ref: Ref, segment: SegmentSpec, after: After, faults: Faults) -> None:
    members = _underlays(ref, after)
    if not members:
        return
    name, narrowest = min(members.items(), key=lambda item: (item[1], item[0]))
    overhead = segment.address_family.vxlan_overhead
    if segment.mtu is not None and segment.mtu + overhead > narrowest:
        faults.invalid(
            _segment_or_member(ref, name, after),
            "mtu_exceeds_underlay",
            f"segment {ref.name!r} has MTU {segment.mtu}, and VXLAN adds {overhead} bytes: that is"
            f" more than the underlay MTU {narrowest} of host {name!r}",
            f"set the segment's mtu to 'auto' or to at most {narrowest - overhead}",
        )
    _check_port_mtus(ref, effective_mtu(segment, members.values()), name, after, faults)


def _underlays(segment: Ref, after: After) -> dict[str, int]:
    """Return the underlay MTU of each touched member and of the narrowest one elsewhere."""
    found: dict[str, int] = {}
    for _, name in after.plugged(segment):
        if (host := after.host(name)) is not None:
            found[name] = host.underlay_mtu
    far = after.elsewhere(segment).narrowest_host
    if far is not None and isinstance(far.spec, HostSpec):
        found[far.name] = far.spec.underlay_mtu
    return found


def _segment_or_member(segment: Ref, host: str, after: After) -> str:
    """Point at what the request changes: the segment's MTU, the host's, or the port that joins."""
    own, written = after.drafts.get(segment), after.written_host(host)
    places = {
        "mtu": own and _says_anew(own, "mtu", "address_family") and own,
        "underlay_mtu": written and _says_anew(written, "underlay_mtu") and written,
        "segment": _joining(segment, host, after),
    }
    changed = next(((draft, field) for field, draft in places.items() if draft), None)
    # Nothing of it changed: it was so before there was a rule against it.
    draft, field = changed or ((own, "mtu") if own else (written, "underlay_mtu"))
    return f"{draft.pointer}/spec/{field}" if draft else ""


def _joining(segment: Ref, host: str, after: After) -> Draft | None:
    """Return a port that the request writes on the segment, on the host if there is one."""
    there = [(port, spec) for port, spec in after.ports_of(segment) if port.ref in after.drafts]
    return next((p for p, spec in there if spec.host == host), there[0][0] if there else None)


def _says_anew(draft: Draft, *fields: str) -> bool:
    before = draft.current.spec if draft.current else None
    return any(getattr(before, name, None) != getattr(draft.spec, name) for name in fields)


def _check_port_mtus(ref: Ref, limit: int, narrowest: str, after: After, faults: Faults) -> None:
    cause = _segment_or_member(ref, narrowest, after)
    for port, spec in _mtu_relevant_ports(ref, after):
        own = f"{port.pointer}/spec" if port.ref in after.drafts else None
        if spec.mtu is not None and spec.mtu > limit:
            faults.invalid(
                f"{own}/mtu" if own else cause,
                "mtu_exceeds_segment",
                f"port {port.ref.name!r} has MTU {spec.mtu}, more than the {limit} of segment"
                f" {ref.name!r}",
                f"leave the port's mtu out or set it to at most {limit}",
            )
        if spec.mtu is None and has_ipv6(spec) and limit < MIN_IPV6_MTU:
            faults.invalid(
                f"{own}/addresses" if own else cause,
                "mtu_too_small_for_ipv6",
                f"port {port.ref.name!r} has an IPv6 address, and the MTU of segment {ref.name!r}"
                f" is {limit}",
                f"IPv6 needs {MIN_IPV6_MTU}: widen the underlay or the segment's mtu",
            )


def _mtu_relevant_ports(segment: Ref, after: After) -> Iterator[tuple[Draft, PortSpec]]:
    yield from after.ports_of(segment)
    far = after.elsewhere(segment)
    for port in (far.widest_port, far.ipv6_port):
        if port is not None and isinstance(port.spec, PortSpec):
            yield Draft(port.ref, port.spec, port.labels, pointer="", current=port), port.spec


def _check_holders(ref: Ref, after: After, faults: Faults) -> None:
    """Refuse to delete what something outside of the request still refers to."""
    holders = _holders(ref, after)
    if holders:
        faults.conflict(
            after.removals[ref].pointer,
            "still_in_use",
            f"{ref.kind} {ref.name!r} is still used by {holders}",
            "delete those in the same request, or first",
        )


def _holders(ref: Ref, after: After) -> str:
    match ref.kind:
        case Kind.HOST:
            return after.listing(e.ref for e in after.on_host(ref.name))
        case Kind.SEGMENT:
            mirrors = after.listing(entry.ref for entry in after.referring_to(ref))
            return ", ".join(filter(None, (_segment_ports(ref, after), mirrors)))
        case Kind.BRIDGE:
            there = after.at_bridge(ref.name).values()
            return after.listing({entry.ref: None for entries in there for entry in entries})
        case _:
            return after.listing(entry.ref for entry in after.referring_to(ref))
