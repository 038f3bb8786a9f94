"""Questions what a host is like now: from the table to the agents, and their answers back.

Owns what was sent in the sessions of this process and is not answered yet. A NOTIFY only wakes it
early. A question that was under way when a session ended is sent again in the next one of its host,
by whichever process holds that; who asked gives up after seconds, and nothing is kept for longer.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from uuid import UUID

from ovsfleet.v1 import agent_pb2

from controller.domain.errors import UnavailableError
from controller.observability import get_logger
from controller.services import observations
from controller.services.observations import Answer, Waiting
from controller.southbound.observation_codec import Parts
from controller.southbound.sessions import HostSession, Sessions
from controller.southbound.threads import Threads

log = get_logger(__name__)

SWEEP_S = 2.0
"""How late a question is passed on at most when its NOTIFY was lost."""
_PAUSE_S = 0.5
"""After a failure."""
_MOST_OPEN = 32
"""Of one session; of more, the oldest are forgotten: nobody waits for them any more."""
_MOST_ANSWERS = 64
"""That wait to be stored; of more, the oldest are dropped, and who asked is told to ask again."""


class Questions:
    def __init__(self, threads: Threads, sessions: Sessions) -> None:
        self._threads = threads
        self._sessions = sessions
        self._open: dict[HostSession, dict[UUID, Parts]] = {}
        self._answers: deque[tuple[UUID, int, Answer]] = deque(maxlen=_MOST_ANSWERS)
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Somebody asked."""
        self._wake.set()

    def report(self, session: HostSession, message: agent_pb2.Observation) -> None:
        """Take in a part of an answer; what nobody asked in this session is dropped."""
        question = _uuid(message.request_id)
        waiting = self._open.get(session, {})
        parts = waiting.get(question) if question is not None else None
        if question is None or parts is None:
            return
        answer = parts.add(message)
        if answer is not None:
            del waiting[question]
            self._answers.append((question, session.epoch, answer))
            self._wake.set()

    def ended(self, session: HostSession) -> None:
        """What it did not answer is asked in its host's next session."""
        self._open.pop(session, None)

    async def run(self) -> None:
        """Pass on, both ways, until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SWEEP_S):
                    await self._wake.wait()
            self._wake.clear()
            try:
                await self._store()
                await self._send()
            except UnavailableError as error:
                log.warning("Questions to hosts wait for the database", why=error.detail)
                await self._pause()
            except Exception:
                log.exception("Fault in passing questions on")
                await self._pause()

    async def _pause(self) -> None:
        """And then try again at once: whoever asked waits for seconds only."""
        await asyncio.sleep(_PAUSE_S)
        self._wake.set()

    async def _store(self) -> None:
        while self._answers:
            told = self._answers.popleft()
            try:
                await self._threads.call(observations.record, *told)
            except UnavailableError:
                if len(self._answers) < _MOST_ANSWERS:
                    self._answers.appendleft(told)
                raise

    async def _send(self) -> None:
        if not self._sessions:
            return
        found = await self._threads.call(observations.waiting)
        due = {
            each.id: (session, each.resources)
            for each in found
            if (session := self._sessions.get(each.host_uid)) is not None
            and (each.sent_epoch or 0) < session.epoch
        }
        epochs = {question: session.epoch for question, (session, _) in due.items()}
        claimed = await self._threads.call(observations.claim, epochs) if due else ()
        for question in claimed:
            session, resources = due[question]
            # It may have ended meanwhile, and then nobody would clear up after it.
            if self._sessions.get(session.host_uid) is session:
                self._put(session, question, resources)
        self._put_again(found)

    def _put_again(self, found: Sequence[Waiting]) -> None:
        """What was claimed for a session and never got into it: the database had not answered."""
        answered = {question for question, *_ in self._answers}
        for each in found:
            session = self._sessions.get(each.host_uid)
            if session is None or each.sent_epoch != session.epoch or each.id in answered:
                continue
            if each.id not in self._open.get(session, {}):
                self._put(session, each.id, each.resources)

    def _put(self, session: HostSession, question: UUID, resources: Sequence[str]) -> None:
        waiting = self._open.setdefault(session, {})
        while len(waiting) >= _MOST_OPEN:
            del waiting[next(iter(waiting))]
        waiting[question] = Parts()
        observe = agent_pb2.Observe(request_id=str(question), resources=resources)
        session.answer(agent_pb2.SessionResponse(observe=observe))


def _uuid(word: str) -> UUID | None:
    try:
        return UUID(word)
    except ValueError:
        return None
