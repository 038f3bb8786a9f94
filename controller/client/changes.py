"""Applying and deleting: one atomic request, an account of what it did, and the wait for it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from controller.client.context import Context
from controller.client.documents import Document, plain
from controller.client.kinds import BRIDGE, BY_NAME, DEFAULT_PROJECT, HOST, PORT, KindInfo
from controller.client.manifests import Manifests
from controller.client.output import Format, print_json, say
from controller.client.progress import wait
from controller.client.rest import Api
from controller.client.stream import WakeUp
from controller.client.waiting import Target, caught_up, in_phase


@dataclass(frozen=True, slots=True)
class Options:
    dry_run: bool
    wait_s: float | None
    """None: do not wait."""
    output: Format

    @property
    def waits(self) -> bool:
        return self.wait_s is not None and not self.dry_run


def apply(context: Context, manifests: Manifests, options: Options) -> None:
    with Api(context) as api:
        answer = api.post_yaml(
            "/v1/apply", manifests.text, dry_run=options.dry_run, locate=manifests.locate
        )
        _print_results(answer, options)
        if options.waits and options.wait_s is not None:
            with WakeUp(context, answer["revision"]) as wake_up:
                wait(
                    api,
                    wake_up,
                    _targets(answer["results"]),
                    in_phase("Ready"),
                    what="Ready",
                    timeout_s=options.wait_s,
                )


def delete_named(
    context: Context, kind: KindInfo, names: Sequence[str], project: str | None, options: Options
) -> list[str]:
    """Returns the names that there was nothing to delete for."""
    scope = {"project": project} if project else {}
    objects = [{"kind": kind.name, "metadata": {"name": name, **scope}} for name in names]

    def remove(api: Api) -> Document:
        return api.post("/v1/delete", {"objects": objects, "dry_run": options.dry_run})

    answer = _delete(context, remove, options)
    return [r["name"] for r in answer["results"] if r["action"] == "unchanged"]


def delete_manifests(context: Context, manifests: Manifests, options: Options) -> None:
    def remove(api: Api) -> Document:
        return api.post_yaml(
            "/v1/delete", manifests.text, dry_run=options.dry_run, locate=manifests.locate
        )

    _delete(context, remove, options)


def _delete(context: Context, remove: Callable[[Api], Document], options: Options) -> Document:
    with Api(context) as api:
        # Where things are can only be asked while they are still intended.
        bearers = _bearers(api) if options.waits else []
        answer = remove(api)
        _print_results(answer, options)
        hosts = _touched_hosts(bearers, _deleted_uids(answer))
        if hosts and options.wait_s is not None:
            _wait_until_gone(context, api, hosts, answer["revision"], options.wait_s)
    return answer


def _bearers(api: Api) -> list[Document]:
    """The objects that put something on a host."""
    return [*api.objects(BRIDGE.collection), *api.objects(PORT.collection)]


def _deleted_uids(answer: Document) -> set[str]:
    return {r["uid"] for r in answer["results"] if r["action"] == "deleted"}


def _touched_hosts(bearers: Sequence[Document], uids: set[str]) -> set[str]:
    """Hosts of what was deleted, and those whose tunnels of the same segments led there."""
    gone = [bearer for bearer in bearers if bearer["metadata"]["uid"] in uids]
    segments = {_segment_key(bearer) for bearer in gone} - {None}
    sharing = [bearer for bearer in bearers if _segment_key(bearer) in segments]
    return {bearer["spec"]["host"] for bearer in [*gone, *sharing]}


def _segment_key(bearer: Document) -> tuple[str, str] | None:
    segment = bearer["spec"].get("segment")
    return (bearer["metadata"]["project"], segment) if segment else None


def _wait_until_gone(
    context: Context, api: Api, hosts: Iterable[str], revision: int, timeout_s: float
) -> None:
    """An object is gone from intent at once, from a host when it has applied the revision."""
    targets = [Target(HOST, DEFAULT_PROJECT, host) for host in sorted(hosts)]
    with WakeUp(context, revision) as wake_up:
        wait(
            api,
            wake_up,
            targets,
            caught_up(revision, wake_up),
            what=f"hosts at revision {revision}",
            timeout_s=timeout_s,
        )


def _targets(results: Iterable[Document]) -> list[Target]:
    return [Target(BY_NAME[r["kind"]], r["project"], r["name"]) for r in results]


def _print_results(answer: Document, options: Options) -> None:
    if options.output is Format.JSON:
        print_json(answer)
        return
    suffix = " (dry run)" if options.dry_run else ""
    for result in answer["results"]:
        name = f"{BY_NAME[result['kind']].word}/{plain(result['name'])}"
        said = name if options.output is Format.NAME else f"{name} {result['action']}{suffix}"
        sys.stdout.write(said + "\n")
    if options.output is Format.TABLE:
        say(f"fleet revision {answer['revision']}" + (", nothing written" if suffix else ""))
    sys.stdout.flush()
