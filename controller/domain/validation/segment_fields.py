"""Rules for what one segment says by itself: its topology, outside VTEPs and subnets."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TypeAlias

from controller.domain.intent import AddressFamily, SegmentSpec
from controller.domain.topology import Pair, Topology, links_in_circles
from controller.domain.validation import fields
from controller.domain.validation.faults import Faults
from controller.domain.validation.fields import Fault

MAX_EXTERNAL_VTEPS = 64
_OWN_FIELDS = {
    "hubs": Topology.HUB_SPOKE,
    "links": Topology.EXPLICIT,
    "external_vteps": Topology.FULL,
}
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
_MOST_SUBNETS = 64


def normal_segment(spec: SegmentSpec) -> SegmentSpec:
    """Give what means the same one spelling; what is malformed stays for the checks to name."""
    if not (spec.hubs or spec.links or spec.external_vteps or spec.subnets):
        return spec
    vteps = {fields.ip_of(v) or v if "/" not in v else v for v in spec.external_vteps}
    return replace(
        spec,
        hubs=tuple(sorted(set(spec.hubs))),
        links=normal_links(spec.links),
        external_vteps=tuple(sorted(vteps)),
        subnets=normal_subnets(spec.subnets),
    )


def check_segment_fields(spec: SegmentSpec, at: str, faults: Faults) -> None:
    for found in (topology_faults(spec), subnet_faults(spec.subnets)):
        for where, fault in found:
            faults.invalid(f"{at}/{where}", *fault)


def normal_links(links: tuple[Pair, ...]) -> tuple[Pair, ...]:
    """Spell pairs alike: a link has no direction."""
    return tuple(sorted({(min(pair), max(pair)) for pair in links}))


def topology_faults(spec: SegmentSpec) -> Iterator[tuple[str, Fault]]:
    for field, topology in _OWN_FIELDS.items():
        if getattr(spec, field) and spec.topology is not topology:
            why = f"{field!r} means something with topology {str(topology)!r} only"
            fix = f"leave {field!r} out, or set topology to {str(topology)!r}"
            yield field, Fault("not_in_topology", why, fix)
    if spec.topology is Topology.HUB_SPOKE and not spec.hubs:
        why = "without a hub no member reaches another"
        yield "hubs", Fault("hubs_missing", why, "name at least one host that is a hub")
    yield from _link_faults(spec.links)
    yield from _vtep_faults(spec)


def _link_faults(links: tuple[Pair, ...]) -> Iterator[tuple[str, Fault]]:
    for a, b in links:
        if a == b:
            why = f"both ends of a link are host {a!r}"
            yield "links", Fault("same_host", why, "name two hosts")
    apart = [pair for pair in links if pair[0] != pair[1]]
    for index in links_in_circles(apart):
        a, b = apart[index]
        why = (
            f"between {a!r} and {b!r} there is a way over other links already, and flooded frames"
            " would go round for ever"
        )
        yield "links", Fault("flooding_loop", why, "leave out one link of the circle")


def _vtep_faults(spec: SegmentSpec) -> Iterator[tuple[str, Fault]]:
    if len(spec.external_vteps) > MAX_EXTERNAL_VTEPS:
        why = f"{len(spec.external_vteps)} VTEPs outside of the fleet on one segment"
        fix = f"keep at most {MAX_EXTERNAL_VTEPS}"
        yield "external_vteps", Fault("too_many_external_vteps", why, fix)
    is_ipv6 = spec.address_family is AddressFamily.IPV6
    for vtep in spec.external_vteps:
        fault = fields.vtep(vtep)
        if fault is None and (":" in vtep) != is_ipv6:
            why = f"{vtep} is not an {spec.address_family} address"
            fix = f"give an {spec.address_family} address, or set the segment's address_family"
            fault = Fault("wrong_address_family", why, fix)
        if fault is not None:
            yield "external_vteps", fault


def normal_subnets(subnets: Iterable[str]) -> tuple[str, ...]:
    """Spell networks alike and order them; what is malformed stays for the checks to name."""
    return tuple(sorted({str(network(text) or text) for text in subnets}))


def network(text: str) -> Network | None:
    if "%" in text:
        return None
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        return None


def subnet_faults(subnets: tuple[str, ...]) -> Iterator[tuple[str, Fault]]:
    if len(subnets) > _MOST_SUBNETS:
        why = f"{len(subnets)} subnets on one segment"
        yield "subnets", Fault("too_many_subnets", why, f"keep at most {_MOST_SUBNETS}")
    known: list[Network] = []
    for text in subnets:
        found = network(text) if "/" in text else None
        if found is None:
            why = f"{text!r} is not a network in CIDR form"
            fix = "write the network's own address with its prefix length, e.g. 192.0.2.0/24"
            yield "subnets", Fault("invalid_subnet", why, fix)
            continue
        rival = next((n for n in known if n.version == found.version and n.overlaps(found)), None)
        if rival is not None:
            why = f"{found} overlaps {rival}"
            yield "subnets", Fault("subnets_overlap", why, "name each network once")
        known.append(found)
