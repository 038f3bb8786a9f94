"""What hosts tell of themselves, from the stream to the answer of the API."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest
from ovsfleet.v1 import agent_pb2

from controller.auth import Role
from controller.domain.intent import DEFAULT_PROJECT, Kind, Manifest
from controller.domain.inventory import (
    ForeignBridge,
    ForeignInterface,
    ForeignPort,
    Inventory,
    foreign_vlans,
    plugged,
)
from controller.services import desired, inventory, queries
from controller.services.status import SessionStart, open_session
from controller.store.engine import Database
from tests.support.agent_end import AgentEnd, Identity, Site, eventually, session
from tests.support.api import Api
from tests.support.manifests import ADMIN, apply, host, port, remove, segment

pytestmark = pytest.mark.integration

NOW = datetime(2030, 1, 1, tzinfo=UTC)
GUEST = agent_pb2.ForeignInterface(
    name="tap1", iface_id="vif-1", attached_mac="02:00:00:00:00:09", vm_id="vm-1"
)
FOUND = agent_pb2.Inventory(
    bridges=[
        agent_pb2.ForeignBridge(
            name="br-int",
            datapath_type="system",
            ports=[agent_pb2.ForeignPort(name="tap1", tag=7, interfaces=[GUEST])],
        )
    ],
    links=[agent_pb2.ForeignLink(name="eth0\0", mtu=9000, up=True, addresses=["192.0.2.1/24"])],
    bridges_total=1,
    ports_total=1,
    links_total=3000,
)


async def send(agent: AgentEnd, **message: Any) -> None:
    await agent.stream.write(agent_pb2.SessionRequest(**message))


async def read(client: httpx.AsyncClient, path: str) -> dict[str, Any]:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def test_what_an_agent_tells_is_shown_and_found_by_iface_id(
    site: Site, h1: Identity, api: Api
) -> None:
    async with api.admin as admin:
        before = await read(admin, "/v1/hosts/h2/inventory")
        assert (before["received_at"], before["bridges"], before["links_total"]) == (None, [], 0)
        async with session(site, h1) as agent:
            await agent.receive()
            told = agent_pb2.Capabilities(ovs_version="3.1.0", missing_columns=["Port.cvlans"])
            await send(agent, capabilities=told)
            await send(agent, inventory=FOUND)
            await eventually(lambda: hosts_of(site.db, "vif-1"), "the inventory")
        shown = await read(admin, "/v1/hosts/h1/inventory")
        assert shown["capabilities"]["ovs_version"] == "3.1.0"
        assert shown["capabilities"]["missing_columns"] == ["Port.cvlans"]
        assert shown["bridges"][0]["ports"][0]["interfaces"][0]["vm_id"] == "vm-1"
        assert [link["name"] for link in shown["links"]] == ["eth0"]
        assert (shown["links_total"], shown["agent_version"]) == (3000, "0.1.0")
        found = await read(admin, "/v1/inventory/interfaces?iface_id=vif-1")
        assert [(each["host"], each["bridge"], each["interface"]) for each in found["items"]] == [
            ("h1", "br-int", "tap1")
        ]
        assert (await read(admin, "/v1/inventory/interfaces?iface_id=vif-2"))["items"] == []
        assert (await admin.get("/v1/inventory/interfaces?iface_id=")).status_code == 422
        assert (await admin.get("/v1/hosts/h9/inventory")).status_code == 404


async def test_it_is_not_for_those_who_see_some_projects_only(api: Api) -> None:
    apply(api.db, host(1))
    async with api.client(api.token(Role.VIEWER, "default")) as viewer:
        for path in ("/v1/hosts/h1/inventory", "/v1/inventory/interfaces?iface_id=vif-1"):
            assert (await viewer.get(path)).status_code == 403
    async with api.client(api.token(Role.VIEWER)) as auditor:
        assert (await read(auditor, "/v1/hosts/h1/inventory"))["received_at"] is None


def with_port(tag: int, iface_id: str, bridge: str = "br-fleet") -> Inventory:
    interface = ForeignInterface("tap1", iface_id=iface_id)
    row = ForeignBridge(bridge, ports=(ForeignPort("tap1", tag, (interface,)),))
    return Inventory(bridges=(row,), bridges_total=1, ports_total=1)


def test_the_vlan_of_a_bound_port_is_its_segments_and_keeps_no_segment_off() -> None:
    (row,) = with_port(7, "vif-1").bridges
    (guest,) = row.ports
    bound = replace(guest, interfaces=(replace(guest.interfaces[0], bound=True),))
    other = ForeignPort("tap2", 9, (ForeignInterface("tap2", iface_id="vif-2"),))
    found = Inventory(bridges=(replace(row, ports=(bound, other)),))
    assert foreign_vlans(found) == {"br-fleet": [9]}
    assert [each.iface_id for each in plugged(found)] == ["vif-1", "vif-2"]


def made(db: Database, manifest: Manifest) -> UUID:
    apply(db, manifest)
    return queries.get(db, ADMIN, Kind.HOST, DEFAULT_PROJECT, manifest.ref.name).object.uid


def hosts_of(db: Database, iface_id: str) -> list[str]:
    return [each.host for each in inventory.find_interfaces(db, iface_id)]


def begin(db: Database, host_uid: UUID) -> int:
    return open_session(db, host_uid, SessionStart("nonce", "1"), now=NOW)


def test_a_guest_that_moves_is_found_on_both_hosts_and_then_on_the_new_one(db: Database) -> None:
    first, second = made(db, host(1)), made(db, host(2))
    epochs = {uid: begin(db, uid) for uid in (first, second)}
    for uid in (first, second):
        assert inventory.record(db, uid, epochs[uid], with_port(7, "vif-1"), now=NOW)
    assert hosts_of(db, "vif-1") == ["h1", "h2"]
    assert inventory.record(db, first, epochs[first], Inventory(), now=NOW)
    assert hosts_of(db, "vif-1") == ["h2"]


def test_a_session_that_was_replaced_and_a_host_that_is_gone_leave_nothing(db: Database) -> None:
    uid = made(db, host(1))
    older, newer = begin(db, uid), begin(db, uid)
    assert not inventory.record(db, uid, older, with_port(7, "vif-1"), now=NOW)
    assert not inventory.record_capabilities(db, uid, older, {"ipv6": True}, now=NOW)
    assert hosts_of(db, "vif-1") == []
    assert inventory.record(db, uid, newer, with_port(7, "vif-1"), now=NOW)
    remove(db, host(1))
    assert not inventory.record(db, uid, newer, with_port(7, "vif-1"), now=NOW)
    apply(db, host(1))
    assert hosts_of(db, "vif-1") == []


def test_a_segment_gets_no_local_vlan_that_a_foreign_port_on_its_bridge_has(db: Database) -> None:
    uid = made(db, host(1))
    epoch = begin(db, uid)
    foreign = with_port(1, "vif-1"), with_port(2, "vif-2", bridge="br-int")
    both = Inventory(bridges=tuple(bridge for each in foreign for bridge in each.bridges))
    assert inventory.record(db, uid, epoch, both, now=NOW)
    apply(db, segment("red"), port("p1", "h1", segment="red"))
    assert local_vlans(db, uid) == [2]


def test_a_segment_does_not_come_back_to_a_vlan_that_a_foreign_port_has_by_now(
    db: Database,
) -> None:
    uid = made(db, host(1))
    epoch, first = begin(db, uid), port("p1", "h1", segment="red")
    apply(db, segment("red"), first)
    remove(db, first)
    assert inventory.record(db, uid, epoch, with_port(1, "vif-1"), now=NOW)
    apply(db, port("p2", "h1", segment="red"))
    assert local_vlans(db, uid) == [2]


def local_vlans(db: Database, host_uid: UUID) -> list[int]:
    intent = desired.load_host_intent(db, host_uid)
    return sorted(intent.local_vlans.values())
