"""How a host is doing that has another VTEP than before: whom it keeps the former one for. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from controller.domain.status import Condition, HostFacts, Status

MOST_NAMED = 5
"""Hosts that a condition names."""


def with_vtep_change(status: Status, facts: HostFacts) -> Status:
    """Say so; a host whose VTEPs did not change lately needs no word about it."""
    if not facts.former_vteps:
        return status
    former = ", ".join(facts.former_vteps)
    message = f"the former VTEP {former} stays in use beside the new one"
    if facts.awaited:
        message += f" until these have that without a failure: {_names(facts.awaited)}"
    else:
        message += "; everybody has that by now, so that it goes in a moment"
    condition = Condition("VtepsSettled", "False", "VtepChanging", message)
    return replace(status, conditions=(*status.conditions, condition))


def _names(hosts: Sequence[str]) -> str:
    return ", ".join(hosts[:MOST_NAMED]) + (" and more" if len(hosts) > MOST_NAMED else "")
