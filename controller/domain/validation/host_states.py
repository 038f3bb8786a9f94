"""The life of a host: what is refused while it is decommissioned, and the device that stays out of
reach of every port because its agent is reached through it."""

from __future__ import annotations

from collections.abc import Iterator

from controller.domain.definitions import MirrorSpec
from controller.domain.intent import (
    BridgeSpec,
    BridgeType,
    HostSpec,
    Lifecycle,
    PortSpec,
    SegmentSpec,
    Spec,
    TunnelSpec,
)
from controller.domain.validation import fields
from controller.domain.validation.after import After
from controller.domain.validation.faults import Faults
from controller.domain.validation.presences import host_field, hosts_before
from controller.domain.validation.references import devices_of, hosts_of_topology
from controller.domain.validation.world import Draft


def check_host_states(after: After, faults: Faults) -> None:
    """Check what the request puts on hosts, and the hosts that it writes."""
    for draft in after.drafts.values():
        _check_arrival(draft, after, faults)
        _check_devices(draft, after, faults)
        if isinstance(draft.spec, HostSpec):
            _check_host(draft, draft.spec, after, faults)


def _check_arrival(draft: Draft, after: After, faults: Faults) -> None:
    """Refuse what is new on a host that is being emptied."""
    before = {name for _, name in _hosts(draft, draft.current.spec)} if draft.current else set()
    before.update(hosts_before(draft))
    for place, name in _hosts(draft, draft.spec):
        host = after.host(name)
        if name in before or host is None or host.state is not Lifecycle.DECOMMISSIONING:
            continue
        faults.conflict(
            f"{draft.pointer}/spec/{place}",
            "host_decommissioning",
            f"host {name!r} is being decommissioned and takes nothing new",
            "put it on another host, or set the host's state back to 'active'",
        )


def _hosts(draft: Draft, spec: Spec) -> Iterator[tuple[str, str]]:
    """Yield where a spec names the hosts that it is on, or that its topology is made of."""
    if isinstance(spec, BridgeSpec | PortSpec | MirrorSpec) and spec.host is not None:
        yield host_field(draft), spec.host
    if isinstance(spec, TunnelSpec):
        for index, end in enumerate(spec.ends):
            if end.host is not None:
                yield f"ends/{index}/host", end.host
    if isinstance(spec, SegmentSpec):
        named = "hubs" if spec.hubs else "links"
        yield from ((named, name) for name in sorted(hosts_of_topology(spec)))


def _check_devices(draft: Draft, after: After, faults: Faults) -> None:
    if not isinstance(draft.spec, BridgeSpec | PortSpec) or draft.spec.host is None:
        return
    host = after.host(draft.spec.host)
    if host is None or host.management_interface is None:
        return
    for place, device in _taken(draft.spec):
        if device in way_out(host.management_interface):
            _refuse(f"{draft.pointer}{place}", device, draft.spec.host, draft, faults)


def _check_host(draft: Draft, spec: HostSpec, after: After, faults: Faults) -> None:
    device, at = spec.management_interface, f"{draft.pointer}/spec/management_interface"
    if device is None:
        return
    if fault := fields.device(device):
        faults.invalid(at, *fault)
    if device == spec.overlay_bridge and spec.overlay_bridge_type is BridgeType.OVS:
        _refuse(at, device, draft.ref.name, draft, faults)
    for entry in after.on_host(draft.ref.name):
        taken = {name for _, name in _taken(entry.spec)} & way_out(device)
        if entry.ref not in after.drafts and taken:
            _refuse(at, min(taken), draft.ref.name, entry, faults)


def way_out(device: str) -> set[str]:
    """Return a device with those that it is a VLAN of, as they are usually called: ``eth0`` of
    ``eth0.10``."""
    parts = device.split(".")
    return {".".join(parts[:length]) for length in range(1, len(parts) + 1)}


def _taken(spec: Spec) -> Iterator[tuple[str, str]]:
    """Yield (pointer, name) of the devices that are, or become part of, what the agent makes."""
    if isinstance(spec, BridgeSpec):
        yield "/spec/interface", spec.interface
    if isinstance(spec, PortSpec):
        yield from devices_of(spec)


def _refuse(pointer: str, device: str, host: str, taker: Draft, faults: Faults) -> None:
    faults.conflict(
        pointer,
        "management_interface_taken",
        f"{device!r} is, or carries, the management interface of host {host!r}, and"
        f" {taker.ref.kind} {taker.ref.name!r} would take it: the agent's connection to the"
        " controller would be cut",
        "choose another device, or give the host another management_interface first",
    )
