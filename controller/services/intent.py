"""The only way to change intent: one request is one transaction and one fleet revision.

Owns the order of revisions: ``fleet.revision`` is locked from the first read to the commit, so the
rules are checked against exactly what the change is written on top of. Must not talk to hosts.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

from controller.auth import Principal, Verb, may, reaches
from controller.domain.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    StaleError,
    Violation,
)
from controller.domain.intent import DEFAULT_PROJECT, Kind, Manifest, Object, Ref, Removal
from controller.domain.intent_events import of_intent
from controller.domain.validation import Planned, World, named
from controller.domain.validation.binding import as_it_is
from controller.services import queries, requests
from controller.services.host_devices import authorise_ports
from controller.services.pins import pin_warnings
from controller.services.planning import Asked, plan_where_it_may_be
from controller.services.pruning import Prune, authorise_prune, pruned
from controller.services.queries import View
from controller.services.requests import Answer
from controller.store import bindings, events, held
from controller.store.audit import write_audit
from controller.store.engine import Database, Transaction
from controller.store.fleet import advance_revision, lock_revision
from controller.store.history import deleted_since
from controller.store.notify import notify_intent
from controller.store.objects import fetch_refs
from controller.store.versions import write
from controller.store.writing import Writing


class Action(enum.StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    DELETED = "deleted"


MOST_UNCONFIRMED = 10
"""Objects that one request may delete before it has to say how many."""


@dataclass(frozen=True, slots=True)
class Change:
    """What one request asks for; order does not matter."""

    manifests: tuple[Manifest, ...] = ()
    removals: tuple[Removal, ...] = ()
    prune: Prune | None = None
    asks: bool = False
    """Whether to delete more than ``MOST_UNCONFIRMED`` objects only when ``confirm_count`` says
    how many they are."""
    confirm_count: int | None = None
    audience: frozenset[str] | None = None
    """The projects whose objects the answer may name; None: all within the principal's reach."""
    seen: int | None = None
    """The fleet revision that the caller has looked at: what was changed after it is neither
    replaced nor deleted, what was deleted not made again. None: whatever is there is."""
    force: bool = False
    """Take what the agent is reached through all the same: the change goes on trial on its host."""


class ConfirmationNeededError(ConflictError):
    """So much would be deleted that the caller has to say how much."""

    code = "confirmation_needed"

    def __init__(self, counts: Counter[Kind], confirmed: int | None) -> None:
        self.counts = counts
        number = counts.total()
        each = ", ".join(f"{counts[kind]} {kind}" for kind in Kind if counts[kind])
        not_that = "" if confirmed is None else f", not {confirmed}"
        super().__init__(
            f"this would delete {number} objects{not_that} ({each});"
            f" send confirm_count {number} if that is what you want"
        )


@dataclass(frozen=True, slots=True)
class ObjectResult:
    ref: Ref
    uid: UUID | None
    """None for a removal that found nothing, and was allowed to."""
    action: Action
    revision: int
    """Of the object: the new one when it changed, else the one it has."""


@dataclass(frozen=True, slots=True)
class ChangeResult:
    revision: int
    """The fleet revision after the change; the same as before when nothing changed."""
    results: tuple[ObjectResult, ...]
    """In the order of the request: manifests first, then removals, then what was pruned."""
    planned: Planned
    """What was done, object by object."""

    @property
    def warnings(self) -> tuple[Violation, ...]:
        """What was done all the same."""
        return self.planned.warnings


@dataclass(frozen=True, slots=True)
class Writer:
    """One request while it holds the revision lock: what it reads is what it changes."""

    tx: Transaction
    principal: Principal
    request_id: str
    head: int

    def find(self, kind: Kind, project: str, ref: str) -> Object:
        """By name or uid; NotFoundError when there is none within reach."""
        return queries.find(self.tx, self.principal, kind, project, ref).object

    def view(self, ref: Ref) -> View:
        return queries.read(self.tx, self.principal, ref)

    def commit(self, change: Change, *, dry_run: bool = False) -> ChangeResult:
        """At most once for each writer."""
        _authorise(self.principal, change)
        with self.tx.begin_nested() as attempt:
            held.collect(self.tx)
            result = _carry_out(self.tx, self.principal, change, self.head)
            _audit(self, result)
            _tell(self, result)
            if dry_run:
                attempt.rollback()
        return result


