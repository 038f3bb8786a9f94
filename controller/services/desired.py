"""Slices of intent for the compiler, each read from one consistent snapshot.

Owns nothing: what is compiled from a slice is never stored.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from controller.domain.errors import NotFoundError
from controller.domain.host_intent import HostIntent
from controller.store.engine import Database
from controller.store.fleet import read_fleet
from controller.store.slices import load_slices, pins


def load_host_intent(
    db: Database, host_uid: UUID, *, revision: int | None = None, confirmed: int = 0
) -> HostIntent:
    """All that concerns one host at ``revision`` (None: the host's pin, else the head).

    ``confirmed`` is the revision that the host applied last; what was closed after it is in
    ``departed``. NotFoundError when the host is not intended at that revision.
    """
    with db.snapshot() as tx:
        fleet = read_fleet(tx)
        if revision is None:
            revision = pins(tx, [host_uid]).get(host_uid, fleet.revision)
        slices = load_slices(tx, fleet, [host_uid], revision, {host_uid: confirmed})
    if host_uid not in slices and revision == 0:
        raise NotFoundError(
            f"host {host_uid} undid the first state that it was sent, and is sent nothing until"
            " `ovsfleet release`: there is no state that it should have"
        )
    if host_uid not in slices:
        raise NotFoundError(f"there is no host {host_uid} at revision {revision}")
    return slices[host_uid]


class Batch(NamedTuple):
    intents: dict[UUID, HostIntent]
    held_at_nothing: frozenset[UUID]
    """Hosts that undid the first state that they were sent: they keep what they have, and there is
    no state to send them until they are released."""


def load_batch(db: Database, host_uids: Sequence[UUID], *, confirmed: Mapping[UUID, int]) -> Batch:
    """Slices of many hosts from one snapshot; hosts that are not intended (any more) are left out.

    Hosts at the same revision share their ``SegmentIntent`` objects, so a fragment can be compiled
    once for all of them.
    """
    with db.snapshot() as tx:
        fleet = read_fleet(tx)
        pinned = pins(tx, host_uids)
        nothing = frozenset(host for host, revision in pinned.items() if revision == 0)
        batches: dict[int, list[UUID]] = defaultdict(list)
        for host in host_uids:
            if host not in nothing:
                batches[pinned.get(host, fleet.revision)].append(host)
        found: dict[UUID, HostIntent] = {}
        for revision, hosts in batches.items():
            found |= load_slices(tx, fleet, hosts, revision, confirmed)
    return Batch(found, nothing)


def load_host_intents(
    db: Database, host_uids: Sequence[UUID], *, confirmed: Mapping[UUID, int]
) -> dict[UUID, HostIntent]:
    """Only the slices."""
    return load_batch(db, host_uids, confirmed=confirmed).intents
