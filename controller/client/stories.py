"""``ovsfleet history``, ``changes`` and ``events``: what became of an object, what happened."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote

from controller.client.documents import Document, plain
from controller.client.failures import CommandError
from controller.client.kinds import BY_NAME, KindInfo, word_of
from controller.client.output import Format, say
from controller.client.rest import PAGE_SIZE, Api
from controller.client.statistics import beginning
from controller.client.stream import passes_by_itself
from controller.client.tables import print_rows

EVENTS = "/v1/events"
CHANGES = "/v1/changes"
_PAGE = 100
_PAUSE_S = 5.0
"""Until the next look where nothing wakes: what others change and who enrols is in no stream."""
_GATHERING_S = 0.2
"""What happens at once is read at once."""
_MOST_PAGES = 10
_LONGEST_VALUE = 60


def read_history(
    api: Api, kind: KindInfo, name: str, project: str | None, limit: int
) -> list[Document]:
    """The newest versions, at most ``limit``."""
    path = f"/v1/{kind.collection}/{quote(name, safe='')}/history"
    return _newest(_pages(api, path, {"project": project}, min(limit, PAGE_SIZE)), limit)


def print_history(versions: Sequence[Document]) -> None:
    rows = [
        [
            str(each["revision"]),
            time_of(each["at"]),
            plain(each["principal"] or "-"),
            each["action"],
            plain("; ".join(map(_change, each["changes"]))),
        ]
        for each in versions
    ]
    print_rows(["REVISION", "TIME", "BY", "ACTION", "CHANGES"], rows)


def time_of(at: str) -> str:
    """As tables show it: whole seconds, where it is UTC."""
    return at[:19] + "Z" if at.endswith("Z") else at


def _change(each: Document) -> str:
    field = each["pointer"].removeprefix("/spec/").removeprefix("/metadata/").replace("/", ".")
    return f"{field}: {_value(each['before'])} → {_value(each['after'])}"


def _value(value: Any) -> str:
    said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return said if len(said) <= _LONGEST_VALUE else f"{said[:_LONGEST_VALUE]}…"


def read_newest(
    api: Api, path: str, wanted: Mapping[str, str | None], since: str | None, limit: int
) -> list[Document]:
    """The newest of those that are wanted, at most ``limit``."""
    asked = {**wanted, "since": beginning(since) if since else None}
    return _newest(_pages(api, path, asked, min(limit, PAGE_SIZE)), limit)


def _newest(pages: Iterator[list[Document]], limit: int) -> list[Document]:
    found: list[Document] = []
    for page in pages:
        found += page
        if len(found) >= limit:
            break
    return found[:limit]


def _pages(
    api: Api, path: str, asked: Mapping[str, str | None], size: int
) -> Iterator[list[Document]]:
    token: str | None = None
    while True:
        page = api.get(path, **asked, page_size=size, page_token=token)
        yield page["items"]
        token = page["next_page_token"] or None
        if token is None:
            return


def print_events(events: Sequence[Document]) -> None:
    if not events:
        say("Nothing of this kind is known to have happened.")
        return
    rows = [
        [
            time_of(each["at"]),
            each["severity"],
            each["type"],
            plain(_object(each)),
            plain(each["host"] or "-"),
            plain(each["principal"] or "-"),
            plain(_said(each)),
        ]
        for each in events
    ]
    print_rows(["TIME", "SEVERITY", "TYPE", "OBJECT", "HOST", "BY", "WHAT"], rows)


def print_changes(changes: Sequence[Document]) -> None:
    if not changes:
        say("Nothing of this kind is known to have been changed.")
        return
    rows = [
        [
            str(each["revision"]),
            time_of(each["at"]) if each["at"] else "-",
            each["action"],
            plain(f"{word_of(each['kind'])}/{each['name']}"),
            plain(each["project"]),
            plain(each["principal"]),
        ]
        for each in changes
    ]
    print_rows(["REVISION", "TIME", "ACTION", "OBJECT", "PROJECT", "BY"], rows)


class Waking(Protocol):
    def wait(self, seconds: float) -> None:
        """Until something may have happened, and no longer than that."""


def follow_events(
    api: Api, wake_up: Waking, wanted: Mapping[str, str | None], output: Format
) -> None:
    """Prints what happens from now on, one line each. Runs until the person or script ends it.

    While the controller is away it waits, and then tells what happened meanwhile."""
    seen = {each["id"] for each in read_newest(api, EVENTS, wanted, None, _PAGE)}
    is_away = False
    while True:
        wake_up.wait(_PAUSE_S)
        time.sleep(_GATHERING_S)
        try:
            news = _news(api, wanted, seen)
        except CommandError as failure:
            if not passes_by_itself(failure):
                raise
            if not is_away:
                say(f"{failure} What happens meanwhile is shown once it is back.")
            is_away = True
            continue
        is_away = False
        for each in reversed(news.events):
            sys.stdout.write(_line(each, output) + "\n")
        sys.stdout.flush()
        if news.is_cut:
            say(f"More happened before these {len(news.events)}: `ovsfleet events --since 1h`")
        seen = news.seen


class _News(NamedTuple):
    events: list[Document]
    """What was not seen before, newest first."""
    seen: set[int]
    """By now."""
    is_cut: bool
    """There may be more, between these and those before."""


def _news(api: Api, wanted: Mapping[str, str | None], seen: set[int]) -> _News:
    news: list[Document] = []
    looked: set[int] = set()
    for number, page in enumerate(_pages(api, EVENTS, wanted, PAGE_SIZE), start=1):
        looked |= {each["id"] for each in page}
        news += [each for each in page if each["id"] not in seen]
        # Whoever wrote before somebody else may have committed later: the page is looked through.
        if any(each["id"] in seen for each in page):
            break
        if number == _MOST_PAGES:
            return _News(news, looked, is_cut=True)
    return _News(news, looked, is_cut=False)


def _line(event: Document, output: Format) -> str:
    if output is Format.JSON:
        return json.dumps(event, ensure_ascii=False)
    host = f" on {event['host']}" if event["host"] and event["kind"] != "Host" else ""
    by = f" by {event['principal']}" if event["principal"] else ""
    said = f"{_object(event)}{host} {event['type'].partition('.')[2]}{by}: {_said(event)}"
    return f"{time_of(event['at'])}  {event['severity']:<7}  {plain(said)}"


def _object(event: Document) -> str:
    if event["kind"] is None:
        return "-"
    if event["name"]:
        return f"{word_of(event['kind'])}/{event['name']}"
    known = BY_NAME.get(event["kind"])
    return known.collection if known else word_of(event["kind"])


def _said(event: Document) -> str:
    again = f" ({event['count']} times)" if event["reason"] == "Repeated" else ""
    return f"{event['message']}{again}"
