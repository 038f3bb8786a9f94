"""Southbound when things go wrong: impostors, stale sessions, lost wake-ups, a database away."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import grpc
import psycopg
import pytest
from ovsfleet.v1 import agent_pb2, agent_pb2_grpc

from controller.domain.intent import Kind
from controller.domain.status import Phase
from controller.services import queries
from controller.southbound.identity import Authority
from controller.store.engine import Database
from tests.support.agent_end import (
    AgentEnd,
    Identity,
    RefusedError,
    Site,
    TurnableClock,
    channel,
    enrol,
    eventually,
    hello_after,
    key_pem,
    new_key,
    running_site,
    session,
    signing_request,
)
from tests.support.manifests import apply, host, port, remove, segment
from tests.support.postgres import PostgresServer
from tests.support.southbound_site import status_of

pytestmark = pytest.mark.integration


async def refusal(
    site: Site, identity: Identity, hello: agent_pb2.Hello | None = None
) -> grpc.StatusCode:
    with pytest.raises((RefusedError, grpc.aio.AioRpcError)) as caught:
        async with session(site, identity, hello):
            pass
    error = caught.value
    if isinstance(error, grpc.aio.AioRpcError):
        return error.code()
    code: grpc.StatusCode = error.args[0]
    return code


def issued_by(authority: Authority, host_uid: UUID, *, now: datetime | None = None) -> Identity:
    key = new_key()
    issued = authority.sign_host(signing_request(key), host_uid, now=now or datetime.now(UTC))
    return Identity(key_pem(key), issued.pem, authority.certificate_pem, str(host_uid))


async def test_a_certificate_of_another_authority_does_not_get_through_the_handshake(
    site: Site, h1: Identity, tmp_path: Path
) -> None:
    fleet = queries.fleet(site.db).uid
    stranger = issued_by(Authority.load_or_create(tmp_path / "other", fleet), UUID(h1.host_uid))
    forged = Identity(stranger.key_pem, stranger.certificate_pem, h1.ca_pem)
    assert await refusal(site, forged) is grpc.StatusCode.UNAVAILABLE


async def test_a_peer_without_a_certificate_does_not_get_through_the_handshake(
    site: Site, h1: Identity
) -> None:
    nobody = Identity(key_pem=b"", certificate_pem=b"", ca_pem=h1.ca_pem)
    assert await refusal(site, nobody) is grpc.StatusCode.UNAVAILABLE


async def test_a_server_certificate_is_no_host(site: Site, h1: Identity) -> None:
    # The fleet's own CA signed it, for the other purpose.
    key = new_key()
    certificate = site.authority.sign_server(key.public_key(), now=datetime.now(UTC))
    impostor = Identity(key_pem(key), certificate, h1.ca_pem)
    assert await refusal(site, impostor) in (
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.UNAUTHENTICATED,
    )


async def test_a_certificate_that_was_never_recorded_or_is_of_no_host_is_refused(
    site: Site, h1: Identity
) -> None:
    unrecorded = issued_by(site.authority, UUID(h1.host_uid))
    nobody = issued_by(site.authority, uuid4())
    assert await refusal(site, unrecorded) is grpc.StatusCode.PERMISSION_DENIED
    assert await refusal(site, nobody) is grpc.StatusCode.PERMISSION_DENIED


async def test_a_stream_ends_when_its_certificate_does(
    site: Site, h1: Identity, clock: TurnableClock
) -> None:
    async with session(site, h1) as agent:
        await agent.receive()
        clock.ahead = timedelta(hours=25)
        await agent.beat()
        code, reason = await agent.ended()
    assert code is grpc.StatusCode.UNAUTHENTICATED
    assert "expired" in reason


async def test_a_silent_stream_ends_when_its_certificate_does(
    site: Site, h1: Identity, clock: TurnableClock
) -> None:
    async with session(site, h1) as agent:
        await agent.receive()
        clock.ahead = timedelta(hours=25)
        assert (await agent.ended())[0] is grpc.StatusCode.UNAUTHENTICATED


async def test_a_silent_stream_ends_when_its_certificate_is_revoked_and_no_other_does(
    site: Site, h1: Identity
) -> None:
    other = await enrol(site, "h2")
    async with session(site, h1) as agent, session(site, other) as neighbour:
        await agent.receive()
        await neighbour.receive()
        with psycopg.connect(site.db.url, autocommit=True) as connection:
            connection.execute(
                "UPDATE host_certificate SET revoked_at = now() WHERE host_uid = %s",
                [UUID(h1.host_uid)],
            )
        code, reason = await agent.ended()
        assert code is grpc.StatusCode.PERMISSION_DENIED
        assert "revoked" in reason
        done = apply(site.db, port("p2", "h2", segment="red"))
        await neighbour.receive_until(done.revision)


async def test_nothing_is_sent_to_a_host_whose_certificate_is_past_its_end(
    site: Site, h1: Identity, clock: TurnableClock
) -> None:
    async with session(site, h1) as agent:
        await agent.receive()
        clock.ahead = timedelta(hours=25)
        apply(site.db, port("p1", "h1", segment="red"))
        with pytest.raises(grpc.aio.AioRpcError, match="expired"):
            await agent.stream.read()


async def test_a_certificate_is_renewed_over_the_stream_s_channel(site: Site, h1: Identity) -> None:
    async with channel(site, h1) as opened:
        answer = await agent_pb2_grpc.AgentServiceStub(opened).RenewCertificate(
            agent_pb2.RenewCertificateRequest(certificate_request=signing_request(new_key()))
        )
    assert answer.ca_certificate == h1.ca_pem
    key = new_key()
    async with channel(site, h1) as opened:
        answer = await agent_pb2_grpc.AgentServiceStub(opened).RenewCertificate(
            agent_pb2.RenewCertificateRequest(
                certificate_request=signing_request(key, name="somebody else")
            )
        )
    renewed = Identity(key_pem(key), answer.certificate, answer.ca_certificate)
    async with session(site, renewed) as agent:
        assert (await agent.receive()).host.host_uid == h1.host_uid


async def test_a_host_that_intent_forgets_is_left_alone(site: Site, h1: Identity) -> None:
    async with session(site, h1) as agent:
        state = await agent.receive()
        remove(site.db, host(1))
        code, reason = await agent.ended()
    assert code is grpc.StatusCode.PERMISSION_DENIED
    assert "not intended" in reason
    assert await refusal(site, h1, hello_after(state)) is grpc.StatusCode.PERMISSION_DENIED


async def test_a_newer_session_replaces_the_older(site: Site, h1: Identity) -> None:
    async with session(site, h1) as older:
        await older.receive()
        async with session(site, h1) as newer:
            assert newer.welcome.session_epoch > older.welcome.session_epoch
            assert (await older.ended())[0] is grpc.StatusCode.ABORTED
            await newer.receive()
            done = apply(site.db, port("p1", "h1", segment="red"))
            state = await newer.receive_until(done.revision)
            await newer.report(state)
            await eventually(
                lambda: status_of(site.db, Kind.PORT, "p1").phase is Phase.READY, "p1 becomes Ready"
            )


async def test_a_second_machine_with_a_copied_identity_does_not_swap_places_for_ever(
    site: Site, h1: Identity
) -> None:
    async with session(site, h1, hello_after(None, instance_nonce="original")):
        pass
    async with session(site, h1, hello_after(None, instance_nonce="copy")) as copy:
        back = hello_after(None, instance_nonce="original")
        assert await refusal(site, h1, back) is grpc.StatusCode.PERMISSION_DENIED
        assert (await copy.receive()).host.host_uid == h1.host_uid


@pytest.mark.parametrize(
    "request_message",
    [
        agent_pb2.SessionRequest(heartbeat=agent_pb2.Heartbeat()),
        agent_pb2.SessionRequest(),
    ],
)
async def test_a_stream_that_does_not_begin_with_hello_is_ended(
    site: Site, h1: Identity, request_message: agent_pb2.SessionRequest
) -> None:
    async with channel(site, h1) as opened:
        stream = agent_pb2_grpc.AgentServiceStub(opened).Session()
        await stream.write(request_message)
        agent = AgentEnd(stream, agent_pb2.Welcome())
        assert (await agent.ended())[0] is grpc.StatusCode.INVALID_ARGUMENT


async def test_bytes_that_are_no_message_end_only_their_own_stream(
    site: Site, h1: Identity
) -> None:
    async with session(site, h1) as agent, channel(site, h1) as opened:
        await agent.receive()
        call: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = opened.stream_stream(
            "/ovsfleet.v1.AgentService/Session"
        )
        raw = call()
        await raw.write(b"\xff" * 64)
        assert await raw.code() is not grpc.StatusCode.OK
        done = apply(site.db, port("p1", "h1", segment="red"))
        await agent.receive_until(done.revision)


def database_name(db: Database) -> str:
    return db.url.rpartition("/")[2].partition("?")[0]


def end_connections(server: PostgresServer, db: Database, *, listening_only: bool) -> None:
    which = "AND query LIKE 'LISTEN%%'" if listening_only else ""
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s {which}",  # noqa: S608
            [database_name(db)],
        )


async def test_a_lost_wake_up_delays_a_change_and_does_not_lose_it(
    site: Site, h1: Identity, postgres_server: PostgresServer
) -> None:
    async with session(site, h1) as agent:
        await agent.receive()
        for number in range(3):
            end_connections(postgres_server, site.db, listening_only=True)
            done = apply(site.db, port(f"p{number}", "h1", segment="red"))
            assert len((await agent.receive_until(done.revision)).host.ports) == number + 1


async def test_a_database_that_is_away_ends_no_stream_and_loses_no_report(
    site: Site, h1: Identity, postgres_server: PostgresServer
) -> None:
    done = apply(site.db, port("p1", "h1", segment="red"))
    name = database_name(site.db)
    async with session(site, h1) as agent:
        state = await agent.receive_until(done.revision)
        postgres_server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        end_connections(postgres_server, site.db, listening_only=False)
        await agent.report(state)
        await agent.beat()
        postgres_server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        await eventually(
            lambda: status_of(site.db, Kind.PORT, "p1").phase is Phase.READY, "p1 becomes Ready"
        )
        later = apply(site.db, port("p2", "h1", segment="red"))
        assert len((await agent.receive_until(later.revision)).host.ports) == 2


async def test_writers_that_take_every_connection_keep_no_agent_from_being_heard(
    database_url: str, tmp_path: Path
) -> None:
    with closing(Database(database_url, pool_size=1)) as db:
        apply(db, host(1), segment("red"))
        async with running_site(db, tmp_path) as site:
            identity = await enrol(site, "h1")
            with db.transaction():
                async with session(site, identity) as agent:
                    state = await agent.receive()
                    await agent.report(state)
                    with closing(Database(database_url, pool_size=1)) as other:
                        await eventually(
                            lambda: status_of(other, Kind.HOST, "h1").phase is Phase.READY,
                            "h1 becomes Ready",
                        )


async def test_a_controller_that_stops_ends_its_streams_and_another_goes_on(
    db: Database, tmp_path: Path
) -> None:
    apply(db, host(1), segment("red"))
    async with running_site(db, tmp_path) as first:
        identity = await enrol(first, "h1")
        async with session(first, identity) as agent:
            state = await agent.receive()
            await agent.report(state)
            await first.southbound.stop()
            assert (await agent.ended())[0] in (
                grpc.StatusCode.UNAVAILABLE,
                grpc.StatusCode.CANCELLED,
            )
    done = apply(db, port("p1", "h1", segment="red"))
    async with (
        running_site(db, tmp_path) as second,
        session(second, identity, hello_after(state)) as agent,
    ):
        assert (await agent.receive()).revision == done.revision
