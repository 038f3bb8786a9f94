"""What the guest's kernel has and the machine that the tests run on may lack."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.support.netns import Namespace, namespace


@pytest.fixture(scope="module")
def place() -> Iterator[Namespace]:
    with namespace() as made:
        for name in ("veth1", "veth2"):
            made.ip("link", "add", name, "type", "veth", "peer", "name", f"{name}-peer")
        yield made


def test_two_devices_make_a_bond(place: Namespace) -> None:
    place.ip("link", "add", "bond0", "type", "bond", "mode", "802.3ad")
    for name in ("veth1", "veth2"):
        place.ip("link", "set", name, "master", "bond0")
    (bond,) = place.ip_json("link", "show", "bond0")
    assert bond["linkinfo"]["info_data"]["mode"] == "802.3ad"
    (member,) = place.ip_json("link", "show", "veth1")
    assert (member["master"], member["linkinfo"]["info_slave_kind"]) == ("bond0", "bond")


def test_a_device_carries_a_vlan_of_its_own(place: Namespace) -> None:
    place.ip("link", "add", "veth1-peer.7", "link", "veth1-peer", "type", "vlan", "id", "7")
    (vlan,) = place.ip_json("link", "show", "veth1-peer.7")
    assert vlan["linkinfo"]["info_data"]["id"] == 7


def test_a_linux_bridge_filters_vlans(place: Namespace) -> None:
    place.ip(
        "link", "add", "br0", "type", "bridge", "vlan_filtering", "1", "vlan_default_pvid", "0"
    )
    place.ip("link", "set", "veth2-peer", "master", "br0")
    vlan = ("vid", "7", "pvid", "untagged")
    place.exec("bridge", "vlan", "add", "dev", "veth2-peer", *vlan)
    (shown,) = json.loads(place.exec("bridge", "-j", "vlan", "show", "dev", "veth2-peer"))
    assert shown["vlans"] == [{"vlan": 7, "flags": ["PVID", "Egress Untagged"]}]
