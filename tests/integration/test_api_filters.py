"""Lists over REST: filters, orders and sparse fields, with pages that neither lose nor repeat."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.support.api import Api
from tests.support.reports import ReportingHost

pytestmark = pytest.mark.integration


def port(name: str, on: str, **spec: Any) -> dict[str, Any]:
    fields = {"host": on, "interface": name, "segment": "red", **spec}
    metadata = {"name": name, "labels": {"tier": name[0]}}
    return {"kind": "Port", "metadata": metadata, "spec": fields}


def host(number: int) -> dict[str, Any]:
    spec = {"vteps": [f"192.0.2.{number}"], "underlay_mtu": 1500 + number}
    return {"kind": "Host", "metadata": {"name": f"h{number}"}, "spec": spec}


RED: dict[str, Any] = {"kind": "Segment", "metadata": {"name": "red"}, "spec": {"mtu": 1300}}
LAN: dict[str, Any] = {
    "kind": "Bridge",
    "metadata": {"name": "lan"},
    "spec": {"host": "h2", "interface": "lan", "datapath_type": "netdev"},
}


@pytest.fixture
async def admin(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    """Ports w1 and w2 on h1, which is up; d1 and x_1 on h2, which never came."""
    first = [host(1), host(2), RED, LAN, port("w1", "h1"), port("d1", "h2")]
    later = port("w2", "h1", addresses=["198.51.100.7/24"], mac="02:00:00:00:00:07")
    last = port("x_1", "h2", segment=None, bridge="lan", tag=7, mtu=1300)
    async with api.admin as client:
        for objects in (first, [later], [last]):
            answer = await client.post("/v1/apply", json={"objects": objects})
            assert answer.status_code == 200, answer.text
        uid = (await client.get("/v1/hosts/h1")).json()["metadata"]["uid"]
        ReportingHost(api.db, uid).report(api.head())
        yield client


async def listed(client: httpx.AsyncClient, path: str = "ports", **params: Any) -> list[str]:
    """Names over all pages."""
    names: list[str] = []
    token = ""
    while True:
        answer = await client.get(f"/v1/{path}", params={**params, "page_token": token})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        names += [item["metadata"]["name"] for item in page["items"]]
        token = page["next_page_token"]
        if not token:
            return names


FOUND: dict[str, list[str]] = {
    'spec.host = "h1"': ["w1", "w2"],
    "spec.host != h1": ["d1", "x_1"],
    "metadata.name : w*": ["w1", "w2"],
    "metadata.name : *1": ["d1", "w1", "x_1"],
    "metadata.name : x_*": ["x_1"],
    "metadata.name : _1": [],
    "metadata.name : '%1'": [],
    "status.phase = Ready": ["w1", "w2"],
    'spec.host = "h1" AND (status.phase != "Ready" OR metadata.name : "*2")': ["w2"],
    "spec.tag = 7": ["x_1"],
    "spec.tag > 7": [],
    "spec.tag >= 7 OR spec.mac = '02:00:00:00:00:07'": ["w2", "x_1"],
    "spec.tag < 999999999999999999": ["x_1"],
    "spec.segment = null": ["x_1"],
    "spec.segment != red": ["x_1"],
    "NOT spec.segment = red": ["x_1"],
    "NOT (spec.segment = red AND spec.host = h1)": ["d1", "x_1"],
    "spec.type = nonsense": [],
    "spec.type : inter*": ["d1", "w1", "w2", "x_1"],
    "spec.addresses : 198.51.100.*": ["w2"],
    "metadata.labels.tier = w": ["w1", "w2"],
    "metadata.labels.none = null AND metadata.revision > 1": ["w2", "x_1"],
    "metadata.created_at > '2020-01-01T00:00:00Z'": ["d1", "w1", "w2", "x_1"],
    "metadata.created_at < '2020-01-01T00:00:00+01:00'": [],
}


@pytest.mark.parametrize("page_size", [2, 100])
async def test_a_filter_finds_what_it_says(admin: httpx.AsyncClient, page_size: int) -> None:
    found = {asked: await listed(admin, filter=asked, page_size=page_size) for asked in FOUND}
    assert found == FOUND


async def test_every_kind_has_fields_of_its_own_to_ask_for(admin: httpx.AsyncClient) -> None:
    assert await listed(admin, "hosts", filter="spec.underlay_mtu > 1501") == ["h2"]
    assert await listed(admin, "hosts", filter="spec.vteps : 192.0.2.1") == ["h1"]
    assert await listed(admin, "bridges", filter="spec.datapath_type = netdev") == ["lan"]
    assert await listed(admin, "segments", filter="spec.vni = 10000 AND spec.mtu = 1300") == ["red"]
    assert await listed(admin, "tunnels", filter="spec.key = 1") == []


SETTINGS = {
    "ports": {
        "spec.vlan_mode = trunk": ["x_1"],
        "spec.vlan_mode : *un*": ["x_1"],
        "spec.vlan_mode = null": ["d1", "w1", "w2"],
        "spec.trunks : 7": ["x_1"],
        "spec.trunks : 8*": [],
        "spec.admin_state = up": ["w1", "w2", "x_1"],
        "spec.admin_state != up": ["d1"],
        "spec.admin_state : do*": ["d1"],
        "spec.protected = true": ["x_1"],
        "spec.protected != true": ["d1", "w1", "w2"],
        "spec.protected = false": [],
        "spec.bond.mode = null AND spec.bond.members : eth1": [],
        "NOT spec.patch.bridge = null": [],
    },
    "bridges": {
        "spec.fail_mode = standalone": ["lan"],
        "spec.fail_mode = null": [],
        "spec.stp.enabled = true": [],
        "spec.rstp.enabled = true": ["lan"],
        "spec.rstp.enabled != null AND spec.mcast_snooping.enabled = null": ["lan"],
    },
    "segments": {
        "spec.topology = full": ["red"],
        "spec.topology = hub_spoke": ["star"],
        "spec.hubs : h1": ["star"],
        "spec.hubs : h2 OR spec.subnets : 198.51.100.0/24": ["red"],
        "spec.arp_mode = flood": ["red", "star"],
        "spec.tunnel_profile != null": [],
    },
}


async def test_settings_are_asked_for_where_they_stand(admin: httpx.AsyncClient) -> None:
    trunk = {"segment": None, "bridge": "lan", "tag": None, "vlan_mode": "trunk", "trunks": [7, 17]}
    star = {"topology": "hub_spoke", "hubs": ["h1"]}
    objects = [
        port("x_1", "h2", protected=True, **trunk),
        port("d1", "h2", admin_state="down"),
        {**LAN, "spec": {**LAN["spec"], "rstp": {"enabled": True}}},
        {**RED, "spec": {**RED["spec"], "subnets": ["198.51.100.0/24"]}},
        {"kind": "Segment", "metadata": {"name": "star"}, "spec": star},
    ]
    answer = await admin.post("/v1/apply", json={"objects": objects})
    assert answer.status_code == 200, answer.text
    for path, asked in SETTINGS.items():
        assert {each: await listed(admin, path, filter=each) for each in asked} == asked
    for wrong in ("spec.protected = yes", "spec.protected : true", "spec.trunks = 7"):
        answer = await admin.get("/v1/ports", params={"filter": wrong})
        assert answer.json()["errors"][0]["code"] == "filter", wrong


NO_FILTERS = [
    *("spec.host", "spec.host =", "= h1", "(spec.host = h1", "spec.host = h1)", "spec.host h1"),
    *('spec.host = "h1', "spec.host = h1 spec.tag = 7", "spec.host ~ h1", "spec.host < h1"),
    *(
        "spec.none = 1",
        "'spec.host' = h1",
        "spec.tag = x",
        "spec.tag : 7",
        "metadata.labels. = x",
    ),
    *("spec.addresses = x", "metadata.created_at > yesterday", "spec.tag > null", "a\x00b"),
    *("spec.tag = 9999999999999999999", "metadata.created_at > '2026-01-01'", "NOT", "AND"),
    "spec.tag = 1 AND spec.tag = 2 OR spec.tag = 3",
    *("status.phase = failed", "status.phase != OK", "status.phase : 'x*'", "status.phase = null"),
    "(" * 200 + "spec.tag = 1" + ")" * 200,
    "NOT " * 200 + "spec.tag = 1",
]


async def test_what_is_no_filter_is_refused_at_its_place(admin: httpx.AsyncClient) -> None:
    for asked in NO_FILTERS:
        answer = await admin.get("/v1/ports", params={"filter": asked})
        assert answer.status_code == 422, asked
        (error,) = answer.json()["errors"]
        assert (error["code"], "at character" in error["detail"]) == ("filter", True)


ORDERS = {
    "name": ["d1", "w1", "w2", "x_1"],
    "name desc": ["x_1", "w2", "w1", "d1"],
    "revision": ["d1", "w1", "w2", "x_1"],
    "revision desc": ["x_1", "w2", "w1", "d1"],
    "created_at asc": ["d1", "w1", "w2", "x_1"],
    "updated_at desc": ["x_1", "w2", "w1", "d1"],
}


async def test_pages_of_every_order_neither_lose_nor_repeat(admin: httpx.AsyncClient) -> None:
    for page_size in (1, 3):
        found = {by: await listed(admin, order_by=by, page_size=page_size) for by in ORDERS}
        assert found == ORDERS


async def test_an_order_and_a_filter_go_together_and_belong_to_the_page_token(
    admin: httpx.AsyncClient,
) -> None:
    asked: dict[str, Any] = {
        "filter": "status.phase = Ready",
        "order_by": "created_at desc",
        "page_size": 1,
    }
    assert await listed(admin, **asked) == ["w2", "w1"]
    token = (await admin.get("/v1/ports", params=asked)).json()["next_page_token"]
    for other in ("filter", "order_by"):
        answer = await admin.get("/v1/ports", params={**asked, other: "", "page_token": token})
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "page_token")


async def test_an_order_that_there_is_not_is_refused(admin: httpx.AsyncClient) -> None:
    for order_by in ("size", "name up", "name desc desc", "desc"):
        answer = await admin.get("/v1/ports", params={"order_by": order_by})
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "order_by")


async def test_sparse_items_have_what_was_asked_for_and_nothing_else(
    admin: httpx.AsyncClient,
) -> None:
    fields = "metadata.name, spec.host,status.phase,metadata.labels.tier,spec.peer.netns"
    page = (await admin.get("/v1/ports", params={"fields": fields, "page_size": 1})).json()
    assert page["items"] == [
        {
            "metadata": {"name": "d1", "labels": {"tier": "d"}},
            "spec": {"host": "h2", "peer": None},
            "status": {"phase": "Pending"},
        }
    ]
    assert (page["revision"], bool(page["next_page_token"])) == (3, True)
    whole = (await admin.get("/v1/ports")).json()["items"][0]
    both = {"fields": "metadata.name,metadata"}
    assert (await admin.get("/v1/ports", params=both)).json()["items"][0] == {
        "metadata": whole["metadata"]
    }
    ends = (await admin.get("/v1/tunnels", params={"fields": "kind,spec.ends"})).json()
    assert ends["items"] == []


async def test_each_field_that_there_is_not_is_named(admin: httpx.AsyncClient) -> None:
    fields = "spec.hots,metadata.name,spec.host.name,status.,metadata.labels."
    answer = await admin.get("/v1/ports", params={"fields": fields})
    assert answer.status_code == 422
    named = [error["detail"].split("'")[1] for error in answer.json()["errors"]]
    assert named == ["spec.hots", "spec.host.name", "status.", "metadata.labels."]
    assert (await admin.get("/v1/tunnels?fields=spec.ends.host")).status_code == 422
