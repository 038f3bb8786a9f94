"""Rules of how large meshes of Open vSwitch tunnels grow.

A member that has too many tunnels drops what it floods, so that is refused to whoever would bring
it about. It is only told of a hub that goes, because what leaves may: the hubs that stay get its
spokes. Meshes that are merely large work, and each further member costs more than the last.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from typing import NamedTuple

from controller.domain.intent import (
    DEFAULT_PROJECT,
    AddressFamily,
    Backend,
    BridgeType,
    Kind,
    Ref,
    SegmentSpec,
)
from controller.domain.topology import Topology, most_tunnels_of_a_hub
from controller.domain.validation.after import After, segment_ref
from controller.domain.validation.faults import Faults
from controller.domain.validation.world import Draft

MAX_REMOTES = {AddressFamily.IPV4: 850, AddressFamily.IPV6: 700}
"""Tunnel ports that Open vSwitch floods to on one VNI: beyond, a frame takes more actions than a
flow can hold and is dropped."""
_MANY_REMOTES = 500
"""Tunnel ports that one flooded frame goes through: it nears what a flow can hold."""
_MANY_TUNNELS = 3000
"""Tunnel ports of one host: Open vSwitch takes the longer for one more, the more there are."""
_MESH_FIELDS = ("topology", "hubs", "links", "external_vteps")


class _Growth(NamedTuple):
    """A segment of Open vSwitch whose member with the most tunnels gets more of them."""

    segment: Ref
    remotes: int
    limit: int
    hosts: int
    """Members altogether."""


def check_meshes(after: After, faults: Faults) -> None:
    for growth in _growing(after):
        if (blamed := _blamed(growth.segment, after)) is not None:
            _refuse_or_warn(growth, blamed, faults)
        elif (leaving := _leaving(growth.segment, after)) is not None:
            _warn_of_leaving(growth, leaving, faults)
    _warn_of_hosts(after, faults)


def _growing(after: After) -> Iterator[_Growth]:
    refs = {ref for ref, _ in after.touched_segments()} | {ref for ref, _ in _left(after)}
    for ref in sorted(refs, key=lambda found: (found.project, found.name)):
        segment, elsewhere = after.segment(ref), after.elsewhere(ref)
        if segment is None or segment.backend is not Backend.OVS:
            continue
        near = {host for _, host in after.plugged(ref)}
        hosts = len(near) + elsewhere.hosts
        remotes = remotes_of(segment, near | elsewhere.named, hosts)
        if remotes <= max(_remotes_before(ref, after), _MANY_REMOTES):
            continue
        if elsewhere.has_ovs or not all(_is_linux(host, after) for host in near):
            yield _Growth(ref, remotes, MAX_REMOTES[segment.address_family], hosts)


def _is_linux(name: str, after: After) -> bool:
    host = after.host(name)
    return host is not None and host.overlay_bridge_type is BridgeType.LINUX


def _remotes_before(ref: Ref, after: After) -> int:
    found = after.world.objects.get(ref)
    if found is None or not isinstance(found.spec, SegmentSpec):
        return 0
    near, elsewhere = after.hosts_before(ref), after.elsewhere(ref)
    return remotes_of(found.spec, near | elsewhere.named, len(near) + elsewhere.hosts)


def _blamed(ref: Ref, after: After) -> str | None:
    """Return what of the request adds tunnels: a port on a new member, or what the segment says."""
    before = after.hosts_before(ref)
    for port, host in after.plugged(ref):
        if host not in before:
            return f"{port.pointer}/spec/segment"
    draft = after.drafts.get(ref)
    if draft is None or draft.current is None:
        return None
    for field in _MESH_FIELDS:
        if getattr(draft.spec, field) != getattr(draft.current.spec, field):
            return f"{draft.pointer}/spec/{field}"
    return None


def _left(after: After) -> Iterator[tuple[Ref, str]]:
    """Yield the segments that a port leaves, and what of the request takes it away."""
    for ref, removal in after.removals.items():
        if (segment := segment_ref(after.before(ref))) is not None:
            yield segment, removal.pointer
    for ref, draft in after.drafts.items():
        if draft.current is not None and (segment := segment_ref(after.before(ref))) is not None:
            yield segment, f"{draft.pointer}/spec"


def _leaving(ref: Ref, after: After) -> str | None:
    return next((pointer for segment, pointer in _left(after) if segment == ref), None)


def _refuse_or_warn(growth: _Growth, pointer: str, faults: Faults) -> None:
    if growth.remotes <= growth.limit:
        faults.warn(
            pointer,
            "mesh_large",
            f"with the backend 'ovs' broadcasts on segment {growth.segment.name!r} go through up to"
            f" {growth.remotes} tunnel ports of a host now",
            f"for more than {_MANY_REMOTES} others, create a segment with backend 'kernel'",
        )
        return
    faults.conflict(
        pointer,
        "mesh_too_large",
        f"segment {growth.segment.name!r} would have {growth.hosts} member hosts, and one of them"
        f" tunnels to {growth.remotes} others: with the backend 'ovs' a host can flood to at most"
        f" {growth.limit}",
        "create a segment with backend 'kernel' for a mesh of this size, or give a segment with"
        " topology 'hub_spoke' more hubs",
    )


def _warn_of_leaving(growth: _Growth, pointer: str, faults: Faults) -> None:
    """Tell that the hubs that stay are given what the one that goes had."""
    too_large = growth.remotes > growth.limit
    most = f": a host can flood to at most {growth.limit}, and drops frames" if too_large else ""
    faults.warn(
        pointer,
        "mesh_too_large" if too_large else "mesh_large",
        f"without it, broadcasts on segment {growth.segment.name!r} go through up to"
        f" {growth.remotes} tunnel ports of a hub that stays{most}",
        "put a port of the segment on another of its hubs first",
    )


def remotes_of(segment: SegmentSpec, named: Collection[str], members: int) -> int:
    """Return to how many others the member with the most tunnels floods.

    ``named`` are the members as far as the topology names them, of ``members`` altogether."""
    some = ("",) if segment.topology is Topology.FULL else (*named, "")
    return max((tunnels_of(host, segment, named, members) for host in some), default=0)


def tunnels_of(host: str, segment: SegmentSpec, named: Collection[str], members: int) -> int:
    """Return how many tunnels one member has; a topology need not name it."""
    match segment.topology:
        case Topology.FULL:
            return members - 1 + len(segment.external_vteps)
        case Topology.HUB_SPOKE:
            hubs = sum(hub in named for hub in segment.hubs)
            if host in segment.hubs:
                return most_tunnels_of_a_hub(hubs, members - hubs)
            return min(hubs, 1)
        case Topology.EXPLICIT:
            return sum(host in pair for pair in segment.links)


def _warn_of_hosts(after: After, faults: Faults) -> None:
    """Tell of hosts that join a segment and have very many tunnels then."""
    added: Counter[str] = Counter()
    joining: dict[str, Draft] = {}
    for ref, segment in after.touched_segments():
        if segment.backend is not Backend.OVS:
            continue
        before, elsewhere = after.hosts_before(ref), after.elsewhere(ref).hosts
        near = {host: port for port, host in after.plugged(ref)}
        named = near.keys() | after.elsewhere(ref).named
        for host, port in near.items():
            added[host] += tunnels_of(host, segment, named, len(near) + elsewhere)
            if host in before:
                added[host] -= tunnels_of(host, segment, named, len(before) + elsewhere)
            else:
                joining.setdefault(host, port)
    for host, port in joining.items():
        _warn_of_tunnels(host, added[host], port, after, faults)


def _warn_of_tunnels(host: str, added: int, joining: Draft, after: After, faults: Faults) -> None:
    found = after.world.objects.get(Ref(Kind.HOST, DEFAULT_PROJECT, host))
    tunnels = (after.world.mesh_tunnels.get(found.uid, 0) if found else 0) + added
    if tunnels > _MANY_TUNNELS:
        faults.warn(
            f"{joining.pointer}/spec/segment",
            "many_tunnels",
            f"host {host!r} has {tunnels} tunnel ports now, and Open vSwitch takes the longer for"
            " one more, the more there are",
            f"beyond {_MANY_TUNNELS}, create segments with backend 'kernel'",
        )
