"""What the rules look at, and what they answer: the frozen types around ``plan_change``.

``World`` is a slice of current intent. It holds what a change touches and no more, so that its cost
grows with the change and never with the fleet. ``Wanted`` tells the loader what that is. A world
may hold more than is asked for, never less. Owned by the rules; nothing here reads a database.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple, TypeAlias
from uuid import UUID

from controller.domain.errors import Violation
from controller.domain.intent import (
    DEFAULT_PROJECT,
    Object,
    Ref,
    SegmentSpec,
    Spec,
)


class Outside(NamedTuple):
    """An outside VTEP as the far end of explicit tunnels.

    What is there may forward between all tunnels that end at it with one key and port.
    """

    ip: str
    """Canonical."""
    key: int
    dst_port: int


class BridgeAt(NamedTuple):
    """A bridge of one host: that of a group is as many bridges as the group has hosts."""

    host: str
    bridge: str


Place: TypeAlias = BridgeAt | Ref | Outside
"""Where a tunnel or patch can end: a bridge on a host, a segment, or an outside VTEP."""


@dataclass(frozen=True, slots=True)
class Departing:
    """A deleted tunnel, or a patch that was deleted or changed, that may still be there."""

    ref: Ref
    """What it was called; another one may be called so by now."""
    spec: Spec
    is_stuck: bool = False
    """Whether a host of it reports that it cannot take it away."""


class Lingering(NamedTuple):
    """A segment as it is or once was, which some hosts may still have it as."""

    spec: SegmentSpec
    hosts: tuple[str, ...] = ()
    """Up to ten of them by name."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A segment's ports on hosts that the change does not touch, summed up in a few rows."""

    ports: int = 0
    """How many there are."""
    hosts: int = 0
    """How many distinct hosts have one."""
    has_ovs: bool = False
    """Whether one of these hosts has Open vSwitch."""
    sample: tuple[Object, ...] = ()
    """Up to ten of them by name, to say who holds a segment that cannot be deleted."""
    narrowest_host: Object | None = None
    """The member with the smallest ``underlay_mtu``."""
    widest_port: Object | None = None
    """The port with the largest explicit ``mtu``; None when no port names one."""
    ipv6_port: Object | None = None
    """Some port with an IPv6 address and no ``mtu`` of its own."""
    outsiders: tuple[str, ...] = ()
    """Names of up to ten of these hosts that are not in the zone of ``Wanted.zones``."""
    claimants: tuple[Object, ...] = ()
    """The ports that have a MAC of ``Wanted.macs`` or an IP address of ``Wanted.ips``."""
    has_linux: bool = False
    """Whether one of these hosts has no Open vSwitch."""
    providers: int = 0
    """How many of the ports are of type patch."""
    named: frozenset[str] = frozenset()
    """Those of these hosts that a topology names, of the request or of ``World.objects``."""
    has_userspace: bool = False
    """Whether one of these hosts has the userspace datapath of Open vSwitch for its overlay."""
    has_ipv6: bool = False
    """Whether one of the ports has an IPv6 address."""
    outside: Object | None = None
    """Some port with an address in none of what ``Wanted.subnets`` says of the segment."""


