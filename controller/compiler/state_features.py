"""What an agent must understand for what its host is sent, and what of it a given one does not.

A field that is newer than an agent is dropped by the agent's protobuf without a trace. So an agent
says by words what it understands beyond the first version of ``ovsfleet/v1/state.proto``, and
whatever came after that version has its word here. Pure; that a state asks for much never takes
anything out of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any
from uuid import UUID

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from ovsfleet.v1 import state_pb2

from controller.compiler.host_state import CompiledHost
from controller.compiler.naming import OVERLAY_ID, segment_id
from controller.domain.status import CHANGE_RESOURCE

FIELDS: Mapping[str, str] = {
    "HostPart.tunnels": "tunnels",
    "HostPart.mirrors": "mirrors",
    "HostPart.flow_exports": "flow_exports",
    "HostPart.grants": "grants",
    "HostPart.safety": "safety",
    "Bridge.settings": "settings",
    "Bridge.link_attributes": "linux_bridges",
    "Port.trunks": "vlan_modes",
    "Port.vlan_mode": "vlan_modes",
    "Port.settings": "settings",
    "Port.interface_settings": "settings",
    "Port.admin_down": "admin_state",
    "Port.patch": "patches",
    "Port.members": "bonds",
    "Port.tap_owner": "taps",
    "Port.qos": "qos",
    "Port.bridge_port_attributes": "bridge_port_attributes",
    "Port.iface_id": "bound_ports",
    "SegmentAttachment.linux_bridge": "kernel_backend",
    "SegmentFragment.options": "tunnel_options",
    "SegmentFragment.links": "links",
    "SegmentFragment.external_vteps": "external_vteps",
    "SegmentMember.macs": "kernel_backend",
    "SegmentMember.neighbours": "arp_modes",
    "SegmentMember.former_vtep": "former_vteps",
    "SegmentMember.former_is_unused": "former_vteps",
}
"""Words of fields that came to messages later; those of enums have theirs by value."""

VALUES: Mapping[str, str] = {
    "BACKEND_KERNEL": "kernel_backend",
    "BRIDGE_TYPE_LINUX": "linux_bridges",
    "PORT_TYPE_TAP": "taps",
    "PORT_TYPE_SYSTEM": "system_ports",
    "PORT_TYPE_PATCH": "patches",
    "PORT_TYPE_BOND": "bonds",
    "PORT_TYPE_BOUND": "bound_ports",
    "TOPOLOGY_LINKS": "links",
    "ARP_MODE_SUPPRESS": "arp_modes",
    "ARP_MODE_STRICT": "arp_modes",
}

AS_BEFORE = frozenset({"BACKEND_OVS", "BRIDGE_TYPE_OVS", "TOPOLOGY_FULL", "ARP_MODE_FLOOD"})
"""Values that say what an agent does anyway that does not know the field."""

STATE_FEATURES = frozenset(FIELDS.values()) | frozenset(VALUES.values())


def not_understood(
    compiled: Mapping[UUID, CompiledHost], lacks: Mapping[UUID, frozenset[str]]
) -> dict[UUID, dict[str, list[str]]]:
    """Of each host in ``lacks``, by resource id, the words that its agent would need to have."""
    shared: dict[bytes, frozenset[str]] = {}
    return {
        host: {
            resource: sorted(words & lacks[host])
            for resource, words in _asked_of_host(compiled[host], shared).items()
            if words & lacks[host]
        }
        for host in lacks.keys() & compiled.keys()
    }


def _asked_of_host(
    compiled: CompiledHost, shared: dict[bytes, frozenset[str]]
) -> dict[str, frozenset[str]]:
    """Words by resource; ``shared`` has those of the fragments that were looked at before."""
    asked: dict[str, set[str]] = {}
    for resource, words in _asked_of_part(compiled.part):
        asked.setdefault(resource, set()).update(words)
    for key, fragment in compiled.fragments.items():
        if key not in shared:
            shared[key] = frozenset(_words(fragment))
        asked.setdefault(_segment_id(fragment.segment_uid), set()).update(shared[key])
    return {resource: frozenset(words) for resource, words in asked.items() if words}


def _asked_of_part(part: state_pb2.HostPart) -> Iterator[tuple[str, Iterator[str]]]:
    for field, value in part.ListFields():
        word = FIELDS.get(f"HostPart.{field.name}")
        for each in _parts(field, value):
            yield _resource_of(each), chain([] if word is None else [word], _words(each))


def _resource_of(message: Any) -> str:
    """Its id, or that of what it belongs to; what says neither is of the overlay bridge."""
    if isinstance(message, state_pb2.Grants | state_pb2.Safety):
        return CHANGE_RESOURCE
    fields = message.DESCRIPTOR.fields_by_name
    if "id" in fields:
        return str(message.id)
    return _segment_id(message.segment_uid) if "segment_uid" in fields else OVERLAY_ID


def _segment_id(uid: str) -> str:
    return segment_id(UUID(uid))


def _words(message: Message) -> Iterator[str]:
    """Yield the words of everything that is set in a message, at any depth."""
    name = message.DESCRIPTOR.name
    for field, value in message.ListFields():
        parts = _parts(field, value)
        said = not parts or any(part.ByteSize() for part in parts)
        if said and (word := FIELDS.get(f"{name}.{field.name}")):
            yield word
        if field.enum_type is not None and (word := _word_of(field.enum_type, value)):
            yield word
        for part in parts:
            yield from _words(part)


def _word_of(enum: EnumDescriptor, number: int) -> str | None:
    value = enum.values_by_number.get(number)
    return None if value is None else VALUES.get(value.name)


def _parts(field: FieldDescriptor, value: Any) -> Sequence[Message]:
    """The messages in a field: one, several, those that a map has as values, or none."""
    if isinstance(value, Message):
        return (value,)
    if field.message_type is None:
        return ()
    values = value.values() if isinstance(value, Mapping) else value
    return [each for each in values if isinstance(each, Message)]
