"""``GET /v1/watch``: what changes, as server-sent events that can be resumed.

Owns nothing but the place of one watcher. First comes what the caller missed, then ``synced``, then
what happens. Everything is sent at least once.
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.sse import EventSourceResponse, ServerSentEvent

from controller.api.credentials import Credentials
from controller.api.dependencies import Caller, Context, Secret
from controller.api.errors import declared
from controller.api.feed import READ_LIMIT, Advance, Cursor, Event, Feed, Position, Watcher
from controller.api.schemas.answers import AdvancedEvent, ChangeEvent, StatusEvent, SyncedEvent
from controller.api.schemas.base import Answer
from controller.auth import Principal, sees
from controller.domain.errors import InvalidError, UnauthenticatedError, UnavailableError, Violation
from controller.services import changes, status
from controller.services.changes import LogEntry
from controller.services.queries import inspects
from controller.services.status import StatusChange

router = APIRouter(prefix="/v1", tags=["watch"])

_EVENT_ID = re.compile(r"(\d{1,18})-(\d{1,18})")
_RECHECK_SECONDS = 2.0
"""How often a stream asks whether its token still holds."""


Statuses = Annotated[
    Literal["all", "news"],
    Query(
        description="`news`: those that are there at the beginning are left out, and hosts of which"
        " only the revisions moved come together as one event `advanced`."
    ),
]


async def _watcher(request: Request) -> AsyncIterator[Watcher]:
    feed: Feed = request.app.state.feed
    async with feed.watch() as watcher:
        yield watcher


def _start(
    context: Context,
    _watching: Annotated[Watcher, Depends(_watcher)],
    from_revision: Annotated[
        int | None, Query(ge=0, lt=2**63, description="Begin after this revision; else now.")
    ] = None,
    last_event_id: Annotated[
        str | None, Header(description="Resume after this event; wins over from_revision.")
    ] = None,
    statuses: Statuses = "all",
) -> Cursor:
    """Depends on the watcher, because what is read here must not be older than its queue."""
    head = changes.head(context.db)
    if last_event_id:
        resumed = _parse_event_id(last_event_id)
        return Cursor(context.db, min(resumed.revision, head), resumed.statuses)
    since = status.cursor_now(context.db) if statuses == "news" else 0
    return Cursor(context.db, head if from_revision is None else min(from_revision, head), since)


@router.get(
    "/watch",
    operation_id="watch",
    response_class=EventSourceResponse,
    responses=declared("unauthenticated", "invalid", "unavailable"),
)
async def watch(
    *,
    request: Request,
    caller: Caller,
    secret: Secret,
    watcher: Annotated[Watcher, Depends(_watcher)],
    cursor: Annotated[Cursor, Depends(_start)],
    statuses: Statuses = "all",
) -> AsyncIterator[ServerSentEvent]:
    """Events `change` and `status`, and `synced` once what was missed has been sent."""
    credentials: Credentials = request.app.state.credentials
    gathers = statuses == "news"
    # Too late for a problem document: the stream ends, and the caller resumes it.
    with suppress(UnavailableError):
        async for event in _missed(cursor, caller):
            for message in _messages(event, caller, gathers=gathers):
                yield message
        yield _synced(cursor)
        async for event in _live(watcher, cursor, caller, credentials, secret):
            for message in _messages(event, caller, gathers=gathers):
                yield message


async def _missed(cursor: Cursor, caller: Principal) -> AsyncIterator[Event]:
    """Statuses are read last: one that changes while the log is read is not missed either."""
    while True:
        events = await run_in_threadpool(cursor.read_changes)
        for event in events:
            if _visible(event, caller):
                yield event
        if len(events) < READ_LIMIT:
            break
    for event in await run_in_threadpool(cursor.read_statuses):
        yield event


async def _live(
    watcher: Watcher, missed: Cursor, caller: Principal, credentials: Credentials, secret: str
) -> AsyncIterator[Event]:
    checked = time.monotonic()
    while not watcher.closed:
        event = await watcher.next(_RECHECK_SECONDS)
        if time.monotonic() - checked >= _RECHECK_SECONDS:
            checked = time.monotonic()
            if not await run_in_threadpool(_still_valid, credentials, secret):
                return
        if event is None or not _visible(event, caller) or _is_old(event, missed):
            continue
        yield _not_before(missed, event)


def _not_before(missed: Cursor, event: Event) -> Event:
    def later(position: Position) -> Position:
        return Position(
            max(position.revision, missed.revision), max(position.statuses, missed.statuses)
        )

    item = event.item
    if isinstance(item, Advance):
        item = replace(item, before=later(item.before))
    return Event(item, later(event.position))


def _still_valid(credentials: Credentials, secret: str) -> bool:
    try:
        credentials.authenticate(secret)
    except UnauthenticatedError:
        return False
    except UnavailableError:
        return True
    return True


def _is_old(event: Event, missed: Cursor) -> bool:
    """Whether it was among what the watcher had missed."""
    return isinstance(event.item, LogEntry) and event.item.revision <= missed.revision


def _visible(event: Event, caller: Principal) -> bool:
    item = event.item
    return not isinstance(item, LogEntry) or sees(caller, item.kind, item.project)


def _synced(cursor: Cursor) -> ServerSentEvent:
    position = Position(cursor.revision, cursor.statuses)
    data = SyncedEvent(revision=cursor.revision)
    return _message("synced", data, position)


def _messages(event: Event, caller: Principal, *, gathers: bool) -> Iterator[ServerSentEvent]:
    item, position = event.item, event.position
    match item:
        case LogEntry():
            change = ChangeEvent.model_validate(item, from_attributes=True)
            yield _message("change", change, position)
        case StatusChange():
            yield _message("status", _status(item, caller), position)
        case Advance(hosts) if gathers:
            least = min(host.applied_revision for host in hosts)
            told = AdvancedEvent(hosts=len(hosts), applied_revision=least)
            yield _message("advanced", told, position)
        case Advance(hosts, before):
            for host in hosts[:-1]:
                yield _message("status", _status(host, caller), before)
            yield _message("status", _status(hosts[-1], caller), position)


def _status(change: StatusChange, caller: Principal) -> StatusEvent:
    shown = change if inspects(caller) else replace(change, failures=None)
    return StatusEvent.model_validate(shown, from_attributes=True)


def _message(name: str, data: Answer, position: Position) -> ServerSentEvent:
    return ServerSentEvent(event=name, id=str(position), data=data)


def _parse_event_id(text: str) -> Position:
    found = _EVENT_ID.fullmatch(text)
    if found is None:
        detail = f"the header Last-Event-ID is {text!r}, which is no id of an event of this API"
        fix = "send the id of the last event as it came, or leave the header out"
        raise InvalidError(detail, [Violation("", "last_event_id", detail, fix)])
    return Position(int(found[1]), int(found[2]))
