"""The one stream to the controller: opened by the agent, opened again for as long as it lives.

Owns the newest report, capabilities and inventory (latest wins, sent again after a reconnect) and
the fragments of the newest state received, which is what the controller counts on us to keep. It
hands every state on as it comes and never waits for anything to be done about it: a broken stream
is this module's own affair, the datapath does not notice.

Must not: touch the host, the cache or the identity's files except to read and renew them.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import grpc
import structlog
from ovsfleet.v1 import agent_pb2, agent_pb2_grpc, state_pb2

from agent.backoff import Backoff
from agent.controlplane import codec
from agent.controlplane.drift_codec import encode_drift
from agent.controlplane.identity import (
    SERVER_NAME,
    Identity,
    IdentityError,
    IdentityStore,
    describe_expiry,
    renew,
    renewal_due,
)
from agent.controlplane.observation_codec import encode_comparison
from agent.controlplane.whereabouts import Whereabouts
from agent.drift_events import DriftQueue
from agent.fragments import SegmentFragment
from agent.model import HostState
from agent.observability import Metrics
from agent.observation import Questions
from agent.round_trip import RoundTrip
from agent.state_features import SESSION_FEATURES, STATE_FEATURES

log = structlog.get_logger(__name__)

WELCOME_TIMEOUT_S = 10.0
STEADY_AFTER_S = 5.0
"""A session that lived this long was a good one: the next reconnect is quick again."""
RENEWAL_CHECK_S = 60.0
ASK_AGAIN_S = 1.0
"""Between two questions whether the controller is reached, while there is no answer."""
CHANNEL_OPTIONS: tuple[tuple[str, str | int], ...] = (
    ("grpc.ssl_target_name_override", SERVER_NAME),
    # A subchannel shared with the last attempt would bring that attempt's back-off along.
    ("grpc.use_local_subchannel_pool", 1),
    # Half-open TCP is found by these pings; the server must permit one every ten seconds.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    # A host with thousands of ports has a state of some megabytes.
    ("grpc.max_receive_message_length", 256 * 1024 * 1024),
)

_WAYS_OUT = {
    "CERTIFICATE_VERIFY_FAILED": (
        "the controller is not of the fleet that this host enrolled with; correct its address, or "
        "stop the agent, empty its state directory and enrol this host anew"
    ),
    "Connection refused": "is the controller running, and is its address right?",
}

Stream = grpc.aio.StreamStreamCall[agent_pb2.SessionRequest, agent_pb2.SessionResponse]


class SessionEndedError(Exception):
    """A session is over; the message says why."""


class CertificateRenewedError(SessionEndedError):
    """The session ends on purpose: the next one uses the fresh certificate."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the host has at the moment a session opens."""

    accepted: HostState | None
    applied_revision: int
    applied_hash: bytes
    accepted_is_whole: bool = True
    """False when another version of the agent accepted the state: it is to be sent again."""


