"""The agent's end of the wire, for tests of southbound: real gRPC over real mutual TLS.

It has no datapath: a test says what the agent reports and looks at what it was sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from ovsfleet.v1 import (
    agent_pb2,
    agent_pb2_grpc,
    enrolment_pb2,
    enrolment_pb2_grpc,
    state_pb2,
)

from controller.compiler.state_features import STATE_FEATURES
from controller.config import Settings
from controller.domain.observation import OBSERVE
from controller.services import enrolment, queries
from controller.southbound.identity import SERVER_NAME, Authority
from controller.southbound.server import Southbound
from controller.southbound.timing import Clock, utc_now
from controller.store.engine import Database
from tests.support.manifests import ADMIN

DEADLINE_S = 60.0

Stream: TypeAlias = grpc.aio.StreamStreamCall[agent_pb2.SessionRequest, agent_pb2.SessionResponse]


class TurnableClock:
    """A wall clock that a test can put forward."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass(frozen=True)
class Site:
    """A running southbound side with the database behind it."""

    db: Database
    authority: Authority
    southbound: Southbound

    @property
    def agents_address(self) -> str:
        return f"127.0.0.1:{self.southbound.southbound_port}"

    @property
    def enrolment_address(self) -> str:
        return f"127.0.0.1:{self.southbound.enrolment_port}"


@asynccontextmanager
async def running_site(
    db: Database,
    folder: Path,
    *,
    clock: Clock = utc_now,
    southbound_address: str = "127.0.0.1:0",
) -> AsyncIterator[Site]:
    settings = Settings(
        data_dir=folder,
        southbound_address=southbound_address,
        enrolment_address="127.0.0.1:0",
        heartbeat_interval_ms=200,
    )
    authority = Authority.load_or_create(folder / "ca", queries.fleet(db).uid)
    southbound = Southbound(db.url, settings, authority, clock=clock)
    await southbound.start()
    try:
        yield Site(db, authority, southbound)
    finally:
        await southbound.stop()


@dataclass(frozen=True)
class Identity:
    """A key and a certificate with the CA that issued it."""

    key_pem: bytes
    certificate_pem: bytes
    ca_pem: bytes
    host_uid: str = ""

    @property
    def serial(self) -> str:
        return f"{x509.load_pem_x509_certificate(self.certificate_pem).serial_number:x}"


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def signing_request(key: ec.EllipticCurvePrivateKey, name: str = "") -> bytes:
    subject = [x509.NameAttribute(x509.NameOID.COMMON_NAME, name)] if name else []
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def join_secret(site: Site, host: str, *, ttl: timedelta = timedelta(hours=1)) -> str:
    token = enrolment.create_join_token(
        site.db, ADMIN, host, ttl=ttl, now=datetime.now(UTC), request_id="test"
    )
    return token.secret


async def request_identity(
    site: Site, host: str, secret: str, key: ec.EllipticCurvePrivateKey
) -> enrolment_pb2.EnrolResponse:
    async with grpc.aio.secure_channel(
        site.enrolment_address,
        grpc.ssl_channel_credentials(site.authority.certificate_pem),
        options=_CHANNEL,
    ) as channel:
        stub = enrolment_pb2_grpc.EnrolmentServiceStub(channel)
        return await stub.Enrol(
            enrolment_pb2.EnrolRequest(
                token_secret=secret, host_name=host, certificate_request=signing_request(key)
            ),
            timeout=DEADLINE_S,
        )


async def enrol(site: Site, host: str) -> Identity:
    key = new_key()
    answer = await request_identity(site, host, join_secret(site, host), key)
    return Identity(key_pem(key), answer.certificate, answer.ca_certificate, answer.host_uid)


_CHANNEL = (
    ("grpc.ssl_target_name_override", SERVER_NAME),
    ("grpc.use_local_subchannel_pool", 1),
)


@asynccontextmanager
async def channel(site: Site, identity: Identity) -> AsyncIterator[grpc.aio.Channel]:
    credentials = grpc.ssl_channel_credentials(
        identity.ca_pem, identity.key_pem or None, identity.certificate_pem or None
    )
    async with grpc.aio.secure_channel(
        site.agents_address, credentials, options=_CHANNEL
    ) as opened:
        yield opened


