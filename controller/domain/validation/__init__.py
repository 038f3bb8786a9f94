"""The rules of intent: pure, total, and every violation at once.

``plan_change`` turns a request and the slice of the world that it touches into a ``Planned`` change
or raises one ``DomainError`` that names every fault with pointer, code, reason and way out. How the
store calls it::

    current = load(named(manifests, removals))
    world = load_world(wanted(manifests, removals, current))
    planned = plan_change(world, manifests, removals)
"""

from controller.domain.validation.flooding import inner_places
from controller.domain.validation.plan import plan_change
from controller.domain.validation.references import counts_ports, references
from controller.domain.validation.touched import Wanted, named, places, wanted
from controller.domain.validation.world import (
    Departing,
    Draft,
    Elsewhere,
    Lingering,
    Outside,
    Place,
    Planned,
    World,
)

__all__ = [
    "Departing",
    "Draft",
    "Elsewhere",
    "Lingering",
    "Outside",
    "Place",
    "Planned",
    "Wanted",
    "World",
    "counts_ports",
    "inner_places",
    "named",
    "places",
    "plan_change",
    "references",
    "wanted",
]
