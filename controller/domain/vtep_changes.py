"""How a host is doing that has another VTEP than before: whom it keeps the former one for. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from controller.domain.status import Condition, HostFacts, Status
from controller.domain.vtep_steps import VtepStep

MOST_NAMED = 5
"""Hosts that a condition names."""

_WORDS = {
    VtepStep.BOTH: "the former VTEP {} stays in use beside the new one",
    VtepStep.NEW: "the former VTEP {} stays beside the new one, which the kernel uses",
    VtepStep.ALONE: "the former VTEP {} goes and has to work",
}


def with_vtep_change(status: Status, facts: HostFacts) -> Status:
    """Say so; a host whose VTEPs did not change lately needs no word about it."""
    if not facts.former_vteps:
        return status
    changes = zip(facts.former_vteps, facts.vtep_steps, strict=True)
    message = " and ".join(_WORDS[VtepStep(step)].format(former) for former, step in changes)
    if facts.awaited:
        message += f" until these have that without a failure: {_names(facts.awaited)}"
    else:
        message += "; everybody has that by now, so that the change goes on in a moment"
    condition = Condition("VtepsSettled", "False", "VtepChanging", message)
    return replace(status, conditions=(*status.conditions, condition))


def _names(hosts: Sequence[str]) -> str:
    return ", ".join(hosts[:MOST_NAMED]) + (" and more" if len(hosts) > MOST_NAMED else "")
