"""Webhooks over REST: who may, what is refused, and that a secret is shown once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from controller.auth import Role
from controller.domain import webhook_signing
from tests.support.api import Api

pytestmark = pytest.mark.integration

URL = "https://receiver.example/hook"


def wanted(name: str = "ops", **fields: Any) -> dict[str, Any]:
    return {"name": name, "url": URL, "events": ["object.failed", "host.silent"], **fields}


async def test_a_webhook_is_created_read_replaced_and_deleted(api: Api) -> None:
    async with api.admin as http:
        made = await http.post("/v1/webhooks", json=wanted())
        read = await http.get("/v1/webhooks/ops")
        known = {"If-None-Match": read.headers["ETag"]}
        again = await http.get("/v1/webhooks/ops", headers=known)
        change = wanted(events=["object.created"], label_selector="tier in (gold,silver)")
        late = await http.put("/v1/webhooks/ops", json=change, headers={"If-Match": '"1"'})
        blind = await http.put("/v1/webhooks/ops", json=change)
        tag = {"If-Match": made.headers["ETag"]}
        changed = await http.put("/v1/webhooks/ops", json=change, headers=tag)
        stale = await http.delete("/v1/webhooks/ops", headers=tag)
        listed = await http.get("/v1/webhooks")
        newest = {"If-Match": changed.headers["ETag"]}
        gone = await http.delete("/v1/webhooks/ops", headers=newest)
        missing = await http.get("/v1/webhooks/ops")
    answers = (made, read, again, late, blind, changed, stale, listed, gone, missing)
    codes = [answer.status_code for answer in answers]
    assert codes == [201, 200, 304, 412, 428, 200, 412, 200, 204, 404]
    assert made.headers["ETag"] != changed.headers["ETag"]
    assert changed.json()["events"] == ["object.created"]
    assert listed.json() == {"items": [changed.json()], "next_page_token": ""}


async def test_a_secret_is_shown_when_it_is_made_and_never_again(api: Api) -> None:
    given = webhook_signing.encode_secret(bytes(range(32)))
    async with api.admin as http:
        made = (await http.post("/v1/webhooks", json=wanted())).json()
        await http.post("/v1/webhooks", json=wanted("own", secret=given))
        read = await http.get("/v1/webhooks/ops")
        tag = {"If-Match": read.headers["ETag"]}
        changed = await http.put("/v1/webhooks/ops", json=wanted(secret=given), headers=tag)
        listed = await http.get("/v1/webhooks")
    assert len(webhook_signing.decode_secret(made["secret"])) == 32
    assert made == {**read.json(), "secret": made["secret"]}
    for answer in (read, changed, listed):
        assert made["secret"] not in answer.text
        assert given not in answer.text


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"url": "ftp://receiver.example/"}, "/url"),
    ({"url": "http://127.0.0.1:8080/v1/fleet"}, "/url"),
    ({"url": "http://[::ffff:169.254.169.254]/latest"}, "/url"),
    ({"url": "https://user:password@receiver.example/"}, "/url"),
    ({"url": "http://receiver.example:25/"}, "/url"),
    ({"url": "http://receiver.example/\ud800\x00"}, "/url"),
    ({"events": []}, "/events"),
    ({"events": ["webhook.test"]}, "/events/0"),
    ({"kinds": ["Router"]}, "/kinds/0"),
    ({"label_selector": "tier in ("}, "/label_selector"),
    ({"project": "nowhere"}, "/project"),
    ({"secret": "password"}, "/secret"),
    ({"name": "A b"}, "/name"),
]


async def test_what_cannot_work_is_refused_with_its_place(api: Api) -> None:
    async with api.admin as http:
        for fields, pointer in REFUSED:
            body = json.dumps(wanted(**fields))
            refused = await http.post("/v1/webhooks", content=body)
            assert refused.status_code == 422, refused.text
            assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]
        assert (await http.get("/v1/webhooks")).json()["items"] == []


async def test_a_name_is_taken_once_and_pages_go_by_name(api: Api) -> None:
    async with api.admin as http:
        for name in ("c", "a", "b"):
            assert (await http.post("/v1/webhooks", json=wanted(name))).status_code == 201
        again = await http.post("/v1/webhooks", json=wanted("a"))
        first = (await http.get("/v1/webhooks", params={"page_size": 2})).json()
        token = {"page_token": first["next_page_token"]}
        second = (await http.get("/v1/webhooks", params=token)).json()
    assert again.status_code == 409
    assert [each["name"] for each in first["items"]] == ["a", "b"]
    assert [each["name"] for each in second["items"]] == ["c"]


async def test_only_a_network_admin_of_all_projects_may_use_webhooks(api: Api) -> None:
    limited = api.token(Role.NETWORK_ADMIN, "default")
    async with api.client(limited) as http:
        assert (await http.post("/v1/webhooks", json=wanted())).status_code == 403
    async with api.client(api.token(Role.OPERATOR)) as http:
        assert (await http.get("/v1/webhooks")).status_code == 403
        assert (await http.post("/v1/webhooks/ops/test")).status_code == 403


async def test_a_test_message_is_in_the_history(api: Api) -> None:
    async with api.admin as http:
        await http.post("/v1/webhooks", json=wanted())
        sent = await http.post("/v1/webhooks/ops/test")
        history = (await http.get("/v1/webhooks/ops/deliveries")).json()["items"]
        webhook = (await http.get("/v1/webhooks/ops")).json()
        await http.delete("/v1/webhooks/ops", headers={"If-Match": "*"})
        await http.post("/v1/webhooks", json=wanted())
        anew = (await http.get("/v1/webhooks/ops/deliveries")).json()["items"]
    assert sent.status_code == 202
    assert history == [sent.json()]
    assert (sent.json()["event"], sent.json()["state"]) == ("webhook.test", "waiting")
    assert (webhook["unfinished"], webhook["failed"]) == (1, 0)
    assert anew == []
