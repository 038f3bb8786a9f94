"""Who gets in, and how far."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from controller.api.credentials import TTL_SECONDS, Credentials
from controller.auth import Role
from controller.domain.errors import UnauthenticatedError
from tests.support.api import Api

pytestmark = pytest.mark.integration

ANYWAY = {"If-Match": "*"}
SEEDED = [
    {"kind": "Host", "metadata": {"name": "h1"}, "spec": {"vteps": ["192.0.2.1"]}},
    {"kind": "Segment", "metadata": {"name": "blue", "project": "blue"}},
    {"kind": "Segment", "metadata": {"name": "red", "project": "red"}},
]


@pytest.fixture
async def seeded(api: Api) -> Api:
    api.add_projects("blue", "red")
    async with api.admin as admin:
        answer = await admin.post("/v1/apply", json={"objects": SEEDED})
        assert answer.status_code == 200, answer.text
    return api


def segment(project: str, name: str = "new") -> dict[str, Any]:
    return {"kind": "Segment", "metadata": {"name": name, "project": project}, "spec": {}}


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Basic YTpi",
        "Bearer nonsense",
        "Bearer ovsf_" + "A" * 43 + "_00000000",
        "Bearer ovsf_" + "A" * 43 + "_a4b5e7a0",
        "Bearer \xff\xfe",
    ],
)
async def test_without_a_valid_token_nothing_is_answered(api: Api, header: str | None) -> None:
    headers = (
        httpx.Headers()
        if header is None
        else httpx.Headers({b"Authorization": header.encode("latin-1")})
    )
    async with api.client() as client:
        for path in ("/v1/hosts", "/v1/fleet", "/v1/watch", "/v1/hosts/h1"):
            answer = await client.get(path, headers=headers)
            assert answer.status_code == 401, path
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert answer.json()["code"] == "unauthenticated"
        assert (await client.post("/v1/apply", content=b"{", headers=headers)).status_code == 401


async def test_a_viewer_reads_and_changes_nothing(seeded: Api) -> None:
    before = seeded.head()
    async with seeded.client(seeded.token(Role.VIEWER)) as viewer:
        assert (await viewer.get("/v1/segments/blue?project=blue")).status_code == 200
        assert (await viewer.get("/v1/hosts/h1/desired-state")).status_code == 200
        refused = [
            await viewer.post("/v1/segments", json=segment("blue")),
            await viewer.post("/v1/apply", json={"objects": [segment("blue")]}),
            await viewer.post("/v1/delete", json={"objects": SEEDED}),
            await viewer.put("/v1/segments/blue?project=blue", json=segment("blue", "blue")),
            await viewer.delete("/v1/hosts/h1", headers=ANYWAY),
            await viewer.post("/v1/hosts/h1/join-tokens"),
        ]
    assert [answer.status_code for answer in refused] == [403] * len(refused)
    assert seeded.head() == before


async def test_a_project_admin_changes_its_own_project_only(seeded: Api) -> None:
    async with seeded.client(seeded.token(Role.PROJECT_ADMIN, "blue")) as caller:
        assert (await caller.post("/v1/segments", json=segment("blue"))).status_code == 201
        before = seeded.head()
        body = {"objects": [segment("blue", "more"), segment("red"), SEEDED[0]]}
        answer = await caller.post("/v1/apply", json=body)
        assert answer.status_code == 403
        pointers = [error["pointer"] for error in answer.json()["errors"]]
        assert pointers == ["/objects/1", "/objects/2"]
        assert seeded.head() == before


async def test_what_lies_in_another_project_does_not_exist(seeded: Api) -> None:
    async with seeded.client(seeded.token(Role.PROJECT_ADMIN, "blue")) as caller:
        path = "/v1/segments/red?project=red"
        assert (await caller.get(path)).status_code == 404
        answer = await caller.put(path, json=segment("red", "red"), headers=ANYWAY)
        assert answer.status_code == 404
        assert (await caller.delete(path, headers=ANYWAY)).status_code == 404
        listed = (await caller.get("/v1/segments")).json()["items"]
        assert [item["metadata"]["project"] for item in listed] == ["blue"]
        assert (await caller.get("/v1/segments?project=red")).json()["items"] == []
        assert (await caller.get("/v1/fleet")).json()["segments"]["total"] == 1


async def test_hosts_are_read_by_every_project_and_what_is_compiled_for_them_is_not(
    seeded: Api,
) -> None:
    async with seeded.client(seeded.token(Role.VIEWER, "blue")) as caller:
        assert (await caller.get("/v1/hosts/h1")).status_code == 200
        assert (await caller.get("/v1/hosts/h1/desired-state")).status_code == 403


def test_a_token_is_asked_for_once_in_a_while_and_not_longer(api: Api) -> None:
    clock = [100.0]
    credentials = Credentials(api.db, api.app.state.context.now, monotonic=lambda: clock[0])
    known = credentials.authenticate(api.secret)
    api.db.close()  # Connections are made again on demand; what counts is the memory below.
    assert credentials.authenticate(api.secret) is known
    clock[0] += TTL_SECONDS
    assert credentials.authenticate(api.secret) is not known
    with pytest.raises(UnauthenticatedError):
        credentials.authenticate("ovsf_wrong")


async def test_no_secret_is_in_any_answer_to_a_wrong_token(api: Api) -> None:
    wrong = api.secret[:-1] + ("0" if api.secret[-1] != "0" else "1")
    async with api.client(wrong) as client:
        answer = await client.get("/v1/hosts")
    assert answer.status_code == 401
    assert wrong not in answer.text
