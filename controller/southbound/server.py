"""``Southbound``: the two gRPC servers, and the tasks behind them, started and stopped as one.

Owns the listening ports, the threads, their database connections and the wake-up connection.
Everything that gRPC is told about connections stands here in one place.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime

import grpc
from ovsfleet.v1 import agent_pb2_grpc, enrolment_pb2_grpc, stats_pb2_grpc

from controller.config import Settings
from controller.observability import get_logger
from controller.services import observations
from controller.services.changes import IntentListener
from controller.services.statistics import Intake
from controller.southbound.admission import Admission
from controller.southbound.agent_service import AgentService
from controller.southbound.dispatcher import SWEEP_S, Dispatcher
from controller.southbound.drift import DriftRecorder
from controller.southbound.enrolment_service import EnrolmentService
from controller.southbound.guard import Guard, Stream
from controller.southbound.identity import SERVER_LIFETIME, Authority
from controller.southbound.listening import Listening
from controller.southbound.questions import Questions
from controller.southbound.recorder import Recorder
from controller.southbound.sessions import Sessions
from controller.southbound.settling import VtepSettler
from controller.southbound.stats_service import StatsService
from controller.southbound.stats_streams import StatsStreams
from controller.southbound.stats_writer import StatsWriter
from controller.southbound.threads import WORKERS, Threads
from controller.southbound.timing import Clock, utc_now
from controller.store.engine import Database

log = get_logger(__name__)

OPTIONS: tuple[tuple[str, int], ...] = (
    # A controller that cannot have its port must say so, not share it with a forgotten one.
    ("grpc.so_reuseport", 0),
    # Half-open TCP is found from this end too, when an agent's machine is gone without a word.
    ("grpc.keepalive_time_ms", 15_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    # Agents ping every ten seconds, streams open or not; more often is refused with GOAWAY.
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # The largest honest message is a status that names every resource of a host.
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
)
_ENROLMENT_OPTIONS = (
    *(option for option in OPTIONS if option[0] != "grpc.max_receive_message_length"),
    # Anybody may knock here: an honest request is a token, a name and a certificate request.
    ("grpc.max_receive_message_length", 64 * 1024),
)
_JOINING_AT_ONCE = 16
_CONNECTIONS = WORKERS + 1
"""The pool of southbound's own, one for each thread: writers that queue for the fleet's revision on
all connections of REST must not keep anybody's heartbeat."""

_COUNTING = 2
"""Threads of statistics, with connections of their own: one writes while the other reads reports.
Nobody's heartbeat waits for a flood of numbers."""

_GRACE_S = 0.5
_LAST_WRITES_S = 2.0


class CannotListenError(Exception):
    """An address cannot be listened on; the message names the setting."""


