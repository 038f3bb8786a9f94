"""Rules of who on a segment has tunnels to whom, and of how it leaves the fleet.

That a topology has no circles is proven in ``controller.domain.topology``. This proves that it can
be carried, and that hosts which lag behind a change close no circle with those that do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from controller.domain.intent import (
    DEFAULT_PROJECT,
    Backend,
    BridgeType,
    HostSpec,
    Kind,
    Ref,
    SegmentSpec,
    TunnelSpec,
)
from controller.domain.topology import (
    ArpMode,
    Topology,
    links_in_circles,
    parts,
)
from controller.domain.validation.after import After, segment_ref
from controller.domain.validation.faults import Faults
from controller.domain.validation.profiles import backends_of, blamed
from controller.domain.validation.references import hosts_of_topology
from controller.domain.validation.relations import unknown
from controller.domain.validation.world import Lingering


def check_topologies(after: After, faults: Faults) -> None:
    for ref, segment in _concerned(after).items():
        if ref in after.drafts:
            _check_hosts(ref, segment, after, faults)
            _check_change(ref, segment, after, faults)
        if segment.topology is not Topology.FULL:
            _check_carriers(ref, segment, after, faults)
            _warn_of_parts(ref, segment, after, faults)
        if segment.arp_mode is not ArpMode.FLOOD:
            _check_answering(ref, segment, after, faults)
            _check_ipv6(ref, segment, after, faults)
        _check_providers(ref, segment, after, faults)
    _check_external_vteps(after, faults)
    _check_named_hosts(after, faults)


def _concerned(after: After) -> dict[Ref, SegmentSpec]:
    """Return the touched segments, and those that lose a port."""
    found = dict(after.touched_segments())
    for removed in after.removals:
        ref = segment_ref(after.before(removed))
        if ref is not None and (segment := after.segment(ref)) is not None:
            found[ref] = segment
    return found


def _check_hosts(ref: Ref, segment: SegmentSpec, after: After, faults: Faults) -> None:
    at = f"{after.drafts[ref].pointer}/spec"
    for name in sorted(hosts_of_topology(segment)):
        if after.host(name) is None:
            unknown(Kind.HOST, name, f"{at}/{'hubs' if name in segment.hubs else 'links'}", faults)


def _check_carriers(ref: Ref, segment: SegmentSpec, after: After, faults: Faults) -> None:
    backends = backends_of(ref, segment, after)
    pointer = blamed(ref, "topology", after)
    if Backend.KERNEL in backends and pointer is not None:
        host = backends[Backend.KERNEL]
        where = f" on host {host!r}" if host else ""
        faults.invalid(
            pointer,
            "topology_needs_ovs",
            f"segment {ref.name!r} has topology {str(segment.topology)!r}, and the kernel, which"
            f" carries it{where}, passes nothing on from one tunnel to another",
            "set topology to 'full', or let hosts with Open vSwitch and backend 'ovs' carry it",
        )


def _check_answering(ref: Ref, segment: SegmentSpec, after: After, faults: Faults) -> None:
    pointer = blamed(ref, "arp_mode", after)
    if pointer is None:
        return
    if segment.arp_mode is ArpMode.STRICT and Backend.OVS in backends_of(ref, segment, after):
        faults.invalid(
            pointer,
            "arp_mode_needs_kernel",
            f"segment {ref.name!r} has arp_mode 'strict', and Open vSwitch, which carries it,"
            " answers no requests for addresses",
            "set arp_mode to 'flood', or the segment's backend to 'kernel'",
        )
    if segment.arp_mode is ArpMode.SUPPRESS and _some_has_ovs(ref, after):
        faults.invalid(
            pointer,
            "arp_mode_needs_linux_bridge",
            f"segment {ref.name!r} has arp_mode 'suppress', and Open vSwitch, which a member host"
            " has, answers no requests for addresses",
            "set arp_mode to 'flood', or to 'strict' with backend 'kernel'",
        )


def _check_ipv6(ref: Ref, segment: SegmentSpec, after: After, faults: Faults) -> None:
    """Refuse IPv6 where nothing is flooded and nobody answers neighbour solicitations."""
    if segment.arp_mode is not ArpMode.STRICT:
        return
    near = [port for port, spec in after.ports_of(ref) if any(":" in a for a in spec.addresses)]
    pointers = [f"{port.pointer}/spec/addresses" for port in near if port.ref in after.drafts]
    if ref in after.drafts and (near or after.elsewhere(ref).has_ipv6):
        pointers.append(f"{after.drafts[ref].pointer}/spec/arp_mode")
    for pointer in pointers:
        faults.invalid(
            pointer,
            "arp_mode_strict_ipv4_only",
            f"segment {ref.name!r} has arp_mode 'strict', which answers for IPv4 addresses alone:"
            " nobody would find a port by its IPv6 address",
            "leave IPv6 addresses out, or set the segment's arp_mode to 'suppress' or 'flood'",
        )


def _some_has_ovs(ref: Ref, after: After) -> bool:
    hosts = (after.host(name) for _, name in after.plugged(ref))
    near = any(host is not None and host.overlay_bridge_type is BridgeType.OVS for host in hosts)
    return near or after.elsewhere(ref).has_ovs


def _warn_of_parts(ref: Ref, segment: SegmentSpec, after: After, faults: Faults) -> None:
    """Tell of members that do not reach the others; which those are changes with their ports."""
    near = {name for _, name in after.plugged(ref)}
    elsewhere = after.elsewhere(ref)
    members = near | elsewhere.named
    total = len(near) + elsewhere.hosts
    pointer = _pointer(ref, after)
    if total < 2 or pointer is None:
        return
    if segment.topology is Topology.HUB_SPOKE:
        if not members & {*segment.hubs}:
            faults.warn(
                pointer,
                "no_hub_is_member",
                f"segment {ref.name!r} has {total} member hosts, and none of its hubs is one: they"
                " do not reach each other",
                "put a port of the segment on a hub",
            )
        return
    groups = parts(members, segment.links)
    apart = total - len(groups[0]) if groups else total
    if apart:
        faults.warn(
            pointer,
            "segment_partitioned",
            f"of the {total} member hosts of segment {ref.name!r} {apart} do not reach the others"
            " over its links",
            "add links between them; only hosts with a port on the segment pass frames on",
        )


def _pointer(ref: Ref, after: After) -> str | None:
    """Return what the request does to a segment: to itself, or to a port on it."""
    if (pointer := blamed(ref, "topology", after)) is not None:
        return pointer
    for removed, removal in after.removals.items():
        if segment_ref(after.before(removed)) == ref:
            return removal.pointer
    return None


_FIELDS = ("topology", "hubs", "links")


# --- while hosts lag -----------------------------------------------------------------------------


def _check_change(ref: Ref, segment: SegmentSpec, after: After, faults: Faults) -> None:
    """Hosts take a topology up one after the other, so the old one and the new one are there at a
    time: that must not close a circle either.

    A full mesh passes nothing on, so it goes with each other. Links of a forest go with those of
    another when all together are a forest. Of hubs, those of one must be among those of the other:
    then no hub is a spoke elsewhere, and a spoke has one tunnel however it sees the segment.

    What was taken up already and is asked for again adds nothing to what lags behind it."""
    if not _is_changed(ref, segment, after):
        return
    for before, hosts in _still_carried(ref, after):
        if not goes_with(before, segment):
            lagging = ", ".join(hosts)
            who = (
                f"hosts {lagging} have" if hosts else "its hosts have, until they apply the change,"
            )
            faults.conflict(
                f"{after.drafts[ref].pointer}/spec/{_differing(before, segment)}",
                "flooding_loop_pending",
                f"{who} segment {ref.name!r} as it was, and together with those that have it as it"
                " is to be, flooded frames could go round for ever",
                "change it in steps and wait until the hosts have applied each: take links or hubs"
                " away before you add others, or go by way of topology 'full'"
                + (f"; {way_out(hosts)}" if hosts else ""),
            )
            return


def way_out(hosts: Iterable[str]) -> str:
    """Say what to do about hosts that do not apply anything."""
    return (
        f"while {', '.join(hosts)} apply nothing, start the agents there, or take what is on them"
        " out of intent and delete them"
    )


def _still_carried(ref: Ref, after: After) -> Iterator[Lingering]:
    """Yield first what hosts lag behind with: that is what somebody can do something about."""
    current = after.world.objects.get(ref)
    if current is None or not isinstance(current.spec, SegmentSpec):
        return
    lingering = after.world.lingering.get(current.uid, ())
    yield from (each for each in lingering if each.spec != current.spec)
    in_use = bool(after.hosts_before(ref)) or after.elsewhere(ref).hosts > 0
    if in_use or any(each.spec == current.spec for each in lingering):
        yield Lingering(current.spec)


def goes_with(one: SegmentSpec, other: SegmentSpec) -> bool:
    if Topology.FULL in (one.topology, other.topology):
        return True
    if one.topology is not other.topology:
        return False
    if one.topology is Topology.EXPLICIT:
        together = sorted({*one.links, *other.links})
        return not any(True for _ in links_in_circles(together))
    return {*one.hubs} <= {*other.hubs} or {*one.hubs} >= {*other.hubs}


def _is_changed(ref: Ref, segment: SegmentSpec, after: After) -> bool:
    current = after.world.objects.get(ref)
    if current is None or not isinstance(current.spec, SegmentSpec):
        return True
    return any(_differ(field, current.spec, segment) for field in _FIELDS)


def _differing(one: SegmentSpec, other: SegmentSpec) -> str:
    return next(f for f in _FIELDS if f == "links" or _differ(f, one, other))


def _differ(field: str, one: SegmentSpec, other: SegmentSpec) -> bool:
    return bool(getattr(one, field) != getattr(other, field))


# --- outside of the fleet ------------------------------------------------------------------------


def _check_external_vteps(after: After, faults: Faults) -> None:
    """An outside VTEP is no address of a host: its frames would come back from there."""
    owners = {v: name for name, host in after.hosts() for v in (*host.vteps, *host.former_vteps)}
    for entry in after.entries.values():
        if isinstance(entry.spec, TunnelSpec):
            owners |= {e.ip: e.host for e in entry.spec.ends if e.host is not None and e.ip}
    for entry in after.entries.values():
        if not isinstance(entry.spec, SegmentSpec):
            continue
        for vtep in entry.spec.external_vteps:
            if (owner := owners.get(vtep)) is None:
                continue
            at = f"{entry.pointer}/spec/external_vteps"
            pointer = at if entry.ref in after.drafts else _gives(owner, vtep, after)
            if pointer is not None:
                faults.conflict(
                    pointer,
                    "vtep_of_host",
                    f"{vtep} is outside of the fleet for {after.listing([entry.ref])}, and it is an"
                    f" address of host {owner!r}",
                    "leave it out of 'external_vteps', or give the host another address",
                )


def _gives(host: str, vtep: str, after: After) -> str | None:
    """Return where the request gives a host an address."""
    written = after.written_host(host)
    if written is not None and isinstance(written.spec, HostSpec) and vtep in written.spec.vteps:
        return f"{written.pointer}/spec/vteps"
    for draft in after.drafts.values():
        ends = draft.spec.ends if isinstance(draft.spec, TunnelSpec) else ()
        if any((end.host, end.ip) == (host, vtep) for end in ends):
            return f"{draft.pointer}/spec/ends"
    return None


def _check_providers(ref: Ref, segment: SegmentSpec, after: After, faults: Faults) -> None:
    """One way out at most: two lead to the same network, as far as anybody here can know."""
    near = [port for port, spec in after.ports_of(ref) if spec.settings.patch is not None]
    elsewhere = after.elsewhere(ref)
    total = len(near) + elsewhere.providers
    if segment.provider_loop_safe or total < 2:
        return
    written = [f"{p.pointer}/spec/segment" for p in near if p.ref in after.drafts]
    if ref in after.drafts:
        written.append(f"{after.drafts[ref].pointer}/spec/provider_loop_safe")
    for pointer in written:
        faults.conflict(
            pointer,
            "provider_attached",
            f"segment {ref.name!r} would have {total} provider attachments, and a network behind"
            " both would close a circle in which flooded frames go round for ever",
            "keep one of them, or set the segment's provider_loop_safe if others prevent that",
        )


def _check_named_hosts(after: After, faults: Faults) -> None:
    """Refuse to delete a host that a topology names."""
    gone = {ref.name: ref for ref in after.removals if ref.kind is Kind.HOST}
    if not gone:
        return
    for entry in after.entries.values():
        if isinstance(entry.spec, SegmentSpec):
            for name in sorted(hosts_of_topology(entry.spec) & gone.keys()):
                faults.conflict(
                    after.removals[Ref(Kind.HOST, DEFAULT_PROJECT, name)].pointer,
                    "still_in_use",
                    f"Host {name!r} is still named by the topology of {after.listing([entry.ref])}",
                    "take it out of the segment's 'hubs' and 'links' first",
                )
