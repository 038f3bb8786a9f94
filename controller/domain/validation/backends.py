"""Rules of backends: who encapsulates where, and on which UDP port.

A kernel vxlan device and Open vSwitch on one UDP port of one host lose packets without an error
anywhere, so that is proven here and nowhere later.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from controller.domain.intent import (
    Backend,
    BridgeSpec,
    BridgeType,
    HostSpec,
    PortSpec,
    PortType,
    Ref,
    Spec,
    TunnelSpec,
    segment_backend,
)
from controller.domain.validation.after import After, segment_ref
from controller.domain.validation.faults import Faults
from controller.domain.validation.linux_bridges import is_linux_bridge
from controller.domain.validation.settings import said
from controller.domain.validation.world import Draft


def check_backends(after: After, faults: Faults) -> None:
    for draft in after.drafts.values():
        _check_needs_ovs(draft, after, faults)
    for name, host in after.hosts():
        _check_udp_ports(name, host, after, faults)


def _check_needs_ovs(draft: Draft, after: After, faults: Faults) -> None:
    """Refuse what only Open vSwitch can do on a host that has none."""
    match draft.spec:
        case HostSpec(overlay_bridge_type=BridgeType.LINUX):
            _check_becomes_linux(draft, after, faults)
        case BridgeSpec(host=str(host), type=BridgeType.OVS) if _is_linux(host, after):
            fix = "set type to 'linux', or name a host that has Open vSwitch"
            _no_ovs(f"{draft.pointer}/spec/host", host, "a Bridge of type 'ovs'", fix, faults)
        case PortSpec(bridge=str(bridge)) if is_linux_bridge(bridge, after):
            pass  # It is the kernel's wherever it is; ``linux_bridges`` judges it.
        case PortSpec(
            host=str(host), type=PortType.INTERNAL | PortType.TAP | PortType.BOUND as kind
        ) if _is_linux(host, after):
            faults.invalid(
                f"{draft.pointer}/spec/type",
                f"{kind}_needs_ovs",
                f"a port of type {kind} is a port of Open vSwitch, and host {host!r} has none"
                " (overlay_bridge_type is 'linux')",
                "set type to 'veth' and give the port a 'peer'",
            )
        case PortSpec(host=str(host), settings=settings) if _is_linux(host, after):
            for field in said(settings):
                _setting_needs_ovs(draft, field, host, faults)
        case TunnelSpec(ends=ends):
            for index, end in enumerate(ends):
                if end.host is not None and _is_linux(end.host, after):
                    at = f"{draft.pointer}/spec/ends/{index}/host"
                    fix = "name a host that has Open vSwitch"
                    _no_ovs(at, end.host, "a Tunnel", fix, faults)


def _setting_needs_ovs(draft: Draft, field: str, host: str, faults: Faults) -> None:
    """Refuse what only rows of Open vSwitch can say; a device is up or down, and owned, anyhow."""
    if field not in ("admin_state", "tap_owner"):
        faults.invalid(
            f"{draft.pointer}/spec/{field}",
            "setting_needs_ovs",
            f"{field!r} is of a port of Open vSwitch, and host {host!r} has none"
            " (overlay_bridge_type is 'linux')",
            f"leave {field!r} out, or name a host that has Open vSwitch",
        )


def _is_linux(host: str, after: After) -> bool:
    found = after.host(host)
    return found is not None and found.overlay_bridge_type is BridgeType.LINUX


def _no_ovs(pointer: str, host: str, what: str, fix: str, faults: Faults) -> None:
    faults.invalid(
        pointer,
        "host_without_ovs",
        f"{what} needs Open vSwitch, and host {host!r} has none (overlay_bridge_type is 'linux')",
        fix,
    )


def _check_becomes_linux(host: Draft, after: After, faults: Faults) -> None:
    """Blame the host for what it carries already; what the request adds is blamed itself."""
    carried = [
        entry.ref
        for entry in after.on_host(host.ref.name)
        if _needs_ovs(entry.spec) and entry.ref not in after.drafts
    ]
    if carried:
        faults.conflict(
            f"{host.pointer}/spec/overlay_bridge_type",
            "host_without_ovs",
            f"host {host.ref.name!r} carries {after.listing(carried)}, which need Open vSwitch",
            "delete those first, or leave overlay_bridge_type at 'ovs'",
        )


def _needs_ovs(spec: Spec) -> bool:
    if isinstance(spec, BridgeSpec):
        return spec.type is BridgeType.OVS
    return isinstance(spec, TunnelSpec)


class _User(NamedTuple):
    """Something that a host receives VXLAN for."""

    owner: Ref
    """The segment or tunnel."""
    backend: Backend
    dst_port: int
    cause: Draft
    """The segment's port or the tunnel itself."""


def _check_udp_ports(name: str, host: HostSpec, after: After, faults: Faults) -> None:
    by_port: dict[int, list[_User]] = defaultdict(list)
    for user in _users(name, host, after):
        by_port[user.dst_port].append(user)
    for dst_port, users in by_port.items():
        rivals = {user.backend: user for user in reversed(users)}
        if len(rivals) > 1:
            pointers = {p: u for u in users if (p := _pointer(u, after)) is not None}
            for pointer, user in pointers.items():
                other = next(u for backend, u in rivals.items() if backend is not user.backend)
                where = f"on host {name!r} {_tell(user, after)} and {_tell(other, after)}"
                faults.conflict(
                    pointer,
                    "backend_port_clash",
                    f"{where} would share UDP port {dst_port}, and all their packets be lost: one"
                    " port of a host belongs to one backend",
                    "give one of them another dst_port, or the same backend",
                )


def _tell(user: _User, after: After) -> str:
    return f"{after.listing([user.owner])} (backend {user.backend})"


def _users(name: str, host: HostSpec, after: After) -> Iterator[_User]:
    for entry in after.on_host(name):
        if isinstance(entry.spec, TunnelSpec):
            yield _User(entry.ref, Backend.OVS, entry.spec.dst_port, entry)
        ref = segment_ref(entry)
        segment = after.segment(ref) if ref is not None else None
        if ref is not None and segment is not None and segment.dst_port is not None:
            yield _User(ref, segment_backend(segment, host), segment.dst_port, entry)


def _pointer(user: _User, after: After) -> str | None:
    """Return where the request brings the two together, None when this one was there before.

    What was there before stays as it is: in use, a segment keeps its backend and UDP port.
    """
    if user.cause.ref not in after.drafts:
        return None
    if user.owner in after.drafts:
        return f"{after.drafts[user.owner].pointer}/spec/dst_port"
    return f"{user.cause.pointer}/spec/segment"
