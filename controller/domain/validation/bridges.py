"""Rules between a bridge and all that is at it: the ports of its spanning tree."""

from __future__ import annotations

from collections import Counter
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
from controller.domain.validation.references import runs_stp
from controller.domain.validation.world import Draft

_MAX_STP_PORTS = 255
"""A port's number in STP has eight bits, and 0 is none."""


def check_bridges(after: After, faults: Faults) -> None:
    for name in sorted(_touched(after)):
        bridge = after.bridge(name)
        if bridge is not None and runs_stp(bridge):
            there = [entry for entry in after.at_bridge(name) if name in _ends(entry.spec)]
            _check_stp_ports(name, there, after, faults)
            _check_stp_numbers(name, there, after, faults)


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
            if bridge is not None and _takes_part(spec):
                yield bridge
            if settings.patch is not None:
                yield settings.patch.bridge
        case TunnelSpec(ends=ends):
            yield from (end.bridge for end in ends if end.bridge is not None)


def _takes_part(spec: PortSpec) -> bool:
    stp = spec.settings.stp
    is_off = stp is not None and stp.enabled is False
    return not is_off and spec.type not in (PortType.INTERNAL, PortType.BOND)


def _number(name: str, entry: Draft) -> int | None:
    """Return the STP number that a port asks for at the bridge; a far end cannot."""
    spec = entry.spec
    if not isinstance(spec, PortSpec) or spec.bridge != name or spec.settings.stp is None:
        return None
    return spec.settings.stp.port_number


def _check_stp_numbers(name: str, there: list[Draft], after: After, faults: Faults) -> None:
    """Refuse what makes Open vSwitch turn STP off: on all of the bridge, or on one port."""
    numbers = {entry.ref: number for entry in there if (number := _number(name, entry))}
    if not numbers:
        return
    unnumbered = [entry.ref for entry in there if entry.ref not in numbers]
    uses = Counter(numbers.values())
    twice = [ref for ref, number in numbers.items() if uses[number] > 1]
    if unnumbered:
        for pointer in _numbering(name, there, after):
            faults.conflict(
                pointer,
                "stp_port_numbers_mixed",
                f"of the ports of Bridge {name!r} that take part in STP some have a port_number and"
                f" {after.listing(unnumbered)} has none: Open vSwitch would turn STP off on it all",
                "give all of them a port_number, or none; a tunnel and the far end of a patch"
                " cannot have one",
            )
    for pointer in _numbering(name, [e for e in there if e.ref in twice], after):
        faults.conflict(
            pointer,
            "stp_port_number_taken",
            f"{after.listing(twice)} have one STP port number at Bridge {name!r}, and Open vSwitch"
            " would turn STP off on all but one of them",
            "give each port of the bridge a number of its own",
        )


def _numbering(name: str, there: list[Draft], after: After) -> Iterator[str]:
    """Point at what the request says of these, or at the bridge that turns STP on."""
    written = [entry for entry in there if entry.ref in after.drafts]
    for entry in written:
        field = "ends" if isinstance(entry.spec, TunnelSpec) else "stp/port_number"
        yield f"{entry.pointer}/spec/{field}"
    bridge = after.drafts.get(Ref(Kind.BRIDGE, DEFAULT_PROJECT, name))
    if bridge is not None and there and not written:
        yield f"{bridge.pointer}/spec/stp/enabled"


def _check_stp_ports(name: str, there: list[Draft], after: After, faults: Faults) -> None:
    """Count what takes part: internal ports and bonds do not, nor what turns it off."""
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
