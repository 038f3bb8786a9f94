"""From what is foreign on the host to the message that tells of it. Owns nothing."""

from __future__ import annotations

from ovsfleet.v1 import agent_pb2

from agent.observed import Link, OvsInterface, OvsPort
from agent.planner.foreign import Foreign, ForeignBridge, iface_id

LARGEST = 2 * 1024 * 1024
"""Bytes of a message; a controller takes no larger one than four million."""
_LONGEST_WORD = 253


def encode_inventory(found: Foreign) -> agent_pb2.Inventory:
    message = agent_pb2.Inventory(
        bridges=[_bridge(each) for each in found.bridges],
        links=[_link(each) for each in found.links],
        bridges_total=found.bridges_total,
        ports_total=found.ports_total,
        links_total=found.links_total,
    )
    while message.ByteSize() > LARGEST and _halve(message):
        pass
    return message


def _halve(message: agent_pb2.Inventory) -> bool:
    """Bridges of ours come first, and are the last to be left out; False when all is left out.

    Guests are left out when there is nothing else any more."""
    before = message.ByteSize()
    for bridge in message.bridges:
        others = [port for port in bridge.ports if not _is_guest(port)]
        guests = [port for port in bridge.ports if _is_guest(port)]
        del bridge.ports[:]
        bridge.ports.extend([*guests, *others[: len(others) // 2]])
    del message.links[len(message.links) // 2 :]
    if message.ByteSize() < before:
        return True
    for bridge in message.bridges:
        for port in bridge.ports:
            del port.interfaces[(len(port.interfaces) + 1) // 2 :]
        del bridge.ports[(len(bridge.ports) + 1) // 2 :]
    del message.bridges[(len(message.bridges) + 1) // 2 :]
    return message.ByteSize() < before


def _is_guest(port: agent_pb2.ForeignPort) -> bool:
    return any(each.iface_id for each in port.interfaces)


def _bridge(found: ForeignBridge) -> agent_pb2.ForeignBridge:
    return agent_pb2.ForeignBridge(
        name=_word(found.row.name),
        datapath_type=_word(found.row.datapath_type),
        fail_mode=_word(found.row.fail_mode),
        is_ours=found.is_ours,
        ports=[_port(each, bound=each.name in found.bound) for each in found.ports],
    )


def _port(port: OvsPort, *, bound: bool) -> agent_pb2.ForeignPort:
    return agent_pb2.ForeignPort(
        name=_word(port.name),
        tag=port.tag or 0,
        interfaces=[_interface(each, bound=bound) for each in port.interfaces],
    )


def _interface(interface: OvsInterface, *, bound: bool) -> agent_pb2.ForeignInterface:
    marks = interface.external_ids
    return agent_pb2.ForeignInterface(
        name=_word(interface.name),
        type=_word(interface.type),
        iface_id=iface_id(interface),
        attached_mac=_word(marks.get("attached-mac")),
        vm_id=_word(marks.get("vm-id")),
        error=_word(interface.error),
        remote_ip=_word(interface.options.get("remote_ip")),
        bound=bound,
    )


def _link(link: Link) -> agent_pb2.ForeignLink:
    return agent_pb2.ForeignLink(
        name=_word(link.name),
        kind=_word(link.kind),
        master=_word(link.master),
        mac=link.mac,
        mtu=link.mtu,
        up=link.up,
        addresses=sorted(link.addresses),
    )


def _word(text: str | None) -> str:
    return (text or "")[:_LONGEST_WORD]