class Southbound:
    """What agents reach. Runs on the event loop that ``start`` is awaited on."""

    def __init__(
        self,
        database_url: str,
        settings: Settings,
        authority: Authority,
        *,
        clock: Clock = utc_now,
        on_status: Callable[[], None] = lambda: None,
        listening: Listening | None = None,
    ) -> None:
        """``on_status`` is called, on the event loop, after hosts' reports were written;
        ``listening`` is told while hosts can make themselves heard."""
        self._listening = listening or Listening(clock)
        self._on_status = on_status
        self._database_url = database_url
        self._settings = settings
        self._authority = authority
        self._clock = clock
        self._servers: list[grpc.aio.Server] = []
        self._tasks: list[asyncio.Task[None]] = []
        self.southbound_port = 0
        self.enrolment_port = 0

    async def start(self) -> None:
        """Listen; CannotListenError names the setting of a port that is taken."""
        self._db = Database(self._database_url, pool_size=_CONNECTIONS)
        self._threads = Threads(self._db)
        # Strangers queue behind each other, and no host behind them.
        self._desk = Threads(self._db, workers=1)
        # Its two threads wait for the database to speak, all the time.
        self._ears = Threads(self._db, workers=2)
        self._stats_db = Database(self._database_url, pool_size=_COUNTING)
        self._stats_threads = Threads(self._stats_db, workers=_COUNTING)
        self._sessions = Sessions()
        self._stats_streams = StatsStreams()
        self._recorder = Recorder(
            self._threads,
            self._clock,
            beat_s=self._settings.heartbeat_interval_ms / 2000,
            on_written=self._on_written,
        )
        self._drift = DriftRecorder(self._threads, self._clock)
        self._questions = Questions(self._threads, self._sessions)
        self._settler = VtepSettler(self._threads)
        self._dispatcher = Dispatcher(
            self._threads,
            self._sessions,
            self._clock,
            on_judged=self._recorder.judged,
            on_reached=self._listening.works,
        )
        self._guard = Guard(self._threads, self._sessions, self._clock)
        self._stats_guard = Guard(self._threads, self._stats_streams, self._clock)
        self._stats_writer = StatsWriter(self._stats_threads, Intake(self._stats_db), self._clock)
        self._listener = await self._ears.run(IntentListener, self._db)
        self._asked = await self._ears.run(observations.listener, self._db)
        await self._start_servers()
        self._tasks = [
            asyncio.create_task(self._dispatcher.run(), name="dispatcher"),
            asyncio.create_task(self._recorder.run(), name="recorder"),
            asyncio.create_task(self._drift.run(), name="recorder of drift"),
            asyncio.create_task(self._settler.run(), name="changes of VTEPs"),
            asyncio.create_task(self._guard.run(), name="guard"),
            asyncio.create_task(self._stats_guard.run(), name="guard of statistics"),
            asyncio.create_task(self._stats_writer.run(), name="writer of statistics"),
            asyncio.create_task(self._questions.run(), name="questions to hosts"),
            asyncio.create_task(
                self._listen(self._listener.wait, self._dispatcher.wake), name="intent listener"
            ),
            asyncio.create_task(
                self._listen(self._asked.wait, self._questions.wake), name="listener for questions"
            ),
        ]
        log.info(
            "Serving agents",
            southbound_port=self.southbound_port,
            enrolment_port=self.enrolment_port,
        )

    async def stop(self) -> None:
        """End the streams and write what waits; hosts go on with what they have."""
        streams: list[Stream] = [*self._sessions.all(), *self._stats_streams.all()]
        for stream in streams:
            stream.end(grpc.StatusCode.UNAVAILABLE, "the controller is stopping")
        for server in self._servers:
            await server.stop(_GRACE_S)
        await self._cancel_tasks()
        with contextlib.suppress(Exception):
            async with asyncio.timeout(_LAST_WRITES_S):
                await self._recorder.flush()
                await self._drift.flush()
        self._listener.close()
        self._asked.close()
        await self._ears.close(patience_s=_LAST_WRITES_S)
        await self._desk.close(patience_s=_LAST_WRITES_S)
        await self._threads.close(patience_s=_LAST_WRITES_S)
        await self._stats_threads.close(patience_s=_LAST_WRITES_S)
        self._stats_db.close()
        self._db.close()

    async def _start_servers(self) -> None:
        agents = grpc.aio.server(options=OPTIONS)
        admission = Admission(self._authority, self._threads, self._clock)
        agent_pb2_grpc.add_AgentServiceServicer_to_server(self._agent_service(admission), agents)
        stats_pb2_grpc.add_StatsServiceServicer_to_server(self._stats_service(admission), agents)
        self.southbound_port = self._bind(
            agents, self._settings.southbound_address, "OVSFLEET_SOUTHBOUND_ADDRESS", mutual=True
        )
        joining = grpc.aio.server(
            options=_ENROLMENT_OPTIONS, maximum_concurrent_rpcs=_JOINING_AT_ONCE
        )
        enrolment_pb2_grpc.add_EnrolmentServiceServicer_to_server(
            EnrolmentService(
                self._authority, self._desk, clock=self._clock, on_replaced=self._on_replaced
            ),
            joining,
        )
        self.enrolment_port = self._bind(
            joining, self._settings.enrolment_address, "OVSFLEET_ENROLMENT_ADDRESS", mutual=False
        )
        self._servers = [agents, joining]
        for server in self._servers:
            await server.start()

    def _agent_service(self, admission: Admission) -> AgentService:
        return AgentService(
            self._authority,
            admission,
            self._threads,
            sessions=self._sessions,
            dispatcher=self._dispatcher,
            recorder=self._recorder,
            drift=self._drift,
            questions=self._questions,
            clock=self._clock,
            heartbeat_interval_ms=self._settings.heartbeat_interval_ms,
            stats_interval_ms=self._settings.stats_interval_ms,
        )

    def _stats_service(self, admission: Admission) -> StatsService:
        return StatsService(
            admission,
            self._stats_threads,
            self._stats_streams,
            self._stats_writer,
            clock=self._clock,
        )

    def _bind(self, server: grpc.aio.Server, address: str, setting: str, *, mutual: bool) -> int:
        try:
            return server.add_secure_port(address, self._credentials(mutual=mutual))
        except RuntimeError as error:
            raise CannotListenError(
                f"cannot listen on {address}: change {setting}, or stop what uses it"
            ) from error

    def _credentials(self, *, mutual: bool) -> grpc.ServerCredentials:
        certificates = _ServerCertificates(self._authority, self._clock)
        return grpc.dynamic_ssl_server_credentials(
            certificates.fresh(),
            certificates.renewed,  # type: ignore[arg-type]  # may answer None, says grpc's manual
            require_client_authentication=mutual,
        )

    def _on_replaced(self) -> None:
        """A machine may not speak for its host any more, and does in streams that are open."""
        self._guard.wake()
        self._stats_guard.wake()

    def _on_written(self) -> None:
        """Reports are in the tables."""
        self._settler.wake()
        self._on_status()

    async def _listen(self, wait: Callable[[float], bool], wake: Callable[[], None]) -> None:
        """Pass wake-ups on. Without them the sweeps of those who are woken find everything."""
        while True:
            try:
                if await self._ears.run(wait, SWEEP_S):
                    wake()
            except Exception:
                log.exception("Fault in a listener")
                await asyncio.sleep(SWEEP_S)

    async def _cancel_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class _ServerCertificates:
    """The server's certificate, renewed at half its life while the server runs."""

    def __init__(self, authority: Authority, clock: Clock) -> None:
        self._authority = authority
        self._clock = clock
        self._issued_at: datetime

    def fresh(self) -> grpc.ServerCertificateConfiguration:
        self._issued_at = self._clock()
        return self._authority.server_configuration(now=self._issued_at)

    def renewed(self) -> grpc.ServerCertificateConfiguration | None:
        """Answer gRPC's question at each handshake; None keeps the one it has."""
        due = self._clock() > self._issued_at + SERVER_LIFETIME / 2
        return self.fresh() if due else None
