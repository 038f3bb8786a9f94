"""``ovsfleet diff --observed``: what a host is like now, beside what is intended of it."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from controller.client.documents import Document, plain
from controller.client.kinds import word_of
from controller.client.output import say
from controller.client.rest import Api
from controller.client.tables import console

_STYLES = {"+": "green", "-": "red"}
_AS_INTENDED = "as_intended"


def print_observed(api: Api, host: str) -> bool:
    """Whether anything is not as intended. The host's agent looks while this waits."""
    from rich.text import Text

    answer = api.get(f"/v1/hosts/{quote(host, safe='')}/observed")
    out = console()
    for item in answer["items"]:
        if item["state"] != _AS_INTENDED:
            for line in lines_of(item, answer):
                out.print(Text(plain(line), style=_STYLES.get(line[0], "")))
    say(_summary(answer))
    return any(count for state, count in answer["counts"].items() if state != _AS_INTENDED)


def lines_of(item: Document, answer: Document) -> Iterator[str]:
    """As a unified diff: from what was found to what is intended, and then why."""
    yield f"--- {_name(item)} on {answer['host']} as found: {item['state']}"
    yield f"+++ {_name(item)} as accepted at revision {answer['revision']}"
    for each in item["differences"]:
        if each["found"]:
            yield f"-{each['field']}: {each['found']}"
        if each["intended"]:
            yield f"+{each['field']}: {each['intended']}"
    words = f"{item['reason']}: {item['message']}" if item["reason"] else item["message"]
    if words:
        yield f" {words}"


def _name(item: Document) -> str:
    """The object that a person knows; the agent's resource id beside it where it is a part."""
    of = item["object"]
    if not of:
        return str(item["resource"])
    name = f"{word_of(of['kind'])}/{of['name']}"
    remote = str(item["resource"]).partition("/")[2]
    return f"{name} (tunnel to {remote})" if remote else name


def _summary(answer: Document) -> str:
    if not answer["revision"]:
        return f"Host {answer['host']} has no state yet: there is nothing to compare it with."
    told = [f"{n} {state.replace('_', ' ')}" for state, n in answer["counts"].items() if n]
    more = "; not all of it is shown" if answer["truncated"] else ""
    return f"Host {answer['host']} at revision {answer['revision']}: {', '.join(told)}{more}."
