"""The whole agent on a host with other people's things: takes over, and takes away, what it may."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from agent.model import Bridge, BridgeType, DatapathType, HostState, Port, PortType
from agent.safety import Grants
from tests.support.agent_lab import Lab

pytestmark = pytest.mark.integration

BRIDGES = (
    Bridge("bridge:ovs", "br-old", DatapathType.NETDEV),
    Bridge(
        "bridge:linux",
        "lb-old",
        DatapathType.UNKNOWN,
        type=BridgeType.LINUX,
        link_attributes={"IFLA_BR_AGEING_TIME": 6001},
    ),
)
PORT = Port("port:old", "p-old", PortType.INTERNAL, "br-old", tag=7, mtu=1500)
GRANTED = (*(each.id for each in BRIDGES), PORT.id)
COLUMNS = ("Bridge", "name", "ports", "other_config", "datapath_type", "fail_mode")


def state(lab: Lab, revision: int, adoptions: Mapping[str, bool] | None = None) -> HostState:
    return HostState(
        fleet_uid=lab.controller.fleet_uid,
        fleet_epoch=1,
        revision=revision,
        hash=b"%d" % revision,
        host_uid=lab.controller.host_uid,
        host_name="h1",
        bridges=BRIDGES,
        ports=(PORT,),
        grants=Grants(
            revision, adoptions=adoptions or {}, adopted_at=dict.fromkeys(adoptions or {}, revision)
        ),
    )


def picture(lab: Lab) -> tuple[object, ...]:
    """All but the marks of what is there, with the rows' UUIDs and the devices' indices."""
    rows = lab.ovs.dump(*COLUMNS) + lab.ovs.dump("Port", "_uuid", "name", "tag", "interfaces")
    devices = lab.host.ip_json("-d", "link", "show")
    facts = [
        (each["ifname"], each["ifindex"], each["flags"], each["mtu"], each["address"])
        for each in devices
    ]
    return rows, facts


async def reasons(lab: Lab, revision: int, *expected: str) -> list[str]:
    status = await lab.reported(
        lambda status: (
            status.observed_revision == revision
            and sorted(each.reason for each in status.failures) == sorted(expected)
        ),
        f"revision {revision} with {expected}",
    )
    return [each.message for each in status.failures]


async def test_what_others_made_is_taken_over_when_granted_and_purged_with_the_rest(
    lab: Lab,
) -> None:
    vsctl, ip = lab.ovs.vsctl, lab.host.ip
    vsctl(
        "add-br",
        "br-old",
        "--",
        "set",
        "Bridge",
        "br-old",
        "datapath_type=netdev",
        "fail_mode=standalone",
        "external_ids:who=us",
    )
    vsctl(
        "add-port",
        "br-old",
        "p-old",
        "tag=7",
        "--",
        "set",
        "Interface",
        "p-old",
        "type=internal",
        "mtu_request=1500",
    )
    ip("link", "set", "br-old", "up")
    ip("link", "set", "p-old", "up")
    ip("link", "add", "lb-old", "type", "bridge", "ageing_time", "6001")
    ip("link", "add", "stays", "type", "bridge")
    before = picture(lab)

    await lab.start()
    await lab.send(state(lab, 1))
    told = await reasons(lab, 1, "AlreadyTaken", "AlreadyTaken", "BridgeFailed")
    assert any("br-old, which is not ours (external_ids who=us)" in each for each in told)
    assert all("ovsfleet adopt bridge" in each for each in told)
    assert picture(lab) == before

    # What equals intent gets its mark and nothing else; what differs gets none.
    await lab.send(state(lab, 2, dict.fromkeys(GRANTED, False)))
    (difference,) = await reasons(lab, 2, "AdoptionDiffers")
    assert "device lb-old is not taken over" in difference
    assert "--accept-differences" in difference
    assert "mac" in difference
    assert "AGEING" not in difference  # it is as intended already, and was looked at
    assert picture(lab) == before
    assert 'ovsfleet-id="bridge:ovs"' in vsctl("get", "Bridge", "br-old", "external_ids")
    assert lab.host.ip_json("link", "show", "p-old")[0]["ifalias"].endswith(":port:old")
    assert "ifalias" not in lab.host.ip_json("link", "show", "lb-old")[0]

    await lab.realize(state(lab, 3, dict.fromkeys(GRANTED, True)))
    (device,) = lab.host.ip_json("link", "show", "lb-old")
    assert device["ifalias"].endswith(":bridge:linux")
    assert "UP" in device["flags"]
    lab.ovs.vsctl("add-port", "br-old", "guest", "--", "set", "Interface", "guest", "type=internal")

    # A purge shows its plan first, and leaves a bridge to the guest that is on it.
    shown = lab.agent.call("purge")
    assert (shown.returncode, shown.stderr) == (2, "")
    assert "delete port p-old from bridge br-old" in shown.stdout
    await lab.agent.end()
    done = lab.agent.call("purge", "--yes", "--identity", "--json")
    preview, left = map(json.loads, done.stdout.splitlines())
    assert (done.returncode, done.stderr) == (1, "")
    assert {each["resource"] for each in preview["steps"]} == {"port:old", "bridge:linux"}
    assert [(each["resource"], each["reason"]) for each in left["stays"]] == [
        ("bridge:ovs", "BridgeInUse")
    ]
    assert vsctl("list-ports", "br-old") == "guest"
    bridges = lab.host.ip_json("link", "show", "type", "bridge")
    assert [each["ifname"] for each in bridges] == ["stays"]
    assert (lab.agent.state_dir / "identity" / "identity.json").exists()
