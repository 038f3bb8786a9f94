"""Slices of intent for the compiler, each read from one consistent snapshot.

Owns nothing: what is compiled from a slice is never stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from controller.domain.intent import HostIntent
from controller.store.engine import Database


def load_host_intent(
    db: Database, host_uid: UUID, *, revision: int | None = None, confirmed: int = 0
) -> HostIntent:
    """All that concerns one host at ``revision`` (None: the host's pin, else the head).

    ``confirmed`` is the revision that the host applied last; what was closed after it is in
    ``departed``. NotFoundError when the host is not intended at that revision.
    """
    raise NotImplementedError


def load_host_intents(
    db: Database, host_uids: Sequence[UUID], *, confirmed: Mapping[UUID, int]
) -> dict[UUID, HostIntent]:
    """Slices of many hosts from one snapshot; hosts that are not intended (any more) are left out.

    Hosts at the same revision share their ``SegmentIntent`` objects, so a fragment can be compiled
    once for all of them.
    """
    raise NotImplementedError
