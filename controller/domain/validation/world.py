"""What the rules look at, and what they answer: the frozen types around ``plan_change``.

``World`` is a slice of current intent. It holds what a change touches and no more, so that its cost
grows with the change and never with the fleet. ``wanted`` tells the loader what that is. A world
may hold more than is asked for, never less. Owned by the rules; nothing here reads a database.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from uuid import UUID

from controller.domain.intent import (
    DEFAULT_PROJECT,
    BridgeSpec,
    HostSpec,
    Kind,
    Manifest,
    Object,
    PortSpec,
    Ref,
    Removal,
    SegmentSpec,
    Spec,
)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A segment's ports on hosts that the change does not touch, summed up in a few rows."""

    ports: int = 0
    """How many there are."""
    sample: tuple[Object, ...] = ()
    """Up to ten of them by name, to say who holds a segment that cannot be deleted."""
    narrowest_host: Object | None = None
    """The member with the smallest ``underlay_mtu``."""
    widest_port: Object | None = None
    """The port with the largest explicit ``mtu``; None when no port names one."""
    ipv6_port: Object | None = None
    """Some port with an IPv6 address and no ``mtu`` of its own."""
    claimants: tuple[Object, ...] = ()
    """The ports that have a MAC of ``Wanted.macs`` or an IP address of ``Wanted.ips``."""


@dataclass(frozen=True, slots=True)
class World:
    """The current (``valid_to IS NULL``) objects that the rules need for one change."""

    objects: Mapping[Ref, Object]
    """By ref: every object in ``Wanted.refs`` that exists; every bridge and port on the hosts of
    ``Wanted.hosts``; the segments of ``Wanted.segments`` and those which the ports of the hosts in
    ``Wanted.host_targets`` are on; every host that has a VTEP of ``Wanted.vteps``."""
    elsewhere: Mapping[UUID, Elsewhere] = field(default_factory=lambda: MappingProxyType({}))
    """By segment uid, for each segment in ``objects``: its ports on hosts outside
    ``Wanted.hosts``. A missing entry means there are none."""
    projects: frozenset[str] = frozenset({DEFAULT_PROJECT})
    """Those of the request's projects that exist."""
    within: frozenset[str] | None = None
    """The projects whose objects may be named to who asks; None is all."""
    vnis: Mapping[int, Ref | None] = field(default_factory=lambda: MappingProxyType({}))
    """The taken ones among ``Wanted.vnis``: the segment that has it, or None while a host may still
    carry it for a deleted segment."""
    free_vnis: tuple[int, ...] = ()
    """VNIs of the pool that nothing has or holds, at least ``Wanted.new_vnis`` of them; fewer only
    when the pool is exhausted. They are given out in this order."""
    held_interfaces: Mapping[UUID, frozenset[str]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    """By host uid (hosts of ``Wanted.hosts``): device names of deleted bridges, ports and peers
    that the host has not confirmed as removed."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the loader must put into the ``World`` of a change."""

    refs: frozenset[Ref]
    """The objects the request names and those that their old and new specs refer to."""
    hosts: frozenset[Ref]
    """The touched hosts: named by the request, or carrying a bridge or port that it names."""
    host_targets: frozenset[Ref]
    """The touched hosts that the request itself changes or removes."""
    segments: frozenset[Ref]
    """The segments that the request names, or that a port it names is on, before or after."""
    projects: frozenset[str]
    macs: frozenset[str]
    """MAC addresses of the request's ports, lower-case."""
    ips: frozenset[str]
    """IP addresses (without prefix length) of the request's ports, canonical."""
    vteps: frozenset[str]
    """VTEP addresses of the request's hosts, canonical."""
    vnis: frozenset[int]
    """VNIs that the request asks for."""
    new_vnis: int
    """How many free VNIs the plan may need."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What an object shall be: a manifest with its spec completed and normalised."""

    ref: Ref
    spec: Spec
    """MAC lower-case, addresses canonical, ``vni`` filled in: store it as it is."""
    labels: Mapping[str, str]
    pointer: str
    current: Object | None = None
    """The version that it replaces; None creates."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A change that breaks no rule, ready to be written at one revision."""

    creates: tuple[Draft, ...] = ()
    updates: tuple[Draft, ...] = ()
    """``Draft.current`` is set."""
    deletes: tuple[Object, ...] = ()
    unchanged: tuple[Object, ...] = ()
    """Named by the request and already as it says."""
    missing: tuple[Ref, ...] = ()
    """Removals with ``missing_ok`` of what does not exist."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing would be written, and so no revision taken."""
        return not (self.creates or self.updates or self.deletes)


def named(manifests: Iterable[Manifest], removals: Iterable[Removal]) -> frozenset[Ref]:
    """Return the refs to load before ``wanted`` can tell the rest."""
    return frozenset([m.ref for m in manifests] + [r.ref for r in removals])


def references(ref: Ref, spec: Spec) -> Iterator[Ref]:
    """Yield what a spec refers to. Hosts and bridges live in the default project."""
    if isinstance(spec, BridgeSpec | PortSpec):
        yield Ref(Kind.HOST, DEFAULT_PROJECT, spec.host)
    if isinstance(spec, PortSpec) and spec.segment is not None:
        yield Ref(Kind.SEGMENT, ref.project, spec.segment)
    if isinstance(spec, PortSpec) and spec.bridge is not None:
        yield Ref(Kind.BRIDGE, DEFAULT_PROJECT, spec.bridge)


def wanted(
    manifests: Sequence[Manifest], removals: Sequence[Removal], current: Mapping[Ref, Object]
) -> Wanted:
    """Tell what to load for a change, given the current objects among ``named``."""
    targets = named(manifests, removals)
    specs = [(m.ref, m.spec) for m in manifests]
    specs += [(ref, current[ref].spec) for ref in sorted(targets & current.keys(), key=_order)]
    refs = targets | {reference for ref, spec in specs for reference in references(ref, spec)}
    requested = [m.spec for m in manifests]
    vnis = [s.vni for s in requested if isinstance(s, SegmentSpec)]
    return Wanted(
        refs=refs,
        hosts=frozenset(r for r in refs if r.kind is Kind.HOST),
        host_targets=frozenset(r for r in targets if r.kind is Kind.HOST),
        segments=frozenset(r for r in refs if r.kind is Kind.SEGMENT),
        projects=frozenset(r.project for r in refs),
        macs=frozenset(s.mac.lower() for s in requested if isinstance(s, PortSpec) and s.mac),
        ips=frozenset(_canonical(a for s in requested for a in _addresses(s))),
        vteps=frozenset(_canonical(a for s in requested for a in _vteps(s))),
        vnis=frozenset(vni for vni in vnis if vni is not None),
        new_vnis=len(vnis),
    )


def _order(ref: Ref) -> tuple[str, str, str]:
    return ref.kind, ref.project, ref.name


def _addresses(spec: Spec) -> tuple[str, ...]:
    return spec.addresses if isinstance(spec, PortSpec) else ()


def _vteps(spec: Spec) -> tuple[str, ...]:
    return spec.vteps if isinstance(spec, HostSpec) else ()


def _canonical(addresses: Iterable[str]) -> Iterator[str]:
    """Yield the IP of each address; what is malformed can clash with nothing."""
    for address in addresses:
        try:
            yield str(ipaddress.ip_address(address.partition("/")[0]))
        except ValueError:
            continue
