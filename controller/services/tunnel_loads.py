"""How much passes at present between groups of hosts, where that is cheap to know.

Each tunnel is counted by the hosts at its ends, so adding up a mesh takes as long as it has
tunnels; of very many nothing is told. Owns nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from controller.compiler.naming import explicit_tunnel_id, tunnel_id
from controller.domain.intent import SegmentSpec
from controller.domain.mesh_counts import mesh_links
from controller.domain.statistics import GAP
from controller.domain.topology import Topology
from controller.store.engine import Database
from controller.store.statistics.current import Bytes, read_bytes
from controller.store.statistics.ingest import Subject, subject_ids

MOST_TUNNELS = 2_500
"""That are added up for one answer: some tens of milliseconds."""


class Load(NamedTuple):
    """Between two groups."""

    tx_bps: float
    """Bits per second from the first to the second."""
    rx_bps: float


class RatedMesh(NamedTuple):
    uid: UUID
    spec: SegmentSpec
    members: Mapping[UUID, str]


class RatedTunnel(NamedTuple):
    uid: UUID
    a: UUID
    b: UUID


class _Line(NamedTuple):
    """A tunnel, as each of its hosts calls it."""

    a: Subject
    b: Subject


def loads_between(
    db: Database,
    meshes: Sequence[RatedMesh],
    tunnels: Sequence[RatedTunnel],
    group_of: Mapping[UUID, int],
    *,
    now: datetime,
) -> dict[tuple[int, int], Load]:
    """By numbers of groups, the smaller one first; what nobody counted lately is left out."""
    near = [_near(mesh, group_of) for mesh in meshes]
    if len(tunnels) + sum(map(_at_most, near)) > MOST_TUNNELS:
        return {}
    lines = [
        line
        for line in (*_of_meshes(near), *_of_tunnels(tunnels))
        if line.a[0] in group_of and line.b[0] in group_of
    ]
    if not lines:
        return {}
    with db.snapshot() as tx:
        ids = subject_ids(tx, [subject for line in lines for subject in line])
        counted = read_bytes(tx, list(ids.values()), now - GAP)
    rates = {subject: counted[id_] for subject, id_ in ids.items() if id_ in counted}
    return _summed(lines, rates, group_of)


def _near(mesh: RatedMesh, group_of: Mapping[UUID, int]) -> RatedMesh:
    """The mesh among the hosts that have a group, where it does not depend on the others."""
    if mesh.spec.topology is not Topology.FULL:
        return mesh
    return mesh._replace(members={u: n for u, n in mesh.members.items() if u in group_of})


def _at_most(mesh: RatedMesh) -> int:
    members = len(mesh.members)
    if mesh.spec.topology is not Topology.FULL:
        # A forest has fewer than members; hubs have a mesh of their own.
        return members + len(mesh.spec.hubs) ** 2 // 2
    return members * (members - 1) // 2


def _of_meshes(meshes: Iterable[RatedMesh]) -> Iterator[_Line]:
    for mesh in meshes:
        for a, b, _ in mesh_links(mesh.spec, mesh.members):
            yield _Line((a, tunnel_id(mesh.uid, b)), (b, tunnel_id(mesh.uid, a)))


def _of_tunnels(tunnels: Iterable[RatedTunnel]) -> Iterator[_Line]:
    for tunnel in tunnels:
        name = explicit_tunnel_id(tunnel.uid)
        yield _Line((tunnel.a, name), (tunnel.b, name))


def _summed(
    lines: Iterable[_Line], rates: Mapping[Subject, Bytes], group_of: Mapping[UUID, int]
) -> dict[tuple[int, int], Load]:
    found: dict[tuple[int, int], Load] = {}
    for line in lines:
        if (load := _load(line, rates)) is None:
            continue
        a, b = group_of[line.a[0]], group_of[line.b[0]]
        if a > b:
            a, b, load = b, a, Load(load.rx_bps, load.tx_bps)
        before = found.get((a, b), Load(0, 0))
        found[a, b] = Load(before.tx_bps + load.tx_bps, before.rx_bps + load.rx_bps)
    return found


def _load(line: _Line, rates: Mapping[Subject, Bytes]) -> Load | None:
    """As the first end counts it, or else the second, which receives what the first one sends."""
    if (near := rates.get(line.a)) is not None:
        return Load(near.tx * 8, near.rx * 8)
    if (far := rates.get(line.b)) is not None:
        return Load(far.rx * 8, far.tx * 8)
    return None
