"""One object in full, for a person: what it is, how it is doing, and what to do about it."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from controller.client.documents import Document, advice_for, age, plain, utc_now
from controller.client.drifting import last_of, said_of
from controller.client.kinds import HOST, HOST_GROUP, POOL, SEGMENT, KindInfo, word_of
from controller.client.rest import Api
from controller.client.tables import PHASE_STYLES, console, print_rows

_SHOWN_HOSTS = 20
_SHOWN = 50


def describe(api: Api, kind: KindInfo, name: str, project: str | None) -> None:
    document = api.object(kind.collection, name, project)
    _print_head(document)
    _print_mapping("Spec", document["spec"])
    _print_conditions(document)
    _print_realization(api.realization(document))
    if kind is HOST:
        here = f"/v1/hosts/{document['metadata']['uid']}"
        _print_failures(api.get(f"{here}/failures")["items"])
        _print_grants(api.get(f"{here}/grants"))
        _print_tunnels(api.get(f"{here}/tunnels", page_size=_SHOWN))
    if kind is POOL:
        _print_usage(api.get(f"/v1/pools/{document['metadata']['uid']}/usage", page_size=_SHOWN))
    if kind is HOST_GROUP:
        here = f"/v1/host-groups/{document['metadata']['uid']}"
        _print_members(api.get(f"{here}/hosts", page_size=_SHOWN))
    if kind is SEGMENT:
        here = f"/v1/segments/{document['metadata']['uid']}"
        _print_mesh(api.get(f"{here}/tunnels", page_size=_SHOWN))
    _print_drift(last_of(api, document))
    if advice := advice_for(document):
        _heading("What to do")
        _line(advice)


def _print_head(document: Document) -> None:
    from rich.text import Text

    metadata, status = document["metadata"], document["status"]
    phase = status["phase"]
    console().print(
        Text(f"{word_of(document['kind'])}/{plain(metadata['name'])}  ", style="bold")
        + Text(phase, style=PHASE_STYLES.get(phase, ""))
    )
    facts = {
        "project": metadata["project"],
        "uid": metadata["uid"],
        "revision": f"{metadata['revision']} (observed {status['observed_revision']})",
        **_applied(status),
        "created": metadata["created_at"],
        "updated": metadata["updated_at"],
    }
    for key, value in facts.items():
        _line(f"{key:<9} {value}")
    _print_mapping("Labels", metadata.get("labels") or {})


def _applied(status: Mapping[str, Any]) -> dict[str, str]:
    """Only a host says how far it is with the fleet's revisions."""
    if "applied_revision" not in status:
        return {}
    applied = status["applied_revision"]
    return {"applied": f"fleet revision {applied}" if applied else "nothing yet"}


def _print_mapping(heading: str, mapping: Mapping[str, Any]) -> None:
    if not mapping:
        return
    from ruamel.yaml import YAML

    text = io.StringIO()
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.dump(_said(mapping), text)
    _heading(heading)
    for line in text.getvalue().splitlines():
        _line(line)


