"""``ovsfleet move``: a port goes from host to host, at once or in the two steps of a migration."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from controller.client.context import Context
from controller.client.documents import Document, plain
from controller.client.failures import CommandError, warning_lines
from controller.client.kinds import PORT
from controller.client.output import Format, print_json, say
from controller.client.progress import wait
from controller.client.rest import Api
from controller.client.stream import WakeUp
from controller.client.waiting import in_phase, objects_meeting, target_of


def onto(host: str) -> Mapping[str, str | None]:
    """The fields that say of a port that it is on a host, and on no other."""
    return {"host": host, "migrating_to": None}


def towards(host: str | None) -> Mapping[str, str | None]:
    """The field that says where a port is besides; None: nowhere."""
    return {"migrating_to": host}


def move(
    context: Context,
    name: str,
    project: str | None,
    fields: Mapping[str, str | None],
    *,
    wait_s: float | None,
    output: Format,
) -> None:
    with Api(context) as api:
        found = api.object(PORT.collection, name, project)
        _require_movable(found)
        moved = api.patch(PORT.collection, found, {"spec": fields})
        _print_result(found, moved, output)
        if wait_s is not None:
            look = objects_meeting(api, [target_of(PORT, moved)], in_phase("Ready"))
            with WakeUp(context, moved["metadata"]["revision"]) as wake_up:
                wait(look, wake_up, what="are Ready", timeout_s=wait_s)


def _require_movable(found: Document) -> None:
    """To take a bound port's second host away would be answered with the same host again."""
    if found["spec"]["type"] == "bound":
        raise CommandError(
            f"Port {found['metadata']['name']} is bound: it is where its interface is plugged.",
            hint="Let the hypervisor move the guest; the port follows by itself.",
        )


def _print_result(found: Document, moved: Document, output: Format) -> None:
    for warning in moved.get("warnings", ()):
        say("\n".join(warning_lines(warning, None)))
    if output is Format.JSON:
        print_json(moved)
        return
    name = f"{PORT.word}/{plain(moved['metadata']['name'])}"
    is_same = moved["metadata"]["revision"] == found["metadata"]["revision"]
    said = name if output is Format.NAME else f"{name} {'unchanged' if is_same else 'updated'}"
    sys.stdout.write(said + "\n")
    sys.stdout.flush()
