"""Whatever an agent sends becomes something that the store can hold, or a refusal by protobuf."""

from __future__ import annotations

from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from ovsfleet.v1 import agent_pb2

from controller.services.status import Outcome
from controller.southbound.codec import decode_capabilities, decode_hello, decode_status
from controller.southbound.drift_codec import decode_drift
from controller.southbound.inventory_codec import decode_inventory

words = st.text(max_size=50).filter(lambda word: word.encode("utf-8", "ignore").decode() == word)
failures = st.builds(
    agent_pb2.Failure,
    resource=words,
    kind=st.integers(-(2**31), 2**31 - 1),
    reason=words,
    message=st.text(alphabet="a\0é", max_size=5000),
)


@given(
    st.builds(
        agent_pb2.HostStatus,
        observed_revision=st.integers(0, 2**64 - 1),
        applied_revision=st.integers(0, 2**64 - 1),
        applied_hash=st.binary(max_size=100),
        outcome=st.integers(-(2**31), 2**31 - 1),
        failures=st.lists(failures, max_size=5),
    )
)
def test_a_status_from_any_agent_can_be_stored(message: agent_pb2.HostStatus) -> None:
    report = decode_status(message)
    assert 0 <= report.applied_revision < 2**63
    assert 0 <= report.observed_revision < 2**63
    assert report.outcome in Outcome
    resources = [failure.resource for failure in report.failures]
    assert len(resources) == len(set(resources))
    for failure in report.failures:
        assert "\0" not in failure.resource + failure.reason + failure.message
        assert failure.kind in {
            *("invalid", "unsupported", "conflict", "transient", "datapath", "bug"),
        }


@given(st.binary(max_size=200))
def test_bytes_that_parse_as_a_request_decode(content: bytes) -> None:
    request = agent_pb2.SessionRequest()
    try:
        request.ParseFromString(content)
    except DecodeError:
        return
    decode_hello(request.hello)
    decode_status(request.status)
    decode_capabilities(request.capabilities)
    decode_inventory(request.inventory)
    decode_drift(request.drift)


@given(st.integers(200, 260))
def test_an_iface_id_is_told_whole_or_not_at_all(length: int) -> None:
    interface = agent_pb2.ForeignInterface(name="tap1", iface_id="x" * length)
    port = agent_pb2.ForeignPort(name="tap1", interfaces=[interface])
    bridge = agent_pb2.ForeignBridge(name="br", ports=[port])
    (found,) = decode_inventory(agent_pb2.Inventory(bridges=[bridge])).bridges
    assert len(found.ports[0].interfaces[0].iface_id) == (length if length <= 255 else 0)
