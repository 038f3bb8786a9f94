"""Rules between a bridge and all that is at it: the ports of its spanning tree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from controller.domain.definitions import MirrorSpec
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
from controller.domain.validation.references import bridges_at, runs_stp
from controller.domain.validation.world import BridgeAt, Draft

_MAX_STP_PORTS = 255
"""A port's number in STP has eight bits, and 0 is none."""


def check_bridges(after: After, faults: Faults) -> None:
    for at in sorted(_touched(after)):
        bridge = after.bridge(at.bridge)
        if bridge is not None and runs_stp(bridge):
            around = after.at_bridge(at.bridge).get(at.host, [])
            there = [entry for entry in around if at in _ends(entry.spec)]
            _check_stp_ports(at, there, after, faults)
            _check_stp_numbers(at, there, after, faults)


def _touched(after: After) -> set[BridgeAt]:
    """Return the bridges whose ports may be others, each by host: a spanning tree is one bridge's
    on one host."""
    written = (ref.name for ref in after.drafts if ref.kind is Kind.BRIDGE)
    found = {BridgeAt(host, name) for name in written for host in after.at_bridge(name)}
    return found.union(*(_ends(draft.spec) for draft in after.drafts.values()))


def _ends(spec: Spec) -> Iterator[BridgeAt]:
    """Yield the bridges at which an object is a port, once for each."""
    if isinstance(spec, MirrorSpec):
        return
    takes_part = not isinstance(spec, PortSpec) or _takes_part(spec)
    for at in bridges_at(spec):
        if takes_part or not isinstance(spec, PortSpec) or at.bridge != spec.bridge:
            yield at


def _takes_part(spec: PortSpec) -> bool:
    stp = spec.settings.stp
    is_off = stp is not None and stp.enabled is False
    return not is_off and spec.type not in (PortType.INTERNAL, PortType.BOND)


def _number(at: BridgeAt, entry: Draft) -> int | None:
    """Return the STP number that a port asks for at the bridge; a far end cannot."""
    spec = entry.spec
    if not isinstance(spec, PortSpec) or spec.bridge != at.bridge or spec.settings.stp is None:
        return None
    return spec.settings.stp.port_number


def _check_stp_numbers(at: BridgeAt, there: list[Draft], after: After, faults: Faults) -> None:
    """Refuse what makes Open vSwitch turn STP off: on all of the bridge, or on one port."""
    numbers = {entry.ref: number for entry in there if (number := _number(at, entry))}
    if not numbers:
        return
    unnumbered = [entry.ref for entry in there if entry.ref not in numbers]
    uses = Counter(numbers.values())
    twice = [ref for ref, number in numbers.items() if uses[number] > 1]
    if unnumbered:
        for pointer in _numbering(at, there, after):
            faults.conflict(
                pointer,
                "stp_port_numbers_mixed",
                f"of the ports of Bridge {at.bridge!r} that take part in STP some have a"
                f" port_number and {after.listing(unnumbered)} has none: Open vSwitch would turn"
                " STP off on it all",
                "give all of them a port_number, or none; a tunnel and the far end of a patch"
                " cannot have one",
            )
    for pointer in _numbering(at, [e for e in there if e.ref in twice], after):
        faults.conflict(
            pointer,
            "stp_port_number_taken",
            f"{after.listing(twice)} have one STP port number at Bridge {at.bridge!r}, and Open"
            " vSwitch would turn STP off on all but one of them",
            "give each port of the bridge a number of its own",
        )


def _numbering(at: BridgeAt, there: list[Draft], after: After) -> Iterator[str]:
    """Point at what the request says of these, or at the bridge that turns STP on."""
    written = [entry for entry in there if entry.ref in after.drafts]
    for entry in written:
        field = "ends" if isinstance(entry.spec, TunnelSpec) else "stp/port_number"
        yield f"{entry.pointer}/spec/{field}"
    bridge = after.drafts.get(Ref(Kind.BRIDGE, DEFAULT_PROJECT, at.bridge))
    if bridge is not None and there and not written:
        yield f"{bridge.pointer}/spec/stp/enabled"


def _check_stp_ports(at: BridgeAt, there: list[Draft], after: After, faults: Faults) -> None:
    """Count what takes part: internal ports and bonds do not, nor what turns it off."""
    if len(there) <= _MAX_STP_PORTS:
        return
    for pointer in _blamed(at, there, after):
        faults.conflict(
            pointer,
            "too_many_stp_ports",
            f"Bridge {at.bridge!r} would have {len(there)} ports that take part in STP, and it has"
            f" numbers for {_MAX_STP_PORTS}",
            "disable STP on the bridge, use RSTP, or put some of the ports on another bridge",
        )


def _blamed(at: BridgeAt, there: list[Draft], after: After) -> Iterator[str]:
    """Point at what joins the bridge, or at the bridge that turns STP on."""
    joining = [e for e in there if e.current is None or at not in _ends(e.current.spec)]
    for entry in joining:
        yield f"{entry.pointer}/spec/{'ends' if isinstance(entry.spec, TunnelSpec) else 'bridge'}"
    bridge = after.drafts.get(Ref(Kind.BRIDGE, DEFAULT_PROJECT, at.bridge))
    if bridge is not None and not joining:
        yield f"{bridge.pointer}/spec/stp/enabled"