@dataclass(frozen=True, slots=True)
class World:
    """The current (``valid_to IS NULL``) objects that the rules need for one change."""

    objects: Mapping[Ref, Object]
    """By ref:

    - every object in ``Wanted.refs`` that exists, and the segments of ``Wanted.segments``;
    - every bridge on the hosts of ``Wanted.hosts``, those of groups too that such a host is in
      before the change or after it, and the segments that ports there are on;
    - of groups: the bridges of each group that the request names, and the groups of all bridges
      here; everything at the bridges of ``Wanted.spread``; the hosts that a new bridge or another
      selector reaches, with what has a device name of those bridges there, and what is at them;
    - every port on the hosts of ``Wanted.host_targets``; of those on other hosts of
      ``Wanted.hosts`` the ones on a segment of ``Wanted.segments`` or of a host target, at a bridge
      of ``Wanted.port_bridges``, with a device, member or peer of a name in ``Wanted.devices`` or
      of one that a segment's kernel device could have, and one for each host and segment;
    - every port and every tunnel at those bridges of ``Wanted.refs`` that run STP or are Linux
      bridges;
    - every mirror on the hosts of ``Wanted.hosts``, and those that select segments among
      ``Wanted.targets``;
    - every flow export and every host group that one refers to, where either is among
      ``Wanted.targets``;
    - every port with an iface-id of ``Wanted.iface_ids``;
    - every Pool, where there are ``Wanted.takers``;
    - the hosts that the topologies of the request name, the tunnel profiles of all segments here,
      and the segments that mention a host of ``Wanted.host_targets`` or one of ``Wanted.vteps``;
    - what refers to the definitions (``intent.DEFINITIONS``) among ``Wanted.targets``, as far as
      ``store.referrers`` says;
    - every tunnel that has an end on a host of ``Wanted.host_targets``; of those with an end on
      other hosts of ``Wanted.hosts`` the ones that end at a bridge of ``Wanted.tunnel_bridges`` or
      have a key of ``Wanted.vnis``, and one for each host and UDP port; with the hosts of all their
      ends;
    - every port on the bridges at either end of a tunnel that has an end on a host of
      ``Wanted.host_targets``;
    - every host that has a VTEP of ``Wanted.vteps``, or has it as a former one, and every tunnel
      with an end, of a host or outside, whose own ``ip`` is one of them;
    - the flooding component of the places that ``inner_places`` finds among ``Wanted.links``: every
      tunnel and patch that can be reached from them by going from one to the next over a place at
      which both end. Neither VLANs nor the hosts and bridges of these matter.
    """
    elsewhere: Mapping[UUID, Elsewhere] = field(default_factory=lambda: MappingProxyType({}))
    """By segment uid, for each segment of ``Wanted.segments``, each that a port on a host of
    ``Wanted.host_targets`` is on and each that refers to a tunnel profile among
    ``Wanted.targets``: its ports on hosts outside ``Wanted.hosts``. A missing entry
    means there are none. Of the other segments in ``objects`` only the spec is looked at."""
    hosts: frozenset[str] | None = None
    """Names of the touched hosts, ``Wanted.hosts``: the ports on others count in ``elsewhere``,
    and those of them in ``objects`` are there for what they join or refer to. None is all."""
    projects: frozenset[str] = frozenset({DEFAULT_PROJECT})
    """Those of the request's projects that exist."""
    within: frozenset[str] | None = None
    """The projects whose objects may be named to who asks; None is all."""
    forced: bool = False
    """Whether who asks knows that a host may be cut off, and wants it all the same."""
    vnis: Mapping[int, Ref | None] = field(default_factory=lambda: MappingProxyType({}))
    """The taken ones among ``Wanted.vnis``: the segment that has it, or a tunnel whose key it is
    (any one, where tunnels share it), or None while a host may still carry it for a deleted
    segment."""
    held_keys: frozenset[int] = frozenset()
    """Those of ``Wanted.vnis`` that a host may still carry for a deleted tunnel. A segment waits
    for them; a tunnel need not, so that one can be deleted and created anew."""
    lingering: Mapping[UUID, tuple[Lingering, ...]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    """By segment uid, for ``Wanted.topologies``: what the segment is or was once and some host may
    still have it as, also one without a port on it by now."""
    departing: tuple[Departing, ...] = ()
    """Every such tunnel and patch, where a new one could be a part of a circle with it; then
    ``objects`` has the flooding component of their places, too."""
    free_vnis: tuple[int, ...] = ()
    """VNIs outside of every Pool that no segment and no tunnel has and no host may still carry for
    a deleted one, as many as ``pools.demands`` says; fewer only when there are no more. They are
    given out in this order, and so are the next two."""
    pooled_vnis: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """The same by Pool; none of them is in quarantine."""
    pooled_vteps: Mapping[str, tuple[str, ...]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    """Addresses by Pool that no host, tunnel or outside VTEP has, and none in quarantine."""
    outside_pools: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """By Pool, how many values that the request takes out of it are in use."""
    mesh_tunnels: Mapping[UUID, int] = field(default_factory=lambda: MappingProxyType({}))
    """By host uid, for ``Wanted.mesh_hosts`` and those of ``Wanted.joins`` without a port on the
    segment: how many tunnel ports Open vSwitch has there for its
    segments, the sum of ``meshes.tunnels_of`` over those that have the backend ``ovs``. A missing
    entry means none."""
    exporting: tuple[Mapping[str, str], ...] = ()
    """What labels hosts with Open vSwitch have, where ``Wanted.targets`` has flow exports or host
    groups."""
    plugged: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """By iface-id of the request's bound ports, the names of the hosts whose agents report it. The
    hosts that are chosen of them belong to ``Wanted.hosts``."""
    held_interfaces: Mapping[UUID, Mapping[str, frozenset[UUID]]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    """By host uid (hosts of ``Wanted.hosts``, and those that a group reaches): device names of
    bridges, ports and peers that are there no longer and that the host has not confirmed as
    removed, each with the uids of what had it."""


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
    settles_vteps: bool = False
    removes_host: bool = False
    """As in ``Manifest``, both."""


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
    warnings: tuple[Violation, ...] = ()
    """What breaks no rule, and may be regretted."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing would be written, and so no revision taken."""
        return not (self.creates or self.updates or self.deletes)
