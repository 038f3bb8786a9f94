"""Rules for mirrors: what they select, where copies go, and the ports and hosts they depend on.

Pure; owns nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from controller.domain.definitions import MirrorSpec
from controller.domain.host_vteps import vtep_of
from controller.domain.intent import (
    AddressFamily,
    BridgeType,
    HostSpec,
    Kind,
    PortSpec,
    PortType,
    Ref,
)
from controller.domain.validation.after import After, segment_ref
from controller.domain.validation.faults import Faults
from controller.domain.validation.fields import Fault
from controller.domain.validation.mirror_fields import check_tunnel_fields, mirror_fields
from controller.domain.validation.mirror_ports import check_mirror_ports, selected_ports
from controller.domain.validation.references import bridges_of, qualified
from controller.domain.validation.relations import check_bridge, unknown
from controller.domain.validation.world import Draft

_MOST_ON_A_BRIDGE = 32
"""Open vSwitch keeps the mirrors of a bridge as the bits of one word."""
_OVERLAY = "the bridge of the host's segments"


def check_mirrors(after: After, faults: Faults) -> None:
    """Find the mirrors that cannot be where they are asked for, or not any more."""
    mirrors = [(e, e.spec) for e in after.entries.values() if isinstance(e.spec, MirrorSpec)]
    for entry, spec in mirrors:
        if entry.ref in after.drafts:
            _check_fields(spec, f"{entry.pointer}/spec", faults)
            _check_place(entry, spec, after, faults)
        _check_ports(entry, spec, after, faults)
        _check_tunnel_end(entry, spec, after, faults)
    _check_numbers(mirrors, after, faults)
    _check_tunnels_apart(mirrors, after, faults)
    check_mirror_ports(mirrors, after, faults)


def _check_fields(spec: MirrorSpec, at: str, faults: Faults) -> None:
    """Find what is wrong with a mirror whatever else exists."""
    for where, fault in mirror_fields(spec):
        faults.invalid(f"{at}/{where}", *fault)
    if spec.tunnel is not None:
        for where, fault in check_tunnel_fields(spec.tunnel):
            faults.invalid(f"{at}/tunnel/{where}", *fault)
    if spec.output_vlan is not None:
        faults.warn(
            f"{at}/output_vlan",
            "mirror_floods_vlan",
            f"copies are flooded into VLAN {spec.output_vlan}, and switches that learn addresses"
            " without regard to VLANs take them for the hosts themselves",
            "use a VLAN of its own in which nothing learns, or a tunnel",
        )


def _check_place(draft: Draft, spec: MirrorSpec, after: After, faults: Faults) -> None:
    at, host = f"{draft.pointer}/spec", after.host(spec.host)
    if host is None:
        unknown(Kind.HOST, spec.host, f"{at}/host", faults)
        return
    for ref, where in _segments(spec):
        if after.segment(ref) is None:
            unknown(Kind.SEGMENT, ref.name, f"{at}/{where}", faults)
    if spec.bridge is None:
        _check_overlay(spec, host, after, at, faults)
    else:
        check_bridge(spec.bridge, ("mirror", spec.host), f"{at}/bridge", after, faults)


def _segments(spec: MirrorSpec) -> Iterator[tuple[Ref, str]]:
    for index, segment in enumerate(spec.select_segments):
        yield qualified(Kind.SEGMENT, segment), f"select_segments/{index}"


def _check_overlay(spec: MirrorSpec, host: HostSpec, after: After, at: str, faults: Faults) -> None:
    if host.overlay_bridge_type is BridgeType.LINUX:
        faults.invalid(
            f"{at}/bridge",
            "mirror_needs_ovs",
            f"host {spec.host!r} has no Open vSwitch, so that its segments are on no bridge that"
            " could be mirrored",
            "name a Bridge of Open vSwitch, or another host",
        )
        return
    there = {segment_ref(entry) for entry in after.on_host(spec.host)} - {None}
    missing = [where for ref, where in _segments(spec) if ref not in there]
    for where in missing if there else ["bridge"]:
        faults.warn(
            f"{at}/{where}",
            "nothing_to_mirror",
            f"host {spec.host!r} has no port on {'that' if there else 'any'} segment: until it has"
            " one, there is nothing of it to copy",
            "put a port of the segment on the host, or name a Bridge",
        )


# --- ports ---------------------------------------------------------------------------------------


def _check_ports(entry: Draft, spec: MirrorSpec, after: After, faults: Faults) -> None:
    """Judge each port of a mirror that the request writes, and each port that it writes of one."""
    for where, ref in _ports(spec):
        port = after.entries.get(ref)
        if entry.ref in after.drafts:
            pointer = f"{entry.pointer}/spec/{where}"
        elif port is not None and ref in after.drafts:
            pointer = f"{port.pointer}/spec"
        else:
            continue
        if port is None or not isinstance(port.spec, PortSpec):
            unknown(Kind.PORT, ref.name, pointer, faults)
        elif fault := _misplaced(ref, port.spec, entry.ref, spec, after):
            faults.invalid(pointer, *fault)


def _ports(spec: MirrorSpec) -> Iterator[tuple[str, Ref]]:
    yield from selected_ports(spec)
    if spec.output_port is not None:
        yield "output_port", qualified(Kind.PORT, spec.output_port)


def _misplaced(
    ref: Ref, port: PortSpec, mirror: Ref, spec: MirrorSpec, after: After
) -> Fault | None:
    """Say why a port is none that the mirror could be about."""
    who = after.listing([mirror])
    if port.type is PortType.BOUND:
        why = f"Port {ref.name!r} is bound: its device has a name that the hypervisor gives it"
        return Fault("port_is_bound", why, "mirror its segment")
    if port.host != spec.host:
        why = f"{who} is on host {spec.host!r}, and Port {ref.name!r} on {port.host!r}"
        return Fault("port_on_other_host", why, f"name a port of host {spec.host!r}")
    is_there = port.segment is not None if spec.bridge is None else spec.bridge in bridges_of(port)
    if not is_there:
        bridge = _OVERLAY if spec.bridge is None else f"Bridge {spec.bridge!r}"
        why = f"{who} is at {bridge}, and Port {ref.name!r} is not"
        return Fault("port_not_on_bridge", why, "let port and mirror be at one bridge")
    return None


def _check_numbers(mirrors: list[tuple[Draft, MirrorSpec]], after: After, faults: Faults) -> None:
    counts = Counter((spec.host, spec.bridge) for _, spec in mirrors)
    for entry, spec in mirrors:
        number = counts[spec.host, spec.bridge]
        if entry.ref in after.drafts and entry.current is None and number > _MOST_ON_A_BRIDGE:
            faults.conflict(
                f"{entry.pointer}/spec/bridge",
                "too_many_mirrors",
                f"the bridge would have {number} mirrors, and Open vSwitch has room for"
                f" {_MOST_ON_A_BRIDGE}",
                "delete one, or let one mirror select the ports of several",
            )


# --- tunnels -------------------------------------------------------------------------------------


def _check_tunnel_end(entry: Draft, spec: MirrorSpec, after: After, faults: Faults) -> None:
    """Judge where copies start and end, when the request writes the mirror or its host."""
    tunnel, host, pointer = spec.tunnel, after.host(spec.host), _blamed(entry, spec, after)
    if tunnel is None or host is None or pointer is None:
        return
    if tunnel.remote_ip in host.vteps:
        faults.invalid(
            pointer,
            "mirror_to_itself",
            f"copies of {after.listing([entry.ref])} go to {tunnel.remote_ip}, and that is a VTEP"
            f" of host {spec.host!r} itself: each copy would be mirrored again",
            "send them to another machine, or use output_port",
        )
    family = AddressFamily.IPV6 if ":" in tunnel.remote_ip else AddressFamily.IPV4
    if tunnel.local_ip is None and vtep_of(host, family) is None:
        faults.invalid(
            pointer,
            "vtep_missing",
            f"host {spec.host!r} has no {family} VTEP that copies to {tunnel.remote_ip} could"
            " start from",
            "set tunnel.local_ip, or give the host such an address in 'vteps'",
        )


def _blamed(entry: Draft, spec: MirrorSpec, after: After) -> str | None:
    if entry.ref in after.drafts:
        return f"{entry.pointer}/spec/tunnel"
    written = after.written_host(spec.host)
    return f"{written.pointer}/spec/vteps" if written else None


def _check_tunnels_apart(
    mirrors: list[tuple[Draft, MirrorSpec]], after: After, faults: Faults
) -> None:
    """Open vSwitch makes only the first of several tunnels that are alike on one host, and to it
    no key is the key 0."""
    alike: dict[object, list[Draft]] = defaultdict(list)
    for entry, spec in mirrors:
        if spec.tunnel is not None:
            tunnel = spec.tunnel
            local = tunnel.local_ip or _default_local(spec, after)
            alike[spec.host, tunnel.type, local, tunnel.remote_ip, tunnel.key or 0].append(entry)
    for entries in alike.values():
        for entry in entries if len(entries) > 1 else ():
            if entry.ref in after.drafts:
                others = [each.ref for each in entries if each.ref != entry.ref]
                faults.conflict(
                    f"{entry.pointer}/spec/tunnel",
                    "mirror_tunnel_taken",
                    f"{after.listing(others)} has a tunnel of the same type, addresses and key on"
                    " the host",
                    "give each a key of its own",
                )


def _default_local(spec: MirrorSpec, after: After) -> str | None:
    host, is_ipv6 = after.host(spec.host), spec.tunnel is not None and ":" in spec.tunnel.remote_ip
    return vtep_of(host, AddressFamily.IPV6 if is_ipv6 else AddressFamily.IPV4) if host else None
