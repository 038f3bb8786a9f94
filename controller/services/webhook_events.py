"""Finds out what webhooks are to be told, and stores it as messages to send.

Owns ``webhook_progress``, ``webhook_told`` and the cursors of the webhooks. What is found is read
in one snapshot, and stored together with the cursors in one transaction, and only if nobody else
did meanwhile: so nothing is lost and nothing is stored twice, however many workers do this at once.

Changes of intent are told one by one, from the change log. A status is told when it differs from
what was told last; one that came and went between two looks is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from controller.domain.intent import Kind, Ref
from controller.domain.label_selectors import parse_selector
from controller.domain.status import Condition, Status
from controller.domain.webhooks import OF_INTENT, OF_PHASE, Event, Interest, Occurrence, body
from controller.services.statuses import derive
from controller.store import changelog, webhook_deliveries, webhooks
from controller.store import status as reports
from controller.store import webhook_sources as sources
from controller.store.engine import Database, Transaction
from controller.store.fleet import read_fleet
from controller.store.webhook_sources import CONNECTION, PHASE, Candidate, Progress, Since, Told
from controller.store.webhooks import Webhook

_READ_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class _Place:
    """In the change log; without ``seq``, behind all of the revision."""

    revision: int
    seq: int | None


@dataclass(slots=True)
class _Statuses:
    """What is news of the statuses."""

    cursor: int
    revision: int
    """Up to which objects were looked at."""
    occurrences: list[Occurrence] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    moved: bool = True
    """Whether any host reported, or intent changed, since the last look."""


@dataclass(frozen=True, slots=True)
class _Look:
    """What one snapshot showed."""

    progress: Progress
    head: int
    places: Mapping[UUID, _Place]
    """How far each webhook that was behind in the log will have been told."""
    messages: Sequence[Mapping[str, Any]]
    statuses: _Statuses | None
    """None: no webhook asks, or the log comes first."""
    asks_for_statuses: bool
    finished: bool
    """Whether the log was read to its end, and statuses compared with what was told of them."""

    @property
    def is_idle(self) -> bool:
        """Nothing to store. The cursor of the statuses may stay behind until there is."""
        if self.places or self.messages:
            return False
        if self.statuses is None:
            return self.asks_for_statuses or self.progress.statuses is None
        return not self.statuses.moved and not self.statuses.told


def fan_out(db: Database, *, now: datetime) -> int:
    """Stores what is to be told; answers how many messages that is."""
    stored = 0
    while True:
        with db.snapshot() as tx:
            look = _look(tx, now)
        if look.is_idle:
            return stored
        with db.transaction() as tx:
            if not _store(tx, look, now):
                return stored
        stored += len(look.messages)
        if look.finished:
            return stored


def _look(tx: Transaction, now: datetime) -> _Look:
    progress, head = sources.read_progress(tx), read_fleet(tx).revision
    hooks = webhooks.read_all(tx)
    interests = {hook.uid: _interest(hook) for hook in hooks}
    asks = any(interest.concerns_status for interest in interests.values())
    changes, places = _changes(tx, hooks, head, now)
    finished = all(place.seq is None for place in places.values())
    statuses = None
    if asks and progress.statuses is None:
        ask = (hook.told_revision for hook in hooks if interests[hook.uid].concerns_status)
        statuses, finished = _baseline(tx, min(ask), now), False
    elif asks and finished:
        # An object's status is told after the change that it is the outcome of.
        statuses = _news(tx, progress, head, now)
    return _Look(
        progress=progress,
        head=head,
        places=places,
        messages=list(_messages(hooks, interests, changes, statuses)),
        statuses=statuses,
        asks_for_statuses=asks,
        finished=finished,
    )


def _interest(hook: Webhook) -> Interest:
    return Interest(
        events=frozenset(Event(word) for word in hook.events),
        selector=parse_selector(hook.label_selector),
        kinds=None if hook.kinds is None else frozenset(Kind(word) for word in hook.kinds),
        project=hook.project,
    )


def _changes(
    tx: Transaction, hooks: Sequence[Webhook], head: int, now: datetime
) -> tuple[dict[_Place, list[Occurrence]], dict[UUID, _Place]]:
    """What the log says from where each webhook is, and where each that is behind gets to."""
    behind = {
        hook.uid: _Place(hook.told_revision, hook.told_seq)
        for hook in hooks
        if hook.told_revision < head or hook.told_seq is not None
    }
    found: dict[_Place, list[Occurrence]] = {}
    reached: dict[_Place, _Place] = {}
    for place in set(behind.values()):
        entries = changelog.read_after(tx, place.revision, place.seq, _READ_LIMIT)
        found[place] = _of_intent(tx, entries, now)
        is_end = len(entries) < _READ_LIMIT
        reached[place] = (
            _Place(head, None) if is_end else _Place(entries[-1].revision, entries[-1].seq)
        )
    return found, {uid: reached[place] for uid, place in behind.items()}


def _of_intent(tx: Transaction, entries: Sequence[Any], now: datetime) -> list[Occurrence]:
    entries = [entry for entry in entries if entry.action in OF_INTENT]
    times = sources.times_of(tx, {entry.revision for entry in entries})
    labels: dict[tuple[UUID, int], dict[str, str]] = {}
    for kind in {entry.kind for entry in entries}:
        of_kind = [(entry.uid, entry.revision) for entry in entries if entry.kind is kind]
        labels |= sources.labels_at(tx, kind, of_kind)
    return [
        Occurrence(
            event=OF_INTENT[entry.action],
            ref=Ref(entry.kind, entry.project, entry.name),
            uid=entry.uid,
            revision=entry.revision,
            occurred_at=times.get(entry.revision, now),
            labels=labels.get((entry.uid, entry.revision), {}),
        )
        for entry in entries
    ]


def _baseline(tx: Transaction, revision: int, now: datetime) -> _Statuses:
    """How what is older than the first webhook stands is no news: it is noted, and not told."""
    _, cursor = reports.changed_hosts(tx, 0)
    statuses = _Statuses(cursor, revision)
    for kind in Kind:
        found = sources.candidates(tx, kind, None)
        older = [each for each in found if each.subject.revision <= revision]
        if older:
            _compare(tx, kind, older, statuses, now)
    statuses.occurrences.clear()
    return statuses


def _news(tx: Transaction, progress: Progress, head: int, now: datetime) -> _Statuses:
    hosts, cursor = reports.changed_hosts(tx, progress.statuses or 0)
    if cursor < (progress.statuses or 0):
        # Transactions count anew: the database was restored into another server.
        hosts, cursor = reports.changed_hosts(tx, 0)
    moved = bool(hosts) or head > progress.revision
    news = _Statuses(cursor, head, moved=moved)
    # A binding is refused where a host tells of its guests, which is no report and no intent.
    for kind in Kind if moved else (Kind.PORT,):
        found = sources.candidates(tx, kind, Since(hosts, progress.revision))
        if found:
            _compare(tx, kind, found, news, now)
    return news


def _compare(
    tx: Transaction, kind: Kind, candidates: Sequence[Candidate], news: _Statuses, now: datetime
) -> None:
    """Add what differs from what was told last."""
    statuses = derive(tx, kind, [each.subject for each in candidates])
    told = sources.read_told(tx, statuses.keys())
    for each in candidates:
        uid, revision = each.subject.uid, each.subject.revision
        status = statuses[uid]
        for aspect, event, condition in _findings(status):
            before = told.get((uid, aspect))
            if before is not None and not _is_news(aspect, event, revision, status, before):
                continue
            news.told.append(Told(uid, aspect, event.value, revision))
            news.occurrences.append(_occurrence(each, event, status, condition, now))


def _findings(status: Status) -> Iterator[tuple[str, Event, Condition]]:
    conditions = {condition.type: condition for condition in status.conditions}
    connected = conditions.get("Connected")
    if connected is not None and connected.status != "False":
        event = Event.CONNECTED if connected.status == "True" else Event.SILENT
        yield CONNECTION, event, connected
    if status.phase in OF_PHASE:
        yield PHASE, OF_PHASE[status.phase], conditions["Realized"]


def _is_news(aspect: str, event: Event, revision: int, status: Status, before: Told) -> bool:
    if event.value != before.event:
        return True
    # The same again is news of a newer revision, once the hosts have that one.
    return aspect == PHASE and revision > before.revision and status.observed_revision >= revision


def _occurrence(
    of: Candidate, event: Event, status: Status, condition: Condition, now: datetime
) -> Occurrence:
    return Occurrence(
        event=event,
        ref=of.ref,
        uid=of.subject.uid,
        revision=of.subject.revision,
        occurred_at=now,
        labels=of.labels,
        phase=status.phase,
        reason=condition.reason,
        message=condition.message,
    )


def _messages(
    hooks: Sequence[Webhook],
    interests: Mapping[UUID, Interest],
    changes: Mapping[_Place, Sequence[Occurrence]],
    statuses: _Statuses | None,
) -> Iterator[dict[str, Any]]:
    for hook in hooks:
        wanted = list(changes.get(_Place(hook.told_revision, hook.told_seq), ()))
        if statuses is not None:
            wanted += statuses.occurrences
        for occurrence in wanted:
            if interests[hook.uid].includes(occurrence):
                yield _message(hook, occurrence)


def _message(hook: Webhook, occurrence: Occurrence) -> dict[str, Any]:
    message_id = uuid4()
    return {
        "id": message_id,
        "webhook_uid": hook.uid,
        "event": occurrence.event.value,
        "object_uid": occurrence.uid,
        "body": body(message_id, occurrence),
    }


def _store(tx: Transaction, look: _Look, now: datetime) -> bool:
    """False: somebody else stored what this look found."""
    before, news = look.progress, look.statuses
    cursor, upto = before.statuses, before.revision
    if news is not None:
        cursor, upto = news.cursor, news.revision
    elif not look.asks_for_statuses:
        cursor = None
    if not sources.take_turn(tx, before, cursor, upto):
        return False
    if news is not None:
        sources.write_told(tx, news.told)
        sources.forget_deleted(tx, before.revision, upto)
    elif cursor is None and before.statuses is not None:
        sources.forget_told(tx)
    _store_messages(tx, look, now)
    return True


def _store_messages(tx: Transaction, look: _Look, now: datetime) -> None:
    gone = {
        uid
        for uid, place in sorted(look.places.items())
        if not sources.move_cursor(tx, uid, place.revision, place.seq)
    }
    kept = webhooks.lock_existing(tx, {message["webhook_uid"] for message in look.messages} - gone)
    webhook_deliveries.add(tx, [m for m in look.messages if m["webhook_uid"] in kept], now)
