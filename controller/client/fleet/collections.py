"""The objects of one kind: read, listed, written and followed. Owns nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from controller.client.fleet.calls import Calls, Value
from controller.client.fleet.documents import (
    AnyManifest,
    Deletion,
    JoinToken,
    Json,
    Kind,
    ObjectDocument,
    Realization,
    Replacement,
)
from controller.client.fleet.manifests import if_match, manifest_of
from controller.client.kinds import BY_NAME
from controller.client.rest import PAGE_SIZE

_MERGE_PATCH = "application/merge-patch+json"
_NO_QUERY: Mapping[str, Value] = {}
_NO_PATH: Mapping[str, str] = {}


class Collection:
    """Names may be uids everywhere. ``project`` is ``default`` when it is left out."""

    def __init__(self, calls: Calls, kind: Kind, many: str) -> None:
        self._calls = calls
        self._kind = kind
        self._many = many
        self._one = BY_NAME[kind].word.replace("-", "_")

    def get(self, name: str, *, project: str | None = None) -> ObjectDocument:
        found: ObjectDocument = self._of_one(f"get_{self._one}", name, project)
        return found

    def list(
        self,
        *,
        project: str | None = None,
        label_selector: str | None = None,
        host: str | None = None,
        filter: str | None = None,  # noqa: A002 (the API's word)
        order_by: str | None = None,
        page_size: int = PAGE_SIZE,
    ) -> Iterator[ObjectDocument]:
        """All that there are, page by page. ``host`` is for bridges, ports and tunnels.

        ``filter`` is an expression such as ``status.phase != "Ready"``, ``order_by`` a field, with
        ``desc`` behind it for the other way round.
        """
        query = {"project": project, "label_selector": label_selector, "host": host}
        query |= {"filter": filter, "order_by": order_by}
        return pages(self._calls, f"list_{self._many}", page_size, query)

    def create(self, manifest: AnyManifest) -> ObjectDocument:
        """Refused where there is one of this name already."""
        body = manifest_of(manifest, self._kind)
        made: ObjectDocument = self._calls.send(f"create_{self._one}", body=body)
        return made

    def replace(self, document: AnyManifest, *, force: bool = False) -> ObjectDocument:
        """Replaces what was read, if it is still the same: change the document and give it back.

        A manifest of one's own, which has no revision, creates the object; with ``force`` it
        replaces whatever is there.
        """
        metadata = document["metadata"]
        revision = None if force else metadata.get("revision")
        written: ObjectDocument = self._of_one(
            f"replace_{self._one}",
            metadata["name"],
            metadata.get("project"),
            headers=if_match(revision) if force or revision is not None else {},
            body=manifest_of(document, self._kind),
        )
        return written

    def patch(
        self,
        name: str,
        changes: Mapping[str, Any],
        *,
        project: str | None = None,
        revision: int | None = None,
    ) -> ObjectDocument:
        """Changes ``spec`` or ``metadata.labels`` in part; None takes a field back to its default.

        With ``revision`` only if the object is still at it. The format is that of RFC 7396.
        """
        written: ObjectDocument = self._of_one(
            f"patch_{self._one}",
            name,
            project,
            headers=if_match(revision),
            body=changes,
            media=_MERGE_PATCH,
        )
        return written

    def delete(
        self, name: str, *, project: str | None = None, revision: int | None = None
    ) -> Deletion:
        """With ``revision`` only if the object is still at it."""
        operation, headers = f"delete_{self._one}", if_match(revision)
        gone: Deletion = self._of_one(operation, name, project, headers=headers)
        return gone

    def realization(self, name: str, *, project: str | None = None, wait: float = 0) -> Realization:
        """Which hosts have it as intended; after ``wait`` seconds at most (60 are possible)."""
        found: Realization = self._of_one(
            f"get_{self._one}_realization", name, project, query=waiting(wait), longer_s=wait
        )
        return found

    def history(
        self, name: str, *, project: str | None = None, page_size: int = PAGE_SIZE
    ) -> Iterator[Json]:
        """What it was, from now backwards: who made each version, when, and what that changed.
        Also of a deleted object, by its uid."""
        whole = _whole_pages(
            self._calls,
            f"list_{self._one}_history",
            page_size,
            query={"project": project},
            path={"name_or_uid": name},
        )
        for page in whole:
            yield from page["items"]

    def _of_one(
        self,
        operation: str,
        name: str,
        project: str | None,
        *,
        query: Mapping[str, Value] = _NO_QUERY,
        **more: Any,
    ) -> Any:
        where = {"project": project, **query}
        return self._calls.send(operation, path={"name_or_uid": name}, query=where, **more)

    def _pages(
        self, operation: str, name: str, size: int, query: Mapping[str, Value] = _NO_QUERY
    ) -> Iterator[Json]:
        """What is told of one object, page by page."""
        return _whole_pages(self._calls, operation, size, query=query, path={"name_or_uid": name})


class Hosts(Collection):
    """Hosts belong to no project, and have more to tell."""

    def desired_state(self, name: str) -> Json:
        """What the host is told, as it is compiled now."""
        found: Json = self._of_one("get_desired_state", name, None)
        return found

    def failures(self, name: str) -> Sequence[Json]:
        """All that is not as intended there, oldest first."""
        return self._items("list_failures", name)

    def tunnels(
        self,
        name: str,
        *,
        q: str | None = None,
        remote: str | None = None,
        ids: Sequence[str] = (),
        page_size: int = PAGE_SIZE,
    ) -> Iterator[Json]:
        """All that it shall have: of the meshes of its segments, then explicit ones. ``q`` are
        words that are all found in one, ``remote`` is the host at its other end, ``ids`` are ids of
        resources; ``segment:UID`` stands for all of that segment's."""
        asked = {"q": q, "remote": remote, "id": tuple(ids) or None}
        for page in self._pages("list_host_tunnels", name, page_size, asked):
            yield from page["items"]

    def rates(self, name: str) -> Sequence[Json]:
        """What passes now, of each port, tunnel and device."""
        return self._items("list_current_rates", name)

    def inventory(self, name: str) -> Json:
        """What is there and not the fleet's, and what the host can do."""
        found: Json = self._of_one("get_inventory", name, None)
        return found

    def observed(self, name: str, *, resources: Sequence[str] = ()) -> Json:
        """What it is like now, beside what is intended of it: its agent is asked, and looks.
        ProblemError ``host_away`` or ``agent_too_old`` when it cannot be."""
        query = {"resource": tuple(resources) or None}
        found: Json = self._of_one("get_observed", name, None, query=query)
        return found

    def drift_events(self, name: str, *, page_size: int = PAGE_SIZE) -> Iterator[Json]:
        """What others changed there, newest first."""
        for page in self._pages("list_host_drift_events", name, page_size):
            yield from page["items"]

    def create_join_token(self, name: str, *, ttl_seconds: int = 3600) -> JoinToken:
        """A secret with which one machine becomes this host. Is not repeated by the client."""
        body = {"ttl_seconds": ttl_seconds}
        made: JoinToken = self._of_one("create_join_token", name, None, body=body)
        return made

    def release(
        self,
        name: str,
        *,
        removals: bool | Sequence[str] = False,
        force: bool | Sequence[str] = False,
        pin: bool = True,
        drift: bool = True,
        confirm_count: int | None = None,
    ) -> Json:
        """Let it go on with what waits for a person; it takes nothing away when nothing is said."""
        body = {
            "removals": _listed(removals),
            "force": _listed(force),
            "pin": pin,
            "drift": drift,
            "confirm_count": confirm_count,
        }
        released: Json = self._of_one("release_host", name, None, body=body)
        return released

    def adopt(
        self, name: str, resources: Sequence[str | Json], *, accept_differences: bool = False
    ) -> Json:
        """Let objects on it take over what is there: ids, or their kind, name and project."""
        body = {"resources": list(resources), "accept_differences": accept_differences}
        adopted: Json = self._of_one("adopt_on_host", name, None, body=body)
        return adopted

    def withdraw(self, name: str, resources: Sequence[str] = ()) -> Json:
        """Take back what was granted for these, or all of it; what was done stays done."""
        body = {"resources": list(resources)}
        withdrawn: Json = self._of_one("withdraw_grants", name, None, body=body)
        return withdrawn

    def grants(self, name: str) -> Json:
        """What it is allowed, with what was forced and is done, and why it is held."""
        found: Json = self._of_one("get_grants", name, None)
        return found

    def replace_machine(self, name: str, *, ttl_seconds: int = 3600) -> Replacement:
        """A secret with which a new machine takes the host's place, and the one before loses it.
        Is not repeated by the client."""
        body = {"ttl_seconds": ttl_seconds}
        made: Replacement = self._of_one("replace_machine", name, None, body=body)
        return made

    def decommission(self, name: str, *, force: bool = False) -> ObjectDocument:
        """Nothing new may be put on the host, and the controller removes it when it is empty.
        ``force``: its machine is dead, and nobody waits for its word."""
        found: ObjectDocument = self._of_one("decommission_host", name, None, body={"force": force})
        return found

    def _items(self, operation: str, name: str) -> Sequence[Json]:
        items: Sequence[Json] = self._of_one(operation, name, None)["items"]
        return items


