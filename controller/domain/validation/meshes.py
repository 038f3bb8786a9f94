"""Warnings of meshes that grow large: they work, and each further member costs more than the last.

What cannot work is refused in ``backends``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from controller.domain.intent import DEFAULT_PROJECT, Backend, Kind, Ref, SegmentSpec
from controller.domain.topology import Topology, most_tunnels_of_a_hub
from controller.domain.validation.after import After
from controller.domain.validation.faults import Faults
from controller.domain.validation.world import Draft

_MANY_REMOTES = 500
"""Tunnel ports that one flooded frame goes through: it nears what a flow can hold."""
_MANY_TUNNELS = 3000
"""Tunnel ports of one host: Open vSwitch takes the longer for one more, the more there are."""


def warn_of_meshes(after: After, faults: Faults) -> None:
    added: Counter[str] = Counter()
    joining: dict[str, Draft] = {}
    for ref, segment in after.touched_segments():
        if segment.backend is not Backend.OVS:
            continue
        before, elsewhere = after.hosts_before(ref), after.elsewhere(ref).hosts
        near = {spec.host: port for port, spec in after.ports_of(ref)}
        named = near.keys() | after.elsewhere(ref).named
        for host, port in near.items():
            added[host] += _tunnels_of(host, segment, named, len(near) + elsewhere)
            if host in before:
                added[host] -= _tunnels_of(host, segment, named, len(before) + elsewhere)
            else:
                joining.setdefault(host, port)
        if len(near) > len(before):
            newcomer = next(port for host, port in near.items() if host not in before)
            remotes = remotes_of(segment, named, len(near) + elsewhere)
            _warn_of_remotes(ref, remotes, newcomer, faults)
    for host, port in joining.items():
        _warn_of_tunnels(host, added[host], port, after, faults)


def remotes_of(segment: SegmentSpec, named: Collection[str], members: int) -> int:
    """Return to how many others the member with the most tunnels floods.

    ``named`` are the members as far as the topology names them, of ``members`` altogether."""
    return max((_tunnels_of(host, segment, named, members) for host in (*named, "")), default=0)


def _tunnels_of(host: str, segment: SegmentSpec, named: Collection[str], members: int) -> int:
    """Return how many tunnels one member has; a topology need not name it."""
    match segment.topology:
        case Topology.FULL:
            return members - 1 + len(segment.external_vteps)
        case Topology.HUB_SPOKE:
            hubs = sum(hub in named for hub in segment.hubs)
            return most_tunnels_of_a_hub(hubs, members - hubs) if host in segment.hubs else 1
        case Topology.EXPLICIT:
            return sum(host in pair for pair in segment.links)


def _warn_of_remotes(segment: Ref, remotes: int, joining: Draft, faults: Faults) -> None:
    if remotes > _MANY_REMOTES:
        faults.warn(
            f"{joining.pointer}/spec/segment",
            "mesh_large",
            f"with the backend 'ovs' broadcasts on segment {segment.name!r} go through up to"
            f" {remotes} tunnel ports of a host now",
            f"for more than {_MANY_REMOTES} others, create a segment with backend 'kernel'",
        )


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
