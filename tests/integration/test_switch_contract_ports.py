"""Settings of rows and the further types of ports, on the real Open vSwitch and on the imitation.

As ``test_switch_contract`` does: the same plans run on both, and afterwards both show the same.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from agent.columns import Release, Settings
from agent.model import (
    DEVICE_KEY,
    Bridge,
    DatapathType,
    HostState,
    PatchPeer,
    Port,
    PortType,
    TapOwner,
)
from agent.observed import Link, ObservedState, OvsPort
from agent.planner import make_plan, owed_releases, still_released
from agent.planner.plan import SetInterface
from tests.support.agent_contract import FLEET, RealHost, compare, on_real
from tests.support.netns import Namespace
from tests.support.ovs import OpenVSwitch

pytestmark = pytest.mark.integration

CARDS = ("eth1", "eth2", "eth3", "eth4")
BRIDGE = Bridge(
    "bridge:1",
    "br1",
    DatapathType.NETDEV,
    Settings(
        {
            "stp_enable": (True,),
            "protocols": ("OpenFlow10", "OpenFlow13"),
            "fail_mode": ("standalone",),
        },
        {"other_config": {"stp-priority": "28672", "mac-aging-time": "60"}},
    ),
)
SECOND = Bridge("bridge:2", "br2", DatapathType.NETDEV)
TAP = Port(
    "port:tap",
    "tap0",
    PortType.TAP,
    "br1",
    mtu=1400,
    trunks=frozenset({7, 9}),
    vlan_mode="trunk",
    tap_owner=TapOwner(uid=107),
    interface_settings=Settings(
        {"ingress_policing_rate": (10000,), "ingress_policing_burst": (1000,)},
        {"external_ids": {"vm": "a"}},
    ),
)
CARD = Port(
    "port:card",
    "eth1",
    PortType.SYSTEM,
    "br1",
    tag=5,
    mtu=1300,
    settings=Settings({"protected": (True,)}, {"other_config": {"stp-path-cost": "5"}}),
)
PATCH = Port(
    "port:patch", "to2", PortType.PATCH, "br1", tag=6, mtu=0, patch=PatchPeer("br2", "to1", 7)
)
BOND = Port(
    "port:bond",
    "bond0",
    PortType.BOND,
    "br2",
    mtu=0,
    members=("eth2", "eth3"),
    settings=Settings(
        {"bond_mode": ("active-backup",), "lacp": ("off",), "bond_updelay": (10,)},
        {"other_config": {"bond-primary": "eth2"}},
    ),
)


def state(*ports: Port, bridges: tuple[Bridge, ...] = (BRIDGE, SECOND)) -> HostState:
    return HostState(FLEET, 1, 1, b"1", "host-1", "h1", bridges=bridges, ports=ports)


def add_cards(host: Namespace, *names: str) -> None:
    """Veths stand for network cards: somebody else made them, and has an end elsewhere."""
    for name in names:
        host.ip("link", "add", name, "type", "veth", "peer", "name", f"{name}w")


def rows(observed: ObservedState) -> dict[str, OvsPort]:
    return {port.name: port for bridge in observed.bridges.values() for port in bridge.ports}


def unowned(observed: ObservedState) -> dict[str, Link]:
    """The cards, by name, without what intent may say of them."""
    return {name: replace(observed.links[name], mtu=0, up=False) for name in CARDS}


async def settle(real: RealHost, desired: HostState) -> ObservedState:
    """Run plans on both until nothing is left to do; what a host is at rest explains itself."""
    for _ in range(4):
        plan = make_plan(desired, await real.look())
        if plan.is_empty:
            assert plan.failures == (), plan.describe()
            return await real.look()
        await compare(real, plan)
    raise AssertionError(make_plan(desired, await real.look()).describe())


def test_settings_and_ports_of_every_type_come_change_and_go_alike(ovs: OpenVSwitch) -> None:
    add_cards(ovs.netns, *CARDS)
    first = state(TAP, CARD, PATCH, BOND)
    second = state(
        replace(TAP, trunks=frozenset(), vlan_mode="", admin_down=True, tap_owner=TapOwner(108)),
        replace(CARD, tag=0, settings=Settings(), mtu=0, admin_down=True),
        replace(PATCH, tag=0, patch=PatchPeer("br2", "to1", 8)),
        replace(BOND, members=("eth3", "eth4"), settings=Settings({"bond_updelay": (20,)})),
        bridges=(replace(BRIDGE, settings=Settings({"rstp_enable": (True,)})), SECOND),
    )
    second = replace(second, released=owed_releases(first, second))
    gone = frozenset({"bridge:1", "bridge:2", *(port.id for port in first.ports)})

    async def body(real: RealHost) -> None:
        cards = unowned(await real.look())
        seen = await settle(real, first)
        assert seen.bridges["br1"].settings == stored(BRIDGE.settings)
        assert (seen.links["tap0"].tap_owner, seen.links["tap0"].quiet) == (TapOwner(107), True)
        assert ovs.vsctl("get", "Interface", "tap0", "ingress_policing_rate") == "10000"
        assert ovs.vsctl("get", "Bridge", "br1", "stp_enable") == "true"
        assert "eth3" in ovs.appctl("bond/show", "bond0")

        seen = await settle(real, second)
        assert not still_released(second, seen)
        assert seen.bridges["br1"].settings == Settings({"rstp_enable": (True,)})
        assert {each.name for each in rows(seen)["bond0"].interfaces} == {"eth3", "eth4"}
        assert rows(seen)["bond0"].settings == Settings({"bond_updelay": (20,)})
        assert rows(seen)["tap0"].interfaces[0].settings.maps == {}

        back = replace(first, released=owed_releases(second, first))
        seen = await settle(real, back)
        assert rows(seen)["bond0"].settings == BOND.settings
        assert not still_released(back, seen)

        seen = await settle(real, replace(state(bridges=()), removed=gone))
        assert seen.bridges == {}
        assert unowned(seen) == cards
        assert "tap0" not in seen.links

    on_real(ovs.netns, ovs.remote, first, body)


def stored(settings: Settings) -> Settings:
    """As it is read back: what has a field of its own is not among it."""
    columns = {k: v for k, v in settings.columns.items() if k != "fail_mode"}
    return Settings(columns, settings.maps)


def test_a_device_that_goes_and_comes_back_is_plugged_in_again_on_both(ovs: OpenVSwitch) -> None:
    add_cards(ovs.netns, *CARDS)
    desired = state(replace(CARD, mtu=0), BOND)

    async def body(real: RealHost) -> None:
        await settle(real, desired)
        ovs.netns.ip("link", "delete", "eth1")
        ovs.netns.ip("link", "delete", "eth2")
        plan = make_plan(desired, await real.look())
        assert [(each.resource, each.reason) for each in plan.failures] == [
            ("port:bond", "DeviceMissing"),
            ("port:card", "DeviceMissing"),
        ]
        seen = await compare(real, plan)
        assert make_plan(desired, seen).is_empty
        assert [each.name for each in rows(seen)["bond0"].interfaces] == ["eth3"]
        add_cards(ovs.netns, "eth1", "eth2")
        await settle(real, desired)
        # Too fast for anybody to see it gone.
        ovs.netns.ip("link", "delete", "eth1")
        add_cards(ovs.netns, "eth1")
        plan = make_plan(desired, await real.look())
        assert len(plan.stages) == 2
        await settle(real, desired)
        # What an earlier boot called another one's index is plugged in well.
        ovs.vsctl("set", "Interface", "eth1", f"external_ids:{DEVICE_KEY}=earlier/1")
        (stage,) = make_plan(desired, await real.look()).stages
        assert [type(op) for op in stage.ovsdb] == [SetInterface]
        await settle(real, desired)

    on_real(ovs.netns, ovs.remote, desired, body)


def test_ports_exchange_their_devices_and_renew_them_while_others_join_on_both(
    ovs: OpenVSwitch,
) -> None:
    add_cards(ovs.netns, *CARDS)
    before = state(CARD, BOND)
    after = state(replace(CARD, interface="eth2"), replace(BOND, members=("eth1", "eth3")))
    more = state(replace(CARD, interface="eth2"), replace(BOND, members=("eth1", "eth3", "eth4")))

    async def body(real: RealHost) -> None:
        await settle(real, before)
        ovs.vsctl("set", "Port", "bond0", "other_config:theirs=1")
        seen = await settle(real, after)
        assert {each.name for each in rows(seen)["bond0"].interfaces} == {"eth1", "eth3"}
        for name in ("eth1", "eth3"):
            ovs.netns.ip("link", "delete", name)
            add_cards(ovs.netns, name)
        seen = await settle(real, more)
        assert {each.name for each in rows(seen)["bond0"].interfaces} == {"eth1", "eth3", "eth4"}
        assert rows(seen)["bond0"].settings.maps["other_config"]["theirs"] == "1"

    on_real(ovs.netns, ovs.remote, before, body)


def test_half_a_patch_gets_its_other_half_back_on_both(ovs: OpenVSwitch) -> None:
    desired = state(PATCH, bridges=(bare(BRIDGE), SECOND))
    flood = "in_port=br1,dl_src=02:00:00:00:00:09,dl_dst=ff:ff:ff:ff:ff:ff,dl_vlan=6"

    async def body(real: RealHost) -> None:
        for half in ("to1", "to2"):
            await settle(real, desired)
            ovs.vsctl("del-port", half)
            plan = make_plan(desired, await real.look())
            assert [step.resource for step in plan.stages[0].ovsdb] == ["port:patch"]
        await settle(real, desired)
        assert 'bridge("br2")' in ovs.appctl("ofproto/trace", "br1", flood)

    on_real(ovs.netns, ovs.remote, desired, body)


def test_columns_and_keys_that_intent_does_not_name_stay_as_somebody_left_them(
    ovs: OpenVSwitch,
) -> None:
    add_cards(ovs.netns, *CARDS)
    desired = state(CARD, BOND)

    async def body(real: RealHost) -> None:
        await settle(real, desired)
        set_by_hand = partial(ovs.vsctl, "set")
        set_by_hand("Bridge", "br1", "other_config:forward-bpdu=true", "mcast_snooping_enable=true")
        set_by_hand("Port", "bond0", "bond_downdelay=7", "other_config:lacp-time=fast")
        set_by_hand("Interface", "eth1", "ingress_policing_kpkts_rate=3", "lldp:enable=false")
        assert make_plan(desired, await real.look()).describe() == ()
        less = state(CARD, replace(BOND, settings=Settings()), bridges=(bare(BRIDGE), SECOND))
        released = owed_releases(desired, less)
        priority = ("bridge:1", "Bridge", "br1", "other_config", "stp-priority", ("28672",))
        assert Release(*priority) in released
        seen = await settle(real, replace(less, released=released))
        assert seen.bridges["br1"].settings == Settings(
            {"mcast_snooping_enable": (True,)}, {"other_config": {"forward-bpdu": "true"}}
        )
        assert rows(seen)["bond0"].settings == Settings(
            {"bond_downdelay": (7,)}, {"other_config": {"lacp-time": "fast"}}
        )
        assert rows(seen)["eth1"].interfaces[0].settings == Settings(
            {"ingress_policing_kpkts_rate": (3,)}, {"lldp": {"enable": "false"}}
        )

    on_real(ovs.netns, ovs.remote, desired, body)


def bare(bridge: Bridge) -> Bridge:
    return replace(bridge, settings=Settings())


def test_a_device_that_belongs_to_somebody_is_left_to_him(ovs: OpenVSwitch) -> None:
    add_cards(ovs.netns, *CARDS)
    ovs.netns.ip("link", "add", "br9", "type", "bridge")
    ovs.netns.ip("link", "set", "eth1", "master", "br9")
    ovs.netns.ip("link", "add", "mv2", "link", "eth2", "type", "macvlan")
    desired = state(CARD, BOND)

    async def body(real: RealHost) -> None:
        before = await real.look()
        plan = make_plan(desired, before)
        found = {each.resource: each for each in plan.failures}
        assert found["port:card"].reason == "DeviceEnslaved"
        assert "bridge br9" in found["port:card"].message
        assert found["port:bond"].reason == "DeviceBusy"
        assert "mv2 (macvlan)" in found["port:bond"].message
        after = await compare(real, plan)
        assert {name: after.links[name] for name in CARDS} == {
            name: before.links[name] for name in CARDS
        }
        ovs.netns.ip("link", "set", "eth1", "nomaster")
        ovs.netns.ip("link", "delete", "mv2")
        await settle(real, desired)

    on_real(ovs.netns, ovs.remote, desired, body)
