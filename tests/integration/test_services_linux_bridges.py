"""Linux bridges over REST and in the database: shown, stored and compiled as they are asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controller.domain.errors import ConflictError
from controller.domain.intent import BridgeType, PortType
from controller.services import desired, queries
from controller.store.engine import Database
from tests.support.api import Api
from tests.support.intent_settings import FULL_BRIDGE_PORT, FULL_LINUX_BRIDGE
from tests.support.manifests import ADMIN, apply, bridge, host, port

pytestmark = pytest.mark.integration

EXAMPLE = Path(__file__).parents[2] / "docs/examples/linux-bridge.yaml"
YAML = {"Content-Type": "application/yaml"}


def test_a_linux_bridge_comes_back_and_is_compiled_as_it_was_asked_for(db: Database) -> None:
    asked = (
        bridge("lan", "h1", type=BridgeType.LINUX, settings=FULL_LINUX_BRIDGE),
        port(
            "nic",
            "h1",
            bridge="lan",
            type=PortType.SYSTEM,
            tag=7,
            settings=FULL_BRIDGE_PORT,
        ),
    )
    result = apply(db, host(1, overlay_bridge_type=BridgeType.LINUX), *asked)
    assert apply(db, *asked).revision == result.revision
    for manifest in asked:
        found = queries.get(db, ADMIN, manifest.ref.kind, "default", manifest.ref.name)
        assert found.object.spec == manifest.spec
    h1 = result.results[0].uid
    assert h1 is not None
    intent = desired.load_host_intent(db, h1)
    assert [o.spec for o in (*intent.bridges, *intent.ports)] == [m.spec for m in asked]


def test_every_port_of_a_linux_bridge_counts_wherever_the_change_is(db: Database) -> None:
    cards = [port(f"c{n}", "h1", bridge="lan", type=PortType.SYSTEM) for n in range(1022)]
    tagged = port("c-last", "h1", bridge="lan", type=PortType.SYSTEM, tag=7)
    lan = bridge("lan", "h1", type=BridgeType.LINUX, settings=FULL_LINUX_BRIDGE)
    apply(db, host(1), lan, *cards, tagged)
    for manifest, code in (
        (port("more", "h1", bridge="lan", type=PortType.SYSTEM), "too_many_bridge_ports"),
        (bridge("lan", "h1", type=BridgeType.LINUX), "vlan_filtering_off"),
    ):
        with pytest.raises(ConflictError) as caught:
            apply(db, manifest)
        assert [violation.code for violation in caught.value.violations] == [code]


async def test_the_example_is_shown_as_it_was_applied_and_changed_in_part(api: Api) -> None:
    apply(api.db, host(1))
    async with api.admin as client:
        for action in ("created", "unchanged"):
            answer = await client.post("/v1/apply", content=EXAMPLE.read_text(), headers=YAML)
            assert answer.status_code == 200, answer.text
            assert {each["action"] for each in answer.json()["results"]} == {action}
        shown = (await client.get("/v1/bridges/guests-h1")).json()["spec"]
        assert shown["type"] == "linux"
        assert shown["linux"]["group_fwd_mask"] == ["dot1x", "lldp"]
        assert shown["linux"]["vlan_filtering"] is None
        listed = await client.get("/v1/bridges", params={"filter": "spec.type=linux"})
        assert [each["metadata"]["name"] for each in listed.json()["items"]] == ["guests-h1"]
        patched = await patch(client, {"linux": {"group_fwd_mask": 16, "mcast_snooping": None}})
        assert patched["linux"]["group_fwd_mask"] == 16
        assert patched["linux"]["mcast_snooping"] is None
        assert patched["linux"]["forward_delay_s"] == 4


async def patch(client: Any, spec: dict[str, Any]) -> Any:
    path = "/v1/bridges/guests-h1"
    etag = (await client.get(path)).headers["ETag"]
    headers = {"Content-Type": "application/merge-patch+json", "If-Match": etag}
    answer = await client.patch(path, json={"spec": spec}, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()["spec"]