class ControlPlane:
    """Keeps a session open; ``report``, ``announce`` and ``tell`` may be called at any time."""

    def __init__(
        self,
        store: IdentityStore,
        *,
        endpoint: str,
        version: str,
        standing: Callable[[], Standing],
        on_state: Callable[[HostState], None],
        round_trip: RoundTrip,
        metrics: Metrics,
        rng: random.Random,
        on_stats_interval: Callable[[int], None] = lambda _: None,
        whereabouts: Whereabouts | None = None,
        drift: DriftQueue | None = None,
        questions: Questions | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._endpoint = endpoint
        self._version = version
        self._standing = standing
        self._on_state = on_state
        self._round_trip = round_trip
        round_trip.on_asked = self._ask
        self._drift = drift or DriftQueue()
        self._drift.on_event = lambda: self._mark("drift")
        self._asked = questions or Questions()
        self._asked.on_answer = lambda: self._mark("observations")
        self._ask_at = 0.0
        """In the loop's time: when to put the question, if one stands."""
        self._on_stats_interval = on_stats_interval
        self._whereabouts = whereabouts
        self._metrics = metrics
        self._rng = rng
        self._now = now
        self.nonce = secrets.token_hex(16)
        """Tells this process of the agent from every other."""
        self._status: agent_pb2.HostStatus | None = None
        # What the host can do is looked up later; what this agent understands is known at once.
        self._capabilities = agent_pb2.Capabilities(
            state_features=sorted(STATE_FEATURES), session_features=sorted(SESSION_FEATURES)
        )
        self._inventory: agent_pb2.Inventory | None = None
        self._unsent: set[str] = set()
        self._wake = asyncio.Event()
        self._fragments: dict[bytes, SegmentFragment] = {}
        self._fragments_are_complete = True
        self._may_renew_at = 0.0
        """In the loop's time: the next renewal, if the last brought a certificate that is due."""
        self.last_error = ""

    def report(self, status: agent_pb2.HostStatus) -> None:
        """Make ``status`` the report the controller shall have; an older unsent one is dropped."""
        if status != self._status:
            self._status = status
            self._mark("status")

    def tell(self, inventory: agent_pb2.Inventory) -> None:
        """Make ``inventory`` what the controller shall know of, in every session."""
        if inventory != self._inventory:
            self._inventory = inventory
            self._mark("inventory")

    def announce(self, capabilities: agent_pb2.Capabilities) -> None:
        if capabilities != self._capabilities:
            self._capabilities = capabilities
            self._mark("capabilities")

    async def run(self) -> None:
        """Open sessions until cancelled; no failure of one ends this."""
        backoff = Backoff(first=0.1, longest=5.0, rng=self._rng)
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            try:
                await self._session()
            except CertificateRenewedError:
                backoff.reset()
                continue
            except (SessionEndedError, IdentityError, grpc.aio.AioRpcError, OSError) as error:
                self._note_failure(error)
            except Exception as error:
                log.exception("fault in the session")
                self._note_failure(error)
            if loop.time() - started > STEADY_AFTER_S:
                backoff.reset()
            await asyncio.sleep(backoff.next_delay())

    async def _session(self) -> None:
        identity = self._store.load()
        if identity is None:
            raise IdentityError("this host is not enrolled; run `ovsfleet-agent enroll`")
        self._metrics.stream_attempts.inc()
        endpoint = self._endpoint or identity.profile.southbound
        if self._whereabouts is not None:
            self._whereabouts.look(endpoint)
        async with grpc.aio.secure_channel(
            endpoint, identity.channel_credentials(), options=CHANNEL_OPTIONS
        ) as channel:
            stream = agent_pb2_grpc.AgentServiceStub(channel).Session()
            try:
                await self._converse(stream, channel, identity)
            except grpc.aio.AioRpcError as error:
                expired = describe_expiry(identity.certificate, self._now())
                if expired is not None:
                    raise SessionEndedError(expired) from error
                raise
            finally:
                stream.cancel()
                self._metrics.stream_connected.set(0)
                if self._whereabouts is not None:
                    self._whereabouts.left()

    async def _converse(
        self, stream: Stream, channel: grpc.aio.Channel, identity: Identity
    ) -> None:
        interval = await self._open(stream, identity)
        tasks = [
            asyncio.create_task(self._read(stream), name="session reader"),
            asyncio.create_task(self._write(stream, interval), name="session writer"),
            asyncio.create_task(self._renew_when_due(channel, identity), name="renewal"),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _open(self, stream: Stream, identity: Identity) -> float:
        """Exchange Hello and Welcome; the heartbeat interval in seconds."""
        hello = self._hello()
        self._unsent = {"status"} if self._status is not None else set()
        if self._inventory is not None:
            self._unsent.add("inventory")
        self._drift.rewind()
        self._asked.forget()
        try:
            async with asyncio.timeout(WELCOME_TIMEOUT_S):
                await stream.write(agent_pb2.SessionRequest(hello=hello))
                answer = await stream.read()
        except TimeoutError as error:
            raise SessionEndedError("the controller did not answer Hello") from error
        if not isinstance(answer, agent_pb2.SessionResponse) or not answer.HasField("welcome"):
            raise SessionEndedError("the controller closed the stream instead of a Welcome")
        welcome = answer.welcome
        if welcome.fleet_uid != identity.profile.fleet_uid:
            raise SessionEndedError(
                f"the controller speaks for fleet {welcome.fleet_uid}, this host is enrolled with "
                f"fleet {identity.profile.fleet_uid}; correct the controller's address or enrol "
                "this host anew"
            )
        if self._whereabouts is not None:
            await self._whereabouts.reached()
        self._metrics.stream_connected.set(1)
        self.last_error = ""
        log.info("session open", epoch=welcome.session_epoch, fleet_epoch=welcome.fleet_epoch)
        self._on_stats_interval(welcome.stats_interval_ms)
        return max(welcome.heartbeat_interval_ms, 50) / 1000

    def _hello(self) -> agent_pb2.Hello:
        standing = self._standing()
        accepted = standing.accepted
        is_whole = accepted is not None and standing.accepted_is_whole
        self._fragments = {}
        if accepted is not None and is_whole and self._fragments_are_complete:
            self._fragments = dict(accepted.fragments)
        self._fragments_are_complete = True
        return agent_pb2.Hello(
            instance_nonce=self.nonce,
            agent_version=self._version,
            capabilities=self._capabilities,
            fleet_uid=accepted.fleet_uid if accepted else "",
            fleet_epoch=accepted.fleet_epoch if accepted else 0,
            accepted_revision=accepted.revision if accepted else 0,
            accepted_hash=accepted.hash if accepted and is_whole else b"",
            applied_revision=standing.applied_revision,
            applied_hash=standing.applied_hash,
            fragment_hashes=sorted(self._fragments),
        )

    async def _read(self, stream: Stream) -> None:
        # read() and never `async for`: grpc.aio allows one of the two styles per stream.
        while isinstance(response := await stream.read(), agent_pb2.SessionResponse):
            if response.HasField("state"):
                self._on_state(self._complete(response.state))
            elif response.HasField("confirmation"):
                self._round_trip.hear(response.confirmation.nonce)
            elif response.HasField("drift_received"):
                self._drift.received(response.drift_received.sequence)
            elif response.HasField("observe"):
                self._asked.ask(response.observe.request_id, response.observe.resources)
        raise SessionEndedError(f"the controller closed the session: {await stream.details()}")

    def _complete(self, message: state_pb2.HostState) -> HostState:
        """The state with the fragments it shares with the one before it."""
        try:
            state = codec.decode_host_state(message, self._fragments)
        except codec.CodecError as error:
            # Ask for everything at the next Hello instead of for the difference.
            self._fragments_are_complete = False
            raise SessionEndedError(f"a state could not be decoded: {error}") from error
        self._fragments = dict(state.fragments)
        return state

    async def _write(self, stream: Stream, interval: float) -> None:
        loop = asyncio.get_running_loop()
        heartbeat_at = loop.time() + interval
        self._ask_at = 0.0
        while True:
            for message in (*self._take_unsent(), *self._questions(loop.time())):
                await stream.write(message)
            if loop.time() >= heartbeat_at:
                await stream.write(agent_pb2.SessionRequest(heartbeat=agent_pb2.Heartbeat()))
                heartbeat_at = loop.time() + interval
            with contextlib.suppress(TimeoutError):
                ask_at = self._ask_at if self._round_trip.is_open else math.inf
                async with asyncio.timeout_at(min(heartbeat_at, ask_at)):
                    await self._wake.wait()

    def _questions(self, now: float) -> Iterator[agent_pb2.SessionRequest]:
        """Whether the controller is reached, again when it did not answer in time."""
        if now < self._ask_at or (question := self._round_trip.put()) is None:
            return
        self._ask_at = now + ASK_AGAIN_S
        nonce, revision = question
        request = agent_pb2.ConfirmRequest(nonce=nonce, revision=revision)
        yield agent_pb2.SessionRequest(confirm=request)

    def _ask(self) -> None:
        self._ask_at = 0.0
        self._wake.set()

    def _take_unsent(self) -> Iterator[agent_pb2.SessionRequest]:
        self._wake.clear()
        unsent, self._unsent = self._unsent, set()
        if "capabilities" in unsent:
            yield agent_pb2.SessionRequest(capabilities=self._capabilities)
        if "status" in unsent:
            yield agent_pb2.SessionRequest(status=self._status)
        if "inventory" in unsent:
            yield agent_pb2.SessionRequest(inventory=self._inventory)
        while events := self._drift.take():
            yield agent_pb2.SessionRequest(drift=encode_drift(events))
        for request_id, comparison in self._asked.take_answers():
            yield from encode_comparison(request_id, comparison)

    def _mark(self, what: str) -> None:
        self._unsent.add(what)
        self._wake.set()

    async def _renew_when_due(self, channel: grpc.aio.Channel, identity: Identity) -> None:
        """Renew at half life; as long as that fails, go on with the old certificate and retry."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._may_renew_at - loop.time())
        due = renewal_due(identity.certificate, self._rng)
        backoff = Backoff(first=5.0, longest=600.0, rng=self._rng, floor=1.0)
        while True:
            # Looked at every minute, because the wall clock may jump and the timer does not.
            wait = (due - self._now()).total_seconds()
            if wait > 0:
                await asyncio.sleep(min(wait, RENEWAL_CHECK_S))
                continue
            try:
                fresh = await renew(self._store, identity, channel)
            except (grpc.aio.AioRpcError, IdentityError, OSError, ValueError) as error:
                log.warning("certificate not renewed, trying again", error=describe_failure(error))
                await asyncio.sleep(backoff.next_delay())
                continue
            if renewal_due(fresh.certificate, self._rng) <= self._now():
                log.warning(
                    "the fresh certificate is due for renewal already; is this host's clock ahead "
                    "of the controller's?",
                    not_after=fresh.certificate.not_valid_after_utc.isoformat(),
                )
                self._may_renew_at = loop.time() + RENEWAL_CHECK_S
            raise CertificateRenewedError("the certificate was renewed")

    def _note_failure(self, error: Exception) -> None:
        """Say it once per cause: an absent controller must not fill the log."""
        described = describe_failure(error)
        if described != self.last_error:
            log.warning("no session with the controller; the host is kept as it is", why=described)
        self.last_error = described


def describe_failure(error: Exception) -> str:
    if not isinstance(error, grpc.aio.AioRpcError):
        return str(error)
    details = error.details() or "no details"
    return f"{error.code().name}: {details}" + next(
        (f" ({way_out})" for sign, way_out in _WAYS_OUT.items() if sign in details), ""
    )
