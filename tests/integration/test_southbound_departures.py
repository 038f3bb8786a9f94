"""What a machine is told that may not speak for its host any more, over real mutual TLS."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial

import grpc
import pytest

from controller.domain.departures import REFUSALS, Revocation
from controller.domain.intent import DEFAULT_PROJECT, Kind
from controller.services import decommissioning, enrolment
from controller.services.intent import Writer
from controller.southbound.timing import utc_now
from controller.store.engine import Database
from controller.store.fleet import lock_revision
from tests.support.agent_end import (
    AgentEnd,
    Identity,
    RefusedError,
    Site,
    eventually,
    hello_after,
    key_pem,
    new_key,
    request_identity,
    session,
)
from tests.support.manifests import ADMIN, apply, port, remove

pytestmark = pytest.mark.integration

DENIED = grpc.StatusCode.PERMISSION_DENIED
RED = port("p1", "h1", segment="red")


async def replacement(site: Site) -> Identity:
    made = enrolment.create_join_token(
        site.db,
        ADMIN,
        "h1",
        ttl=timedelta(hours=1),
        now=utc_now(),
        request_id="r",
        replaces=True,
    )
    key = new_key()
    answer = await request_identity(site, "h1", made.secret, key)
    return Identity(key_pem(key), answer.certificate, answer.ca_certificate, answer.host_uid)


async def test_the_machine_before_is_cut_off_and_the_new_one_is_sent_everything(
    site: Site, h1: Identity
) -> None:
    apply(site.db, RED)
    async with session(site, h1) as old:
        first = await old.receive()
        await old.report(first)
        new = await replacement(site)
        code, _ = await old.ended()
        assert code in (DENIED, grpc.StatusCode.ABORTED)
    # The machine before may be told while it still writes its Hello.
    with pytest.raises((RefusedError, grpc.aio.AioRpcError), match="another machine has this"):
        async with session(site, h1, hello_after(first)):
            pass
    async with session(site, new, hello_after(None, instance_nonce="two")) as agent:
        state = await agent.receive()
    assert (state.hash, state.host) == (first.hash, first.host)


async def test_a_host_that_is_removed_is_told_to_stop(site: Site, h1: Identity) -> None:
    apply(site.db, RED)
    async with session(site, h1) as agent:
        await agent.report(await agent.receive())
        await asyncio.to_thread(decommission, site.db)
        await empty(agent)
        settle = partial(decommissioning.settle, site.db, now=utc_now())
        await eventually(settle, "h1 is removed")
        assert await agent.ended() == (DENIED, REFUSALS[Revocation.REMOVED])


def decommission(db: Database) -> None:
    remove(db, RED)
    with db.transaction() as tx:
        writer = Writer(tx, ADMIN, "r", lock_revision(tx))
        host = writer.find(Kind.HOST, DEFAULT_PROJECT, "h1")
        decommissioning.decommission(
            writer, host, force=False, now=utc_now(), listened=timedelta(0)
        )


async def empty(agent: AgentEnd) -> None:
    """Apply states until nothing is in them."""
    while (state := await agent.receive()).host.ports:
        pass
    await agent.report(state)
