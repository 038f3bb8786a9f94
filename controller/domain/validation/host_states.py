"""The life of a host: what is refused while it is decommissioned, and the device that stays out of
reach of every port because its agent is reached through it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from controller.domain.definitions import MirrorSpec
from controller.domain.intent import (
    DEFAULT_PROJECT,
    BridgeSpec,
    BridgeType,
    HostSpec,
    Kind,
    Lifecycle,
    PortSpec,
    Ref,
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

_TAKEN = "management_interface_taken"


def check_host_states(after: After, faults: Faults) -> None:
    """Check what the request puts on hosts, and the hosts that it writes."""
    for draft in after.drafts.values():
        _check_arrival(draft, after, faults)
        _check_devices(draft, after, faults)
        if isinstance(draft.spec, HostSpec):
            _check_removal(draft, draft.spec, faults)
            _check_host(draft, draft.spec, after, faults)


def _check_arrival(draft: Draft, after: After, faults: Faults) -> None:
    """Refuse what is new on a host that is being emptied."""
    before = {name for _, name in _hosts(draft, draft.current.spec)} if draft.current else set()
    before.update(hosts_before(draft))
    for place, name in _hosts(draft, draft.spec):
        host = after.host(name)
        if name in before or host is None or host.state.takes_objects:
            continue
        is_gone = host.state is Lifecycle.REMOVED
        faults.conflict(
            f"{draft.pointer}/spec/{place}",
            "host_removed" if is_gone else "host_decommissioning",
            f"host {name!r} is {'removed' if is_gone else 'being decommissioned'} and takes nothing"
            " new",
            "put it on another host, or set the host's state back to 'active'"
            + (" and enrol it anew" if is_gone else ""),
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
        if device in way_out(host.management_interface) and not _has_it_already(
            draft, device, after
        ):
            taking = _Taking(device, draft.spec.host, draft.ref)
            _refuse(f"{draft.pointer}{place}", taking, after, faults)


def _has_it_already(draft: Draft, device: str, after: After) -> bool:
    """Whether somebody forced it before: another change of the same object is not refused."""
    before = draft.current.spec if draft.current else None
    if not isinstance(before, BridgeSpec | PortSpec) or before.host is None:
        return False
    host = after.world.objects.get(Ref(Kind.HOST, DEFAULT_PROJECT, before.host))
    managed = host.spec.management_interface if host and isinstance(host.spec, HostSpec) else None
    return (
        managed is not None
        and isinstance(draft.spec, BridgeSpec | PortSpec)
        and before.host == draft.spec.host
        and device in way_out(managed) & {name for _, name in _taken(before)}
    )


def _check_removal(draft: Draft, spec: HostSpec, faults: Faults) -> None:
    """A host is removed when nobody can have a tunnel to it any more, which the controller knows
    best. One that never was anything else may be created so."""
    before = draft.current.spec if draft.current else None
    if not isinstance(before, HostSpec) or draft.removes_host or spec.state is before.state:
        return
    if spec.state is Lifecycle.REMOVED:
        faults.conflict(
            f"{draft.pointer}/spec/state",
            "host_not_decommissioned",
            f"host {draft.ref.name!r} is {before.state}, and the controller alone sets 'removed':"
            " when nothing is left on the host and nobody has a tunnel to it any more",
            f"set 'decommissioning', or run 'ovsfleet decommission {draft.ref.name}', and wait",
        )


def _check_host(draft: Draft, spec: HostSpec, after: After, faults: Faults) -> None:
    device, at = spec.management_interface, f"{draft.pointer}/spec/management_interface"
    if device is None:
        return
    if fault := fields.device(device):
        faults.invalid(at, *fault)
    if draft.current is not None and _way_out(draft.current.spec) == _way_out(spec):
        return
    if device == spec.overlay_bridge and spec.overlay_bridge_type is BridgeType.OVS:
        _refuse(at, _Taking(device, draft.ref.name, draft.ref), after, faults)
    for entry in after.on_host(draft.ref.name):
        taken = {name for _, name in _taken(entry.spec)} & way_out(device)
        if entry.ref not in after.drafts and taken:
            _refuse(at, _Taking(min(taken), draft.ref.name, entry.ref), after, faults)


def _way_out(spec: Spec) -> object:
    """What of a host the rule looks at: while it stays, what there is was forced, or is no harm."""
    if not isinstance(spec, HostSpec):
        return None
    return spec.management_interface, spec.overlay_bridge, spec.overlay_bridge_type


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


class _Taking(NamedTuple):
    device: str
    host: str
    taker: Ref

    def describe(self) -> str:
        return (
            f"{self.device!r} is, or carries, the management interface of host {self.host!r}, and"
            f" {self.taker.kind} {self.taker.name!r}"
        )


def _refuse(pointer: str, taking: _Taking, after: After, faults: Faults) -> None:
    if after.world.forced:
        faults.warn(
            pointer,
            _TAKEN,
            f"{taking.describe()} takes it: the change goes on trial on the host, which undoes it"
            " when it does not reach the controller afterwards",
            "watch the host's conditions; after an undone change correct the intent, then"
            f" `ovsfleet release {taking.host}`",
        )
        return
    faults.conflict(
        pointer,
        _TAKEN,
        f"{taking.describe()} would take it: the agent's connection to the controller would be cut",
        "choose another device, give the host another management_interface first, or say force"
        " (`ovsfleet apply --force`) to let the host try it and undo it where it is cut off",
    )
