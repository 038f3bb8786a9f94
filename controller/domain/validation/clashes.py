"""Rules of uniqueness: device names, peers, MAC and IP addresses, VTEPs and VNIs.

Each object claims keys; two claims of one key clash, and what the request wrote is at fault.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import NamedTuple
from uuid import UUID

from controller.domain.intent import (
    Backend,
    BridgeSpec,
    BridgeType,
    HostSpec,
    Kind,
    Object,
    PortSpec,
    PortType,
    Ref,
    SegmentSpec,
    Spec,
    TunnelSpec,
    segment_backend,
)
from controller.domain.validation import fields
from controller.domain.validation.after import After, segment_ref
from controller.domain.validation.completion import number_field
from controller.domain.validation.faults import ELSEWHERE, Faults, may_name
from controller.domain.validation.presences import FarSide
from controller.domain.validation.references import devices_of, number_of
from controller.domain.validation.shape import keeps_device
from controller.domain.validation.world import Draft


class _Claim(NamedTuple):
    key: Hashable
    value: str
    """What clashes, as the operator wrote it."""
    holder: Ref
    pointer: str | None
    """Below the holder's own place in the request; None for what ``group_bridges`` judges."""


class _Rule(NamedTuple):
    code: str
    scope: str
    """Where the value must be unique."""
    fix: str


def check_clashes(after: After, faults: Faults) -> None:
    """Find every value that two objects claim, and those that a host has not let go of."""
    _compare(_devices(after), _DEVICE, after, faults)
    _compare(_peers(after), _PEER, after, faults)
    _compare(_macs(after), _MAC, after, faults)
    _compare(_ips(after), _IP, after, faults)
    _compare(_vteps(after), _VTEP, after, faults)
    _compare(_vnis(after), _VNI, after, faults)
    _compare(_iface_ids(after), _IFACE_ID, after, faults)
    _check_held_devices(after, faults)
    _check_segment_devices(after, faults)
    _check_shared_numbers(after, faults)
    _check_numbers_elsewhere(after, faults)


_DEVICE = _Rule("interface_taken", "on the host", "choose another device name")
_PEER = _Rule("peer_taken", "in the namespace", "choose another peer.interface or peer.netns")
_MAC = _Rule("mac_taken", "on the segment", "choose another MAC address or leave it out")
_IP = _Rule("address_taken", "on the segment", "choose another address")
_VTEP = _Rule(
    "vtep_taken",
    "in the fleet",
    "give each host a VTEP of its own; one that a host had before is free"
    " when the host's condition VtepsSettled says so",
)
_VNI = _Rule("vni_taken", "in the fleet", "choose another VNI, or leave it out to be given one")

_IFACE_ID = _Rule("iface_id_taken", "in the fleet", "bind one port alone to each interface")

_TOLD = 10
"""Rivals on either side that a violation looks at: thousands may claim one value."""


def _compare(claims: Iterable[_Claim], rule: _Rule, after: After, faults: Faults) -> None:
    by_key: dict[Hashable, list[_Claim]] = defaultdict(list)
    for claim in claims:
        by_key[claim.key].append(claim)
    for rivals in by_key.values():
        if len(rivals) == 1:
            continue
        for index, claim in enumerate(rivals):
            if claim.holder in after.drafts and claim.pointer is not None:
                others = [*rivals[: min(index, _TOLD)], *rivals[index + 1 : index + 1 + _TOLD]]
                faults.conflict(
                    after.drafts[claim.holder].pointer + claim.pointer,
                    rule.code,
                    f"{claim.value} must be unique {rule.scope} and is also that of"
                    f" {after.listing((o.holder for o in others), len(rivals) - 1)}",
                    rule.fix,
                )


def _devices(after: After) -> Iterator[_Claim]:
    """Claim the devices of each host's own namespace: bridges, the overlay, ports, and what bonds
    take. One device has one master, and a row's name is unique on its host."""
    for entry in after.entries.values():
        match entry.spec:
            case HostSpec(overlay_bridge=device, overlay_bridge_type=BridgeType.OVS):
                yield _device(entry, entry.ref.name, device, "/spec/overlay_bridge")
            case BridgeSpec(host=str(host), interface=device):
                yield _device(entry, host, device, "/spec/interface")
            case BridgeSpec(interface=device) as spec:
                for host in after.groups.hosts_of(spec):
                    yield _device(entry, host, device, None)
            case PortSpec(host=str(host)) as spec:
                for pointer, device in devices_of(spec):
                    yield _device(entry, host, device, pointer)
            case _:
                pass


