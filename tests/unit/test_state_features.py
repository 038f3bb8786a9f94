"""Words for what agents understand: every part of a desired state is old, or has its word."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping, MutableSequence
from typing import Any, cast
from uuid import UUID

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from ovsfleet.v1 import state_pb2

from agent.state_features import STATE_FEATURES as AGENTS
from controller.compiler import CompiledHost
from controller.compiler.state_features import (
    AS_BEFORE,
    FIELDS,
    STATE_FEATURES,
    VALUES,
    not_understood,
)

CAME_WITH = {
    "HostState": 7,
    "HostPart": 6,
    "OverlayBridge": 2,
    "Bridge": 3,
    "Port": 9,
    "VethPeer": 2,
    "SegmentAttachment": 3,
    "SegmentFragment": 6,
    "SegmentMember": 3,
    "Settings": 2,
    "Atoms": 1,
    "Atom": 3,
    "Keys": 1,
    "Tunnel": 11,
    "PatchPeer": 3,
    "TapOwner": 2,
    "Qos": 3,
    "Queue": 3,
    "SegmentLink": 3,
    "TunnelOptions": 10,
    "Neighbour": 2,
    "Mirror": 11,
    "MirrorTunnel": 3,
    "FlowExport": 4,
    "Grants": 7,
    "Adoption": 3,
    "Safety": 3,
}
"""The last field that each message had when it was new; a message that is newer than the first
version is reached through fields that have a word."""

FIRST = {
    "DATAPATH_TYPE_SYSTEM",
    "DATAPATH_TYPE_NETDEV",
    "PORT_TYPE_INTERNAL",
    "PORT_TYPE_VETH",
    # Of a message that is newer as a whole.
    "FLOW_PROTOCOL_NETFLOW",
    "FLOW_PROTOCOL_SFLOW",
    "FLOW_PROTOCOL_IPFIX",
    "CONFIRM_POLICY_MANAGEMENT_PATH",
    "CONFIRM_POLICY_ALWAYS",
}
HOST = UUID(int=1)
SEGMENT = UUID(int=2)


def messages(descriptor: Descriptor, seen: dict[str, Descriptor]) -> dict[str, Descriptor]:
    """All messages that can be in one, itself included, without the entries of maps."""
    if descriptor.GetOptions().map_entry:
        return messages_of_fields(descriptor, seen)
    if descriptor.name in seen:
        return seen
    seen[descriptor.name] = descriptor
    return messages_of_fields(descriptor, seen)


def messages_of_fields(
    descriptor: Descriptor, seen: dict[str, Descriptor]
) -> dict[str, Descriptor]:
    for field in descriptor.fields:
        if field.message_type is not None:
            messages(field.message_type, seen)
    return seen


ALL = messages(state_pb2.HostState.DESCRIPTOR, {})


def fields() -> Iterator[tuple[str, FieldDescriptor]]:
    for name, descriptor in ALL.items():
        for field in descriptor.fields:
            yield f"{name}.{field.name}", field


def test_every_field_is_as_old_as_its_message_or_has_a_word() -> None:
    """Whoever adds a field says which word an agent needs for it; enums have theirs by value."""
    later = {
        name
        for name, field in fields()
        if field.number > CAME_WITH[name.partition(".")[0]] and field.enum_type is None
    }
    assert later == FIELDS.keys()


def test_every_value_of_an_enum_is_of_the_first_version_or_has_a_word() -> None:
    values = {
        value.name
        for _, field in fields()
        if field.enum_type is not None
        for value in field.enum_type.values
        if value.number
    }
    assert values == FIRST | AS_BEFORE | VALUES.keys()
    assert not (FIRST | AS_BEFORE) & VALUES.keys()


def test_the_agent_of_this_version_understands_all_that_its_controller_asks_for() -> None:
    assert AGENTS == STATE_FEATURES


def compiled(
    part: state_pb2.HostPart, *fragments: state_pb2.SegmentFragment
) -> dict[UUID, CompiledHost]:
    return {HOST: CompiledHost(part, {f.hash: f for f in fragments}, b"", ())}


def plain_port(**more: object) -> state_pb2.Port:
    return state_pb2.Port(
        id="port:1",
        interface="p1",
        type=state_pb2.PORT_TYPE_INTERNAL,
        settings=state_pb2.Settings(),
        **more,  # type: ignore[arg-type]
    )


def fragment(**more: object) -> state_pb2.SegmentFragment:
    return state_pb2.SegmentFragment(
        hash=b"f",
        segment_uid=str(SEGMENT),
        vni=7,
        topology=state_pb2.TOPOLOGY_FULL,
        arp_mode=state_pb2.ARP_MODE_FLOOD,
        options=state_pb2.TunnelOptions(),
        **more,  # type: ignore[arg-type]
    )


KEYS = state_pb2.Settings(maps={"other_config": state_pb2.Keys(keys={"a": "b"})})


@pytest.mark.parametrize(
    ("state", "asked"),
    [
        (compiled(state_pb2.HostPart(ports=[plain_port()]), fragment()), {}),
        (
            compiled(state_pb2.HostPart(ports=[plain_port(interface_settings=KEYS, trunks=[7])])),
            {"port:1": ["settings", "vlan_modes"]},
        ),
        (
            compiled(
                state_pb2.HostPart(
                    mirrors=[state_pb2.Mirror(id="mirror:1")],
                    bridges=[state_pb2.Bridge(id="bridge:1", type=state_pb2.BRIDGE_TYPE_LINUX)],
                )
            ),
            {"mirror:1": ["mirrors"], "bridge:1": ["linux_bridges"]},
        ),
        (
            compiled(
                state_pb2.HostPart(
                    attachments=[
                        state_pb2.SegmentAttachment(
                            segment_uid=str(SEGMENT), backend=state_pb2.BACKEND_KERNEL
                        )
                    ]
                ),
                fragment(members=[state_pb2.SegmentMember(former_vtep="192.0.2.1")]),
            ),
            {f"segment:{SEGMENT}": ["former_vteps", "kernel_backend"]},
        ),
    ],
)
def test_a_resource_asks_for_the_words_of_what_is_said_of_it(
    state: dict[UUID, CompiledHost], asked: dict[str, list[str]]
) -> None:
    assert not_understood(state, {HOST: STATE_FEATURES})[HOST] == asked
    assert not_understood(state, {HOST: frozenset({"none"})})[HOST] == {}


def say(message: Any, field: Any, number: int = 1) -> None:
    """Say something in a field, at whatever depth it takes; ``number`` where it is one."""
    held: Any = getattr(message, field.name)
    if field.message_type is None:
        plain = "x" if field.cpp_type == field.CPPTYPE_STRING else number
        if isinstance(held, MutableSequence):
            held.append(plain)
        else:
            setattr(message, field.name, plain)
    elif isinstance(held, MutableMapping):
        entry = field.message_type.fields_by_name["value"]
        if entry.message_type is not None:
            say(held["key"], entry.message_type.fields[0])
        else:
            held["key"] = "x" if entry.cpp_type == entry.CPPTYPE_STRING else number
    else:
        say(held_or_added(held), field.message_type.fields[0])


def held_or_added(held: Any) -> Any:
    return held if isinstance(held, Message) else held.add()


def says(at: Any, name: str, number: int = 1) -> bool:
    """Say it in the first message that has this field (``Message.field``), from ``at`` on down."""
    if "segment_uid" in at.DESCRIPTOR.fields_by_name:
        at.segment_uid = str(SEGMENT)
    for field in at.DESCRIPTOR.fields:
        if f"{at.DESCRIPTOR.name}.{field.name}" == name:
            say(at, field, number)
            return True
    for field in at.DESCRIPTOR.fields:
        held: Any = getattr(at, field.name)
        if field.message_type is None or isinstance(held, MutableMapping):
            continue
        if says(held_or_added(held), name, number):
            return True
        at.ClearField(field.name)
    return False


def words_of(name: str, number: int = 1) -> set[str]:
    """What a state asks for that says this and no more than it takes to say it."""
    part, shared = state_pb2.HostPart(), fragment()
    assert says(part, name, number) or says(shared, name, number)
    asked = not_understood(compiled(part, shared), {HOST: STATE_FEATURES})[HOST]
    return {word for words in asked.values() for word in words}


@pytest.mark.parametrize("name", FIELDS)
def test_whatever_has_a_word_is_asked_for_where_it_is_said(name: str) -> None:
    assert FIELDS[name] in words_of(name)


def test_whatever_value_has_a_word_is_asked_for_where_it_is_said() -> None:
    asked = {
        value.name: words_of(name, value.number)
        for name, field in fields()
        if field.enum_type is not None
        for value in field.enum_type.values
        if value.name in VALUES
    }
    assert asked.keys() == VALUES.keys()
    assert [name for name, words in asked.items() if VALUES[name] not in words] == []


def test_a_kind_of_resource_that_hosts_get_later_asks_for_its_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    later = descriptor_pb2.FileDescriptorProto()
    state_pb2.DESCRIPTOR.CopyToProto(later)
    (part,) = (each for each in later.message_type if each.name == "HostPart")
    part.field.add(
        name="novelties", number=99, label=3, type=11, type_name=".ovsfleet.v1.FlowExport"
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(later)
    found = pool.FindMessageTypeByName("ovsfleet.v1.HostPart")
    sent: Any = message_factory.GetMessageClass(found)()
    sent.novelties.add(id="novelty:1")
    monkeypatch.setitem(cast("dict[str, str]", FIELDS), "HostPart.novelties", "novelties")
    asked = not_understood(compiled(sent), {HOST: frozenset({"novelties"})})
    assert asked == {HOST: {"novelty:1": ["novelties"]}}
