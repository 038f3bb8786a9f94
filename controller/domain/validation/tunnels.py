"""Rules of explicit tunnels: their ends, their addresses, what tells them apart, and what fits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from controller.domain.host_vteps import vtep_of
from controller.domain.intent import (
    KEEPS_MTU,
    AddressFamily,
    HostSpec,
    Kind,
    PortSpec,
    Ref,
    TunnelEnd,
    TunnelSpec,
)
from controller.domain.mtu import DEFAULT_BRIDGE_MTU, tunnel_mtu
from controller.domain.validation.after import After
from controller.domain.validation.faults import Faults
from controller.domain.validation.port_settings import carries
from controller.domain.validation.relations import check_bridge, unknown
from controller.domain.validation.world import BridgeAt, Draft


def check_tunnels(after: After, faults: Faults) -> None:
    for entry, spec in after.tunnels():
        if entry.ref in after.drafts:
            _check_hosts(entry, spec, faults)
            for index, end in enumerate(spec.ends):
                _check_end(end, f"{entry.pointer}/spec/ends/{index}", after, faults)
        _check_vteps(entry, spec, after, faults)
        _check_mtus(entry, spec, after, faults)
    _check_addresses(after, faults)
    _check_identities(after, faults)


def _check_hosts(draft: Draft, spec: TunnelSpec, faults: Faults) -> None:
    first, second = spec.ends
    if first.host is not None and first.host == second.host:
        faults.invalid(
            f"{draft.pointer}/spec/ends/1/host",
            "same_host",
            f"both ends are on host {first.host!r}, and a tunnel goes to another one",
            "name another host; two bridges of one host are joined with a patch or a veth pair",
        )


def _check_end(end: TunnelEnd, at: str, after: After, faults: Faults) -> None:
    if end.host is None:
        return
    if after.host(end.host) is None:
        unknown(Kind.HOST, end.host, f"{at}/host", faults)
    if end.bridge is None:
        return
    check_bridge(end.bridge, ("end", end.host), f"{at}/bridge", after, faults)


def _check_vteps(entry: Draft, spec: TunnelSpec, after: After, faults: Faults) -> None:
    """An end without an address of its own needs its host's VTEP of the tunnel's family."""
    for index, end in enumerate(spec.ends):
        host = after.host(end.host) if end.host is not None else None
        if host is None or end.ip is not None or vtep_of(host, spec.address_family):
            continue
        written = after.written_host(end.host)
        if entry.ref in after.drafts:
            pointer = f"{entry.pointer}/spec/ends/{index}/host"
        elif written is not None:
            pointer = f"{written.pointer}/spec/vteps"
        else:
            continue
        faults.invalid(
            pointer,
            "vtep_missing",
            f"host {end.host!r} has no {spec.address_family} VTEP, which Tunnel {entry.ref.name!r}"
            " needs there",
            f"give the host an {spec.address_family} address in 'vteps', or the end an 'ip'",
        )


def _ip(end: TunnelEnd, family: AddressFamily, after: After) -> str | None:
    if end.ip is not None or end.host is None:
        return end.ip
    host = after.host(end.host)
    return vtep_of(host, family) if host is not None else None


# --- whose an address is -------------------------------------------------------------------------


class _Place(NamedTuple):
    host: str
    text: str
    pointer: str | None
    """Where the request says so; None when it was so before."""


def _check_addresses(after: After, faults: Faults) -> None:
    """An address that an end names is neither another host's nor, outside, any host's at all."""
    places = _places(after)
    for entry, spec in after.tunnels():
        for index, end in enumerate(spec.ends):
            if end.ip is None:
                continue
            own = f"{entry.pointer}/spec/ends/{index}/ip" if entry.current is None else None
            for place in places.get(end.ip, ()):
                if place.host != end.host and (pointer := own or place.pointer) is not None:
                    _refuse_address(pointer, entry, end, place, faults)
                    break


def _places(after: After) -> dict[str, list[_Place]]:
    """Say on which hosts an address is: as VTEP, or as what a tunnel's end there names."""
    found: dict[str, list[_Place]] = defaultdict(list)
    for name, host in after.hosts():
        draft = after.written_host(name)
        for index, vtep in enumerate(host.vteps):
            at = f"{draft.pointer}/spec/vteps/{index}" if draft else None
            found[vtep].append(_Place(name, f"a VTEP of host {name!r}", at))
        for vtep in host.former_vteps:
            at = f"{draft.pointer}/spec/vteps" if draft else None
            found[vtep].append(_Place(name, f"a former VTEP of host {name!r}", at))
    for entry, spec in after.tunnels():
        for index, end in enumerate(spec.ends):
            if end.host is not None and end.ip is not None:
                drafted = entry.ref in after.drafts
                at = f"{entry.pointer}/spec/ends/{index}/ip" if drafted else None
                text = f"that of Tunnel {entry.ref.name!r} on host {end.host!r}"
                found[end.ip].append(_Place(end.host, text, at))
    return found


def _refuse_address(
    pointer: str, tunnel: Draft, end: TunnelEnd, place: _Place, faults: Faults
) -> None:
    where = f"on host {end.host!r}" if end.host else "outside of the fleet"
    faults.conflict(
        pointer,
        "vtep_of_host",
        f"Tunnel {tunnel.ref.name!r} has the address {end.ip} {where}, and it is {place.text}",
        f"name host {place.host!r} and a bridge of it as the end, or choose another address",
    )