def _device(entry: Draft, host: str, device: str, pointer: str | None) -> _Claim:
    return _Claim((host, device), f"{device!r} on host {host!r}", entry.ref, pointer)


def holders_of_devices(after: After) -> Mapping[Hashable, set[Ref]]:
    """Return, by host and device name, what has it after the change."""
    found: dict[Hashable, set[Ref]] = defaultdict(set)
    for claim in _devices(after):
        found[claim.key].add(claim.holder)
    return found


def _peers(after: After) -> Iterator[_Claim]:
    for entry in after.entries.values():
        spec = entry.spec
        if isinstance(spec, PortSpec) and spec.type is PortType.VETH and spec.peer is not None:
            peer = spec.peer
            key = (spec.host, peer.netns, peer.interface)
            value = f"{peer.interface!r} in namespace {peer.netns!r} of host {spec.host!r}"
            yield _Claim(key, value, entry.ref, "/spec/peer/interface")


def _segment_ports(after: After) -> Iterator[tuple[Ref, Ref, PortSpec]]:
    """Yield (segment, port, spec) of every port that shares a value with the request."""
    for segment, _ in after.touched_segments():
        for port, spec in after.ports_of(segment):
            yield segment, port.ref, spec
        for found in after.elsewhere(segment).claimants:
            if isinstance(found.spec, PortSpec) and found.ref not in after.drafts:
                yield segment, found.ref, found.spec


def _macs(after: After) -> Iterator[_Claim]:
    for segment, port, spec in _segment_ports(after):
        if spec.mac is not None:
            yield _Claim((segment, spec.mac), f"MAC {spec.mac}", port, "/spec/mac")


def _ips(after: After) -> Iterator[_Claim]:
    for segment, port, spec in _segment_ports(after):
        for index, address in enumerate(spec.addresses):
            if (ip := fields.ip_of(address)) is not None:
                yield _Claim((segment, ip), f"address {ip}", port, f"/spec/addresses/{index}")


def _vteps(after: After) -> Iterator[_Claim]:
    for entry in after.entries.values():
        if isinstance(entry.spec, HostSpec):
            for index, vtep in enumerate(entry.spec.vteps):
                yield _Claim(vtep, f"VTEP {vtep}", entry.ref, f"/spec/vteps/{index}")
            for vtep in entry.spec.former_vteps:
                yield _Claim(vtep, f"former VTEP {vtep}", entry.ref, "/spec/vteps")


def _vnis(after: After) -> Iterator[_Claim]:
    for entry in after.entries.values():
        if isinstance(entry.spec, SegmentSpec) and entry.spec.vni is not None:
            yield _Claim(entry.spec.vni, f"VNI {entry.spec.vni}", entry.ref, "/spec/vni")


def _iface_ids(after: After) -> Iterator[_Claim]:
    for entry in after.entries.values():
        spec = entry.spec
        is_own = isinstance(spec, PortSpec) and not isinstance(entry.ref, FarSide)
        if is_own and isinstance(spec, PortSpec) and spec.iface_id is not None:
            yield _Claim(spec.iface_id, f"iface-id {spec.iface_id!r}", entry.ref, "/spec/iface_id")


def _check_shared_numbers(after: After, faults: Faults) -> None:
    """Keep VNIs of segments and keys of tunnels apart: with one number, frames would cross over."""
    owners: dict[int, dict[Kind, list[Ref]]] = defaultdict(lambda: defaultdict(list))
    for entry in after.entries.values():
        if (number := number_of(entry.spec)) is not None:
            owners[number][entry.ref.kind].append(entry.ref)
    for draft, number in _numbered(after):
        other = Kind.TUNNEL if draft.ref.kind is Kind.SEGMENT else Kind.SEGMENT
        if rivals := owners[number][other]:
            _refuse_number(draft, number, f"that of {after.listing(rivals)}", faults)


def _check_numbers_elsewhere(after: After, faults: Faults) -> None:
    """Compare with what is not loaded, and with what is deleted and still carried."""
    for draft, number in _numbered(after):
        if number in after.world.vnis:
            holder = after.world.vnis[number]
            if holder is None:
                _refuse_held(draft, number, "segment", faults)
            elif holder not in after.entries and Kind.SEGMENT in (holder.kind, draft.ref.kind):
                _refuse_number(draft, number, f"that of {_who(holder, after)}", faults)
        elif number in after.world.held_keys and isinstance(draft.spec, SegmentSpec):
            _refuse_held(draft, number, "tunnel", faults)


def _numbered(after: After) -> Iterator[tuple[Draft, int]]:
    for draft in after.drafts.values():
        if (number := number_of(draft.spec)) is not None:
            yield draft, number


