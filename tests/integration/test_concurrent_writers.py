"""Sixteen writers over REST whose names, VNIs, hosts and segments overlap: nothing gets lost.

What each was answered is put into the order of the revisions and carried out again on paper. The
database must hold exactly the versions that this makes, and what is compiled from it must be whole.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from typing import TypeAlias
from uuid import UUID

import httpx
import psycopg
import pytest

from controller.compiler import CompiledHost, compile_host
from controller.services import changes, desired
from controller.store.engine import Database
from tests.support.api import Api, LiveServer
from tests.support.write_history import (
    HOSTS,
    SEGMENTS,
    Document,
    Effect,
    Exchange,
    Target,
    Writer,
    host_spec,
    manifest,
)

pytestmark = pytest.mark.integration

_WRITERS = 16
_WRITES_EACH = 7
_DEADLINE_S = 60

Version: TypeAlias = tuple[str, str, int, int | None, str]
"""Kind, name, the revisions from which and up to which it is valid, and the mark of its writer."""


def test_sixteen_writers_lose_no_update_share_no_number_and_leave_every_mesh_complete(
    api: Api, live: LiveServer
) -> None:
    history = write_at_once(live.url, api.secret)
    changed = sorted((each for each in history if each.effects), key=lambda each: each.revision)

    check_answers(history, api.app.openapi())
    check_everything_was_tried(history)
    check_order(changed, changes.head(api.db))
    assert stored_versions(api.db) == versions_of(changed)
    assert logged(api.db) == Counter(
        (effect.revision, *effect.target, effect.action)
        for each in changed
        for effect in each.effects
    )
    check_no_vni_is_used_twice(api.db)
    with client(live.url, api.secret) as admin:
        check_meshes(api.db, admin)


def client(url: str, secret: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {secret}"}
    return httpx.Client(base_url=url, headers=headers, timeout=_DEADLINE_S)


def write_at_once(url: str, secret: str) -> list[Exchange]:
    """Hosts and some segments first, by one; then everybody everything, beginning at one moment."""
    barrier = threading.Barrier(_WRITERS)

    def run(number: int) -> list[Exchange]:
        with client(url, secret) as http:
            writer = Writer(http, number)
            barrier.wait(_DEADLINE_S)
            writer.run(_WRITES_EACH)
        return writer.history

    with client(url, secret) as http:
        founder = Writer(http, _WRITERS)
        founder.apply(
            *(manifest("Host", name, host_spec(name)) for name in HOSTS),
            *(manifest("Segment", name, {}) for name in SEGMENTS[::2]),
        )
    with ThreadPoolExecutor(_WRITERS) as pool:
        histories = [founder.history, *pool.map(run, range(_WRITERS))]
    return [exchange for history in histories for exchange in history]


def check_answers(history: Iterable[Exchange], openapi: Document) -> None:
    operations = [each for path in openapi["paths"].values() for each in path.values()]
    declared = {each["operationId"]: set(each["responses"]) for each in operations}
    for each in history:
        assert str(each.status) in declared[each.operation], each
        assert each.status < 500, each
        expected = "application/json" if each.status < 300 else "application/problem+json"
        assert each.media == expected, each


def check_everything_was_tried(history: Sequence[Exchange]) -> None:
    """The rest would be empty words if nobody had got anything done, or met anybody. What each
    writer meets is chance: single deletes, say, can all come to ports that are not there."""
    tried = Counter(each.operation for each in history)
    assert {
        *(f"create_{kind}" for kind in ("segment", "port")),
        *(f"replace_{kind}" for kind in ("host", "segment", "port")),
        *("patch_port", "delete_port", "apply"),
    } <= tried.keys(), tried
    done = Counter(each.operation for each in history if each.effects)
    assert {"apply", "create_port", "replace_host"} <= done.keys(), done
    assert done["delete_port"] + done["delete_objects"], done
    assert {409, 412} <= {each.status for each in history}


def check_order(changed: Sequence[Exchange], head: int) -> None:
    """Each revision is one acknowledged write's, and none is older than what it could have seen."""
    assert [each.revision for each in changed] == list(range(1, head + 1))
    latest_start = 0.0
    for each in changed:
        assert each.finished >= latest_start, f"{each} was done before an older one was asked for"
        latest_start = max(latest_start, each.started)


