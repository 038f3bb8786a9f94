"""An agent of another version on the state that its predecessor left."""

from __future__ import annotations

import dataclasses

import pytest
from ovsfleet.v1 import agent_pb2

from agent.cache import StateCache
from agent.controlplane import codec
from agent.model import HostState, PortType
from tests.support.agent_lab import Lab

pytestmark = pytest.mark.integration


def leave_as_predecessor(lab: Lab, understood: HostState) -> None:
    """Put into the state directory what an older agent made of the accepted state."""
    cache = StateCache(
        lab.agent.state_dir, codec.dump_host_state, codec.load_host_state, version="0.0.1"
    )
    cache.load()
    cache.record_applied(cache.accept(understood), frozenset())


def half_understood(state: HostState) -> HostState:
    """The state as an agent keeps it that does not know the type of port w1."""
    known, unknown = state.ports
    return dataclasses.replace(
        state, ports=(known, dataclasses.replace(unknown, type=PortType.UNKNOWN))
    )


async def test_what_the_predecessor_did_not_understand_is_sent_again_and_stays_meanwhile(
    lab: Lab,
) -> None:
    await lab.start()
    await lab.realize(lab.state())
    await lab.agent.end()
    leave_as_predecessor(lab, half_understood(lab.state()))
    transactions = lab.ovs.transactions()
    await lab.start()
    hello = lab.controller.session.hello
    assert (hello.accepted_hash, list(hello.fragment_hashes)) == (b"", [])
    assert (hello.applied_revision, hello.applied_hash) == (1, b"hash of 1")
    status = await lab.reported(lambda each: bool(each.failures), "the unknown type")
    assert [(each.resource, each.kind) for each in status.failures] == [
        ("port:w1", agent_pb2.ERROR_KIND_UNSUPPORTED)
    ]
    await lab.realize(lab.state())
    lab.assert_realized()
    assert lab.agent.writes() == (0, 0)
    assert lab.ovs.transactions() == transactions


async def test_a_state_sent_again_after_an_upgrade_is_offered_from_then_on(lab: Lab) -> None:
    await lab.start()
    await lab.realize(lab.state())
    await lab.agent.end()
    leave_as_predecessor(lab, lab.state())
    await lab.start()
    await lab.applied(1)
    lab.controller.drop()
    await lab.controller.until(lambda: len(lab.controller.sessions) == 3, "another session")
    assert lab.controller.session.hello.accepted_hash == b""
    await lab.realize(lab.state())
    lab.controller.drop()
    await lab.controller.until(lambda: len(lab.controller.sessions) == 4, "another session")
    hello = lab.controller.session.hello
    assert (hello.accepted_hash, list(hello.fragment_hashes)) == (b"hash of 1", [b"f1"])
