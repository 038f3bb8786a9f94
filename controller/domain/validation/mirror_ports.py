"""What mirrors do to ports that carry something else: those that are cut off, and those through
which copies may come back. Pure; owns nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from controller.domain.definitions import MirrorSpec
from controller.domain.intent import Kind, PortSpec, PortType, Ref
from controller.domain.validation.after import After
from controller.domain.validation.faults import Faults
from controller.domain.validation.references import qualified
from controller.domain.validation.world import Draft

UPLINKS = frozenset({PortType.SYSTEM, PortType.BOND})
"""Devices of the host's own, which tunnels may leave through."""
_SHARED = UPLINKS | {PortType.PATCH}

_Mirrors: TypeAlias = Sequence[tuple[Draft, MirrorSpec]]


class _At(NamedTuple):
    """A port as the mirrors of one bridge see it."""

    host: str
    bridge: str | None
    port: Ref


def check_mirror_ports(mirrors: _Mirrors, after: After, faults: Faults) -> None:
    _check_chains(mirrors, after, faults)
    for entry, spec in mirrors:
        _warn_of_cut(entry, spec, after, faults)
    _warn_of_circles([(e, s) for e, s in mirrors if s.tunnel is not None], after, faults)


def selected_ports(spec: MirrorSpec) -> Iterator[tuple[str, Ref]]:
    """Yield where a mirror names a port to copy from, and the port."""
    for where in ("select_src_ports", "select_dst_ports"):
        for index, name in enumerate(getattr(spec, where)):
            yield f"{where}/{index}", qualified(Kind.PORT, name)


# --- chains --------------------------------------------------------------------------------------


def _check_chains(mirrors: _Mirrors, after: After, faults: Faults) -> None:
    """Find ports that get the copies of one mirror and that another one names: what such a port
    gets is copies alone, and two mirrors that name each other's would copy copies."""
    outputs: dict[_At, list[Ref]] = defaultdict(list)
    selections: dict[_At, list[Ref]] = defaultdict(list)
    for entry, spec in mirrors:
        for _, at in _outputs(spec):
            outputs[at].append(entry.ref)
        for _, at in _selections(spec):
            selections[at].append(entry.ref)
    for entry, spec in mirrors:
        if entry.ref in after.drafts:
            _refuse(entry, _selections(spec), outputs, after, faults)
            _refuse(entry, _outputs(spec), selections, after, faults)


def _outputs(spec: MirrorSpec) -> Iterator[tuple[str, _At]]:
    if spec.output_port is not None:
        port = qualified(Kind.PORT, spec.output_port)
        yield "output_port", _At(spec.host, spec.bridge, port)


def _selections(spec: MirrorSpec) -> Iterator[tuple[str, _At]]:
    for where, ref in selected_ports(spec):
        yield where, _At(spec.host, spec.bridge, ref)


def _refuse(
    entry: Draft,
    places: Iterator[tuple[str, _At]],
    taken: Mapping[_At, Sequence[Ref]],
    after: After,
    faults: Faults,
) -> None:
    for where, at in places:
        if others := [ref for ref in taken.get(at, ()) if ref != entry.ref]:
            faults.conflict(
                f"{entry.pointer}/spec/{where}",
                "output_selected",
                f"Port {at.port.name!r} would get the copies of one mirror and be copied by"
                f" another, {after.listing(others)}: nothing but copies is there to copy",
                "choose another port",
            )


# --- what is cut off -----------------------------------------------------------------------------


def _warn_of_cut(entry: Draft, spec: MirrorSpec, after: After, faults: Faults) -> None:
    """Warn of an output port that looks as if something depended on it."""
    if spec.output_port is None:
        return
    ref = qualified(Kind.PORT, spec.output_port)
    port = after.entries.get(ref)
    if port is None or not isinstance(port.spec, PortSpec) or not (use := _use(port.spec)):
        return
    if entry.ref in after.drafts:
        pointer = f"{entry.pointer}/spec/output_port"
    elif ref in after.drafts:
        pointer = f"{port.pointer}/spec"
    else:
        return
    faults.warn(
        pointer,
        "output_port_cut_off",
        f"Port {ref.name!r} {use}, and while it gets the copies of {after.listing([entry.ref])}"
        " it carries nothing else: what it sends is dropped",
        "use a port made for the copies, or a tunnel",
    )


def _use(port: PortSpec) -> str:
    if port.type in _SHARED:
        return f"is of type {port.type}"
    return "has addresses" if port.addresses else ""


# --- circles -------------------------------------------------------------------------------------


def _warn_of_circles(mirrors: _Mirrors, after: After, faults: Faults) -> None:
    """Warn of packets of a mirror's tunnel that may pass what it copies from.

    No more than a warning: which way they go, the routes of the host decide, which intent does not
    know, and to copy from one card into a tunnel through another is what people do."""
    uplinks = _uplinks(after) if mirrors else {}
    for entry, spec in mirrors:
        there = [p for p in uplinks.get((spec.host, spec.bridge), ()) if _copies(spec, p.ref)]
        if entry.ref in after.drafts and there:
            _warn(f"{entry.pointer}/spec/tunnel", entry, there, after, faults)
            continue
        for port in there:
            if port.ref in after.drafts:
                _warn(f"{port.pointer}/spec", entry, [port], after, faults)


def _uplinks(after: After) -> Mapping[tuple[str, str | None], list[Draft]]:
    """By host and bridge, None for that of the segments."""
    found: dict[tuple[str, str | None], list[Draft]] = defaultdict(list)
    for entry in after.entries.values():
        if isinstance(entry.spec, PortSpec) and entry.spec.type in UPLINKS and entry.spec.host:
            found[entry.spec.host, entry.spec.bridge].append(entry)
    return found


def _copies(spec: MirrorSpec, port: Ref) -> bool:
    """Whether what leaves by the port is copied; by ``select_src_ports`` alone it is not."""
    if not (spec.select_src_ports or spec.select_dst_ports):
        return True
    return port in {qualified(Kind.PORT, words) for words in spec.select_dst_ports}


def _warn(
    pointer: str, mirror: Draft, ports: Sequence[Draft], after: After, faults: Faults
) -> None:
    who, where = after.listing([mirror.ref]), after.listing([port.ref for port in ports])
    faults.warn(
        pointer,
        "mirror_may_copy_itself",
        f"{who} copies what leaves by {where}: where the packets of its own tunnel leave there as"
        " well, each copy is copied again",
        "let the route to the tunnel's remote_ip leave by another device, or name ports:"
        " select_src_ports copies only what comes in",
    )