def _who(holder: Ref, after: After) -> str:
    named = may_name(holder, after.world.within)
    return f"{holder.kind} {holder.name!r}" if named else ELSEWHERE


def _refuse_held(draft: Draft, number: int, kind: str, faults: Faults) -> None:
    if draft.current is None or number_of(draft.current.spec) != number:
        who = f"that of a deleted {kind} which some host has not confirmed as removed"
        _refuse_number(draft, number, who, faults)


def _refuse_number(draft: Draft, number: int, who: str, faults: Faults) -> None:
    if isinstance(draft.spec, SegmentSpec | TunnelSpec):
        faults.conflict(
            f"{draft.pointer}/spec/{number_field(draft.spec)}",
            "vni_taken",
            f"VNI {number} is {who}",
            _VNI.fix,
        )


def _check_held_devices(after: After, faults: Faults) -> None:
    """Refuse names that a host may still carry for something deleted."""
    held = held_devices(after)
    for claim in _devices(after):
        draft = after.drafts.get(claim.holder)
        if draft is None or claim.pointer is None:
            continue
        if held.get(claim.key, set()) - _own_uid(draft, after) and not _keeps(draft, claim):
            faults.conflict(
                draft.pointer + claim.pointer,
                "interface_held",
                f"{claim.value} was deleted, and the host has not confirmed it yet",
                "wait until the host has applied the deletion, or choose another name",
            )


def _own_uid(draft: Draft, after: After) -> set[UUID]:
    """Whatever a host still carries of an object, the object may have there again."""
    ref = Ref(draft.ref.kind, draft.ref.project, draft.ref.name)
    current = after.world.objects.get(ref)
    return {current.uid} if current is not None else set()


def _keeps(draft: Draft, claim: _Claim) -> bool:
    """Tell whether the object had this very device before."""
    before = draft.current.spec if draft.current else None
    if isinstance(before, PortSpec):
        there = ((host, device) for host in before.hosts for _, device in devices_of(before))
        return claim.key in set(there)
    return keeps_device(draft)


def held_devices(after: After) -> Mapping[Hashable, set[UUID]]:
    """Return, by host and device name, what had it until it was deleted or moved, before the
    request or by it."""
    names = {o.uid: o.name for o in after.world.objects.values() if o.kind is Kind.HOST}
    held: dict[Hashable, set[UUID]] = defaultdict(set)
    for host, found in after.world.held_interfaces.items():
        for device, uids in found.items():
            held[names.get(host), device] |= uids
    for ref in after.removals:
        removed = after.world.objects[ref]
        for key in _devices_before(removed.spec, after):
            held[key].add(removed.uid)
    for current, key in _left_devices(after):
        held[key].add(current.uid)
    return held


def _devices_before(spec: Spec, after: After) -> Iterator[Hashable]:
    if isinstance(spec, BridgeSpec):
        yield from ((host, spec.interface) for host in after.groups_before.hosts_of(spec))
    if isinstance(spec, PortSpec):
        yield from ((host, device) for host in spec.hosts for _, device in devices_of(spec))


def _left_devices(after: After) -> Iterator[tuple[Object, Hashable]]:
    """Yield (host, device) of bridges whose hosts the request takes out of their group."""
    for entry in after.entries.values():
        if isinstance(entry.spec, BridgeSpec) and entry.spec.host_group and entry.current:
            left = after.groups_before.hosts_of(entry.spec) - after.groups.hosts_of(entry.spec)
            yield from ((entry.current, (host, entry.spec.interface)) for host in left)


def _check_segment_devices(after: After, faults: Faults) -> None:
    """Refuse a segment whose kernel device has a name that something older has on the host."""
    holders = {claim.key: claim.holder for claim in _devices(after)}
    for draft in after.drafts.values():
        if not isinstance(draft.spec, PortSpec) or (ref := segment_ref(draft)) is None:
            continue
        segment, host = after.segment(ref), after.host(draft.spec.host)
        if segment is None or segment.vni is None or host is None:
            continue
        device = fields.kernel_vxlan(segment.vni)
        holder = holders.get((draft.spec.host or "", device))
        if holder is not None and segment_backend(segment, host) is Backend.KERNEL:
            written = after.drafts.get(ref)
            faults.conflict(
                f"{written.pointer}/spec/vni" if written else f"{draft.pointer}/spec/segment",
                "interface_taken",
                f"segment {ref.name!r} with VNI {segment.vni} needs a device {device!r} on host"
                f" {draft.spec.host!r}, and that is the one of {after.listing([holder])}",
                "choose another VNI, or delete the other and make it with another device name",
            )
