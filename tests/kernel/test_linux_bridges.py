"""Linux bridges that filter VLANs, which the kernel of the machine outside may not be able to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from agent.model import Port, PortType
from tests.support.agent_frames import BROADCAST, Tap, hear
from tests.support.bridge_site import LAN, Site, bridge_site, veth
from tests.support.netns import namespace, unique_name

FILTERING = replace(LAN, link_attributes={"IFLA_BR_VLAN_FILTERING": 1, "IFLA_BR_STP_STATE": 0})


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with namespace(unique_name("h")) as host, bridge_site(host, tmp_path) as made:
        yield made


def vlans(site: Site, device: str) -> dict[int, list[str]]:
    """Flags by VLAN, as bridge(8) tells them."""
    said = json.loads(site.host.netns.exec("bridge", "-j", "vlan", "show", "dev", device))
    found = said[0]["vlans"] if said else []
    return {
        vid: each.get("flags", [])
        for each in found
        for vid in range(each["vlan"], each.get("vlanEnd", each["vlan"]) + 1)
    }


def test_tagged_traffic_goes_where_the_vlans_say(site: Site) -> None:
    ports = (
        veth(site, 1, tag=5),
        veth(site, 2, tag=5),
        veth(site, 3, tag=6),
        veth(site, 4, trunks=frozenset({5, 6}), vlan_mode="trunk"),
    )
    site.realize(*ports, bridges=(FILTERING,))
    for vid in (5, 6):
        far = ("link", "e4", "name", f"e4.{vid}", "type", "vlan", "id", str(vid))
        site.host.workload.ip("link", "add", *far)
        site.host.workload.ip("link", "set", f"e4.{vid}", "up")
    with ExitStack() as stack:
        taps = {name: Tap(site.host.workload, name) for name in ("e1", "e2", "e3", "e4.5", "e4.6")}
        for tap in taps.values():
            stack.callback(tap.close)
        taps["e1"].send(ports[0].mac, BROADCAST, "five")
        taps["e4.6"].send(ports[3].mac, BROADCAST, "six")
        assert hear(taps["e2"], ["five"]) == ["five"]
        assert hear(taps["e4.5"], ["five"]) == ["five"]
        assert hear(taps["e3"], ["six"]) == ["six"]
        assert taps["e1"].received() == taps["e2"].received() == []
    assert site.restart() == (0, 0)


def test_each_vlan_mode_is_what_bridge_shows_and_stays_so(site: Site) -> None:
    many = frozenset(range(100, 200))
    site.realize(
        veth(site, 1),
        veth(site, 2, tag=5),
        veth(site, 3, trunks=many),
        veth(site, 4, tag=5, trunks=frozenset({6}), vlan_mode="native-untagged"),
        Port("port:5", "tap5", PortType.TAP, LAN.name, 5, vlan_mode="native-tagged"),
        bridges=(FILTERING,),
    )
    both = ["PVID", "Egress Untagged"]
    assert vlans(site, "ve1") == {1: both}
    assert vlans(site, "ve2") == {5: both}
    assert vlans(site, "ve3") == {vid: [] for vid in many}
    assert vlans(site, "ve4") == {5: both, 6: []}
    assert vlans(site, "tap5") == {5: ["PVID"]}
    assert site.restart() == (0, 0)

    site.host.netns.exec("bridge", "vlan", "add", "dev", "ve2", "vid", "77", "pvid", "untagged")
    site.host.netns.exec("bridge", "vlan", "del", "dev", "ve2", "vid", "5")
    site.restart()
    assert vlans(site, "ve2") == {5: both}


def test_vlans_that_intent_names_no_more_go_and_those_of_others_stay(site: Site) -> None:
    site.realize(veth(site, 1, tag=5), veth(site, 2), bridges=(FILTERING,))
    site.host.netns.exec("bridge", "vlan", "add", "dev", "ve2", "vid", "77")
    site.realize(veth(site, 1), veth(site, 2), bridges=(FILTERING,))
    both = ["PVID", "Egress Untagged"]
    assert vlans(site, "ve1") == {1: both}
    assert vlans(site, "ve2") == {1: both, 77: []}
    site.realize(veth(site, 1), bridges=(LAN,))
    assert site.bridge()["vlan_filtering"] == 0
    assert site.restart() == (0, 0)


def test_every_attribute_that_intent_may_name_is_set_and_given_back(site: Site) -> None:
    asked = {
        "IFLA_BR_VLAN_FILTERING": 1,
        "IFLA_BR_VLAN_PROTOCOL": 0x88A8,
        "IFLA_BR_VLAN_DEFAULT_PVID": 7,
        "IFLA_BR_VLAN_STATS_ENABLED": 1,
    }
    site.realize(veth(site, 1), bridges=(replace(LAN, link_attributes=asked),))
    found = site.bridge()
    names = ("vlan_filtering", "vlan_protocol", "vlan_default_pvid", "vlan_stats_enabled")
    assert [found[name] for name in names] == [1, "802.1ad", 7, 1]
    assert vlans(site, "ve1") == {7: ["PVID", "Egress Untagged"]}
    site.realize(veth(site, 1))
    found = site.bridge()
    assert [found[name] for name in names] == [0, "802.1Q", 1, 0]
    assert site.restart() == (0, 0)
