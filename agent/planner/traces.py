"""Where in the database's journal a change shows that these steps would undo.

A row is named as intent names it; its UUID, by which the journal knows it, is looked up elsewhere.
Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from agent.planner.plan import (
    AddBridge,
    AddMirror,
    AddPort,
    BindPort,
    DeletePort,
    SetBridge,
    SetFlowExport,
    SetInterface,
    SetPort,
    SetQos,
    Step,
)


@dataclass(frozen=True, slots=True, order=True)
class Trace:
    """A change of one of these columns of the row, or its end; no columns: only its end."""

    table: str
    name: str
    columns: frozenset[str] = frozenset()


def traces(steps: Iterable[Step]) -> frozenset[Trace]:
    return frozenset(trace for step in steps for trace in _traces(step))


def _traces(step: Step) -> Iterator[Trace]:
    match step:
        case AddBridge():
            yield Trace("Bridge", step.name)
        case AddPort():
            yield Trace("Port", step.port.name)
        case DeletePort():
            row = step.based_on.interfaces[0].name
            yield Trace("Port", step.name, frozenset({"tag", "trunks", "vlan_mode", "interfaces"}))
            yield Trace("Interface", row, frozenset({"type", "options"}))
        case SetBridge() | SetPort():
            table = "Bridge" if isinstance(step, SetBridge) else "Port"
            columns = step.columns.keys() | step.settings.touched()
            yield Trace(table, step.name, _with_ids(columns, ids=bool(step.external_ids)))
        case SetInterface():
            columns = step.columns.keys() | step.settings.touched()
            columns |= {"options"} if step.options or step.without else set()
            yield Trace("Interface", step.name, _with_ids(columns, ids=bool(step.external_ids)))
        case BindPort():
            yield Trace("Port", step.based_on.name, frozenset({"tag"}))
        case _:
            yield from _of_monitoring(step)


def _of_monitoring(step: Step) -> Iterator[Trace]:
    match step:
        case SetQos():
            yield Trace("Port", step.port, frozenset({"qos"}))
        case AddMirror():
            yield Trace("Bridge", step.bridge, frozenset({"mirrors"}))
        case SetFlowExport():
            for name in step.bridges:
                yield Trace("Bridge", name, frozenset({step.table.lower()}))


def _with_ids(columns: Iterable[str], *, ids: bool) -> frozenset[str]:
    return frozenset({*columns, "external_ids"} if ids else columns)
