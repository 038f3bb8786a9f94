"""From an agent's inventory to the domain's. Total, and bounded whatever an agent sends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from ovsfleet.v1 import agent_pb2

from controller.domain.inventory import (
    ForeignBridge,
    ForeignInterface,
    ForeignLink,
    ForeignPort,
    Inventory,
)
from controller.southbound.words import iface_id, text

_MOST_BRIDGES = 500
_MOST_PORTS = 10_000
"""Agents tell up to 8000 of guests and 2000 others."""
_MOST_INTERFACES = 64
"""Of one port: those of the largest bonds."""
_MOST_LINKS = 2000
_MOST_ADDRESSES = 256


def decode_inventory(message: agent_pb2.Inventory) -> Inventory:
    return Inventory(
        bridges=tuple(_bridges(message.bridges[:_MOST_BRIDGES])),
        links=tuple(map(_link, message.links[:_MOST_LINKS])),
        bridges_total=message.bridges_total,
        ports_total=message.ports_total,
        links_total=message.links_total,
    )


def _bridges(messages: Iterable[agent_pb2.ForeignBridge]) -> Iterator[ForeignBridge]:
    room = _MOST_PORTS
    for message in messages:
        yield ForeignBridge(
            name=text(message.name),
            datapath_type=text(message.datapath_type),
            fail_mode=text(message.fail_mode),
            is_ours=message.is_ours,
            ports=tuple(map(_port, message.ports[:room])),
        )
        room -= min(room, len(message.ports))


def _port(message: agent_pb2.ForeignPort) -> ForeignPort:
    return ForeignPort(
        name=text(message.name),
        tag=message.tag,
        interfaces=tuple(map(_interface, message.interfaces[:_MOST_INTERFACES])),
    )


def _interface(message: agent_pb2.ForeignInterface) -> ForeignInterface:
    return ForeignInterface(
        name=text(message.name),
        type=text(message.type),
        iface_id=iface_id(message.iface_id),
        attached_mac=text(message.attached_mac),
        vm_id=text(message.vm_id),
        error=text(message.error),
        remote_ip=text(message.remote_ip),
        bound=message.bound,
    )


def _link(message: agent_pb2.ForeignLink) -> ForeignLink:
    return ForeignLink(
        name=text(message.name),
        kind=text(message.kind),
        master=text(message.master),
        mac=text(message.mac),
        mtu=message.mtu,
        up=message.up,
        addresses=tuple(map(text, islice(message.addresses, _MOST_ADDRESSES))),
    )
