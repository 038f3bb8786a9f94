"""A host that undid a change is sent nothing, however often it comes back, until it is released."""

from __future__ import annotations

import asyncio

import pytest
from ovsfleet.v1 import agent_pb2, state_pb2

from controller.domain.intent import Kind
from tests.support.agent_end import (
    AgentEnd,
    Identity,
    Site,
    enrol,
    eventually,
    hello_after,
    session,
)
from tests.support.grants import release
from tests.support.manifests import apply, port
from tests.support.southbound_site import status_of

pytestmark = pytest.mark.integration


async def undoes(
    agent: AgentEnd, kept: state_pb2.HostState | None, undone: state_pb2.HostState
) -> None:
    await agent.send_status(
        agent_pb2.HostStatus(
            observed_revision=undone.revision,
            applied_revision=kept.revision if kept else 0,
            applied_hash=kept.hash if kept else b"",
            outcome=agent_pb2.OUTCOME_REVERTED,
            failures=[
                agent_pb2.Failure(
                    resource="change",
                    kind=agent_pb2.ERROR_KIND_CONFLICT,
                    reason="Reverted",
                    message="port 'bad' took eth0",
                )
            ],
        )
    )


async def held_at(site: Site, revision: int) -> None:
    await eventually(
        lambda: status_of(site.db, Kind.HOST, "h1").pinned_revision == revision,
        f"h1 is held at revision {revision}",
    )


async def test_what_a_host_undid_is_not_sent_again_before_it_is_released(
    site: Site, h1: Identity
) -> None:
    h2 = await enrol(site, "h2")
    async with session(site, h1) as agent:
        good = await agent.receive()
        await agent.report(good)
        bad = await agent.receive_until(apply(site.db, port("bad", "h1", segment="red")).revision)
        await undoes(agent, good, bad)
        await held_at(site, good.revision)
    for number in range(3):
        async with session(site, h1, hello_after(good)) as agent, session(site, h2) as other:
            await undoes(agent, good, bad)
            written = apply(
                site.db,
                port(f"more{number}", "h1", segment="red"),
                port(f"p{number}", "h2", segment="red"),
            )
            # When the one has its state of a revision, the other was looked at for it, too.
            await other.receive_until(written.revision)
            assert status_of(site.db, Kind.PORT, "bad").conditions[0].reason == "HostPinned"
            sent = asyncio.create_task(agent.stream.read())
            later = apply(site.db, port(f"q{number}", "h2", segment="red"))
            await other.receive_until(later.revision)
            assert not sent.done()
            sent.cancel()
    async with session(site, h1, hello_after(good)) as agent:
        await undoes(agent, good, bad)
        released = release(site.db, "h1")
        head = await agent.receive()
        assert head.revision == released.revision
        assert head.host.grants.count == 1
        assert [f.vni for f in head.fragments] == [10_000]
        # What it still says of the older state is not a word about this one.
        await undoes(agent, good, bad)
        await agent.report(head)
        last = apply(site.db, port("last", "h1", segment="red")).revision
        assert (await agent.receive()).revision == last
        assert status_of(site.db, Kind.HOST, "h1").pinned_revision is None


async def test_a_host_that_undid_its_first_state_keeps_its_session_and_is_sent_nothing(
    site: Site, h1: Identity
) -> None:
    async with session(site, h1) as agent:
        await undoes(agent, None, await agent.receive())
        await held_at(site, 0)
        apply(site.db, port("p1", "h1", segment="red"))
        released = release(site.db, "h1")
        assert (await agent.receive()).revision == released.revision
