"""``plan_change``: from a request and the world it touches to a change that breaks no rule."""

from __future__ import annotations

from collections.abc import Sequence

from controller.domain.intent import Manifest, Removal
from controller.domain.validation.world import Planned, World


def plan_change(
    world: World, manifests: Sequence[Manifest], removals: Sequence[Removal]
) -> Planned:
    """Plan one atomic change.

    Raises InvalidError, ConflictError, NotFoundError or StaleError, whose ``violations`` name all
    faults; a mixture of them is an InvalidError.
    """
    raise NotImplementedError(world, manifests, removals)