@dataclass
class AgentEnd:
    """One stream of an agent, after Hello and Welcome."""

    stream: Stream
    welcome: agent_pb2.Welcome
    state: state_pb2.HostState | None = None
    fragments: dict[bytes, state_pb2.SegmentFragment] = field(default_factory=dict)

    async def receive(self) -> state_pb2.HostState:
        """Wait for a desired state and keep what it refers to of the fragments that came."""
        async with asyncio.timeout(DEADLINE_S):
            answer = await self.stream.read()
        assert isinstance(answer, agent_pb2.SessionResponse), await self.stream.details()
        self.state = answer.state
        known = self.fragments | {f.hash: f for f in answer.state.fragments}
        wanted = {a.fragment_hash for a in answer.state.host.attachments}
        self.fragments = {key: known[key] for key in wanted & known.keys()}
        return answer.state

    async def answered(self, what: str) -> agent_pb2.SessionResponse:
        """Wait for a response of that kind, past all others."""
        async with asyncio.timeout(DEADLINE_S):
            while isinstance(response := await self.stream.read(), agent_pb2.SessionResponse):
                if response.WhichOneof("message") == what:
                    return response
        raise AssertionError(await self.stream.details())

    async def receive_until(self, revision: int) -> state_pb2.HostState:
        while (state := await self.receive()).revision < revision:
            pass
        return state

    async def report(
        self,
        state: state_pb2.HostState,
        *,
        failures: Iterable[agent_pb2.Failure] = (),
        outcome: agent_pb2.Outcome.ValueType = agent_pb2.OUTCOME_APPLIED,
    ) -> None:
        """Say that a state is applied."""
        await self.send_status(
            agent_pb2.HostStatus(
                observed_revision=state.revision,
                applied_revision=state.revision,
                applied_hash=state.hash,
                outcome=outcome,
                failures=failures,
            )
        )

    async def send_status(self, status: agent_pb2.HostStatus) -> None:
        await self.stream.write(agent_pb2.SessionRequest(status=status))

    async def beat(self) -> None:
        await self.stream.write(agent_pb2.SessionRequest(heartbeat=agent_pb2.Heartbeat()))

    async def ended(self) -> tuple[grpc.StatusCode, str]:
        """Wait for the controller to end the stream; tell why."""
        async with asyncio.timeout(DEADLINE_S):
            code = await self.stream.code()
            return code, await self.stream.details() or ""


def hello_after(state: state_pb2.HostState | None, **fields: object) -> agent_pb2.Hello:
    """Say what an agent says that has accepted and applied a state."""
    hello = agent_pb2.Hello(instance_nonce="one", agent_version="0.1.0")
    hello.capabilities.state_features.extend(sorted(STATE_FEATURES))
    hello.capabilities.session_features.append(OBSERVE)
    if state is not None:
        hello.fleet_uid, hello.fleet_epoch = state.fleet_uid, state.fleet_epoch
        hello.accepted_revision = hello.applied_revision = state.revision
        hello.accepted_hash = hello.applied_hash = state.hash
        hello.fragment_hashes.extend(a.fragment_hash for a in state.host.attachments)
    for name, value in fields.items():
        setattr(hello, name, value)
    return hello


@asynccontextmanager
async def session(
    site: Site, identity: Identity, hello: agent_pb2.Hello | None = None
) -> AsyncIterator[AgentEnd]:
    """Open a stream and exchange Hello and Welcome; grpc.aio.AioRpcError when refused."""
    async with channel(site, identity) as opened:
        stream: Stream = agent_pb2_grpc.AgentServiceStub(opened).Session()
        await stream.write(agent_pb2.SessionRequest(hello=hello or hello_after(None)))
        async with asyncio.timeout(DEADLINE_S):
            answer = await stream.read()
        if not isinstance(answer, agent_pb2.SessionResponse):
            raise RefusedError(await stream.code(), await stream.details() or "")
        try:
            yield AgentEnd(stream, answer.welcome)
        finally:
            stream.cancel()


class RefusedError(Exception):
    """The controller ended the stream instead of a Welcome: (code, reason)."""


async def eventually(condition: object, what: str) -> None:
    """Wait for a condition in the database, asked in a thread, with a deadline."""
    assert callable(condition)
    deadline = asyncio.get_running_loop().time() + DEADLINE_S
    while not await asyncio.to_thread(condition):
        assert asyncio.get_running_loop().time() < deadline, f"not in time: {what}"
        await asyncio.sleep(0.02)
