"""The effective tunnels of one host over REST: in pages, narrowed, and counted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from controller.auth import Role
from controller.services.status import ReportedFailure
from tests.support.api import Api
from tests.support.reports import ReportingHost

pytestmark = pytest.mark.integration

HOSTS = ("h1", "h2", "h3", "h4")
PATH = "/v1/hosts/h1/tunnels"
Tunnel = dict[str, Any]


def manifest(kind: str, name: str, project: str = "", **spec: Any) -> Tunnel:
    metadata = {"name": name} | ({"project": project} if project else {})
    return {"kind": kind, "metadata": metadata, "spec": spec}


def member(segment: str, host: str, project: str = "") -> Tunnel:
    made = {"host": host, "interface": f"{segment}-{host}", "segment": segment}
    return manifest("Port", f"{segment}-{host}", project, **made)


def explicit(name: str, **far: str) -> Tunnel:
    ends = [{"host": "h1", "bridge": f"lan-{name}"}, far]
    return manifest("Tunnel", name, ends=ends)


def fabric() -> list[Tunnel]:
    """On h1: two meshes of this project and one of another, and two explicit tunnels."""
    segments = [
        manifest("Segment", "blue", vni=10_001, backend="ovs", external_vteps=["203.0.113.7"]),
        manifest("Segment", "amber", vni=10_002, backend="kernel"),
        manifest("Segment", "secret", "tenant", vni=10_003, backend="ovs"),
    ]
    hosts = [manifest("Host", name, vteps=[f"192.0.2.{n}"]) for n, name in enumerate(HOSTS, 1)]
    lans = [
        manifest("Bridge", f"lan-{name}", host=host, interface=f"br-{name}")
        for name, host in (("zeta", "h1"), ("alpha", "h1"), ("far", "h2"))
    ]
    links = [explicit("zeta", host="h2", bridge="lan-far"), explicit("alpha", ip="203.0.113.9")]
    ports = [
        *(member("blue", host) for host in ("h1", "h2", "h4")),
        *(member("amber", host) for host in ("h1", "h2", "h3")),
        *(member("secret", host, "tenant") for host in ("h1", "h3")),
    ]
    return [*hosts, *lans, *segments, *links, *ports]


IN_ORDER = [
    ("amber", "h2"),
    ("amber", "h3"),
    ("blue", "h2"),
    ("blue", "h4"),
    ("blue", None),
    ("secret", "h3"),
    ("alpha", None),
    ("zeta", "h2"),
]


@pytest.fixture
async def admin(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    api.add_projects("tenant")
    async with api.admin as client:
        await apply(client, *fabric())
        yield client


async def apply(admin: httpx.AsyncClient, *objects: Tunnel) -> int:
    answer = await admin.post("/v1/apply", json={"objects": objects})
    assert answer.status_code == 200, answer.text
    revision: int = answer.json()["revision"]
    return revision


async def page(client: httpx.AsyncClient, **asked: Any) -> dict[str, Any]:
    answer = await client.get(PATH, params=asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert len(found["items"]) <= found["total"]
    return found


def ends(found: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(tunnel["name"], tunnel["remote_host"]) for tunnel in found["items"]]


async def uids(admin: httpx.AsyncClient, path: str) -> dict[str, str]:
    found = (await admin.get(path)).json()["items"]
    return {each["metadata"]["name"]: each["metadata"]["uid"] for each in found}


@pytest.mark.parametrize("size", [1, 3, 7, 8])
async def test_all_pages_together_are_the_whole_in_order(
    api: Api, admin: httpx.AsyncClient, size: int
) -> None:
    whole = await page(admin)
    assert ends(whole) == IN_ORDER
    assert (whole["total"], whole["next_page_token"]) == (8, "")
    assert whole["revision"] == api.head()
    together: list[Tunnel] = []
    token = ""
    while token or not together:
        one = await page(admin, page_size=size, page_token=token)
        token = one["next_page_token"]
        assert one["total"] == 8
        assert len(one["items"]) == size or not token
        together += one["items"]
    assert together == whole["items"]


async def test_pages_go_on_where_they_were_while_members_come_and_go(
    admin: httpx.AsyncClient,
) -> None:
    first = await page(admin, page_size=4)
    assert ends(first) == IN_ORDER[:4]
    # In front of the place, behind it, and the very tunnel that the page ended with.
    await apply(admin, member("amber", "h4"), member("secret", "h2", "tenant"))
    gone = await admin.delete("/v1/ports/blue-h4", headers={"If-Match": "*"})
    assert gone.status_code == 200
    rest = await page(admin, page_token=first["next_page_token"])
    assert ends(rest) == [
        ("blue", None),
        ("secret", "h2"),
        ("secret", "h3"),
        ("alpha", None),
        ("zeta", "h2"),
    ]
    assert rest["total"] == 9


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("BLUE", IN_ORDER[2:5]),
        ("blue to h4", [("blue", "h4")]),
        ("h4 blue", [("blue", "h4")]),
        ("h3", [("amber", "h3"), ("secret", "h3")]),
        ("203.0.113.", [("blue", None), ("alpha", None)]),
        ("10002", IN_ORDER[:2]),
        ("kernel", IN_ORDER[:2]),
        ("failed", [("blue", "h2")]),
        ("blue noroute", [("blue", "h2")]),
        ("ready", [each for each in IN_ORDER if each != ("blue", "h2")]),
        ("amber noroute", []),
        ("  ", IN_ORDER),
    ],
)
async def test_words_are_looked_for_in_what_a_tunnel_is_and_how_it_is_doing(
    api: Api, admin: httpx.AsyncClient, words: str, found: list[tuple[str, str | None]]
) -> None:
    host, segment = await uids(admin, "/v1/hosts"), await uids(admin, "/v1/segments")
    failure = ReportedFailure(f"tunnel:{segment['blue']}/{host['h2']}", "datapath", "NoRoute", "")
    ReportingHost(api.db, host["h1"]).report(api.head(), [failure])
    answer = await page(admin, q=words)
    assert (ends(answer), answer["total"]) == (found, len(found))
    first = await page(admin, q=words, page_size=1)
    assert (ends(first), first["total"]) == (found[:1], len(found))
    assert first["items"] == answer["items"][:1]


async def test_only_those_to_one_host_are_asked_for_by_its_name_or_uid(
    admin: httpx.AsyncClient,
) -> None:
    wanted = [("amber", "h2"), ("blue", "h2"), ("zeta", "h2")]
    host = (await uids(admin, "/v1/hosts"))["h2"]
    for remote in ("h2", host):
        found = await page(admin, remote=remote)
        assert (ends(found), found["total"]) == (wanted, 3)
    assert ends(await page(admin, remote="h2", q="kernel")) == wanted[:1]
    assert (await page(admin, remote="h1"))["total"] == 0
    assert (await admin.get(PATH, params={"remote": "h9"})).status_code == 404


async def test_only_some_resources_are_asked_for_and_a_segment_stands_for_all_of_its_tunnels(
    admin: httpx.AsyncClient,
) -> None:
    found = (await page(admin))["items"]
    of = dict(zip(IN_ORDER, (tunnel["id"] for tunnel in found), strict=True))
    amber = f"segment:{(await uids(admin, '/v1/segments'))['amber']}"
    few = [of["zeta", "h2"], of["blue", None], "tunnel:nothing", f"port:{amber}"]
    answer = await page(admin, id=few, page_size=1)
    assert (ends(answer), answer["total"]) == ([("blue", None)], 2)
    token = answer["next_page_token"]
    # The same ones in another order are the same question.
    last = await page(admin, id=few[::-1], page_size=1, page_token=token)
    assert (ends(last), last["next_page_token"]) == ([("zeta", "h2")], "")
    assert ends(await page(admin, id=amber)) == IN_ORDER[:2]
    assert ends(await page(admin, id=[amber, of["alpha", None]])) == [*IN_ORDER[:2], IN_ORDER[6]]


async def test_segments_of_other_projects_are_not_told_and_not_counted(
    api: Api, admin: httpx.AsyncClient
) -> None:
    secret = next(t["id"] for t in (await page(admin))["items"] if t["name"] == "secret")
    api.add_projects("other")
    async with api.client(api.token(Role.PROJECT_ADMIN, "tenant")) as tenant:
        seen = await page(tenant)
        assert (ends(seen), seen["total"]) == (IN_ORDER[5:], 3)
        assert (await page(tenant, id=secret))["total"] == 1
    async with api.client(api.token(Role.PROJECT_ADMIN, "other")) as other:
        seen = await page(other)
        assert (ends(seen), seen["total"]) == (IN_ORDER[6:], 2)
        for asked in ({"id": secret}, {"q": "secret"}, {"remote": "h3"}):
            assert (await page(other, **asked))["total"] == 0


async def test_a_page_token_of_another_question_is_refused(admin: httpx.AsyncClient) -> None:
    token = (await page(admin, page_size=1))["next_page_token"]
    of_segment = await admin.get("/v1/segments/blue/tunnels", params={"page_size": 1})
    for asked in (
        {"page_token": "nonsense"},
        {"page_token": of_segment.json()["next_page_token"]},
        {"page_token": token, "q": "blue"},
        {"page_token": token, "remote": "h2"},
        {"page_token": token, "id": "tunnel:x"},
        {"page_size": 0},
    ):
        refused = await admin.get(PATH, params=asked)
        assert refused.status_code == 422, refused.text
    elsewhere = await admin.get("/v1/hosts/h2/tunnels", params={"page_token": token})
    assert [e["code"] for e in elsewhere.json()["errors"]] == ["page_token"]


async def test_a_host_without_tunnels_has_one_empty_page(admin: httpx.AsyncClient) -> None:
    await apply(admin, manifest("Host", "h5", vteps=["192.0.2.5"]))
    empty = (await admin.get("/v1/hosts/h5/tunnels")).json()
    assert (empty["items"], empty["next_page_token"], empty["total"]) == ([], "", 0)
    assert (await admin.get("/v1/hosts/h9/tunnels")).status_code == 404
