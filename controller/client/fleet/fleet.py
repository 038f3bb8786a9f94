"""A fleet behind one address and one token.

Owns the connection pool, through ``Calls``. A watch has a connection of its own.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Literal, Self

import httpx

from controller.client.context import Context, check_url
from controller.client.failures import CommandError, RefusedError
from controller.client.fleet.calls import Calls, Value
from controller.client.fleet.collections import (
    Collection,
    HostGroups,
    Hosts,
    Pools,
    Segments,
    pages,
    waiting,
)
from controller.client.fleet.documents import (
    AnyManifest,
    ChangeResult,
    DifferenceList,
    Event,
    Json,
    Kind,
    Prune,
    RevisionDocument,
    Stats,
)
from controller.client.fleet.errors import (
    FleetError,
    NotRealizedError,
    ProblemError,
    UnreachableError,
)
from controller.client.fleet.manifests import manifest_of
from controller.client.fleet.webhooks import Webhooks
from controller.client.rest import PAGE_SIZE, Api
from controller.client.stream import follow

_LONGEST_POLL_S = 30.0
"""One request of a longer wait: shorter than what proxies on the way put up with."""
_PAUSE_S = 0.2
"""Before asking again a controller that answered before it was time: it is about to stop."""

_STATS = {
    "Host": "get_host_stats",
    "Port": "get_port_stats",
    "Segment": "get_segment_stats",
    "Tunnel": "get_tunnel_stats",
}


class Fleet:
    """May be used by several threads at once; close it, or use it as a context manager."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        timeout_s: float = 30.0,
        attempts: int = 5,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """``attempts`` are for what may be repeated: reads, and writes that bear a key."""
        try:
            self._context = Context(check_url(url), token)
        except CommandError as failure:
            raise FleetError(f"{failure.message} {failure.hint}") from failure
        self._calls = Calls(
            self._context.url, token, timeout_s=timeout_s, attempts=attempts, transport=transport
        )
        self.hosts = Hosts(self._calls, "Host", "hosts")
        self.bridges = Collection(self._calls, "Bridge", "bridges")
        self.segments = Segments(self._calls, "Segment", "segments")
        self.ports = Collection(self._calls, "Port", "ports")
        self.tunnels = Collection(self._calls, "Tunnel", "tunnels")
        self.pools = Pools(self._calls, "Pool", "pools")
        self.transport_zones = Collection(self._calls, "TransportZone", "transport_zones")
        self.host_groups = HostGroups(self._calls, "HostGroup", "host_groups")
        self.tunnel_profiles = Collection(self._calls, "TunnelProfile", "tunnel_profiles")
        self.qos_policies = Collection(self._calls, "QosPolicy", "qos_policies")
        self.mirrors = Collection(self._calls, "Mirror", "mirrors")
        self.flow_exports = Collection(self._calls, "FlowExport", "flow_exports")
        self.webhooks = Webhooks(self._calls)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._calls.close()

    def summary(self) -> Json:
        """Who the fleet is, its newest revision, and how many objects are in which phase."""
        found: Json = self._calls.send("get_fleet")
        return found

    def topology(
        self,
        *,
        group_by: str = "auto",
        segment: str | None = None,
        project: str | None = None,
        label_selector: str | None = None,
        within: str | None = None,
        meshes: Literal["auto", "pairs", "hubs"] = "pairs",
    ) -> Json:
        """Hosts, or groups of them, and how the tunnels between them are doing: ``group_by`` is
        auto, host, zone, group or ``label:KEY``; the selector is of the hosts, and ``within`` the
        id of a group of them. ``meshes`` is how full meshes are told: as edges, as hubs with
        spokes, or auto, by how many there are."""
        query = {"group_by": group_by, "segment": segment, "project": project}
        query |= {"label_selector": label_selector, "within": within, "meshes": meshes}
        found: Json = self._calls.send("get_topology", query=query)
        return found

    def whoami(self) -> Json:
        """Whose token this is, and what it allows."""
        found: Json = self._calls.send("get_whoami")
        return found

    def attention(
        self,
        *,
        kind: Kind | None = None,
        host: str | None = None,
        project: str | None = None,
        page_size: int = PAGE_SIZE,
    ) -> Iterator[Json]:
        """Everything that is not as intended, with why and what to do, the most urgent first."""
        query = {"kind": kind, "host": host, "project": project}
        return pages(self._calls, "list_attention", page_size, query)

    def search(
        self,
        q: str,
        *,
        kind: Kind | None = None,
        project: str | None = None,
        page_size: int = 20,
    ) -> Sequence[Json]:
        """The objects that are called this or have it, whole or in part, the best first."""
        query = {"q": q, "kind": kind, "project": project, "page_size": page_size}
        items: Sequence[Json] = self._calls.send("search", query=query)["items"]
        return items

    def find_interfaces(self, iface_id: str) -> Sequence[Json]:
        """The hosts on which libvirt or Nova plugged it in: two while a guest is migrated."""
        query = {"iface_id": iface_id}
        items: Sequence[Json] = self._calls.send("find_interfaces", query=query)["items"]
        return items

    def drift_events(
        self,
        *,
        host: str | None = None,
        kind: Kind | None = None,
        project: str | None = None,
        name: str | None = None,
        since: str | None = None,
        action: str | None = None,
        page_size: int = PAGE_SIZE,
    ) -> Iterator[Json]:
        """What others changed on hosts, newest first. ``since`` is a time as in RFC 3339, with a
        zone; ``kind``, ``project`` and ``name`` are of the object."""
        query = {"host": host, "kind": kind, "project": project, "name": name}
        query |= {"since": since, "action": action}
        return pages(self._calls, "list_drift_events", page_size, query)

    def changes(
        self,
        *,
        kind: Kind | None = None,
        project: str | None = None,
        name: str | None = None,
        principal: str | None = None,
        since: str | None = None,
        until: str | None = None,
        page_size: int = PAGE_SIZE,
    ) -> Iterator[Json]:
        """What was changed, newest first. ``principal`` is who did it; ``since`` and ``until`` are
        times as in RFC 3339, with a zone."""
        query = {"kind": kind, "project": project, "name": name, "principal": principal}
        query |= {"since": since, "until": until}
        return pages(self._calls, "list_changes", page_size, query)

    def events(
        self,
        *,
        host: str | None = None,
        kind: Kind | None = None,
        project: str | None = None,
        name: str | None = None,
        type: str | None = None,  # noqa: A002 (the API's word)
        severity: Literal["info", "warning", "error"] | None = None,
        since: str | None = None,
        until: str | None = None,
        page_size: int = PAGE_SIZE,
    ) -> Iterator[Json]:
        """What happened, newest first: to intent, to hosts and to what is on them. ``severity``
        is the least; ``since`` and ``until`` are times as in RFC 3339, with a zone."""
        query = {"host": host, "kind": kind, "project": project, "name": name, "type": type}
        query |= {"severity": severity, "since": since, "until": until}
        return pages(self._calls, "list_events", page_size, query)

    def apply(
        self,
        objects: Sequence[AnyManifest],
        *,
        dry_run: bool = False,
        prune: Prune | None = None,
        confirm_count: int | None = None,
        seen_revision: int | None = None,
        force: bool = False,
        wait: float | None = None,
    ) -> ChangeResult:
        """Creates or replaces all of them, and deletes what is to be pruned: at once, or nothing.

        With ``wait``, returns when all hosts that need the objects have applied them, and raises
        ``NotRealizedError`` after so many seconds. ``dry_run`` checks everything, writes nothing.
        With ``seen_revision``, what was changed after that revision is not overwritten: ``stale``.
        ``force`` lets a host try what may cut it off, which it undoes where it does.
        """
        body: Json = {"objects": [manifest_of(each) for each in objects], "dry_run": dry_run}
        more = {"prune": prune, "confirm_count": confirm_count}
        body |= {name: value for name, value in more.items() if value is not None}
        return self._change("apply", body, wait, seen_revision=seen_revision, force=force)

    def delete(
        self,
        objects: Sequence[AnyManifest],
        *,
        dry_run: bool = False,
        confirm_count: int | None = None,
        seen_revision: int | None = None,
        wait: float | None = None,
    ) -> ChangeResult:
        """Deletes all of them at once; what is not there is ``unchanged``. More than ten have to
        be confirmed by their number. With ``seen_revision``, what was changed after it stays."""
        body: Json = {"objects": [manifest_of(each) for each in objects], "dry_run": dry_run}
        if confirm_count is not None:
            body["confirm_count"] = confirm_count
        return self._change("delete_objects", body, wait, seen_revision=seen_revision)

    def diff(self, objects: Sequence[AnyManifest]) -> DifferenceList:
        """What applying them would change, as YAML before and after."""
        body = {"objects": [manifest_of(each) for each in objects]}
        found: DifferenceList = self._calls.send("diff", body=body)
        return found

    def export(
        self,
        *,
        kind: Kind | None = None,
        project: str | None = None,
        label_selector: str | None = None,
        name: str | None = None,
    ) -> str:
        """Intent as YAML; applying it changes nothing."""
        query = {"kind": kind, "project": project, "label_selector": label_selector, "name": name}
        return self._calls.send_for_text("export_objects", query=query)

    def revision(self, number: int, *, wait: float = 0) -> RevisionDocument:
        """How far hosts are with a change; after ``wait`` seconds at most (60 are possible)."""
        found: RevisionDocument = self._calls.send(
            "get_revision", path={"revision": number}, query=waiting(wait), longer_s=wait
        )
        return found

    def wait_realized(self, revision: int, timeout: float = 60.0) -> RevisionDocument:
        """Returns when all hosts that a revision concerns have applied it; else raises
        ``NotRealizedError``, which says what keeps them."""
        deadline = time.monotonic() + timeout
        while True:
            asked = time.monotonic()
            wait = max(0.0, min(deadline - asked, _LONGEST_POLL_S))
            found = self.revision(revision, wait=wait)
            if found["realized"]:
                return found
            if time.monotonic() >= deadline:
                raise NotRealizedError(found, timeout)
            if time.monotonic() - asked < wait:
                time.sleep(_PAUSE_S)

    def stats(
        self,
        kind: Literal["Host", "Port", "Segment", "Tunnel"],
        name: str,
        *,
        project: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        step: int | None = None,
        subject: str | None = None,
    ) -> Stats:
        """Rates over time: of the last 15 minutes, in about 180 steps, or as asked.

        Times need a zone, ``step`` is in seconds, ``subject`` is one of a host's, such as
        ``tunnel:<uid>``.
        """
        query: dict[str, Value] = {"project": project, "step": step, "subject": subject}
        query |= {"from": _rfc3339(start), "to": _rfc3339(end)}
        found: Stats = self._calls.send(_STATS[kind], path={"name_or_uid": name}, query=query)
        return found

    def watch(self, *, from_revision: int | None = None) -> Iterator[Event]:
        """Whatever happens after a revision, else from now on, at least once; does not end.

        Lost connections are made again and nothing is missed. Refusals raise ``ProblemError``.
        """
        if from_revision is None:
            from_revision = int(self.summary()["revision"])
        try:
            with Api(self._context) as api:
                for event in follow(api, from_revision=from_revision, on_break=_ignore):
                    if not event.data:
                        # Only a sign of life, of which there is one every 15 seconds.
                        continue
                    happened: Any = event.event
                    yield Event(event=happened, id=event.id, data=json.loads(event.data))
        except RefusedError as refused:
            raise ProblemError(refused.status, refused.problem) from refused
        except CommandError as failure:
            raise UnreachableError(failure.message) from failure

    def _change(
        self,
        operation: str,
        body: Json,
        wait: float | None,
        *,
        seen_revision: int | None = None,
        force: bool = False,
    ) -> ChangeResult:
        query: dict[str, Value] = {"force": "true"} if force else {}
        if seen_revision is not None:
            query["seen_revision"] = seen_revision
        result: ChangeResult = self._calls.send(operation, query=query, body=body)
        if wait is not None and not body["dry_run"]:
            # What is unchanged need not be realized yet; of what was not there nobody knows.
            found = {each["revision"] for each in result["results"] if each["uid"] is not None}
            self._wait_for_all(sorted(found), wait)
        return result

    def _wait_for_all(self, revisions: Sequence[int], timeout: float) -> None:
        deadline = time.monotonic() + timeout
        for revision in revisions:
            self.wait_realized(revision, max(0.0, deadline - time.monotonic()))


def _ignore(_: CommandError) -> None:
    """``follow`` connects again by itself."""


def _rfc3339(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
