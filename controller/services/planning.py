"""What a change would do, with its bound ports on those of their hosts where they may be.

Owns nothing; reads under the lock of the revision. What is said of a host that the rules refuse is
stored with it, for whoever may see the port: so it names no object of another project.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from controller.domain.errors import DomainError
from controller.domain.intent import Kind, Manifest, Object, Ref, Removal
from controller.domain.validation import Planned, World, plan_change, wanted
from controller.domain.validation.binding import Plugged, all_placed, counting, iface_ids
from controller.services.placing import Refusal, place
from controller.store.engine import Transaction
from controller.store.inventory import plugged_on
from controller.store.world import load_world


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be planned, on top of what."""

    tx: Transaction
    manifests: tuple[Manifest, ...]
    removals: tuple[Removal, ...]
    current: Mapping[Ref, Object]
    forced: bool = False
    """As in ``World``."""


def plan_where_it_may_be(
    asked: Asked, within: frozenset[str] | None
) -> tuple[World, Planned, tuple[Refusal, ...]]:
    """Plan, and say which hosts bound ports were left out of; ``World.plugged`` is of all hosts.

    Raises what the rules say when the change is wrong wherever its ports are."""
    reports = plugged_on(asked.tx, iface_ids(m.spec for m in asked.manifests))
    leaving = {gone.ref.name for gone in asked.removals if gone.ref.kind is Kind.HOST}
    plugged = counting(reports, gone=leaving)
    try:
        return *_plan(asked, plugged, within), ()
    except DomainError as error:
        if not plugged:
            raise
        try:
            return _without_refused(asked, plugged, error, within)
        except DomainError:
            raise error from None


def _without_refused(
    asked: Asked, plugged: Plugged, error: DomainError, within: frozenset[str] | None
) -> tuple[World, Planned, tuple[Refusal, ...]]:
    projects = frozenset(m.ref.project for m in asked.manifests if iface_ids([m.spec]))
    audience = projects if len(projects) == 1 else frozenset()
    (world, planned), refusals = place(
        lambda there: _plan(asked, there, audience),
        error if audience == within else None,
        asked.manifests,
        asked.current,
        plugged,
    )
    return replace(world, plugged=plugged), planned, refusals


def _plan(asked: Asked, plugged: Plugged, within: frozenset[str] | None) -> tuple[World, Planned]:
    placed = all_placed(asked.manifests, asked.current, plugged)
    world = load_world(asked.tx, wanted(placed, asked.removals, asked.current))
    world = replace(world, within=within, plugged=plugged, forced=asked.forced)
    return world, plan_change(world, asked.manifests, asked.removals)
