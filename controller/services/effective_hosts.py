"""Effective tunnels of one host, page by page: of the meshes of its segments, then explicit ones.

All that the host has is gone through for each page, because it has to be counted. How a tunnel is
doing is worked out only where it is shown, or where words are looked for in it. Owns nothing; must
not show a principal the segments of projects that are not its own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias
from uuid import UUID

from ovsfleet.v1 import state_pb2

from controller.auth import Principal, reaches
from controller.compiler import compile_fragment
from controller.compiler.fragment import backend_on
from controller.compiler.naming import object_of, segment_id, tunnel_id
from controller.compiler.tunnel import compile_tunnel
from controller.domain.host_intent import HostIntent, SegmentIntent, TunnelIntent
from controller.domain.intent import DEFAULT_PROJECT, Backend, BridgeSpec, Kind, Object
from controller.domain.paging import decode_place, encode_place
from controller.domain.status import HostFacts
from controller.services.effective import (
    EffectiveTunnel,
    TunnelKind,
    facts_on,
    health_of,
    mesh_ends,
    mesh_revisions,
    of_mesh,
)
from controller.services.queries import find
from controller.store.engine import Database, Transaction
from controller.store.fleet import FleetState, read_fleet
from controller.store.slices import load_slices, pins

_MESHES, _EXPLICIT = "1", "2"
"""Where a place begins."""


@dataclass(frozen=True, slots=True)
class Narrowed:
    """Which tunnels of a host; all, where nothing is said."""

    words: tuple[str, ...] = ()
    """Each is in the name, the host or the address at the other end, the VNI, the backend, the
    phase or the reason, in capitals or not."""
    remote: str | None = None
    """The host at the other end, by name or uid."""
    ids: frozenset[str] = frozenset()
    """Resource ids; that of a segment stands for all of its tunnels, as the kernel counts."""


ALL = Narrowed()


@dataclass(frozen=True, slots=True)
class HostTunnels:
    """A page."""

    tunnels: tuple[EffectiveTunnel, ...]
    next_after: str
    """Give it as ``after`` for the next page; empty on the last."""
    revision: int
    """The fleet's, that the page was read at."""
    total: int
    """How many there are on all pages."""


_Known: TypeAlias = Mapping[UUID, tuple[int, HostFacts]]
"""Of each segment and explicit tunnel: since which revision it is as it is, and how it is doing on
the host."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A tunnel of the host, before anybody asks how it is doing."""

    place: tuple[str, ...]
    of: UUID
    """The segment, or the explicit tunnel."""
    id: str
    remote: str
    """Uid of the host at the other end; the address of an outside VTEP."""
    text: str
    complete: Callable[[int, HostFacts], EffectiveTunnel]


def host_tunnels(
    db: Database,
    principal: Principal,
    host_ref: str,
    narrowed: Narrowed = ALL,
    *,
    page_size: int,
    after: str = "",
) -> HostTunnels:
    """A page of what the host (by name or uid) shall have, at the revision that it is sent: the
    meshes by the names of their projects, segments and far ends, then explicit ones by name.
    NotFoundError where there is no such host, or none that ``remote`` names."""
    place = decode_place(after, str, str, str, str, str, str) or ()
    with db.snapshot() as tx:
        host = find(tx, principal, Kind.HOST, DEFAULT_PROJECT, host_ref).object
        remote = _uid_of(tx, principal, narrowed.remote)
        fleet = read_fleet(tx)
        intent = _intent(tx, fleet, host.uid)
        if intent is None:
            return HostTunnels((), "", fleet.revision, 0)
        rows = [*_rows(principal, intent, narrowed.ids)]
        if remote is not None:
            rows = [row for row in rows if row.remote == remote]
        known = _known(tx, intent, rows) if narrowed.words else {}
        found = [row for row in rows if _has(row, narrowed.words, known)]
        behind = [row for row in found if row.place > place]
        shown = behind[:page_size]
        known = known or _known(tx, intent, shown)
    return HostTunnels(
        tuple(row.complete(*known[row.of]) for row in shown),
        next_after=encode_place(*shown[-1].place) if len(behind) > page_size else "",
        revision=fleet.revision,
        total=len(found),
    )


def _uid_of(tx: Transaction, principal: Principal, host: str | None) -> str | None:
    if host is None:
        return None
    return str(find(tx, principal, Kind.HOST, DEFAULT_PROJECT, host).object.uid)


