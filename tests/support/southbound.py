"""The controller's end of the wire, for tests of the agent: real gRPC over real mutual TLS.

It knows no intent: a test pushes the states it likes and looks at what the agent sent. It listens
on unix sockets, which a daemon in another network namespace can reach as well.
"""

from __future__ import annotations

import asyncio
import base64
import json
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from ovsfleet.v1 import (
    agent_pb2,
    agent_pb2_grpc,
    enrolment_pb2,
    enrolment_pb2_grpc,
    state_pb2,
    stats_pb2_grpc,
)

from agent.netlink.netns import call_in
from tests.support.stats_end import StatsEnd

DEADLINE_S = 60.0
PEM = serialization.Encoding.PEM


class TestAuthority:
    """A certificate authority of the test's own."""

    __test__ = False

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test fleet")])
        self.certificate = (
            _builder(name, name, self._key.public_key(), timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.pem = self.certificate.public_bytes(PEM)

    def issue(
        self,
        public_key: Any,
        san: x509.GeneralName,
        usage: x509.ObjectIdentifier,
        life: timedelta = timedelta(hours=24),
    ) -> bytes:
        return (
            _builder(x509.Name([]), self.certificate.subject, public_key, life)
            .add_extension(x509.SubjectAlternativeName([san]), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .sign(self._key, hashes.SHA256())
            .public_bytes(PEM)
        )

    def server_pair(self) -> tuple[bytes, bytes]:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self.issue(
            key.public_key(),
            x509.DNSName("ovsfleet-controller"),
            ExtendedKeyUsageOID.SERVER_AUTH,
        )
        return key_pem(key), certificate


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: Any, life: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + life)
    )


@dataclass
class SessionRecord:
    """What one session of the agent said."""

    hello: agent_pb2.Hello
    outbox: asyncio.Queue[agent_pb2.SessionResponse | None]
    statuses: list[agent_pb2.HostStatus] = field(default_factory=list)
    capabilities: list[agent_pb2.Capabilities] = field(default_factory=list)
    inventories: list[agent_pb2.Inventory] = field(default_factory=list)
    questions: list[agent_pb2.ConfirmRequest] = field(default_factory=list)
    drift: list[agent_pb2.DriftEvent] = field(default_factory=list)
    observations: list[agent_pb2.Observation] = field(default_factory=list)
    heartbeats: int = 0


class ControllerEnd(
    agent_pb2_grpc.AgentServiceServicer, enrolment_pb2_grpc.EnrolmentServiceServicer
):
    """Both services of the controller; ``until`` waits for something that an agent says."""

    def __init__(self, directory: Path) -> None:
        self.authority = TestAuthority()
        self.fleet_uid = str(uuid.uuid4())
        self.host_uid = str(uuid.uuid4())
        self.host_name = "h1"
        self.fleet_epoch = 1
        self.heartbeat_interval_ms = 100
        self.certificate_life = timedelta(hours=24)
        self.lose_enrol_answers = 0
        self.enrolled_keys: list[bytes] = []
        self.renewals = 0
        self.sessions: list[SessionRecord] = []
        self.stats_interval_ms = 0
        self.confirms = True
        """Whether it answers an agent that asks whether it is reached."""
        self.statistics: StatsEnd | None = StatsEnd()
        """None plays a controller from before statistics, from its next start on."""
        self.southbound = f"unix:{directory}/southbound.sock"
        self.enrolment = f"unix:{directory}/enrolment.sock"
        self.netns: str | None = None
        """The namespace that ``southbound`` is an address of; None is the test's own."""
        self._server: grpc.aio.Server | None = None
        self._changed = asyncio.Condition()

    # --- for the test ----------------------------------------------------------------------------

    async def start(self) -> None:
        server = grpc.aio.server(options=(("grpc.http2.min_ping_interval_without_data_ms", 5000),))
        agent_pb2_grpc.add_AgentServiceServicer_to_server(self, server)
        enrolment_pb2_grpc.add_EnrolmentServiceServicer_to_server(self, server)
        if self.statistics is not None:
            stats_pb2_grpc.add_StatsServiceServicer_to_server(self.statistics, server)
        pair = self.authority.server_pair()
        credentials = grpc.ssl_server_credentials(
            [pair], self.authority.pem, require_client_auth=True
        )
        call_in(self.netns, lambda: server.add_secure_port(self.southbound, credentials))
        server.add_secure_port(self.enrolment, grpc.ssl_server_credentials([pair]))
        await server.start()
        self._server = server

    async def stop(self) -> None:
        """End as a killed process does: every connection breaks at once."""
        if self._server is not None:
            await self._server.stop(grace=None)
            self._server = None

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(DEADLINE_S), self._changed:
                await self._changed.wait_for(condition)
        except TimeoutError:
            raise AssertionError(f"not within {DEADLINE_S} s: {what}") from None

    @property
    def session(self) -> SessionRecord:
        return self.sessions[-1]

    def statuses(self) -> list[agent_pb2.HostStatus]:
        return [status for session in self.sessions for status in session.statuses]

    def push(self, state: state_pb2.HostState) -> None:
        self.session.outbox.put_nowait(agent_pb2.SessionResponse(state=state))

    def observe(self, request_id: str) -> None:
        """Ask what the host is like now."""
        observe = agent_pb2.Observe(request_id=request_id)
        self.session.outbox.put_nowait(agent_pb2.SessionResponse(observe=observe))

    def confirm_drift(self, sequence: int) -> None:
        received = agent_pb2.DriftReceived(sequence=sequence)
        self.session.outbox.put_nowait(agent_pb2.SessionResponse(drift_received=received))

    def drop(self) -> None:
        """Close the newest session from this end."""
        self.session.outbox.put_nowait(None)

    def join_token(self, **changes: str) -> str:
        der = self.authority.certificate.public_bytes(serialization.Encoding.DER)
        fields = {
            "endpoint": self.enrolment,
            "southbound": self.southbound,
            "host": self.host_name,
            "secret": "s3cret",
            "ca": base64.b64encode(der).decode(),
        } | changes
        encoded = base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")
        return f"ovsfleet-join-v1.{encoded}"

    def host_certificate(self, public_key: Any) -> bytes:
        return self.authority.issue(
            public_key,
            x509.UniformResourceIdentifier(f"spiffe://{self.fleet_uid}/host/{self.host_uid}"),
            ExtendedKeyUsageOID.CLIENT_AUTH,
            self.certificate_life,
        )

    # --- the services ----------------------------------------------------------------------------

    async def Session(  # noqa: N802 - the name on the wire
        self, request_iterator: Any, _: Any
    ) -> AsyncIterator[agent_pb2.SessionResponse]:
        first = await anext(request_iterator)
        record = SessionRecord(first.hello, asyncio.Queue())
        record.outbox.put_nowait(
            agent_pb2.SessionResponse(
                welcome=agent_pb2.Welcome(
                    fleet_uid=self.fleet_uid,
                    fleet_epoch=self.fleet_epoch,
                    session_epoch=len(self.sessions) + 1,
                    heartbeat_interval_ms=self.heartbeat_interval_ms,
                    stats_interval_ms=self.stats_interval_ms,
                )
            )
        )
        await self._note(lambda: self.sessions.append(record))
        reader = asyncio.create_task(self._listen(request_iterator, record))
        try:
            while (response := await record.outbox.get()) is not None:
                yield response
        finally:
            reader.cancel()

    async def RenewCertificate(  # noqa: N802 - the name on the wire
        self, request: agent_pb2.RenewCertificateRequest, _: Any
    ) -> agent_pb2.RenewCertificateResponse:
        csr = x509.load_der_x509_csr(request.certificate_request)
        self.certificate_life = timedelta(hours=24)
        certificate = self.host_certificate(csr.public_key())
        await self._note(lambda: setattr(self, "renewals", self.renewals + 1))
        return agent_pb2.RenewCertificateResponse(
            certificate=certificate, ca_certificate=self.authority.pem
        )

    async def Enrol(  # noqa: N802 - the name on the wire
        self, request: enrolment_pb2.EnrolRequest, context: Any
    ) -> enrolment_pb2.EnrolResponse:
        if request.token_secret != "s3cret":
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "unknown token")
        csr = x509.load_der_x509_csr(request.certificate_request)
        self.enrolled_keys.append(
            csr.public_key().public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )
        if self.lose_enrol_answers:
            self.lose_enrol_answers -= 1
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the connection broke")
        return enrolment_pb2.EnrolResponse(
            host_uid=self.host_uid,
            certificate=self.host_certificate(csr.public_key()),
            ca_certificate=self.authority.pem,
            fleet_uid=self.fleet_uid,
        )

    async def _listen(self, requests: Any, record: SessionRecord) -> None:
        async for request in requests:
            await self._note(partial(_take, record, request))
            if request.HasField("confirm") and self.confirms:
                answer = agent_pb2.Confirmation(nonce=request.confirm.nonce)
                record.outbox.put_nowait(agent_pb2.SessionResponse(confirmation=answer))

    async def _note(self, change: Callable[[], None]) -> None:
        async with self._changed:
            change()
            self._changed.notify_all()


def _take(record: SessionRecord, request: agent_pb2.SessionRequest) -> None:
    kind = request.WhichOneof("message")
    if kind == "status":
        record.statuses.append(request.status)
    elif kind == "capabilities":
        record.capabilities.append(request.capabilities)
    elif kind == "inventory":
        record.inventories.append(request.inventory)
    elif kind == "confirm":
        record.questions.append(request.confirm)
    elif kind == "drift":
        record.drift.extend(request.drift.events)
    elif kind == "observation":
        record.observations.append(request.observation)
    elif kind == "heartbeat":
        record.heartbeats += 1


@asynccontextmanager
async def controller_end(
    southbound: str = "", netns: str | None = None
) -> AsyncIterator[ControllerEnd]:
    """``southbound`` is an address of ``netns``, instead of a unix socket."""
    with tempfile.TemporaryDirectory(prefix="ovsfleet-sb-") as directory:
        controller = ControllerEnd(Path(directory))
        controller.southbound = southbound or controller.southbound
        controller.netns = netns
        await controller.start()
        try:
            yield controller
        finally:
            await controller.stop()
