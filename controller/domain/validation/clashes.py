"""Rules of uniqueness: device names, peers, MAC and IP addresses, VTEPs and VNIs.

Each object claims keys; two claims of one key clash, and what the request wrote is at fault.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator
from typing import NamedTuple

from controller.domain.intent import (
    BridgeSpec,
    HostSpec,
    Kind,
    PortSpec,
    PortType,
    Ref,
    SegmentSpec,
)
from controller.domain.validation import fields
from controller.domain.validation.after import After
from controller.domain.validation.faults import ELSEWHERE, Faults, may_name
from controller.domain.validation.world import Draft


class _Claim(NamedTuple):
    key: Hashable
    value: str
    """What clashes, as the operator wrote it."""
    holder: Ref
    pointer: str
    """Below the holder's own place in the request."""


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
    _check_held_devices(after, faults)
    _check_vnis(after, faults)


_DEVICE = _Rule("interface_taken", "on the host", "choose another device name")
_PEER = _Rule("peer_taken", "in the namespace", "choose another peer.interface or peer.netns")
_MAC = _Rule("mac_taken", "on the segment", "choose another MAC address or leave it out")
_IP = _Rule("address_taken", "on the segment", "choose another address")
_VTEP = _Rule("vtep_taken", "in the fleet", "give each host a VTEP of its own")
_VNI = _Rule("vni_taken", "in the fleet", "choose another VNI, or leave it out to be given one")


def _compare(claims: Iterable[_Claim], rule: _Rule, after: After, faults: Faults) -> None:
    by_key: dict[Hashable, list[_Claim]] = defaultdict(list)
    for claim in claims:
        by_key[claim.key].append(claim)
    for rivals in by_key.values():
        for index, claim in enumerate(rivals):
            others = [other for at, other in enumerate(rivals) if at != index]
            if others and claim.holder in after.drafts:
                faults.conflict(
                    after.drafts[claim.holder].pointer + claim.pointer,
                    rule.code,
                    f"{claim.value} must be unique {rule.scope} and is also that of"
                    f" {after.listing(other.holder for other in others)}",
                    rule.fix,
                )


def _devices(after: After) -> Iterator[_Claim]:
    """Claim the devices of each host's own namespace: bridges, the overlay, ports."""
    for entry in after.entries.values():
        match entry.spec:
            case HostSpec(overlay_bridge=device):
                yield _device(entry, entry.ref.name, device, "/spec/overlay_bridge")
            case BridgeSpec(host=host, interface=device) | PortSpec(host=host, interface=device):
                yield _device(entry, host, device, "/spec/interface")
            case SegmentSpec():
                pass


def _device(entry: Draft, host: str, device: str, pointer: str) -> _Claim:
    return _Claim((host, device), f"{device!r} on host {host!r}", entry.ref, pointer)


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
            if isinstance(found.spec, PortSpec):
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


def _vnis(after: After) -> Iterator[_Claim]:
    for entry in after.entries.values():
        if isinstance(entry.spec, SegmentSpec) and entry.spec.vni is not None:
            yield _Claim(entry.spec.vni, f"VNI {entry.spec.vni}", entry.ref, "/spec/vni")


def _check_vnis(after: After, faults: Faults) -> None:
    """Compare with the segments that are not loaded, and with deleted ones still carried."""
    for draft in after.drafts.values():
        spec = draft.spec
        if not isinstance(spec, SegmentSpec) or spec.vni is None:
            continue
        if spec.vni not in after.world.vnis:
            continue
        holder = after.world.vnis[spec.vni]
        if holder == draft.ref or (holder is not None and holder in after.entries):
            continue
        who = "a deleted segment"
        if holder is not None:
            named = may_name(holder, after.world.within)
            who = f"{holder.kind} {holder.name!r}" if named else ELSEWHERE
        until = "" if holder else " which some host has not confirmed as removed"
        faults.conflict(
            f"{draft.pointer}/spec/vni",
            "vni_taken",
            f"VNI {spec.vni} is that of {who}{until}",
            _VNI.fix,
        )


def _check_held_devices(after: After, faults: Faults) -> None:
    """Refuse names that a host may still carry for something deleted."""
    held = _held_devices(after)
    for claim in _devices(after):
        draft = after.drafts.get(claim.holder)
        if draft is not None and claim.key in held and not _keeps_device(draft):
            faults.conflict(
                draft.pointer + claim.pointer,
                "interface_held",
                f"{claim.value} was deleted, and the host has not confirmed it yet",
                "wait until the host has applied the deletion, or choose another name",
            )


def _held_devices(after: After) -> frozenset[Hashable]:
    """Return (host, device) of what is deleted, before the request or by it."""
    names = {o.uid: o.name for o in after.world.objects.values() if o.kind is Kind.HOST}
    unconfirmed = after.world.held_interfaces.items()
    held: set[Hashable] = {
        (names.get(uid), device) for uid, found in unconfirmed for device in found
    }
    for ref in after.removals:
        spec = after.world.objects[ref].spec
        if isinstance(spec, BridgeSpec | PortSpec):
            held.add((spec.host, spec.interface))
    return frozenset(held)


def _keeps_device(draft: Draft) -> bool:
    """Tell whether the object has the same device already."""
    before, now = draft.current.spec if draft.current else None, draft.spec
    if isinstance(before, HostSpec) and isinstance(now, HostSpec):
        return before.overlay_bridge == now.overlay_bridge
    if isinstance(before, BridgeSpec | PortSpec) and isinstance(now, BridgeSpec | PortSpec):
        return (before.host, before.interface) == (now.host, now.interface)
    return False