def _intent(tx: Transaction, fleet: FleetState, host: UUID) -> HostIntent | None:
    revision = pins(tx, [host]).get(host, fleet.revision)
    return load_slices(tx, fleet, [host], revision, {host: revision}).get(host)


def _rows(principal: Principal, intent: HostIntent, ids: Collection[str]) -> Iterator[_Row]:
    """In their order."""
    named = {object_of(each) for each in ids}
    for segment in sorted(intent.segments, key=lambda s: (s.segment.project, s.segment.name)):
        is_seen = reaches(principal, segment.segment.project)
        if is_seen and (not ids or segment.segment.uid in named):
            rows = _of_segment(segment, intent.host)
            yield from (row for row in rows if not ids or _is_one_of(row, ids))
    for tunnel in sorted(intent.tunnels, key=lambda t: (t.tunnel.name, t.tunnel.project)):
        if not ids or tunnel.tunnel.uid in named:
            yield _of_tunnel(tunnel, intent)


def _is_one_of(row: _Row, ids: Collection[str]) -> bool:
    return row.id in ids or segment_id(row.of) in ids


def _of_segment(intent: SegmentIntent, host: Object) -> Iterator[_Row]:
    segment, backend = intent.segment, backend_on(intent, host)
    fragment = compile_fragment(intent, backend)
    for end in mesh_ends(intent, fragment, host):
        _, *place = end.place
        yield _Row(
            place=(_MESHES, segment.project, segment.name, *place),
            of=segment.uid,
            id=tunnel_id(segment.uid, end.id),
            remote=end.id,
            text=_text(segment.name, end.remote_host, end.remote_ip, fragment.vni, backend),
            complete=partial(of_mesh, intent, end),
        )


def _of_tunnel(intent: TunnelIntent, of: HostIntent) -> _Row:
    tunnel, host = intent.tunnel, of.host
    interfaces = {b.name: b.spec.interface for b in of.bridges if isinstance(b.spec, BridgeSpec)}
    end = compile_tunnel(intent, host, interfaces)
    far = _far(intent, host)
    name = far.name if far else None
    return _Row(
        place=(_EXPLICIT, tunnel.name, tunnel.project, "", "", ""),
        of=tunnel.uid,
        id=end.id,
        remote=str(far.uid) if far else end.remote_ip,
        text=_text(tunnel.name, name, end.remote_ip, end.vni, Backend.OVS),
        complete=partial(_explicit, intent, host, end),
    )


def _far(intent: TunnelIntent, host: Object) -> Object | None:
    return next((far for far in intent.hosts if far.uid != host.uid), None)


def _text(name: str, remote_host: str | None, remote_ip: str, vni: int, backend: Backend) -> str:
    """What words are looked for in, besides phase and reason."""
    return f"{name} to {remote_host or ''} {remote_ip} {vni} {backend}".casefold()


def _explicit(
    intent: TunnelIntent, host: Object, end: state_pb2.Tunnel, revision: int, facts: HostFacts
) -> EffectiveTunnel:
    tunnel, far = intent.tunnel, _far(intent, host)
    return EffectiveTunnel(
        id=end.id,
        kind=TunnelKind.EXPLICIT,
        backend=Backend.OVS,
        name=tunnel.name,
        project=tunnel.project,
        segment=None,
        host=host.name,
        remote_host=far.name if far else None,
        bridge=end.bridge,
        local_ip=end.local_ip,
        remote_ip=end.remote_ip,
        vni=end.vni,
        dst_port=end.dst_port,
        health=health_of(revision, facts, {end.id}),
    )


def _known(tx: Transaction, intent: HostIntent, rows: Sequence[_Row]) -> _Known:
    of = {row.of for row in rows}
    here = [intent.host.uid]
    facts = facts_on(tx, dict.fromkeys(of, here))
    revisions = mesh_revisions(tx, [s for s in intent.segments if s.segment.uid in of])
    revisions |= {t.tunnel.uid: t.tunnel.revision for t in intent.tunnels}
    return {uid: (revisions[uid], facts[uid][0]) for uid in of}


def _has(row: _Row, words: Sequence[str], known: _Known) -> bool:
    missing = [word for word in words if word not in row.text]
    if not missing:
        return True
    health = row.complete(*known[row.of]).health
    text = f"{health.phase} {health.reason}".casefold()
    return all(word in text for word in missing)
