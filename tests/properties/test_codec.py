"""The codec loses nothing that the model can say, and never guesses."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ovsfleet.v1 import agent_pb2, state_pb2

from agent.controlplane.codec import (
    CodecError,
    MissingFragmentError,
    decode_host_state,
    dump_host_state,
    encode_host_state,
    encode_status,
    load_host_state,
)
from agent.errors import ErrorKind, Failure
from agent.fragments import ArpMode, Topology
from agent.model import Backend, BridgeType, DatapathType, HostState, PortType, segment_id
from agent.planner import make_plan
from tests.support.bound_strategies import binding_states
from tests.support.hosts import bare_host, desired_states


@given(binding_states(), st.frozensets(st.sampled_from(("port:9", "segment:Z", "overlay"))))
def test_a_state_survives_the_wire_and_the_disk(state: HostState, removed: frozenset[str]) -> None:
    state = replace(state, removed=removed)
    message = encode_host_state(state)
    assert decode_host_state(message, {}) == state
    assert encode_host_state(decode_host_state(message, {})) == message
    assert load_host_state(dump_host_state(state)) == state


@given(desired_states())
def test_fragments_that_are_known_need_not_be_sent(state: HostState) -> None:
    message = encode_host_state(state)
    del message.fragments[:]
    assert decode_host_state(message, state.fragments) == state


@given(desired_states())
def test_fragments_that_nobody_has_are_named(state: HostState) -> None:
    message = encode_host_state(state)
    del message.fragments[:]
    if state.fragments:
        with pytest.raises(MissingFragmentError) as error:
            decode_host_state(message, {})
        assert error.value.hashes == frozenset(state.fragments)


@given(desired_states(), st.integers(8, 2**31 - 1))
def test_an_enum_value_from_the_future_is_reported_as_unsupported(
    state: HostState, number: int
) -> None:
    message = encode_host_state(state)
    for bridge in message.host.bridges:
        bridge.datapath_type = number  # type: ignore[assignment]
        bridge.type = number  # type: ignore[assignment]
    for port in message.host.ports:
        port.type = number  # type: ignore[assignment]
    for attachment in message.host.attachments:
        attachment.backend = number  # type: ignore[assignment]
    for fragment in message.fragments:
        fragment.topology = number  # type: ignore[assignment]
        fragment.arp_mode = number  # type: ignore[assignment]
    decoded = decode_host_state(state_pb2.HostState.FromString(message.SerializeToString()), {})
    assert all(bridge.datapath_type is DatapathType.UNKNOWN for bridge in decoded.bridges)
    assert all(bridge.type is BridgeType.UNKNOWN for bridge in decoded.bridges)
    assert all(port.type is PortType.UNKNOWN for port in decoded.ports)
    assert all(each.backend is Backend.UNKNOWN for each in decoded.attachments)
    shapes = {(each.topology, each.arp_mode) for each in decoded.fragments.values()}
    assert shapes <= {(Topology.UNKNOWN, ArpMode.UNKNOWN)}
    assert load_host_state(dump_host_state(decoded)) == decoded
    failures = {each.resource: each for each in make_plan(decoded, bare_host()).failures}
    unknown = {each.id for each in decoded.bridges} | {each.id for each in decoded.ports}
    unknown |= {segment_id(each.segment_uid) for each in decoded.attachments}
    assert {failures[each].kind for each in unknown} <= {ErrorKind.UNSUPPORTED}


@given(desired_states())
def test_a_controller_that_knows_no_backend_means_open_vswitch(state: HostState) -> None:
    message = encode_host_state(state)
    for attachment in message.host.attachments:
        attachment.ClearField("backend")
    decoded = decode_host_state(message, {})
    assert {each.backend for each in decoded.attachments} <= {Backend.OVS}


@given(st.binary(max_size=64))
def test_bytes_that_are_no_state_are_a_codec_error_or_a_state(content: bytes) -> None:
    try:
        state = load_host_state(content)
    except CodecError:
        return
    assert load_host_state(dump_host_state(state)) == state


def test_a_state_without_a_host_part_is_refused() -> None:
    with pytest.raises(CodecError, match="no host part"):
        decode_host_state(state_pb2.HostState(revision=3), {})


@pytest.mark.parametrize("kind", ErrorKind)
def test_every_kind_of_failure_has_a_word_on_the_wire(kind: ErrorKind) -> None:
    status = encode_status(
        observed_revision=4,
        applied_revision=3,
        applied_hash=b"h",
        outcome=agent_pb2.OUTCOME_APPLIED,
        failures=[Failure("port:1", kind, "Reason", "message")],
    )
    assert agent_pb2.ErrorKind.Name(status.failures[0].kind) == f"ERROR_KIND_{kind.name}"
