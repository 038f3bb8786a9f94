"""What a change needs to know of a segment's ports elsewhere, summed as the store does it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import TypeAlias

from controller.domain.intent import (
    DEFAULT_PROJECT,
    BridgeType,
    HostSpec,
    Kind,
    Object,
    PortSpec,
    Ref,
)
from controller.domain.validation import Elsewhere, Wanted
from controller.domain.validation.profiles import on_userspace
from controller.domain.validation.references import hosts_of_topology
from tests.support.world_slice import segment_of

Objects: TypeAlias = Mapping[Ref, Object]


def elsewhere(objects: Objects, segment: Ref, near: set[str], want: Wanted) -> Elsewhere:
    """Sum the ports of a segment on hosts that are not near."""
    all_ports = ((o, o.spec) for o in objects.values() if isinstance(o.spec, PortSpec))
    ports = [(o, s) for o, s in all_ports if segment_of(o) == segment]
    far = [
        (o, s) for o, s in ports if {*s.hosts} - near or (not s.hosts and o.ref not in want.targets)
    ]
    names = {name for _, s in ports for name in s.hosts} - near
    owners = [objects[Ref(Kind.HOST, DEFAULT_PROJECT, name)] for name in sorted(names)]
    wide = [(s.mtu, o) for o, s in far if s.mtu is not None]
    return Elsewhere(
        ports=len(far),
        hosts=len(names),
        has_ovs=any(has_ovs(owner) for owner in owners),
        sample=tuple(sorted((o for o, _ in far), key=lambda o: o.name)[:10]),
        narrowest_host=min(owners, key=_underlay, default=None),
        widest_port=max(wide, key=lambda pair: pair[0], default=(0, None))[1],
        ipv6_port=next((o for o, s in far if s.mtu is None and _has_ipv6(s)), None),
        claimants=tuple(o for o, s in far if _claims(s, want)),
        outsiders=_outsiders(owners, want.zones.get(segment)),
        has_linux=not all(has_ovs(owner) for owner in owners),
        providers=sum(s.settings.patch is not None for _, s in far),
        has_userspace=any(on_userspace(owner.spec) for owner in owners),
        has_ipv6=any(_has_ipv6(s) for _, s in far),
        named=_named_by_topologies(objects, want) & names,
        outside=next((o for o, s in far if _outside(s, want.subnets.get(segment))), None),
    )


def _named_by_topologies(objects: Objects, want: Wanted) -> frozenset[str]:
    asked = frozenset(ref.name for ref in want.refs if ref.kind is Kind.HOST)
    return asked.union(*(hosts_of_topology(o.spec) for o in objects.values()))


def _outside(spec: PortSpec, subnets: Sequence[str] | None) -> bool:
    networks = [ip_network(subnet) for subnet in subnets or ()]
    ips = [ip_address(address.partition("/")[0]) for address in spec.addresses]
    return bool(networks) and any(not any(ip in network for network in networks) for ip in ips)


def has_ovs(found: Object) -> bool:
    assert isinstance(found.spec, HostSpec)
    return found.spec.overlay_bridge_type is BridgeType.OVS


def _outsiders(owners: Sequence[Object], zone: str | None) -> tuple[str, ...]:
    specs = {o.name: o.spec for o in owners if isinstance(o.spec, HostSpec)}
    names = sorted(name for name, spec in specs.items() if zone and zone not in spec.zones)
    return tuple(names[:10])


def _underlay(found: Object) -> tuple[int, str]:
    assert isinstance(found.spec, HostSpec)
    return found.spec.underlay_mtu, found.name


def _has_ipv6(spec: PortSpec) -> bool:
    return any(":" in address for address in spec.addresses)


def _claims(spec: PortSpec, want: Wanted) -> bool:
    ips = {address.partition("/")[0] for address in spec.addresses}
    return spec.mac in want.macs or bool(ips & want.ips)
