"""What a host is like now: its agent is asked over its session, looks, and answers.

Owns ``observation``, through which the question gets from the process that serves REST to the one
that holds the session, and the answer back. Must not touch intent; who may ask is for the caller to
say, because an answer mixes projects.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from controller.auth import Principal
from controller.compiler.naming import object_of, remote_of
from controller.domain.errors import UnavailableError
from controller.domain.intent import DEFAULT_PROJECT, Kind, Object, Ref
from controller.domain.observation import OBSERVE, ObservedState
from controller.services.queries import find
from controller.services.statuses import derive
from controller.store import observations as rows
from controller.store.engine import Database, Transaction
from controller.store.listing import Subject, read_refs
from controller.store.notify import OBSERVATION_CHANNEL, Listener, notify_observation
from controller.store.observations import Waiting

__all__ = [
    "PATIENCE",
    "AgentTooOldError",
    "Answer",
    "Difference",
    "HostAwayError",
    "Item",
    "Observed",
    "Question",
    "Waiting",
    "ask",
    "claim",
    "forget",
    "listener",
    "read",
    "record",
    "unanswered",
    "waiting",
]

PATIENCE = timedelta(seconds=10)
"""How long anybody waits for an answer."""
_SHARED = timedelta(seconds=1)
"""Who asks the same so soon after another gets the same answer: agents look once in a second."""
_MOST_OPEN = 8
"""Questions of one host that wait; an agent keeps some more."""
_KEPT = timedelta(minutes=5)


class HostAwayError(UnavailableError):
    """The host's agent cannot be asked now, or does not answer."""

    code = "host_away"


class AgentTooOldError(UnavailableError):
    """The host's agent does not know what it would be asked."""

    code = "agent_too_old"


@dataclass(frozen=True, slots=True)
class Question:
    id: UUID
    host: Object


@dataclass(frozen=True, slots=True)
class Difference:
    field: str
    intended: str
    found: str


@dataclass(frozen=True, slots=True)
class Item:
    """One resource as its agent found it."""

    resource: str
    state: ObservedState
    differences: tuple[Difference, ...] = ()
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """As an agent tells it; ``trouble`` says why it could not look."""

    revision: int
    items: tuple[Item, ...] = ()
    counts: Mapping[ObservedState, int] = field(default_factory=dict)
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Observed:
    asked_at: datetime
    received_at: datetime
    answer: Answer
    objects: Mapping[UUID, Ref]
    """The intended objects of its resources, and the hosts that tunnels go to."""

    def object_of(self, resource: str) -> Ref | None:
        uid = object_of(resource)
        return None if uid is None else self.objects.get(uid)

    def remote_of(self, resource: str) -> Ref | None:
        uid = remote_of(resource)
        return None if uid is None else self.objects.get(uid)


# --- who wants to know ---------------------------------------------------------------------------


def ask(db: Database, principal: Principal, host_ref: str, resources: Iterable[str]) -> Question:
    """Have the host asked about ``resources``, or everything; HostAwayError, AgentTooOldError and
    UnavailableError say why it cannot be."""
    wanted = sorted(set(resources))
    with db.transaction() as tx:
        host = find(tx, principal, Kind.HOST, DEFAULT_PROJECT, host_ref).object
        _require_speaker(tx, host)
        rows.lock(tx, host.uid)
        question = rows.find_alike(tx, host.uid, wanted, _SHARED)
        if question is None:
            if rows.count_open(tx, host.uid, PATIENCE) >= _MOST_OPEN:
                raise UnavailableError(
                    f"{_MOST_OPEN} questions to host {host.name!r} wait already; ask again soon"
                )
            question = uuid4()
            rows.add(tx, question, host.uid, wanted)
            notify_observation(tx)
    return Question(question, host)


def read(db: Database, question: Question) -> Observed | None:
    """The answer; None: not yet. HostAwayError when none will come."""
    with db.snapshot() as tx:
        asked = rows.read(tx, question.id)
        if asked is None or (asked.received_at is None and not asked.is_heard):
            raise _away(tx, question.host)
        if asked.received_at is None or asked.answer is None:
            return None
        answer = _answer(asked.revision or 0, asked.answer)
        if answer.trouble:
            raise UnavailableError(
                f"the agent on host {question.host.name!r} could not look: {answer.trouble}"
            )
        named = ((object_of(item.resource), remote_of(item.resource)) for item in answer.items)
        uids = {uid for each in named for uid in each if uid is not None}
        return Observed(
            asked.asked_at, asked.received_at, answer, read_refs(tx, uids) if uids else {}
        )


def unanswered(question: Question) -> HostAwayError:
    """What to say when ``PATIENCE`` is over."""
    return HostAwayError(
        f"the agent on host {question.host.name!r} did not answer within"
        f" {PATIENCE.total_seconds():.0f} s; ask again, and look at its log if that does not help"
    )


def _require_speaker(tx: Transaction, host: Object) -> None:
    speaker = rows.read_speaker(tx, host.uid)
    if speaker is None or not speaker.is_heard:
        raise _away(tx, host)
    if OBSERVE not in speaker.capabilities.get("session_features", ()):
        raise AgentTooOldError(
            f"the agent on host {host.name!r} ({speaker.agent_version}) is too old to be asked what"
            f" the host is like now; upgrade it"
        )


def _away(tx: Transaction, host: Object) -> HostAwayError:
    """With the reason that the host's own status gives."""
    status = derive(tx, Kind.HOST, [Subject(host.uid, host.revision)])[host.uid]
    said = (each for each in status.conditions if each.type == "Connected")
    told = next((f"{each.reason}: {each.message}" for each in said if each.status != "True"), "")
    why = told or "its connection broke off; ask again in a moment"
    return HostAwayError(f"host {host.name!r} cannot be asked what it is like now: {why}")


def _answer(revision: int, document: Mapping[str, Any]) -> Answer:
    items = (
        Item(
            each["resource"],
            ObservedState(each["state"]),
            tuple(Difference(**difference) for difference in each["differences"]),
            each["reason"],
            each["message"],
        )
        for each in document["items"]
    )
    counts = {ObservedState(state): count for state, count in document["counts"].items()}
    return Answer(revision, tuple(items), counts, document["trouble"])


# --- who holds the sessions ----------------------------------------------------------------------


def listener(db: Database) -> Listener:
    """Wakes up whoever passes questions on; one that is missed is found by looking."""
    return Listener(db, OBSERVATION_CHANNEL)


def waiting(db: Database) -> Sequence[Waiting]:
    """All questions without an answer that somebody still waits for, oldest first."""
    with db.snapshot() as tx:
        return rows.read_open(tx, PATIENCE)


def claim(db: Database, epochs: Mapping[UUID, int]) -> frozenset[UUID]:
    """Of these questions those that are to be sent now, each in the session of that epoch: no newer
    one of its host has it."""
    with db.transaction() as tx:
        return rows.mark_sent(tx, epochs)


def record(db: Database, question: UUID, session_epoch: int, answer: Answer) -> bool:
    """Store an answer for whoever asked; False: nobody waits for it from this session."""
    document = {
        "items": [asdict(each) for each in answer.items],
        "counts": dict(answer.counts),
        "trouble": answer.trouble,
    }
    with db.transaction() as tx:
        return rows.record(tx, question, session_epoch, revision=answer.revision, answer=document)


# --- afterwards ----------------------------------------------------------------------------------


def forget(db: Database) -> int:
    """Drop what was asked minutes ago; answers how many."""
    with db.transaction() as tx:
        return rows.forget(tx, _KEPT)