def carry_out(
    db: Database,
    principal: Principal,
    work: Callable[[Writer], Answer],
    *,
    request_id: str,
    key: requests.Key | None = None,
) -> Answer:
    """Lets ``work`` read and change intent in one transaction; with a key, only once."""

    def locked(tx: Transaction) -> Answer:
        return work(Writer(tx, principal, request_id, lock_revision(tx)))

    return requests.once(db, key, locked)


def commit(
    db: Database, principal: Principal, change: Change, *, request_id: str, dry_run: bool = False
) -> ChangeResult:
    """Validates the change against what it would be written on top of, and writes all of it or
    nothing. Raises every violation at once. ``dry_run`` answers the same and writes nothing."""
    _authorise(principal, change)
    with db.transaction() as tx:
        writer = Writer(tx, principal, request_id, lock_revision(tx))
        return writer.commit(change, dry_run=dry_run)


def _authorise(principal: Principal, change: Change) -> None:
    for ref in named(change.manifests, change.removals):
        if not reaches(principal, ref.project) and not may(
            principal, Verb.READ, ref.kind, ref.project
        ):
            raise NotFoundError(f"there is no project {ref.project!r} within your reach")
        if not may(principal, Verb.WRITE, ref.kind, ref.project):
            raise ForbiddenError(
                f"{principal.name!r} may not change a {ref.kind} in project {ref.project!r};"
                " ask a network-admin for the role that may"
            )
    authorise_ports(principal, change.manifests)
    if change.force and not may(principal, Verb.WRITE, Kind.HOST, DEFAULT_PROJECT):
        raise ForbiddenError(
            f"{principal.name!r} may not force a change that may cut a host off; leave force out,"
            " or ask a network-admin"
        )
    if change.prune is not None:
        authorise_prune(principal, change.prune)


def _carry_out(tx: Transaction, principal: Principal, change: Change, head: int) -> ChangeResult:
    removals = _all_removals(tx, principal, change)
    current = {o.ref: o for o in fetch_refs(tx, named(change.manifests, removals))}
    authorise_ports(principal, current.values())
    released = tuple(_released(tx, removals, current))
    current |= {port.ref: port for port, _ in released}
    within = principal.projects if change.audience is None else change.audience
    manifests = (*change.manifests, *(as_it_is(port, pointer) for port, pointer in released))
    asked_for = Asked(tx, manifests, removals, current, forced=change.force)
    world, planned, refusals = plan_where_it_may_be(asked_for, within)
    _refuse_unseen(tx, change.seen, planned, {each.ref: each.pointer for each in removals})
    _ask(change, planned)
    uids = _uids(world, planned)
    revision = head
    pinned: tuple[Violation, ...] = ()
    if not planned.is_empty:
        revision = head + 1
        addressed = write(tx, Writing(planned, revision, datetime.now(UTC), uids))
        pinned = () if principal.is_system else pin_warnings(tx, principal, addressed)
        advance_revision(tx, revision)
        notify_intent(tx)
    why = {(each.iface_id, each.host): each.text for each in refusals}
    bindings.note_refusals(tx, world.plugged, why, revision)
    told = (*planned.warnings, *(r.warning for r in refusals), *pinned)
    planned = replace(planned, warnings=told)
    done = {r.ref: r for r in _results(planned, uids, revision)}
    asked = [m.ref for m in change.manifests] + [r.ref for r in removals]
    return ChangeResult(revision, tuple(done[ref] for ref in asked), planned)


