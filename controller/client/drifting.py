"""``ovsfleet drift``: what others changed on hosts, and who it was."""

from __future__ import annotations

from collections.abc import Sequence

from controller.client.documents import Document, plain
from controller.client.kinds import HOST, word_of
from controller.client.output import say
from controller.client.rest import Api
from controller.client.stories import read_newest, time_of
from controller.client.tables import print_rows

DRIFT = "/v1/drift-events"
_LAST = 5
_SHOWN_DIFFERENCES = 3
_DRIFTING = frozenset({"Bridge", "Segment", "Port", "Tunnel", "Mirror", "FlowExport"})


def last_of(api: Api, document: Document) -> list[Document]:
    """The last of an object, or of all that is on a host."""
    kind, metadata = document["kind"], document["metadata"]
    if kind == HOST.name:
        path = f"/v1/hosts/{metadata['uid']}/drift-events"
        items: list[Document] = api.get(path, page_size=_LAST)["items"]
        return items
    if kind not in _DRIFTING:
        return []
    asked = {"kind": kind, "name": metadata["name"], "project": metadata["project"]}
    return read_newest(api, DRIFT, asked, None, _LAST)


def print_events(events: Sequence[Document]) -> None:
    if not events:
        say("Nobody is known to have changed what is the fleet's on a host.")
        return
    rows = [
        [
            time_of(event["at"]),
            plain(event["host"]),
            plain(_object(event)),
            plain(event["action"]),
            plain(event["who"] or "-"),
            plain(_differences(event)),
        ]
        for event in events
    ]
    print_rows(["TIME", "HOST", "OBJECT", "ACTION", "WHO", "WHAT"], rows)


def said_of(event: Document) -> str:
    """``tag was 7, and 5 is intended: ovs-vsctl (…): ovs-vsctl set port web tag=7``."""
    who = event["who"]
    return f"{_differences(event)}: {who}" if who else _differences(event)


def _object(event: Document) -> str:
    of = event["object"]
    return f"{word_of(of['kind'])}/{of['name']}" if of else str(event["resource"])


def _differences(event: Document) -> str:
    all_of_them = event["differences"]
    said = [_difference(each) for each in all_of_them[:_SHOWN_DIFFERENCES]]
    more = len(all_of_them) - len(said)
    return "; ".join(said) + (f" and {more} more" if more else "")


def _difference(each: Document) -> str:
    if each["field"] == "present":
        return "it was gone" if each["intended"] == "yes" else "it was there again"
    found, intended = each["found"] or "nothing", each["intended"] or "nothing"
    return f"{each['field']} was {found}, and {intended} is intended"
