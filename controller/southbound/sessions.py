"""The open sessions of this process: one per host, the newest wins.

A ``HostSession`` owns what is known of the agent at the other end and a mailbox of size one: a
newer desired state replaces one that was not sent yet. Answers to what the agent asked wait beside
it, and go first. All of it runs on the event loop only.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import grpc
from ovsfleet.v1 import agent_pb2

from controller.compiler import CompiledHost, host_state
from controller.compiler.state_features import STATE_FEATURES
from controller.domain.host_intent import HostIntent
from controller.services.status import HostReport, Outcome, ReportedFailure
from controller.southbound.identity import HostIdentity

_NONCES_KEPT = 16
_ANSWERS_KEPT = 16
"""An agent asks again when it gets no answer: of more than these, the oldest are dropped."""
TAKEN_OVER = "a newer session of this host took over"


@dataclass(frozen=True, slots=True)
class Ending:
    """Why the controller ends a session."""

    code: grpc.StatusCode
    reason: str


class HostSession:
    """One agent's stream, from Hello to its end."""

    def __init__(
        self,
        identity: HostIdentity,
        epoch: int,
        *,
        accepted_revision: int,
        accepted_hash: bytes,
        applied_revision: int,
        applied_hash: bytes,
        fragments: Iterable[bytes],
        features: Iterable[str],
    ) -> None:
        self.identity = identity
        self.epoch = epoch
        self.applied_revision = applied_revision
        self.applied_hash = applied_hash
        self.lacks = STATE_FEATURES.difference(features)
        """What this agent does not understand; that does not change while its process lives."""
        self._not_understood: tuple[ReportedFailure, ...] | None = None if self.lacks else ()
        self.ending: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._held_revision = accepted_revision
        self._held_hash = accepted_hash
        self._known_fragments = frozenset(fragments)
        self._compiled: tuple[int, bytes] = (0, b"")
        self._box: tuple[CompiledHost, HostIntent] | None = None
        self._answers: deque[agent_pb2.SessionResponse] = deque(maxlen=_ANSWERS_KEPT)
        self._filled = asyncio.Event()

    @property
    def host_uid(self) -> UUID:
        return self.identity.host_uid

    def offer(self, compiled: CompiledHost, intent: HostIntent) -> None:
        """Put a desired state into the mailbox, unless the agent has its like."""
        self._compiled = (intent.revision, compiled.hash)
        if compiled.hash == self._held_hash:
            return
        self._held_revision, self._held_hash = intent.revision, compiled.hash
        self._box = (compiled, intent)
        self._filled.set()

    def answer(self, response: agent_pb2.SessionResponse) -> None:
        """Have ``response`` sent as soon as the stream takes it."""
        self._answers.append(response)
        self._filled.set()

    async def take(self) -> agent_pb2.SessionResponse:
        """Wait for an answer or a desired state; the caller sends it next, and nothing between."""
        await self._filled.wait()
        response = self._answers.popleft() if self._answers else self._take_state()
        if not self._answers and self._box is None:
            self._filled.clear()
        return response

    def _take_state(self) -> agent_pb2.SessionResponse:
        assert self._box is not None  # noqa: S101 - the event says so
        (compiled, intent), self._box = self._box, None
        message = host_state(compiled, intent, self._known_fragments)
        self._known_fragments = frozenset(compiled.fragments)
        return agent_pb2.SessionResponse(state=message)

    @property
    def advanced(self) -> tuple[int, bytes] | None:
        """The newest compiled (revision, hash) when the datapath has its like already.

        What was applied before the state that the agent holds proves nothing: another state may
        have come in between, and is on its way in or out of the datapath.
        """
        settled = self.applied_revision >= self._held_revision
        return self._compiled if settled and self._compiled[1] == self.applied_hash else None

    def heard(self, report: HostReport) -> HostReport:
        """Take in a report; return it at the newest revision that it amounts to.

        The agent knows the revision of the state it was sent. Revisions after it that changed
        nothing for this host were not sent, and are applied all the same.
        """
        self.applied_revision = report.applied_revision
        self.applied_hash = report.applied_hash
        if report.outcome is Outcome.REVERTED and report.observed_revision >= self._held_revision:
            # What it was sent is gone again, with the fragments that came with it. It has what it
            # had before, and is held at that: nothing is to be sent until somebody releases it.
            self._held_revision = report.applied_revision
            self._held_hash = report.applied_hash
            self._known_fragments = frozenset()
        if self.advanced is None:
            return report
        revision = self._compiled[0]
        return replace(
            report,
            applied_revision=max(report.applied_revision, revision),
            observed_revision=max(report.observed_revision, revision),
        )

    @property
    def is_judged(self) -> bool:
        """Whether it is known what of its state the agent leaves out without knowing it."""
        return self._not_understood is not None

    def judge(self, not_understood: Iterable[ReportedFailure]) -> None:
        self._not_understood = tuple(not_understood)

    def judged(self, report: HostReport) -> HostReport:
        """``report`` with what the agent could not know of; its own words go before."""
        told = {failure.resource for failure in report.failures}
        more = [each for each in self._not_understood or () if each.resource not in told]
        return replace(report, failures=(*report.failures, *more)) if more else report

    def end(self, code: grpc.StatusCode, reason: str) -> None:
        if not self.ending.done():
            self.ending.set_result(Ending(code, reason))

    def ends_for_expiry(self, now: datetime) -> bool:
        """End the session when its certificate is past its end; a stream outlives it otherwise."""
        if self.identity.expired(now):
            self.end(
                grpc.StatusCode.UNAUTHENTICATED, "the certificate expired: enrol the host again"
            )
        return self.ending.done()


class Sessions:
    """All sessions of this process by host."""

    def __init__(self) -> None:
        self._open: dict[UUID, HostSession] = {}
        self._nonces: dict[UUID, deque[str]] = {}

    def admit(self, host_uid: UUID, nonce: str) -> bool:
        """Tell whether the agent process behind ``nonce`` may speak for the host.

        A process that comes back after another one took its place is one of two with a copied
        identity. The newer one stays; letting both in would swap them for ever.
        """
        seen = self._nonces.setdefault(host_uid, deque(maxlen=_NONCES_KEPT))
        if seen and seen[-1] == nonce:
            return True
        if nonce in seen:
            return False
        seen.append(nonce)
        return True

    def add(self, session: HostSession) -> None:
        """Register a session; of two of the same host the older is ended, whichever came first."""
        other = self._open.get(session.host_uid)
        newer = session if other is None or other.epoch < session.epoch else other
        older = other if newer is session else session
        if older is not None:
            older.end(grpc.StatusCode.ABORTED, TAKEN_OVER)
        self._open[session.host_uid] = newer

    def remove(self, session: HostSession) -> None:
        if self._open.get(session.host_uid) is session:
            del self._open[session.host_uid]

    def get(self, host_uid: UUID) -> HostSession | None:
        return self._open.get(host_uid)

    def all(self) -> tuple[HostSession, ...]:
        return tuple(self._open.values())

    def __len__(self) -> int:
        return len(self._open)