def _said(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what says nothing: most of what a bridge or port can be told is not."""
    return {
        key: _said(value) if isinstance(value, Mapping) else value
        for key, value in mapping.items()
        if value is not None and value not in ([], {})
    }


def _print_conditions(document: Document) -> None:
    _heading("Conditions")
    now = utc_now()
    for condition in document["status"].get("conditions", []):
        since = condition.get("last_transition")
        for_how_long = f" for {age(since, now)}" if since else ""
        _line(f"{condition['type']}: {condition['status']} ({condition['reason']}){for_how_long}")
        if message := condition.get("message"):
            _line(f"  {message}")


def _print_realization(realization: Document) -> None:
    _heading("Realization")
    hosts, since = realization["hosts"], realization["pending_since"]
    for_how_long = f", not on all for {age(since, utc_now())}" if since else ""
    _line(f"{realization['state']}: {hosts['ok']} of {hosts['total']} hosts{for_how_long}")
    behind = hosts["failed"] + hosts["pending"]
    for host in behind[:_SHOWN_HOSTS]:
        _line(f"  host/{host['host']}: {host['phase']}, {host['reason']}: {host['message']}")
    if (more := hosts["total"] - hosts["ok"] - len(behind[:_SHOWN_HOSTS])) > 0:
        _line(f"  … and {more} more")


def _print_failures(failures: Iterable[Document]) -> None:
    failures = list(failures)
    if not failures:
        return
    _heading("Failures")
    now = utc_now()
    for failure in failures:
        _line(f"{_subject(failure)}: {failure['reason']} for {age(failure['since'], now)}")
        _line(f"  {failure['message']}")


def _print_drift(events: Iterable[Document]) -> None:
    """What others did to it on its hosts, the last first."""
    events = list(events)
    if not events:
        return
    _heading("Drift")
    now = utc_now()
    for event in events:
        _line(f"host/{event['host']}: {event['action']} {age(event['at'], now)} ago")
        _line(f"  {said_of(event)}")


def _print_grants(standing: Document) -> None:
    """What an operator allowed there and holds."""
    if not standing["items"]:
        return
    _heading("Granted")
    for grant in standing["items"]:
        accepts = ", differences accepted" if grant["accept_differences"] else ""
        by = f"by {plain(grant['principal'])} at revision {grant['revision']}{accepts}"
        _line(f"{grant['kind']} of {plain(grant['resource'])} {by}")


def _print_usage(usage: Document) -> None:
    _heading("Usage")
    words = ("total", "used", "quarantined", "free")
    _line(", ".join(f"{usage[word]} {word}" for word in words))
    rows = [
        [
            f"  {plain(each['value'])}",
            plain(f"{each['kind']} {each['name'] or 'of another project'}"),
            "quarantine" if each["is_released"] else "in use",
            age(each["since"], utc_now()),
        ]
        for each in usage["allocations"]
    ]
    if rows:
        print_rows(["  VALUE", "OF", "STATE", "SINCE"], rows)
    _tell_of_more(usage)


def _print_members(page: Document) -> None:
    _heading("Hosts")
    for host in page["items"]:
        _line(f"host/{host['metadata']['name']}: {host['status']['phase']}")
    if not page["items"]:
        _line("No host has such labels.")
    _tell_of_more(page)


def _tell_of_more(page: Document) -> None:
    if page["next_page_token"]:
        _line("… and more")


def _print_tunnels(page: Document) -> None:
    """What the host shall have: those of its segments' meshes, and explicit ones."""
    tunnels = page["items"]
    if tunnels:
        _heading("Tunnels")
        _print_rows("NAME", "name", tunnels)
        if more := page["total"] - len(tunnels):
            _line(f"… and {more} more")


def _print_mesh(page: Document) -> None:
    """Each as the host that starts it sees it: a pair of hosts has two."""
    if page["items"]:
        _heading("Tunnels")
        _print_rows("FROM", "host", page["items"])
        _tell_of_more(page)


def _print_rows(first: str, field: str, tunnels: Sequence[Document]) -> None:
    rows = [
        [
            f"  {plain(tunnel[field])}",
            plain(tunnel["remote_host"] or "outside"),
            plain(tunnel["remote_ip"]),
            f"{tunnel['vni']}",
            f"{tunnel['dst_port']}",
            plain(tunnel["backend"]),
            plain(tunnel["phase"]),
        ]
        for tunnel in tunnels
    ]
    print_rows([f"  {first}", "TO", "ADDRESS", "VNI", "UDP PORT", "BACKEND", "PHASE"], rows)


def _subject(failure: Document) -> str:
    """The object that a person knows; the agent's resource id when there is none."""
    target = failure.get("object")
    if not target:
        return f"{failure['resource']} ({failure['kind']})"
    return f"{word_of(target['kind'])}/{target['name']} ({failure['kind']})"


def _heading(text: str) -> None:
    from rich.text import Text

    console().print(Text(f"\n{text}", style="bold"))


def _line(text: str) -> None:
    from rich.text import Text

    console().print(Text(f"  {plain(text)}"))