def _listed(which: bool | Sequence[str]) -> bool | list[str]:
    return which if isinstance(which, bool) else list(which)


class Segments(Collection):
    def tunnels(
        self,
        name: str,
        *,
        project: str | None = None,
        host: str | None = None,
        page_size: int = PAGE_SIZE,
    ) -> Iterator[Json]:
        """The mesh, each tunnel from both of its sides; with ``host`` only its own."""
        asked = {"project": project, "host": host}
        for page in self._pages("list_segment_tunnels", name, page_size, asked):
            yield from page["items"]


class Pools(Collection):
    def usage(self, name: str, *, page_size: int = PAGE_SIZE) -> Json:
        """How much is used, and by what: ``allocations`` has all of them."""
        whole: Json = {}
        for page in self._pages("get_pool_usage", name, page_size):
            allocations = whole.get("allocations", []) + page.pop("allocations")
            whole = {**page, "allocations": allocations}
        return whole


class HostGroups(Collection):
    def hosts(self, name: str, *, page_size: int = PAGE_SIZE) -> Iterator[ObjectDocument]:
        """The hosts that are in it now."""
        for page in self._pages("list_host_group_hosts", name, page_size):
            yield from page["items"]


def pages(calls: Calls, operation: str, size: int, query: Mapping[str, Value]) -> Iterator[Any]:
    """Every item of a list."""
    for page in _whole_pages(calls, operation, size, query=query):
        yield from page["items"]


def _whole_pages(
    calls: Calls,
    operation: str,
    size: int,
    *,
    query: Mapping[str, Value] = _NO_QUERY,
    path: Mapping[str, str] = _NO_PATH,
) -> Iterator[Json]:
    token: str | None = None
    while True:
        asked = {**query, "page_size": size, "page_token": token}
        page: Json = calls.send(operation, path=path, query=asked)
        token = page.pop("next_page_token") or None
        yield page
        if token is None:
            return


def waiting(seconds: float) -> Mapping[str, Value]:
    """The question of a long poll."""
    return {"wait": "realized", "timeout": seconds} if seconds else {}
