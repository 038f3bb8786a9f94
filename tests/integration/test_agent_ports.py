"""The whole agent with ports on devices that come and go, and settings that are given back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.columns import Settings
from agent.model import Bridge, DatapathType, HostState, Port, PortType
from tests.support.agent_lab import Lab, holds_again

pytestmark = pytest.mark.integration

SETTINGS = Settings({"stp_enable": (True,)}, {"other_config": {"stp-priority": "28672"}})
CARD = Port("port:card", "nic0", PortType.SYSTEM, "br1", tag=7, mtu=1300)


def state(lab: Lab, revision: int, *ports: Port, settings: Settings) -> HostState:
    return HostState(
        fleet_uid=lab.controller.fleet_uid,
        fleet_epoch=1,
        revision=revision,
        hash=b"%d" % revision,
        host_uid=lab.controller.host_uid,
        host_name="h1",
        bridges=(Bridge("bridge:1", "br1", DatapathType.NETDEV, settings),),
        ports=(Port("port:tap", "tap0", PortType.TAP, "br1"), *ports),
    )


async def test_a_card_is_taken_in_when_it_appears_and_what_was_set_is_given_back(lab: Lab) -> None:
    await lab.start()
    await lab.send(state(lab, 1, CARD, settings=SETTINGS))
    await lab.reported(
        lambda status: [each.reason for each in status.failures] == ["DeviceMissing"],
        "the card is missing",
    )
    lab.host.ip("link", "add", "nic0", "type", "veth", "peer", "name", "nic0w")
    await lab.applied(1)
    assert lab.ovs.vsctl("get", "Port", "nic0", "tag") == "7"
    assert lab.host.ip_json("link", "show", "nic0")[0]["mtu"] == 1300

    lab.ovs.vsctl("set", "Bridge", "br1", "other_config:forward-bpdu=true")
    before = lab.ovs.transactions()
    await lab.agent.end()
    await lab.start()
    await lab.applied(1)
    assert lab.ovs.transactions() == before

    removed = frozenset({CARD.id})
    await lab.realize(replace(state(lab, 2, settings=Settings()), removed=removed))
    row = lab.ovs.vsctl("get", "Bridge", "br1", "stp_enable", "other_config")
    assert row.split() == ["false", '{forward-bpdu="true"}']
    assert lab.host.ip_json("link", "show", "nic0")[0]["mtu"] == 1300
    lab.host.ip("link", "delete", "tap0")
    holds_again(lambda: _is_there(lab, "tap0"))


def _is_there(lab: Lab, name: str) -> None:
    assert name in [each["ifname"] for each in lab.host.ip_json("link", "show")]
