"""Who refers to the definitions that a change names: what may forbid it, or must be judged again.

The number of queries depends on the kinds that are named, never on how much there is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, func

from controller.domain.intent import DEFINITIONS, Kind, Object, Ref
from controller.store import objects
from controller.store.engine import Transaction
from controller.store.tables import BridgeRow, FlowExportRow, HostRow, SegmentRow, TransportZoneRow


class _Referrer(NamedTuple):
    kind: Kind
    names_one_of: Callable[[Sequence[str]], ColumnElement[bool]]
    most: int | None = None
    """How many of them the rules look at; None: all."""


_REFERRERS: Mapping[Kind, tuple[_Referrer, ...]] = {
    Kind.POOL: (
        _Referrer(
            Kind.TRANSPORT_ZONE,
            lambda names: (
                TransportZoneRow.spec["vni_pool"].astext.in_(names)
                | TransportZoneRow.spec["vtep_pool"].astext.in_(names)
            ),
        ),
        _Referrer(Kind.HOST, lambda names: HostRow.vtep_pool == func.any(list(names))),
        _Referrer(Kind.SEGMENT, lambda names: SegmentRow.vni_pool == func.any(list(names))),
    ),
    Kind.TUNNEL_PROFILE: (
        _Referrer(Kind.SEGMENT, lambda names: SegmentRow.tunnel_profile == func.any(list(names))),
    ),
    Kind.TRANSPORT_ZONE: (
        _Referrer(Kind.HOST, lambda names: HostRow.zones.bool_op("&&")(list(names))),
        _Referrer(Kind.SEGMENT, lambda names: SegmentRow.zone == func.any(list(names))),
    ),
    Kind.HOST_GROUP: (
        _Referrer(
            Kind.FLOW_EXPORT,
            lambda names: FlowExportRow.spec["host_group"].astext == func.any(list(names)),
        ),
        _Referrer(Kind.BRIDGE, lambda names: BridgeRow.host_group == func.any(list(names))),
    ),
}


def load_referrers(tx: Transaction, named: Iterable[Ref]) -> list[Object]:
    """``named`` are refs of any kinds, all of one kind in one project."""
    names: dict[Kind, list[str]] = defaultdict(list)
    for ref in named:
        if ref.kind in DEFINITIONS and objects.can_be_stored(ref.name):
            names[ref.kind].append(ref.name)
    return [found for kind, wanted in names.items() for found in _referring(tx, kind, wanted)]


def _referring(tx: Transaction, kind: Kind, names: Sequence[str]) -> Iterator[Object]:
    for referrer in _REFERRERS.get(kind, ()):
        query = objects.versions(referrer.kind).where(
            referrer.names_one_of(names), objects.current(referrer.kind)
        )
        if referrer.most is not None:
            query = query.limit(referrer.most)
        yield from objects.fetch(tx, referrer.kind, query)
