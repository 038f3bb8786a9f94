"""Warnings of meshes that grow large: they work, and each further member costs more than the last.

What cannot work is refused in ``backends``.
"""

from __future__ import annotations

from collections import Counter

from controller.domain.intent import DEFAULT_PROJECT, Backend, Kind, Ref
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
        for host, port in near.items():
            added[host] += len(near) + elsewhere - 1
            if host in before:
                added[host] -= len(before) + elsewhere - 1
            else:
                joining.setdefault(host, port)
        if len(near) > len(before):
            newcomer = next(port for host, port in near.items() if host not in before)
            _warn_of_remotes(ref, len(near) + elsewhere - 1, newcomer, faults)
    for host, port in joining.items():
        _warn_of_tunnels(host, added[host], port, after, faults)


def _warn_of_remotes(segment: Ref, remotes: int, joining: Draft, faults: Faults) -> None:
    if remotes > _MANY_REMOTES:
        faults.warn(
            f"{joining.pointer}/spec/segment",
            "mesh_large",
            f"segment {segment.name!r} has {remotes + 1} member hosts now, and with the backend"
            f" 'ovs' every broadcast goes through {remotes} tunnel ports of its host",
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