# --- what tells tunnels apart --------------------------------------------------------------------


class _Identity(NamedTuple):
    """What a vswitchd knows a tunnel by: of two with the same, the second never works."""

    host: str
    local_ip: str
    remote_ip: str
    key: int
    dst_port: int


def _check_identities(after: After, faults: Faults) -> None:
    by_identity: dict[_Identity, list[Draft]] = defaultdict(list)
    for entry, spec in after.tunnels():
        for identity in _identities(spec, after):
            by_identity[identity].append(entry)
    for identity, rivals in by_identity.items():
        if len(rivals) > 1:
            for pointer, names in _rivals(rivals, after):
                faults.conflict(
                    pointer,
                    "tunnel_taken",
                    f"on host {identity.host!r} a tunnel from {identity.local_ip} to"
                    f" {identity.remote_ip} with key {identity.key} on UDP port"
                    f" {identity.dst_port} would be there twice: {names} has it too",
                    "choose another key, or leave it out to be given one",
                )


def _identities(spec: TunnelSpec, after: After) -> Iterator[_Identity]:
    first, second = (_ip(end, spec.address_family, after) for end in spec.ends)
    if first is None or second is None or first == second or spec.key is None:
        return
    for end, local, remote in zip(spec.ends, (first, second), (second, first), strict=True):
        if end.host is not None:
            yield _Identity(end.host, local, remote, spec.key, spec.dst_port)


def _rivals(rivals: list[Draft], after: After) -> Iterator[tuple[str, str]]:
    """Yield where the request makes tunnels alike, and the others that a tunnel is like.

    What tells a tunnel apart is fixed, so one that exists becomes like another only with a VTEP."""
    new = [entry for entry in rivals if entry.current is None]
    for entry in new:
        others = after.listing(other.ref for other in rivals if other is not entry)
        yield f"{entry.pointer}/spec/key", others
    if new:
        return
    for draft in after.drafts.values():
        if _moves(draft) and _is_at(draft.ref, rivals):
            yield f"{draft.pointer}/spec/vteps", after.listing(entry.ref for entry in rivals)


def _moves(draft: Draft) -> bool:
    before, now = draft.current.spec if draft.current else None, draft.spec
    return isinstance(now, HostSpec) and (
        not isinstance(before, HostSpec) or before.vteps != now.vteps
    )


def _is_at(host: Ref, tunnels: list[Draft]) -> bool:
    specs = (entry.spec for entry in tunnels)
    return any(
        end.host == host.name for spec in specs if isinstance(spec, TunnelSpec) for end in spec.ends
    )


# --- what fits through ---------------------------------------------------------------------------


def _check_mtus(entry: Draft, spec: TunnelSpec, after: After, faults: Faults) -> None:
    """A port whose frames enter the tunnel may not send more than the tunnel can carry."""
    hosts = {end.host: after.host(end.host) for end in spec.ends if end.host is not None}
    underlays = [host.underlay_mtu for host in hosts.values() if host is not None]
    for index, end in enumerate(spec.ends):
        if end.host is None or end.bridge is None or not underlays:
            continue
        at = f"{entry.pointer}/spec/ends/{index}/bridge" if entry.ref in after.drafts else None
        mtu = tunnel_mtu(spec.address_family, end.tag, underlays)
        limit = _Limit(mtu, entry.ref.name, at or _narrowed(spec, after))
        for port, port_spec in after.ports_at(BridgeAt(end.host, end.bridge)):
            if _enters(port_spec, end):
                _check_port_mtu(port, port_spec, limit, after, faults)


class _Limit(NamedTuple):
    mtu: int
    tunnel: str
    pointer: str | None
    """Where the request sets it: at the tunnel's end, or at a host of it; else None."""


def _enters(port: PortSpec, end: TunnelEnd) -> bool:
    """Tell whether frames of the port reach the end, which without a tag carries all VLANs."""
    return port.host == end.host and (end.tag is None or carries(port, end.tag))


def _check_port_mtu(
    port: Draft, spec: PortSpec, limit: _Limit, after: After, faults: Faults
) -> None:
    if spec.mtu is None and spec.type in KEEPS_MTU:
        return
    mtu = spec.mtu or DEFAULT_BRIDGE_MTU
    pointer = f"{port.pointer}/spec/mtu" if port.ref in after.drafts else limit.pointer
    if mtu > limit.mtu and pointer is not None:
        faults.invalid(
            pointer,
            "mtu_exceeds_underlay",
            f"port {port.ref.name!r} has MTU {mtu}, and what it sends into Tunnel"
            f" {limit.tunnel!r} may have {limit.mtu}: the smaller underlay MTU of its ends less"
            " what VXLAN adds",
            f"set the port's mtu to at most {limit.mtu}, or widen the underlay",
        )


def _narrowed(spec: TunnelSpec, after: After) -> str | None:
    """Return where the request writes the underlay MTU of an end."""
    written = (after.written_host(end.host) for end in spec.ends)
    return next((f"{host.pointer}/spec/underlay_mtu" for host in written if host), None)
