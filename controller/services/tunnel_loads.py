"""How much passes at present between groups of hosts, where that is cheap to know.

Each tunnel is counted by the hosts at its ends, so adding up a mesh takes as long as it has
tunnels; of very many nothing is told. Owns nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from controller.compiler.naming import explicit_tunnel_id, segment_id, tunnel_id
from controller.domain.errors import UnavailableError
from controller.domain.intent import Backend, SegmentSpec
from controller.domain.mesh_counts import mesh_links
from controller.domain.statistics import GAP
from controller.domain.topology import Topology
from controller.store.engine import Database
from controller.store.statistics.current import Bytes, read_bytes
from controller.store.statistics.ingest import Subject, subject_ids

MOST_TUNNELS = 2_500
"""That are added up for one answer: some tens of milliseconds."""


class Load(NamedTuple):
    """Between two groups, or between one and a hub."""

    tx_bps: float
    """Bits per second from the first to the second."""
    rx_bps: float


class RatedMesh(NamedTuple):
    uid: UUID
    spec: SegmentSpec
    members: Mapping[UUID, str]
    hub: int | None = None
    """Number of the hub that stands for it."""


class RatedTunnel(NamedTuple):
    uid: UUID
    a: UUID
    b: UUID


class Loads(NamedTuple):
    """What nobody counted lately is left out."""

    pairs: dict[tuple[int, int], Load]
    """By numbers of groups, the smaller one first."""
    spokes: dict[tuple[int, int], Load]
    """By numbers of a hub and a group."""


class _Line(NamedTuple):
    """A tunnel, as each of its hosts calls it."""

    a: Subject
    b: Subject
    mesh: RatedMesh | None = None


class _Device(NamedTuple):
    """That carries all of a segment on one host."""

    subject: Subject
    mesh: RatedMesh


def loads_between(
    db: Database,
    meshes: Sequence[RatedMesh],
    tunnels: Sequence[RatedTunnel],
    group_of: Mapping[UUID, int],
    *,
    now: datetime,
) -> Loads:
    """Between the hosts that have a group. Meshes with hubs are added up apart from the others.
    None while the statistics cannot be read: a graph does not wait for its widths."""
    near = [_near(mesh, group_of) for mesh in meshes]
    counted_by_tunnel = [mesh for mesh in near if mesh.spec.backend is not Backend.KERNEL]
    apart = [mesh for mesh in counted_by_tunnel if mesh.hub is None]
    lines = [*_of_hubs([mesh for mesh in counted_by_tunnel if mesh.hub is not None])]
    if not _are_many(apart, len(tunnels)):
        lines += [*_of_meshes(apart), *_of_tunnels(tunnels)]
    lines = [line for line in lines if line.a[0] in group_of and line.b[0] in group_of]
    devices = _devices([mesh for mesh in near if mesh.hub is not None])
    subjects = [
        *(device.subject for device in devices),
        *(subject for line in lines for subject in (line.a, line.b)),
    ]
    if not subjects:
        return Loads({}, {})
    try:
        with db.snapshot() as tx:
            ids = subject_ids(tx, subjects)
            counted = read_bytes(tx, list(ids.values()), now - GAP)
    except UnavailableError:
        return Loads({}, {})
    rates = {subject: counted[id_] for subject, id_ in ids.items() if id_ in counted}
    return Loads(_summed(lines, rates, group_of), _of_spokes(lines, devices, rates, group_of))


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


def _are_many(meshes: Iterable[RatedMesh], tunnels: int = 0) -> bool:
    return tunnels + sum(map(_at_most, meshes)) > MOST_TUNNELS


def _of_hubs(meshes: Sequence[RatedMesh]) -> Iterable[_Line]:
    return () if _are_many(meshes) else _of_meshes(meshes)


def _devices(meshes: Sequence[RatedMesh]) -> list[_Device]:
    """What the kernel counts of whole segments."""
    found = [
        _Device((host, segment_id(mesh.uid)), mesh)
        for mesh in meshes
        if mesh.spec.backend is not Backend.OVS
        for host in mesh.members
    ]
    return found if len(found) <= MOST_TUNNELS else []


def _of_meshes(meshes: Iterable[RatedMesh]) -> Iterator[_Line]:
    for mesh in meshes:
        for a, b, _ in mesh_links(mesh.spec, mesh.members):
            yield _Line((a, tunnel_id(mesh.uid, b)), (b, tunnel_id(mesh.uid, a)), mesh)


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
        _add(found, (a, b) if a <= b else (b, a), load if a <= b else _reversed(load))
    return found


def _of_spokes(
    lines: Iterable[_Line],
    devices: Iterable[_Device],
    rates: Mapping[Subject, Bytes],
    group_of: Mapping[UUID, int],
) -> dict[tuple[int, int], Load]:
    found: dict[tuple[int, int], Load] = {}
    whole = set[tuple[UUID, UUID]]()
    for subject, mesh in devices:
        if mesh.hub is not None and (rate := rates.get(subject)) is not None:
            host = subject[0]
            whole.add((mesh.uid, host))
            _add(found, (mesh.hub, group_of[host]), Load(rate.tx * 8, rate.rx * 8))
    for line in lines:
        if line.mesh is None or line.mesh.hub is None or (load := _load(line, rates)) is None:
            continue
        for (host, _), own in ((line.a, load), (line.b, _reversed(load))):
            # What its device counts has this tunnel in it.
            if (line.mesh.uid, host) not in whole:
                _add(found, (line.mesh.hub, group_of[host]), own)
    return found


def _add(found: dict[tuple[int, int], Load], key: tuple[int, int], load: Load) -> None:
    before = found.get(key, Load(0, 0))
    found[key] = Load(before.tx_bps + load.tx_bps, before.rx_bps + load.rx_bps)


def _reversed(load: Load) -> Load:
    return Load(load.rx_bps, load.tx_bps)


def _load(line: _Line, rates: Mapping[Subject, Bytes]) -> Load | None:
    """As the first end counts it, or else the second, which receives what the first one sends."""
    if (near := rates.get(line.a)) is not None:
        return Load(near.tx * 8, near.rx * 8)
    if (far := rates.get(line.b)) is not None:
        return Load(far.rx * 8, far.tx * 8)
    return None
