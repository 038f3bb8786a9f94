"""Sessions: mailboxes of size one, the newest session of a host, revisions that change nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import grpc
import pytest
from ovsfleet.v1 import agent_pb2

from controller.compiler import compile_host
from controller.compiler.state_features import STATE_FEATURES
from controller.services.status import HostReport, Outcome
from controller.southbound.identity import HostIdentity
from controller.southbound.sessions import HostSession, Sessions
from tests.support.model_fleet import ModelFleet, host, port, segment

FAR = datetime(2100, 1, 1, tzinfo=UTC)
HOST = UUID(int=9)


def open_session(
    epoch: int = 1,
    *,
    accepted: tuple[int, bytes] = (0, b""),
    applied: tuple[int, bytes] = (0, b""),
    features: frozenset[str] = STATE_FEATURES,
) -> HostSession:
    return HostSession(
        HostIdentity(HOST, "ab", FAR),
        epoch,
        accepted_revision=accepted[0],
        accepted_hash=accepted[1],
        applied_revision=applied[0],
        applied_hash=applied[1],
        fragments=(),
        features=features,
    )


@pytest.fixture
def fleet() -> ModelFleet:
    fleet = ModelFleet()
    fleet.apply(host("h1", "192.0.2.1"), segment("red"), port("p1", "h1", segment="red"))
    return fleet


def offer(session: HostSession, fleet: ModelFleet) -> bytes:
    intent = fleet.host_intent("h1")
    compiled = compile_host(intent)
    session.offer(compiled, intent)
    return compiled.hash


async def is_waiting(session: HostSession) -> bool:
    taking = asyncio.create_task(session.take())
    await asyncio.sleep(0)
    waiting = not taking.done()
    taking.cancel()
    return waiting


async def test_a_newer_state_takes_the_place_of_one_that_was_not_sent(fleet: ModelFleet) -> None:
    session = open_session()
    offer(session, fleet)
    fleet.apply(port("p2", "h1", segment="red"))
    newest = offer(session, fleet)
    message = (await session.take()).state
    assert (message.revision, message.hash) == (fleet.revision, newest)
    assert len(message.fragments) == 1
    assert await is_waiting(session)


async def test_an_answer_goes_before_a_state_and_of_many_the_newest(fleet: ModelFleet) -> None:
    session = open_session()
    offer(session, fleet)
    for number in range(20):
        confirmation = agent_pb2.Confirmation(nonce=b"%d" % number)
        session.answer(agent_pb2.SessionResponse(confirmation=confirmation))
    sent = [await session.take() for _ in range(17)]
    assert [each.confirmation.nonce for each in sent[:16]] == [b"%d" % n for n in range(4, 20)]
    assert sent[-1].state.revision == fleet.revision
    assert await is_waiting(session)


async def test_a_state_is_not_sent_twice_nor_to_an_agent_that_has_it(fleet: ModelFleet) -> None:
    session = open_session()
    held = offer(session, fleet)
    await session.take()
    offer(session, fleet)
    assert await is_waiting(session)
    knowing = open_session(accepted=(fleet.revision, held))
    offer(knowing, fleet)
    assert await is_waiting(knowing)


async def test_a_state_that_comes_back_before_the_other_was_sent_is_sent_all_the_same(
    fleet: ModelFleet,
) -> None:
    session = open_session()
    first = offer(session, fleet)
    await session.take()
    fleet.apply(port("p1", "h1", segment="red", mtu=1400))
    offer(session, fleet)
    fleet.apply(port("p1", "h1", segment="red"))
    assert offer(session, fleet) == first
    message = (await session.take()).state
    assert message.revision == fleet.revision
    assert not message.fragments


async def test_a_report_of_an_equal_state_counts_for_the_newest_revision(
    fleet: ModelFleet,
) -> None:
    session = open_session()
    held = offer(session, fleet)
    old = HostReport(1, 1, held, Outcome.APPLIED)
    fleet.apply(segment("unrelated"))
    offer(session, fleet)
    assert session.heard(old) == replace(
        old, observed_revision=fleet.revision, applied_revision=fleet.revision
    )
    other = replace(old, applied_hash=b"something else")
    assert session.heard(other) == other
    assert session.advanced is None


async def test_a_state_that_comes_back_counts_only_when_the_one_between_is_undone(
    fleet: ModelFleet,
) -> None:
    before = compile_host(fleet.host_intent("h1")).hash
    at = fleet.revision
    session = open_session(accepted=(at, before), applied=(at, before))
    fleet.apply(port("p1", "h1", segment="red", mtu=1400))
    offer(session, fleet)
    await session.take()
    fleet.apply(port("p1", "h1", segment="red"))
    assert offer(session, fleet) == before
    assert session.advanced is None
    early = HostReport(at, at, before, Outcome.APPLIED)
    assert session.heard(early) == early
    assert session.advanced is None
    session.heard(replace(early, applied_revision=fleet.revision))
    assert session.advanced == (fleet.revision, before)


async def test_a_state_that_an_agent_has_accepted_and_not_applied_does_not_count(
    fleet: ModelFleet,
) -> None:
    content = compile_host(fleet.host_intent("h1")).hash
    at = fleet.revision
    session = open_session(accepted=(at + 2, content), applied=(at, content))
    fleet.apply(segment("a"), segment("b"), segment("c"))
    fleet.apply(segment("d"))
    fleet.apply(segment("e"))
    offer(session, fleet)
    assert session.advanced is None
    session.heard(HostReport(at + 2, at + 2, content, Outcome.APPLIED))
    assert session.advanced == (fleet.revision, content)


async def test_a_state_that_an_agent_gave_back_is_sent_again_when_it_is_intended_anew(
    fleet: ModelFleet,
) -> None:
    session = open_session()
    offer(session, fleet)
    await session.take()
    session.heard(HostReport(fleet.revision, 0, b"", Outcome.REVERTED))
    fleet.apply(segment("unrelated"))
    offer(session, fleet)
    assert (await session.take()).state.revision == fleet.revision


async def test_of_two_sessions_of_a_host_the_one_with_the_higher_epoch_stays() -> None:
    for first, second in ((1, 2), (2, 1)):
        sessions = Sessions()
        one, other = open_session(first), open_session(second)
        sessions.add(one)
        sessions.add(other)
        newer, older = (other, one) if second > first else (one, other)
        assert sessions.get(HOST) is newer
        assert older.ending.result().code is grpc.StatusCode.ABORTED
        assert not newer.ending.done()
        sessions.remove(older)
        assert sessions.get(HOST) is newer
        sessions.remove(newer)
        assert len(sessions) == 0


def test_an_agent_may_reconnect_and_restart_but_not_come_back_after_another() -> None:
    sessions = Sessions()
    assert [sessions.admit(HOST, nonce) for nonce in ("a", "a", "b", "b", "c")] == [True] * 5
    assert not sessions.admit(HOST, "a")
    assert sessions.admit(UUID(int=10), "a")