def _released(
    tx: Transaction, removals: Collection[Removal], asked: Collection[Ref]
) -> Iterator[tuple[Object, str]]:
    """Ports that are on hosts which the request deletes only because they were given these, each
    with a place in the request: they go to where else they are plugged, or wait."""
    leaving = {gone.ref.name: gone.pointer for gone in removals if gone.ref.kind is Kind.HOST}
    if leaving:
        pointer = next(iter(leaving.values()))
        there = [ref for ref in bindings.bound_on(tx, leaving) if ref not in asked]
        for number, port in enumerate(fetch_refs(tx, there)):
            yield port, f"{pointer}/bound/{number}"


def _all_removals(tx: Transaction, principal: Principal, change: Change) -> tuple[Removal, ...]:
    if change.prune is None:
        return change.removals
    spared = named(change.manifests, change.removals)
    return (*change.removals, *pruned(tx, principal, change.prune, spared))


def _refuse_unseen(
    tx: Transaction, seen: int | None, planned: Planned, removals: Mapping[Ref, str]
) -> None:
    if seen is None:
        return
    updates = ((draft.current, draft.pointer) for draft in planned.updates)
    deletes = ((gone, removals[gone.ref]) for gone in planned.deletes)
    faults = [
        _unseen(pointer, found.ref, "changed", found.revision)
        for found, pointer in (*updates, *deletes)
        if found is not None and found.revision > seen
    ]
    creates = {draft.ref: draft.pointer for draft in planned.creates}
    gone = deleted_since(tx, creates, seen)
    faults += [_unseen(creates[ref], ref, "deleted", revision) for ref, revision in gone.items()]
    if faults:
        what = "an object was" if len(faults) == 1 else f"{len(faults)} objects were"
        raise StaleError(f"{what} changed after revision {seen}; nothing was done", faults)


def _unseen(pointer: str, ref: Ref, done: str, revision: int) -> Violation:
    return Violation(
        pointer,
        "stale",
        f"{ref.kind} {ref.name!r} was {done} in revision {revision}",
        "look at what is there now, and send the request again with a newer seen_revision",
    )


def _ask(change: Change, planned: Planned) -> None:
    """A number that was given must be right even where none was needed."""
    counts = Counter(gone.kind for gone in planned.deletes)
    number, confirmed = counts.total(), change.confirm_count
    if change.asks and (number > MOST_UNCONFIRMED or confirmed is not None) and number != confirmed:
        raise ConfirmationNeededError(counts, confirmed)


def _uids(world: World, planned: Planned) -> dict[Ref, UUID]:
    known = {ref: found.uid for ref, found in world.objects.items()}
    return known | {draft.ref: uuid4() for draft in planned.creates}


def _results(planned: Planned, uids: dict[Ref, UUID], revision: int) -> Iterator[ObjectResult]:
    for draft in planned.creates:
        yield ObjectResult(draft.ref, uids[draft.ref], Action.CREATED, revision)
    for draft in planned.updates:
        yield ObjectResult(draft.ref, uids[draft.ref], Action.UPDATED, revision)
    for gone in planned.deletes:
        yield ObjectResult(gone.ref, gone.uid, Action.DELETED, revision)
    for same in planned.unchanged:
        yield ObjectResult(same.ref, same.uid, Action.UNCHANGED, same.revision)
    for missing in planned.missing:
        yield ObjectResult(missing, None, Action.UNCHANGED, 0)


def _tell(writer: Writer, result: ChangeResult) -> None:
    if result.revision != writer.head:
        told = of_intent(result.planned, result.revision, writer.principal.name)
        events.add(writer.tx, told, datetime.now(UTC))


def _audit(writer: Writer, result: ChangeResult) -> None:
    counts = Counter(entry.action.value for entry in result.results)
    write_audit(
        writer.tx,
        principal=writer.principal.name,
        request_id=writer.request_id,
        action="intent.commit",
        revision=result.revision if result.revision != writer.head else None,
        detail=dict(counts),
    )
