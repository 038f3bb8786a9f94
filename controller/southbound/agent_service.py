"""AgentService: the stream of one host, and its next certificate.

Which host speaks is read from the client certificate, never from a message. Owns nothing that
outlives a call: sessions, reports and the change log have owners of their own. A stream outlives
its certificate and any revocation: ``Guard`` looks at both now and then, and each message, either
way, at the clock.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from ovsfleet.v1 import agent_pb2, agent_pb2_grpc

from controller.domain.errors import (
    DomainError,
    ForbiddenError,
    InvalidError,
)
from controller.observability import get_logger
from controller.services import enrolment, queries, status
from controller.services.status import SessionStart
from controller.southbound.admission import Admission
from controller.southbound.codec import decode_capabilities, decode_hello, decode_status
from controller.southbound.dispatcher import Dispatcher
from controller.southbound.drift import DriftRecorder
from controller.southbound.drift_codec import decode_drift
from controller.southbound.errors import status_code
from controller.southbound.identity import Authority, HostIdentity
from controller.southbound.inventory_codec import decode_inventory
from controller.southbound.metrics import OPEN_SESSIONS, STATES_SENT
from controller.southbound.questions import Questions
from controller.southbound.recorder import Recorder
from controller.southbound.sessions import HostSession, Sessions
from controller.southbound.threads import Threads
from controller.southbound.timing import Clock

log = get_logger(__name__)

Context = grpc.aio.ServicerContext[agent_pb2.SessionRequest, agent_pb2.SessionResponse]
RenewContext = grpc.aio.ServicerContext[
    agent_pb2.RenewCertificateRequest, agent_pb2.RenewCertificateResponse
]

_HELLO_S = 10.0
_NONCE_BYTES = 64
"""The longest that is sent back; agents send 16."""


class AgentService(agent_pb2_grpc.AgentServiceServicer):
    def __init__(
        self,
        authority: Authority,
        admission: Admission,
        threads: Threads,
        *,
        sessions: Sessions,
        dispatcher: Dispatcher,
        recorder: Recorder,
        drift: DriftRecorder,
        questions: Questions,
        clock: Clock,
        heartbeat_interval_ms: int,
        stats_interval_ms: int,
    ) -> None:
        self._authority = authority
        self._admission = admission
        self._threads = threads
        self._sessions = sessions
        self._dispatcher = dispatcher
        self._recorder = recorder
        self._drift = drift
        self._questions = questions
        self._clock = clock
        self._heartbeat_interval_ms = heartbeat_interval_ms
        self._stats_interval_ms = stats_interval_ms

    async def Session(  # type: ignore[override]  # noqa: N802 - the name of the RPC
        self, _requests: object, context: Context
    ) -> None:
        try:
            identity = await self._admission.admit(context)
            session = await self._open(identity, context)
        except DomainError as error:
            await context.abort(status_code(error), error.detail)
        try:
            await self._converse(session, context)
        finally:
            self._close(session)
        if session.ending.done():
            ending = session.ending.result()
            await context.abort(ending.code, ending.reason)

    async def RenewCertificate(  # noqa: N802
        self, request: agent_pb2.RenewCertificateRequest, context: RenewContext
    ) -> agent_pb2.RenewCertificateResponse:
        try:
            identity = await self._admission.admit(context)
            return await self._renew(identity, request.certificate_request)
        except DomainError as error:
            await context.abort(status_code(error), error.detail)

    async def _renew(
        self, identity: HostIdentity, request: bytes
    ) -> agent_pb2.RenewCertificateResponse:
        now = self._clock()
        issued = self._authority.sign_host(request, identity.host_uid, now=now)
        await self._threads.call(
            enrolment.record_certificate,
            identity.host_uid,
            issued.serial,
            issued.not_after,
            now=now,
            earlier=identity.serial,
        )
        not_after = Timestamp()
        not_after.FromDatetime(issued.not_after)
        return agent_pb2.RenewCertificateResponse(
            certificate=issued.pem,
            ca_certificate=self._authority.certificate_pem,
            not_after=not_after,
        )

    async def _open(self, identity: HostIdentity, context: Context) -> HostSession:
        """Exchange Hello and Welcome, and hand the session to those who serve it."""
        hello = await _read_hello(context)
        start = decode_hello(hello)
        if not self._sessions.admit(identity.host_uid, start.instance_nonce):
            raise ForbiddenError(
                "another agent with this host's identity took over: two machines have one state"
                " folder; remove it on one of them and enrol that host anew"
            )
        fleet = await self._threads.call(queries.fleet)
        same_fleet = (hello.fleet_uid, hello.fleet_epoch) == (str(fleet.uid), fleet.epoch)
        start = _in_terms_of(fleet.revision, start) if same_fleet else _anew(start)
        epoch = await self._threads.call(
            status.open_session,
            identity.host_uid,
            start,
            now=self._clock(),
            # Good when it was looked at last, which may be as long ago as the Hello took.
            serial=identity.serial,
        )
        session = HostSession(
            identity,
            epoch,
            # A state of another fleet or epoch is sent again, whatever its hash.
            accepted_revision=start.accepted_revision if same_fleet else 0,
            accepted_hash=hello.accepted_hash if same_fleet else b"",
            applied_revision=start.applied_revision if same_fleet else 0,
            applied_hash=start.applied_hash if same_fleet else b"",
            fragments=hello.fragment_hashes if same_fleet else (),
            features=hello.capabilities.state_features,
        )
        welcome = agent_pb2.Welcome(
            fleet_uid=str(fleet.uid),
            fleet_epoch=fleet.epoch,
            session_epoch=epoch,
            heartbeat_interval_ms=self._heartbeat_interval_ms,
            stats_interval_ms=self._stats_interval_ms,
        )
        await context.write(agent_pb2.SessionResponse(welcome=welcome))
        self._sessions.add(session)
        OPEN_SESSIONS.set(len(self._sessions))
        self._dispatcher.welcome(session)
        self._questions.wake()
        return session

    async def _converse(self, session: HostSession, context: Context) -> None:
        tasks = [
            asyncio.create_task(self._read(session, context), name="session reader"),
            asyncio.create_task(self._write(session, context), name="session writer"),
        ]
        try:
            ends: list[asyncio.Future[Any]] = [*tasks, session.ending]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception) and not isinstance(outcome, grpc.RpcError):
                log.error("A session ended with a fault", host=session.host_uid, exc_info=outcome)

    def _close(self, session: HostSession) -> None:
        self._sessions.remove(session)
        self._recorder.ended(session)
        self._drift.ended(session)
        self._questions.ended(session)
        OPEN_SESSIONS.set(len(self._sessions))

    async def _read(self, session: HostSession, context: Context) -> None:
        while isinstance(request := await context.read(), agent_pb2.SessionRequest):
            if session.ends_for_expiry(self._clock()):
                return
            self._handle(session, request)

    async def _write(self, session: HostSession, context: Context) -> None:
        while True:
            response = await session.take()
            if session.ends_for_expiry(self._clock()):
                return
            await context.write(response)
            if response.HasField("state"):
                STATES_SENT.inc()

    def _handle(self, session: HostSession, request: agent_pb2.SessionRequest) -> None:
        match request.WhichOneof("message"):
            case "status":
                self._recorder.report(session, decode_status(request.status))
            case "inventory":
                self._recorder.inventory(session, decode_inventory(request.inventory))
            case "capabilities":
                self._recorder.capabilities(session, decode_capabilities(request.capabilities))
            case "drift":
                self._recorder.heartbeat(session)
                if request.drift.events:
                    self._drift.report(session, decode_drift(request.drift))
            case "observation":
                self._recorder.heartbeat(session)
                self._questions.report(session, request.observation)
            case "confirm":
                # Nothing is stored: that this goes out and arrives is all that was asked.
                answer = agent_pb2.Confirmation(nonce=request.confirm.nonce[:_NONCE_BYTES])
                session.answer(agent_pb2.SessionResponse(confirmation=answer))
                self._recorder.heartbeat(session)
            case "hello":
                session.end(grpc.StatusCode.INVALID_ARGUMENT, "Hello opens a session, once")
            case _:
                # Heartbeats, and what a newer agent may say: a sign of life in any case.
                self._recorder.heartbeat(session)


async def _read_hello(context: Context) -> agent_pb2.Hello:
    try:
        async with asyncio.timeout(_HELLO_S):
            first = await context.read()
    except TimeoutError as error:
        raise InvalidError(f"no Hello within {_HELLO_S:.0f} s") from error
    if not isinstance(first, agent_pb2.SessionRequest) or not first.HasField("hello"):
        raise InvalidError("the first message of a session must be a Hello")
    return first.hello


def _in_terms_of(head: int, start: SessionStart) -> SessionStart:
    """No host has what the fleet never intended, whatever it says."""
    return replace(
        start,
        accepted_revision=min(start.accepted_revision, head),
        applied_revision=min(start.applied_revision, head),
    )


def _anew(start: SessionStart) -> SessionStart:
    """What counts another fleet's revisions, or another epoch's, says nothing of this one's."""
    return replace(start, accepted_revision=0, applied_revision=0, applied_hash=b"")
