"""Applying and deleting: one atomic request, an account of what it did, and the wait for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from controller.client.context import Context
from controller.client.documents import Document, plain
from controller.client.kinds import BRIDGE, BY_NAME, DEFAULT_PROJECT, HOST, PORT, KindInfo
from controller.client.manifests import Manifests
from controller.client.output import Format, print_json, say
from controller.client.rest import Api
from controller.client.stream import WakeUp
from controller.client.waiting import (
    Goal,
    Progress,
    Target,
    caught_up,
    in_phase,
    wait_for,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


def apply(
    context: Context,
    manifests: Manifests,
    *,
    dry_run: bool,
    wait_s: float | None,
    output: Format,
) -> None:
    with Api(context) as api:
        answer = api.post_yaml(
            "/v1/apply", manifests.text, dry_run=dry_run, locate=manifests.locate
        )
        _print_results(answer, dry_run=dry_run, output=output)
        if wait_s is not None and not dry_run:
            targets = _targets(answer["results"])
            wait(
                context,
                api,
                targets,
                in_phase("Ready"),
                what="Ready",
                timeout_s=wait_s,
                from_revision=answer["revision"],
            )


def delete_named(
    context: Context,
    kind: KindInfo,
    names: Sequence[str],
    *,
    project: str | None,
    dry_run: bool,
    wait_s: float | None,
    output: Format,
) -> list[str]:
    """Returns the names that there was nothing to delete for."""
    scope = {"project": project} if project else {}
    objects = [{"kind": kind.name, "metadata": {"name": name, **scope}} for name in names]

    def remove(api: Api) -> Document:
        return api.post("/v1/delete", {"objects": objects, "dry_run": dry_run})

    answer = _delete(context, remove, dry_run=dry_run, wait_s=wait_s, output=output)
    return [r["name"] for r in answer["results"] if r["action"] == "unchanged"]


def delete_manifests(
    context: Context,
    manifests: Manifests,
    *,
    dry_run: bool,
    wait_s: float | None,
    output: Format,
) -> None:
    def remove(api: Api) -> Document:
        return api.post_yaml("/v1/delete", manifests.text, dry_run=dry_run, locate=manifests.locate)

    _delete(context, remove, dry_run=dry_run, wait_s=wait_s, output=output)


def wait(
    context: Context,
    api: Api,
    targets: Sequence[Target],
    goal: Goal,
    *,
    what: str,
    timeout_s: float,
    from_revision: int | None = None,
) -> None:
    """Waits with live progress on a terminal, and a last word on stderr."""
    started = time.monotonic()
    with WakeUp(context, from_revision) as wake_up, _live_progress(what) as report:
        wait_for(api, wake_up, targets, goal, what=what, timeout_s=timeout_s, report=report)
    seconds = time.monotonic() - started
    say(f"{len(targets)} of {len(targets)} {what} after {seconds:.1f} s")


def _delete(
    context: Context,
    remove: Callable[[Api], Document],
    *,
    dry_run: bool,
    wait_s: float | None,
    output: Format,
) -> Document:
    waits = wait_s is not None and not dry_run
    with Api(context) as api:
        # Where things are can only be asked while they are still intended.
        bearers = _bearers(api) if waits else []
        answer = remove(api)
        _print_results(answer, dry_run=dry_run, output=output)
        if wait_s is not None and waits:
            hosts = _touched_hosts(bearers, _deleted_uids(answer))
            _wait_until_gone(context, api, hosts, answer["revision"], wait_s)
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
    if targets:
        wait(
            context,
            api,
            targets,
            caught_up(revision),
            what=f"hosts at revision {revision}",
            timeout_s=timeout_s,
            from_revision=revision,
        )


def _targets(results: Iterable[Document]) -> list[Target]:
    return [Target(BY_NAME[r["kind"]], r["project"], r["name"]) for r in results]


def _print_results(answer: Document, *, dry_run: bool, output: Format) -> None:
    if output is Format.JSON:
        print_json(answer)
        return
    suffix = " (dry run)" if dry_run else ""
    for result in answer["results"]:
        name = f"{BY_NAME[result['kind']].word}/{plain(result['name'])}"
        print(name if output is Format.NAME else f"{name} {result['action']}{suffix}")
    if output is Format.TABLE:
        say(f"fleet revision {answer['revision']}" + (" (nothing written)" if dry_run else ""))


@contextmanager
def _live_progress(what: str) -> Iterator[Callable[[Progress], None]]:
    from controller.client.tables import console

    out = console(stderr=True)
    if not out.is_terminal:
        yield lambda _: None
        return
    with out.status(f"0 {what}") as status:

        def report(progress: Progress) -> None:
            lines = [f"{progress.done} of {progress.total} {what}", *progress.reasons()[:10]]
            if len(progress.missing) > 10:
                lines.append(f"… and {len(progress.missing) - 10} more")
            status.update("\n  ".join(plain(line) for line in lines))

        yield report
