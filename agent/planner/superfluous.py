"""What steps take away that is ours and one too many: rows or devices that were copied or moved.

What is made in its place tells for both. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from agent.planner.plan import (
    AddBridge,
    AddMirror,
    AddPort,
    ClearFlowExport,
    CreateLinuxBridge,
    CreateTap,
    CreateVeth,
    CreateVxlan,
    DeleteBridge,
    DeleteLink,
    DeleteMirror,
    DeletePort,
    Step,
)


def superfluous(steps: Iterable[Step], *, rows: bool, devices: bool) -> Iterator[str]:
    """In words, of rows and of devices if these tell anything."""
    steps = tuple(steps)
    anew = frozenset(words for step in steps for words in made(step))
    ends = (gone(step) for step in steps if (devices if isinstance(step, DeleteLink) else rows))
    yield from (words for words in ends if words and words not in anew)


def gone(step: Step) -> str:
    """What it takes away, in words; empty for other steps."""
    match step:
        case DeletePort():
            return f"port {step.name}"
        case DeleteBridge():
            return f"bridge {step.name}"
        case DeleteMirror():
            return f"mirror {step.name} of bridge {step.bridge}"
        case ClearFlowExport():
            return f"{step.table} of bridge {step.bridge}"
        case DeleteLink():
            return f"device {step.name}"
    return ""


def made(step: Step) -> Iterator[str]:
    """What it makes, in the same words."""
    match step:
        case AddPort():
            yield f"port {step.port.name}"
        case AddBridge():
            yield f"bridge {step.name}"
        case AddMirror():
            yield f"mirror {step.mirror.name} of bridge {step.bridge}"
        case CreateLinuxBridge() | CreateVeth() | CreateVxlan() | CreateTap():
            yield f"device {step.name}"
