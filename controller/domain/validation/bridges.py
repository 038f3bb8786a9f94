"""Rules between a bridge and all that is at it: how many ports a spanning tree can have."""

from __future__ import annotations

from collections.abc import Iterator

from controller.domain.intent import (
    DEFAULT_PROJECT,
    Kind,
    PortSpec,
    PortType,
    Ref,
    Spec,
    TunnelSpec,
)
from controller.domain.validation.after import After
from controller.domain.validation.faults import Faults
from controller.domain.validation.world import Draft, runs_stp

_MAX_STP_PORTS = 255
"""A port's number in STP has eight bits, and 0 is none."""


def check_bridges(after: After, faults: Faults) -> None:
    for name in sorted(_touched(after)):
        bridge = after.bridge(name)
        if bridge is not None and runs_stp(bridge):
            _check_stp_ports(name, after, faults)


def _touched(after: After) -> set[str]:
    return {
        name
        for draft in after.drafts.values()
        for name in (draft.ref.name if draft.ref.kind is Kind.BRIDGE else None, *_ends(draft.spec))
        if name is not None
    }


def _ends(spec: Spec) -> Iterator[str]:
    """Name the bridges at which an object is a port, once for each."""
    match spec:
        case PortSpec(bridge=bridge, settings=settings):
            if bridge is not None and spec.type not in (PortType.INTERNAL, PortType.BOND):
                yield bridge
            if settings.patch is not None:
                yield settings.patch.bridge
        case TunnelSpec(ends=ends):
            yield from (end.bridge for end in ends if end.bridge is not None)


def _check_stp_ports(name: str, after: After, faults: Faults) -> None:
    """Count what takes part: internal ports and bonds do not."""
    there = [entry for entry in after.at_bridge(name) if name in _ends(entry.spec)]
    if len(there) <= _MAX_STP_PORTS:
        return
    for pointer in _blamed(name, there, after):
        faults.conflict(
            pointer,
            "too_many_stp_ports",
            f"Bridge {name!r} would have {len(there)} ports that take part in STP, and it has"
            f" numbers for {_MAX_STP_PORTS}",
            "disable STP on the bridge, use RSTP, or put some of the ports on another bridge",
        )


def _blamed(name: str, there: list[Draft], after: After) -> Iterator[str]:
    """Point at what joins the bridge, or at the bridge that turns STP on."""
    joining = [e for e in there if e.current is None or name not in _ends(e.current.spec)]
    for entry in joining:
        yield f"{entry.pointer}/spec/{'ends' if isinstance(entry.spec, TunnelSpec) else 'bridge'}"
    bridge = after.drafts.get(Ref(Kind.BRIDGE, DEFAULT_PROJECT, name))
    if bridge is not None and not joining:
        yield f"{bridge.pointer}/spec/stp/enabled"
