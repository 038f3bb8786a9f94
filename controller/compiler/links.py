"""What the tunnels of a segment are like, and between which members they are.

What intent leaves at its default is left out, so that a segment that says nothing of it is the same
bytes as ever.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from uuid import UUID

from ovsfleet.v1 import state_pb2

from controller.domain.definitions import Bfd, TunnelProfileSpec
from controller.domain.intent import Object, SegmentSpec
from controller.domain.topology import (
    ArpMode,
    Link,
    Topology,
    explicit_links,
    hub_spoke_links,
)

_ARP_MODES = {
    ArpMode.FLOOD: state_pb2.ARP_MODE_UNSPECIFIED,
    ArpMode.SUPPRESS: state_pb2.ARP_MODE_SUPPRESS,
    ArpMode.STRICT: state_pb2.ARP_MODE_STRICT,
}
BFD_KEYS: Mapping[str, str] = {
    "enabled": "enable",
    "min_rx_ms": "min_rx",
    "min_tx_ms": "min_tx",
    "decay_min_rx_ms": "decay_min_rx",
}
"""Keys of Interface.bfd that are not called as the fields are."""


def add_links(
    fragment: state_pb2.SegmentFragment, spec: SegmentSpec, members: Mapping[UUID, str]
) -> None:
    """Say how the members, names by uid, are connected, where that is not the full mesh alone."""
    if spec.topology is not Topology.FULL:
        fragment.topology = state_pb2.TOPOLOGY_LINKS
        fragment.links.extend(
            state_pb2.SegmentLink(
                a_host_uid=str(link.a), b_host_uid=str(link.b), split_horizon=link.split_horizon
            )
            for link in links_of(spec, members)
        )
    fragment.external_vteps.extend(sorted(spec.external_vteps))
    fragment.arp_mode = _ARP_MODES[spec.arp_mode]


def links_of(spec: SegmentSpec, members: Mapping[UUID, str]) -> list[Link]:
    if spec.topology is Topology.HUB_SPOKE:
        return hub_spoke_links(members, spec.hubs)
    return explicit_links(members, spec.links)


def remotes(fragment: state_pb2.SegmentFragment, host: str) -> set[str]:
    """Return the uids of the members that the one with this uid has a tunnel to."""
    if fragment.topology == state_pb2.TOPOLOGY_LINKS:
        pairs = ((link.a_host_uid, link.b_host_uid) for link in fragment.links)
        return {b if a == host else a for a, b in pairs if host in (a, b)}
    return {member.host_uid for member in fragment.members} - {host}


def tunnel_options(profile: Object | None) -> state_pb2.TunnelOptions | None:
    spec = profile.spec if profile else None
    if not isinstance(spec, TunnelProfileSpec):
        return None
    options = state_pb2.TunnelOptions(
        ttl=_word(spec.ttl),
        tos=_word(spec.tos),
        csum=spec.csum,
        df_default=spec.df_default,
        egress_pkt_mark=spec.egress_pkt_mark,
        gbp=bool(spec.gbp),
        flow_label=spec.flow_label or 0,
        source_port_min=spec.source_port_min or 0,
        source_port_max=spec.source_port_max or 0,
        bfd=dict(_bfd(spec.bfd)) if spec.bfd else {},
    )
    return options if options.ByteSize() else None


def _bfd(bfd: Bfd) -> Iterator[tuple[str, str]]:
    for field in fields(bfd):
        value = getattr(bfd, field.name)
        if value is not None:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            yield BFD_KEYS.get(field.name, field.name), text


def _word(value: int | str | None) -> str:
    return "" if value is None else str(value)
