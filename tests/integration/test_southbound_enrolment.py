"""Enrolment on a real database: who gets an identity, and what those who do not cannot do."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import grpc
import psycopg
import pytest

from controller.domain.intent import Kind
from controller.domain.status import Phase
from tests.support.agent_end import (
    Identity,
    Site,
    TurnableClock,
    eventually,
    join_secret,
    new_key,
    request_identity,
    session,
)
from tests.support.manifests import apply, host
from tests.support.southbound_site import status_of

pytestmark = pytest.mark.integration


async def test_a_token_is_good_for_one_key_and_for_that_key_again(site: Site) -> None:
    apply(site.db, host(1), host(2))
    secret, key = join_secret(site, "h1"), new_key()
    first = await request_identity(site, "h1", secret, key)
    again = await request_identity(site, "h1", secret, key)
    assert first.host_uid == again.host_uid
    with pytest.raises(grpc.aio.AioRpcError) as other_key:
        await request_identity(site, "h1", secret, new_key())
    with pytest.raises(grpc.aio.AioRpcError) as other_host:
        await request_identity(site, "h2", secret, key)
    with pytest.raises(grpc.aio.AioRpcError) as guessed:
        await request_identity(site, "h1", "no such secret", key)
    codes = {caught.value.code() for caught in (other_key, other_host, guessed)}
    assert codes == {grpc.StatusCode.UNAUTHENTICATED}


async def test_of_many_who_use_one_token_at_once_one_gets_in(site: Site) -> None:
    apply(site.db, host(1))
    secret = join_secret(site, "h1")
    answers = await asyncio.gather(
        *(request_identity(site, "h1", secret, new_key()) for _ in range(10)),
        return_exceptions=True,
    )
    assert len([a for a in answers if not isinstance(a, BaseException)]) == 1


async def test_a_stranger_who_guesses_fills_neither_the_log_nor_the_audit(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    apply(site.db, host(1))
    for number in range(5):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await request_identity(site, "h1", f"guess {number}", new_key())
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert capsys.readouterr().out.count("Join tokens were refused") == 1
    with psycopg.connect(site.db.url) as connection:
        (rows,) = connection.execute(
            "SELECT count(*) FROM audit WHERE action = 'join_token.redeem'"
        ).fetchone() or (None,)
    assert rows == 0


async def test_an_enrolment_that_is_far_too_large_is_not_read(site: Site) -> None:
    apply(site.db, host(1))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await request_identity(site, "h1", "x" * 65 * 1024, new_key())
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_enrolments_that_hang_keep_no_agent_from_being_heard(
    site: Site, h1: Identity
) -> None:
    secret = join_secret(site, "h2")
    with psycopg.connect(site.db.url) as holder:
        holder.execute("SELECT 1 FROM join_token FOR UPDATE")
        joining = [
            asyncio.create_task(request_identity(site, "h2", secret, new_key())) for _ in range(8)
        ]
        try:
            async with session(site, h1) as agent:
                await agent.report(await agent.receive())
                await eventually(
                    lambda: status_of(site.db, Kind.HOST, "h1").phase is Phase.READY,
                    "h1 becomes Ready",
                )
            assert not any(task.done() for task in joining)
        finally:
            holder.rollback()
            await asyncio.gather(*joining, return_exceptions=True)


async def test_an_expired_token_is_refused(site: Site, clock: TurnableClock) -> None:
    apply(site.db, host(1))
    secret = join_secret(site, "h1", ttl=timedelta(minutes=1))
    clock.ahead = timedelta(minutes=2)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await request_identity(site, "h1", secret, new_key())
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
