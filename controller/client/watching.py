"""``ovsfleet watch``: changes and host status as they happen, one line each."""

from __future__ import annotations

import json
import sys
from typing import Any

from controller.client.documents import plain
from controller.client.failures import CommandError
from controller.client.kinds import HOST, KindInfo, word_of
from controller.client.output import Format, say
from controller.client.rest import Api
from controller.client.stream import follow


def watch(api: Api, kind: KindInfo | None, *, from_revision: int | None, output: Format) -> None:
    """Runs until the person or the script ends it."""
    if from_revision is None:
        from_revision = api.get("/v1/fleet")["revision"]
    for event in follow(api, from_revision=from_revision, on_break=_say_broken):
        if event.event not in {"change", "status"}:
            continue
        data = json.loads(event.data)
        if _concerns(kind, event.event, data):
            _print_event(event.event, data, output)


def _concerns(kind: KindInfo | None, event: str, data: dict[str, Any]) -> bool:
    subject = HOST.name if event == "status" else data["kind"]
    return kind is None or kind.name == subject


def _print_event(event: str, data: dict[str, Any], output: Format) -> None:
    match output:
        case Format.JSON:
            line = json.dumps({"event": event, **data}, ensure_ascii=False)
        case Format.NAME:
            line = _name(event, data)
        case _:
            line = _sentence(event, data)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _name(event: str, data: dict[str, Any]) -> str:
    if event == "status":
        return f"host/{plain(data['host'])}"
    return f"{word_of(data['kind'])}/{plain(data['name'])}"


def _sentence(event: str, data: dict[str, Any]) -> str:
    name = _name(event, data)
    if event == "change":
        return f"{data['revision']:>8}  {name} {data['action']}"
    failures = f", {data['failures']} failures" if data["failures"] else ""
    reach = "connected" if data["connected"] else "not connected"
    return (
        f"{'':>8}  {name} {data['phase']} ({reach}, applied {data['applied_revision']}{failures})"
    )


def _say_broken(failure: CommandError) -> None:
    say(f"{failure.message} Reconnecting …")
