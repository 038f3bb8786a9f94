"""``ovsfleet decommission``: a host is emptied, and the controller removes it. Owns nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import quote

from controller.client.changes import Options, delete_documents
from controller.client.context import Context
from controller.client.documents import Document, plain
from controller.client.kinds import BRIDGE, DEFAULT_PROJECT, HOST, KINDS, MIRROR, PORT, KindInfo
from controller.client.output import Format, print_json, say
from controller.client.progress import wait
from controller.client.rest import Api, Choice
from controller.client.stream import WakeUp
from controller.client.waiting import objects_meeting, target_of

_SHOWN = 50
_ALONE = (BRIDGE, PORT, MIRROR)
"""Kinds that are on one host, as a rule."""


def decommission(
    context: Context, name: str, options: Options, *, delete_objects: bool, force: bool
) -> None:
    with Api(context) as api:
        host = api.post(f"/v1/hosts/{quote(name, safe='')}/decommission", {"force": force})
        left = list(_left(api, host))
        alone = [document for document in left if _is_alone(document, host)]
        if delete_objects and alone:
            delete_documents(context, alone, replace(options, wait_s=None))
            left = list(_left(api, host))
            host = api.object(HOST.collection, host["metadata"]["uid"], None)
        _print(host, left, options.output)
        if options.wait_s is not None:
            look = objects_meeting(api, [target_of(HOST, host)], _is_removed)
            with WakeUp(context, None) as wake_up:
                wait(look, wake_up, what="are removed", timeout_s=options.wait_s)


def _is_removed(host: Document | None) -> bool:
    """Somebody may have deleted it already."""
    return host is None or host["spec"]["state"] == "removed"


def _left(api: Api, host: Document) -> Iterator[Document]:
    """What is on the host; each names its kind."""
    choice = Choice(host=host["metadata"]["name"])
    for kind in KINDS:
        if kind.is_on_hosts:
            yield from ({"kind": kind.name, **d} for d in api.objects(kind.collection, choice))


def _is_alone(document: Document, host: Document) -> bool:
    """Whether it is on this host and nowhere else, and does not leave by itself."""
    spec = document["spec"]
    return (
        document["kind"] in {kind.name for kind in _ALONE}
        and spec.get("host") == host["metadata"]["name"]
        and spec.get("migrating_to") is None
        and spec.get("type") != "bound"
    )


def _print(host: Document, left: list[Document], output: Format) -> None:
    for warning in host.get("warnings", ()):
        say(f"warning: {warning['detail']}")
    if output is Format.JSON:
        print_json({"host": host, "left": left})
        return
    name = plain(host["metadata"]["name"])
    sys.stdout.write(f"{HOST.word}/{name} {host['spec']['state']}\n")
    for document in left[:_SHOWN]:
        sys.stdout.write(f"  {_way_out(document)}\n")
    sys.stdout.flush()
    if (more := len(left) - _SHOWN) > 0:
        say(f"… and {more} more")
    realized = next(c for c in host["status"]["conditions"] if c["type"] == "Realized")
    say(plain(f"{realized['reason']}: {realized['message']}"))


def _way_out(document: Document) -> str:
    """The command that takes something off the host."""
    metadata, spec = document["metadata"], document["spec"]
    kind = next(kind for kind in KINDS if kind.name == document["kind"])
    where = "" if metadata["project"] == DEFAULT_PROJECT else f" --project {metadata['project']}"
    name = f"{kind.word} {metadata['name']}{where}"
    if spec.get("type") == "bound":
        return plain(f"{name}: let the hypervisor move the guest, the port follows")
    if spec.get("host_group") is not None:
        return plain(f"{name}: take the host out of group {spec['host_group']} by its labels")
    moves = f"ovsfleet move {name} HOST, or " if _moves(kind, spec) else ""
    return plain(f"{moves}ovsfleet delete {name}")


def _moves(kind: KindInfo, spec: Document) -> bool:
    return kind is PORT and spec.get("segment") is not None
