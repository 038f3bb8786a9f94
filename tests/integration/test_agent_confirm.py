"""A change on trial, with the whole agent and a controller that answers or does not."""

from __future__ import annotations

import asyncio
import dataclasses
from functools import partial

import pytest
from ovsfleet.v1 import agent_pb2

from agent.model import HostState
from agent.safety import ConfirmPolicy, Safety
from tests.support.agent_lab import Lab, holds_again

pytestmark = pytest.mark.integration


def on_trial(lab: Lab, revision: int, *, seconds: int) -> HostState:
    """The lab's state with its first port in another VLAN."""
    state = lab.state(revision)
    moved = dataclasses.replace(state.ports[0], tag=9)
    safety = Safety(confirm=ConfirmPolicy.ALWAYS, confirm_timeout_s=seconds)
    return dataclasses.replace(state, ports=(moved, *state.ports[1:]), safety=safety)


async def test_a_change_is_confirmed_over_the_stream_and_asked_about_in_each_session(
    lab: Lab,
) -> None:
    lab.controller.confirms = False
    await lab.start(failpoint="before-trial")
    await lab.realize(lab.state())
    await lab.send(on_trial(lab, 2, seconds=600))
    await lab.agent.ended()
    planned = await asyncio.to_thread(lab.agent.call, "plan")
    assert "on trial: all of it is undone unless the controller confirms it" in planned.stdout
    await lab.start()
    status = await lab.reported(lambda each: bool(each.failures), "a change on trial")
    assert [each.reason for each in status.failures] == ["OnTrial"]
    assert (status.observed_revision, status.applied_revision) == (2, 1)
    await lab.controller.until(lambda: len(lab.controller.session.questions) > 1, "asked again")
    assert 0 < lab.agent.ask()["trial"]["remaining_s"] <= 600
    sessions = len(lab.controller.sessions)
    lab.controller.drop()
    lab.controller.confirms = True
    await lab.controller.until(lambda: len(lab.controller.sessions) > sessions, "a session")
    await lab.applied(2)
    nonces = [each.nonce for session in lab.controller.sessions for each in session.questions]
    assert len(set(nonces)) == len(nonces)
    assert lab.agent.ask()["trial"] is None


async def test_what_is_not_confirmed_is_undone_and_not_taken_again_however_often_it_comes(
    lab: Lab,
) -> None:
    lab.controller.confirms = False
    await lab.start()
    await lab.realize(lab.state())
    undone = on_trial(lab, 2, seconds=2)
    await lab.send(undone)
    await lab.reported(lambda each: bool(each.failures), "a change on trial")
    status = await lab.reported(
        lambda each: each.outcome == agent_pb2.OUTCOME_REVERTED, "the change undone"
    )
    assert (status.observed_revision, status.applied_revision) == (2, 1)
    assert [(each.resource, each.reason) for each in status.failures] == [("change", "Reverted")]
    lab.assert_realized()
    transactions = lab.ovs.transactions()
    for times in (1, 2, 3):
        sessions = len(lab.controller.sessions)
        lab.controller.drop()
        await lab.controller.until(partial(_is_newer, lab, sessions), "a session")
        assert lab.controller.session.hello.accepted_hash == lab.state().hash
        await lab.send(undone)
        await asyncio.to_thread(holds_again, partial(_was_refused, lab, times))
        await lab.reported(lambda each: each == status, "the same report")
    assert lab.ovs.transactions() == transactions


def _was_refused(lab: Lab, times: int) -> None:
    assert lab.agent.log().count("state not taken") == times


def _is_newer(lab: Lab, sessions: int) -> bool:
    return len(lab.controller.sessions) > sessions