def versions_of(changed: Iterable[Exchange]) -> set[Version]:
    """Carries out again, in the order of the revisions, what was acknowledged."""
    current: dict[Target, Effect] = {}
    versions: set[Version] = set()
    for effect in (effect for each in changed for effect in each.effects):
        before = current.pop(effect.target, None)
        assert (before is None) == (effect.action == "created"), (before, effect)
        if before is not None:
            assert effect.based_on in {None, before.revision}, (before, effect)
            versions.add(_version(before, effect.revision))
        if effect.action != "deleted":
            current[effect.target] = effect
    return versions | {_version(effect, None) for effect in current.values()}


def _version(effect: Effect, valid_to: int | None) -> Version:
    return (*effect.target, effect.revision, valid_to, effect.mark)


def stored_versions(db: Database) -> set[Version]:
    tables = {"Host": "host", "Segment": "segment", "Port": "port"}
    query = " UNION ALL ".join(
        f"SELECT '{kind}', name, valid_from, valid_to, labels->>'mark' FROM {table}"  # noqa: S608
        for kind, table in tables.items()
    )
    with psycopg.connect(db.url) as connection:
        rows = connection.execute(query.encode()).fetchall()
    versions: set[Version] = {(row[0], row[1], row[2], row[3], row[4]) for row in rows}
    assert len(versions) == len(rows)
    return versions


def logged(db: Database) -> Counter[tuple[int, str, str, str]]:
    entries = changes.since(db, 0, limit=100_000)
    return Counter((each.revision, each.kind.value, each.name, each.action) for each in entries)


def check_no_vni_is_used_twice(db: Database) -> None:
    """At no revision, by no two segments: also of those that are gone."""
    with psycopg.connect(db.url) as connection:
        shared = connection.execute(
            "SELECT one.name, two.name, one.vni FROM segment one JOIN segment two"
            " ON one.vni = two.vni AND one.uid < two.uid"
            " AND int8range(one.valid_from, one.valid_to)"
            " && int8range(two.valid_from, two.valid_to)"
        ).fetchall()
    assert shared == []


def check_meshes(db: Database, admin: httpx.Client) -> None:
    """All that is compiled or shown of a segment names the same members, from every side."""
    hosts, segments = objects(admin, "hosts"), objects(admin, "segments")
    vteps = {name: host["spec"]["vteps"][0] for name, host in hosts.items()}
    members: defaultdict[str, set[str]] = defaultdict(set)
    for port in objects(admin, "ports").values():
        members[port["spec"]["segment"]].add(port["spec"]["host"])
    assert max(map(len, members.values())) > 1
    attached: defaultdict[str, set[str]] = defaultdict(set)
    for name, host in hosts.items():
        compiled = compile_host(desired.load_host_intent(db, UUID(host["metadata"]["uid"])))
        for segment in check_host(compiled, segments, members, vteps):
            attached[segment].add(name)
    assert attached == members
    for name in segments:
        pairs = set(permutations(members[name], 2))
        shown = shown_tunnels(admin, name)
        # Hosts that moved have tunnels from and to where they were beside those of every mesh.
        assert {tunnel[:2] for tunnel in shown} == pairs
        assert shown >= {(one, two, vteps[one], vteps[two]) for one, two in pairs}


def check_host(
    compiled: CompiledHost,
    segments: dict[str, Document],
    members: dict[str, set[str]],
    vteps: dict[str, str],
) -> set[str]:
    """Returns the segments that the host is attached to."""
    vlans = [attachment.local_vlan for attachment in compiled.part.attachments]
    assert len(set(vlans)) == len(vlans)
    interfaces = [port.interface for port in compiled.part.ports]
    assert len(set(interfaces)) == len(interfaces)
    names = {document["metadata"]["uid"]: name for name, document in segments.items()}
    attached = set()
    for fragment in compiled.fragments.values():
        name = names[fragment.segment_uid]
        assert fragment.vni == segments[name]["spec"]["vni"]
        assert {m.host_name: m.vtep for m in fragment.members} == {
            member: vteps[member] for member in members[name]
        }
        attached.add(name)
    return attached


def shown_tunnels(admin: httpx.Client, segment: str) -> set[tuple[str, str, str, str]]:
    items = admin.get(f"/v1/segments/{segment}/tunnels").json()["items"]
    tunnels = {(t["host"], t["remote_host"], t["local_ip"], t["remote_ip"]) for t in items}
    assert len(tunnels) == len(items)
    return tunnels


def objects(admin: httpx.Client, collection: str) -> dict[str, Document]:
    page = admin.get(f"/v1/{collection}", params={"page_size": 1000}).json()
    assert page["next_page_token"] == ""
    return {each["metadata"]["name"]: each for each in page["items"]}
