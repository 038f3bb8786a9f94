"""From committed intent to the mailboxes of the hosts it concerns.

Owns the cursor into the change log. A NOTIFY only wakes it early: a sweep every few seconds makes
its work independent of that. While the database is away it keeps its cursor and tries again; the
streams stay open, and the hosts keep what they have.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from uuid import UUID

import grpc

from controller.compiler import CompiledHost, compile_host, compile_hosts
from controller.compiler.state_features import not_understood
from controller.domain.departures import REFUSALS, Revocation
from controller.domain.errors import UnavailableError
from controller.domain.host_intent import HostIntent
from controller.domain.intent import is_removed
from controller.observability import get_logger
from controller.services import changes, desired, status
from controller.services.status import ReportedFailure
from controller.southbound.sessions import HostSession, Sessions
from controller.southbound.threads import Threads
from controller.southbound.timing import Clock, retry_delays

log = get_logger(__name__)

SWEEP_S = 2.0
"""How late a change reaches its hosts at most when its NOTIFY was lost."""
_TOO_OLD = "AgentTooOld"


class Dispatcher:
    def __init__(
        self,
        threads: Threads,
        sessions: Sessions,
        clock: Clock,
        *,
        on_judged: Callable[[], None],
        on_reached: Callable[[], None] = lambda: None,
    ) -> None:
        """``on_reached`` is called whenever the database answered."""
        self._on_reached = on_reached
        self._threads = threads
        self._sessions = sessions
        self._clock = clock
        self._on_judged = on_judged
        self._cursor: int | None = None
        self._due: set[UUID] = set()
        self._wake = asyncio.Event()

    def welcome(self, session: HostSession) -> None:
        """See that a new session gets its desired state."""
        self._due.add(session.host_uid)
        self._wake.set()

    def wake(self) -> None:
        """Look at the change log now."""
        self._wake.set()

    async def run(self) -> None:
        """Dispatch until cancelled."""
        delays = retry_delays()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SWEEP_S):
                    await self._wake.wait()
            self._wake.clear()
            try:
                await self._dispatch()
                delays = retry_delays()
            except UnavailableError as error:
                log.warning("Intent cannot be read, hosts keep what they have", why=error.detail)
                await self._try_later(next(delays))
            except Exception:
                log.exception("Fault in the dispatcher")
                await self._try_later(next(delays))

    async def _try_later(self, delay: float) -> None:
        await asyncio.sleep(delay)
        self._wake.set()

    async def _dispatch(self) -> None:
        due, self._due = self._due, set()
        try:
            head = await self._threads.call(changes.head)
            self._on_reached()
            hosts = due | await self._dirty(head)
            await self._push([s for uid in hosts if (s := self._sessions.get(uid)) is not None])
        except BaseException:
            self._due |= due
            raise
        self._cursor = head

    async def _dirty(self, head: int) -> frozenset[UUID]:
        """Hosts that changed past the cursor."""
        if self._cursor is None or self._cursor == head:
            return frozenset()
        if head < self._cursor:
            # The database was restored to an earlier moment: nobody's state can be assumed.
            return frozenset(session.host_uid for session in self._sessions.all())
        return await self._threads.call(changes.dirty_hosts, self._cursor, head)

    async def _push(self, sessions: list[HostSession]) -> None:
        if not sessions:
            return
        confirmed = {s.host_uid: s.applied_revision for s in sessions}
        intents, waiting = await self._threads.call(
            desired.load_batch, list(confirmed), confirmed=confirmed
        )
        compiled = await self._threads.run(_compile, list(intents.values()))
        # Before anything is sent: what an agent reports of a state is only shown as it was judged.
        await self._judge(sessions, intents, compiled)
        for session in sessions:
            if session.host_uid not in waiting:
                self._deliver(session, intents, compiled)
        await self._advance(sessions)

    async def _judge(
        self,
        sessions: Iterable[HostSession],
        intents: Mapping[UUID, HostIntent],
        compiled: Mapping[UUID, CompiledHost],
    ) -> None:
        """Find what agents that are too old for something will leave out of their new states."""
        older = {s.host_uid: s for s in sessions if s.lacks}
        if not older:
            return
        lacks = {uid: session.lacks for uid, session in older.items()}
        found = await self._threads.run(_not_understood, compiled, lacks)
        for uid, asked in found.items():
            older[uid].judge(_too_old(intents[uid].host.name, asked))
        await self._judge_as_before([s for s in older.values() if not s.is_judged])
        self._on_judged()

    async def _judge_as_before(self, sessions: Iterable[HostSession]) -> None:
        """Nobody knows what these agents leave out: what was known of their hosts stays known."""
        unknown = {session.host_uid: session for session in sessions}
        if not unknown:
            return
        kept = await self._threads.call(status.failures_of, list(unknown), _TOO_OLD)
        for uid, session in unknown.items():
            session.judge(kept.get(uid, ()))

    def _deliver(
        self,
        session: HostSession,
        intents: dict[UUID, HostIntent],
        compiled: dict[UUID, CompiledHost],
    ) -> None:
        intent = intents.get(session.host_uid)
        if intent is None:
            # Its datapath stays as it is: to be forgotten is not to be told to delete.
            session.end(grpc.StatusCode.PERMISSION_DENIED, REFUSALS[Revocation.DELETED])
        elif is_removed(intent.host):
            session.end(grpc.StatusCode.PERMISSION_DENIED, REFUSALS[Revocation.REMOVED])
        elif session.host_uid in compiled:
            session.offer(compiled[session.host_uid], intent)

    async def _advance(self, sessions: list[HostSession]) -> None:
        """Record hosts for which the revision changed and their desired state did not."""
        by_revision: dict[int, dict[UUID, bytes]] = {}
        for session in sessions:
            if (advanced := session.advanced) is not None:
                by_revision.setdefault(advanced[0], {})[session.host_uid] = advanced[1]
        for revision, hosts in by_revision.items():
            await self._threads.call(status.advance, hosts, revision, now=self._clock())


def _too_old(host: str, asked: Mapping[str, Iterable[str]]) -> Iterator[ReportedFailure]:
    for resource, words in asked.items():
        message = (
            f"the agent on {host!r} is too old for this and leaves part of it out, because it does"
            f" not understand {', '.join(words)}: upgrade the agent on {host!r}"
        )
        yield ReportedFailure(resource, "unsupported", _TOO_OLD, message)


def _not_understood(
    compiled: Mapping[UUID, CompiledHost], lacks: Mapping[UUID, frozenset[str]]
) -> dict[UUID, dict[str, list[str]]]:
    """Judge a batch; a host that cannot be judged is left out and holds up nobody."""
    try:
        return not_understood(compiled, lacks)
    except Exception:
        log.exception("Fault in judging what agents understand, looking for the host")
    found: dict[UUID, dict[str, list[str]]] = {}
    for uid, words in lacks.items():
        try:
            found |= not_understood(compiled, {uid: words})
        except Exception:
            log.exception("It is not known what the agent leaves out", host_uid=str(uid))
    return found


def _compile(intents: list[HostIntent]) -> dict[UUID, CompiledHost]:
    """Compile a batch; a host that cannot be compiled keeps what it has and holds up nobody."""
    try:
        return compile_hosts(intents)
    except Exception:
        log.exception("Fault in the compiler, looking for the host")
    compiled: dict[UUID, CompiledHost] = {}
    for intent in intents:
        try:
            compiled[intent.host.uid] = compile_host(intent)
        except Exception:
            log.exception("Intent cannot be compiled", host=intent.host.name)
    return compiled
