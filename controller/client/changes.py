"""Applying and deleting: one atomic request, an account of what it did, and the wait for it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from controller.client.context import Context
from controller.client.documents import Document, plain
from controller.client.failures import CommandError, Locate, RefusedError, warning_lines
from controller.client.kinds import BY_NAME, KindInfo, parse_kind, word_of
from controller.client.manifests import Manifests
from controller.client.output import Format, print_json, say
from controller.client.progress import wait
from controller.client.rest import Api, Choice, Query, QueryValue
from controller.client.stream import WakeUp
from controller.client.waiting import Look, Target, hosts_applying, in_phase, objects_meeting


@dataclass(frozen=True, slots=True)
class Prune:
    selector: str
    kinds: Sequence[str] = ()
    """Of these alone, as people call them; none: of all."""

    def query(self) -> dict[str, QueryValue]:
        kinds = [parse_kind(kind).name for kind in self.kinds]
        return {"prune_selector": self.selector, "prune_kind": kinds or None}


@dataclass(frozen=True, slots=True)
class Options:
    dry_run: bool
    wait_s: float | None
    """None: do not wait."""
    output: Format
    prune: Prune | None = None
    """What to delete when no manifest names it."""
    confirm_count: int | None = None
    """How many objects are meant to be deleted."""
    yes: bool = False
    """Delete however many it is."""
    force: bool = False
    """Let hosts try what may cut them off."""

    @property
    def waits(self) -> bool:
        return self.wait_s is not None and not self.dry_run


def apply(context: Context, manifests: Manifests, options: Options) -> None:
    with Api(context) as api:

        def send(count: int | None) -> Document:
            params: dict[str, QueryValue] = {
                "confirm_count": count,
                "force": "true" if options.force else None,
                **(options.prune.query() if options.prune else {}),
            }
            return _post(api, "/v1/apply", manifests, options, params)

        answer = _confirmed(send, options)
        _print_results(answer, options, manifests.locate)
        if options.waits:
            look = objects_meeting(api, _targets(answer["results"]), in_phase("Ready"))
            _wait(context, look, options, revision=answer["revision"], what="are Ready")


def delete_selected(
    context: Context, kind: KindInfo, selector: str, project: str | None, options: Options
) -> None:
    """Those that bear the labels when they are looked for."""
    with Api(context) as api:
        found = list(api.objects(kind.collection, Choice(project, selector)))
    if not found:
        say(f"There are no {kind.collection} with {selector}.")
        return
    named = [{field: d["metadata"][field] for field in ("name", "project")} for d in found]
    _delete_objects(context, kind, named, options)


def delete_named(
    context: Context, kind: KindInfo, names: Sequence[str], project: str | None, options: Options
) -> list[str]:
    """Returns the names that there was nothing to delete for."""
    scope = {"project": project} if project else {}
    answer = _delete_objects(context, kind, [{"name": name, **scope} for name in names], options)
    return [r["name"] for r in answer["results"] if r["action"] == "unchanged"]


def _delete_objects(
    context: Context, kind: KindInfo, named: Sequence[Mapping[str, str]], options: Options
) -> Document:
    return _delete_all(context, [{"kind": kind.name, "metadata": each} for each in named], options)


def delete_documents(context: Context, documents: Iterable[Document], options: Options) -> None:
    """Those that were read, of any kinds, in one revision."""
    fields = ("name", "project")
    named = [
        {"kind": d["kind"], "metadata": {field: d["metadata"][field] for field in fields}}
        for d in documents
    ]
    _delete_all(context, named, options)


def _delete_all(
    context: Context, objects: Sequence[Mapping[str, object]], options: Options
) -> Document:
    def remove(api: Api, count: int | None) -> Document:
        body = {"objects": objects, "dry_run": options.dry_run, "confirm_count": count}
        return api.post("/v1/delete", body)

    return _delete(context, remove, options)


def delete_manifests(context: Context, manifests: Manifests, options: Options) -> None:
    def remove(api: Api, count: int | None) -> Document:
        return _post(api, "/v1/delete", manifests, options, {"confirm_count": count})

    _delete(context, remove, options, manifests.locate)


def _delete(
    context: Context,
    remove: Callable[[Api, int | None], Document],
    options: Options,
    locate: Locate | None = None,
) -> Document:
    with Api(context) as api:
        answer = _confirmed(partial(remove, api), options)
        _print_results(answer, options, locate)
        # Where nothing was deleted, the revision is somebody else's change.
        if options.waits and any(r["action"] == "deleted" for r in answer["results"]):
            revision = answer["revision"]
            look, what = hosts_applying(api, revision), f"hosts have applied revision {revision}"
            _wait(context, look, options, revision=revision, what=what)
    return answer


def _post(
    api: Api,
    path: str,
    manifests: Manifests,
    options: Options,
    params: Query,
) -> Document:
    return api.post_yaml(
        path, manifests.text, dry_run=options.dry_run, locate=manifests.locate, params=params
    )


def _confirmed(send: Callable[[int | None], Document], options: Options) -> Document:
    return confirmed(send, options.confirm_count, yes=options.yes)


def confirmed(
    send: Callable[[int | None], Document], confirm_count: int | None, *, yes: bool
) -> Document:
    """Sends a request that deletes, and once more with its number if that was not known."""
    try:
        return send(confirm_count)
    except RefusedError as refused:
        count = refused.problem.get("confirm_count")
        if not isinstance(count, int):
            raise
        if yes:
            return send(count)
        raise CommandError(
            refused.message,
            hint=f"If that is what you want, add --confirm-count {count} or --yes.",
            exit_code=refused.exit_code,
        ) from refused


def _wait(context: Context, look: Look, options: Options, *, revision: int, what: str) -> None:
    if options.wait_s is not None:
        with WakeUp(context, revision) as wake_up:
            wait(look, wake_up, what=what, timeout_s=options.wait_s)


def _targets(results: Iterable[Document]) -> list[Target]:
    """What there still is."""
    return [
        Target(BY_NAME[r["kind"]], r["project"], r["name"])
        for r in results
        if r["action"] != "deleted"
    ]


def _print_results(answer: Document, options: Options, locate: Locate | None) -> None:
    for warning in answer.get("warnings", ()):
        say("\n".join(warning_lines(warning, locate)))
    if options.output is Format.JSON:
        print_json(answer)
        return
    suffix = " (dry run)" if options.dry_run else ""
    for result in answer["results"]:
        name = f"{word_of(result['kind'])}/{plain(result['name'])}"
        said = name if options.output is Format.NAME else f"{name} {result['action']}{suffix}"
        sys.stdout.write(said + "\n")
    if options.output is Format.TABLE:
        say(f"fleet revision {answer['revision']}" + (", nothing written" if suffix else ""))
    sys.stdout.flush()
