"""Settings of rows: what of them a host cannot have is told, and keeps nothing else from being."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.columns import NO_SETTINGS, Atom, Settings, every_column
from agent.errors import ErrorKind
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
from agent.observed import ObservedState
from agent.planner import make_plan, owed_releases, still_released
from agent.planner.plan import DeleteInterface, DeletePort, SetInterface, SetTapOwner
from tests.support.hosts import DEVICES, FLEET, OVERLAY, OWN_HOST, bare_host
from tests.support.satisfaction import own_part
from tests.support.switch import Switch

PORT = Port("port:a", "p0", PortType.INTERNAL, OVERLAY.name)
CARD = Port("port:c", "eth1", PortType.SYSTEM, OVERLAY.name, mtu=0)
BOND = Port("port:b", "bond0", PortType.BOND, OVERLAY.name, mtu=0, members=("eth3", "eth4"))


def wanting(*ports: Port, removed: frozenset[str] = frozenset()) -> HostState:
    return HostState(
        FLEET, 1, 1, b"x", OWN_HOST, OWN_HOST, overlay=OVERLAY, ports=ports, removed=removed
    )


def patched(
    *bridges: Bridge, settings: Settings = NO_SETTINGS, removed: frozenset[str] = frozenset()
) -> HostState:
    ends = ("to-b", PortType.PATCH, "br-a")
    port = Port("port:p", *ends, mtu=0, patch=PatchPeer("br-b", "to-a"), settings=settings)
    return replace(wanting(port, removed=removed), bridges=bridges)


def settled(desired: HostState, switch: Switch) -> Switch:
    for _ in range(4):
        switch.run(make_plan(desired, switch.observed))
    assert make_plan(desired, switch.observed).is_empty
    return switch


def interfaces(switch: Switch, name: str) -> list[str]:
    ports = switch.bridges[OVERLAY.name].ports
    return sorted(each.name for port in ports if port.name == name for each in port.interfaces)


def an_older_database() -> ObservedState:
    columns = every_column()
    older = columns["Interface"] - {"ingress_policing_rate"}
    return bare_host(columns={**columns, "Interface": older})


@pytest.mark.parametrize(
    ("limit", "settings", "told"),
    [
        (1, {"cvlans": (3,)}, ["VlanLimit"]),
        (2, {"cvlans": (3,)}, []),
        (0, {"cvlans": (3,)}, []),
        (1, {"lacp": ("active",)}, []),
    ],
)
def test_customer_vlans_that_open_vswitch_does_not_look_at_are_told_and_set(
    limit: int, settings: dict[str, tuple[Atom, ...]], told: list[str]
) -> None:
    tunnel = replace(PORT, tag=7, vlan_mode="dot1q-tunnel", settings=Settings(settings))
    switch = Switch(bare_host(vlan_limit=limit))
    settled(wanting(tunnel), switch)
    plan = make_plan(wanting(tunnel), switch.observed)
    assert [each.reason for each in plan.failures] == told
    assert all("vlan-limit=2" in each.message for each in plan.failures)
    (row,) = (p for p in switch.bridges[OVERLAY.name].ports if p.name == PORT.interface)
    assert row.settings == Settings(settings)


@pytest.mark.parametrize(
    ("settings", "kind", "reason"),
    [
        (Settings({"ingress_policing_rate": (5,)}), ErrorKind.UNSUPPORTED, "ColumnUnsupported"),
        (Settings({"statistics": (5,)}), ErrorKind.UNSUPPORTED, "ColumnUnsupported"),
        (Settings({"ingress_policing_burst": (True,)}), ErrorKind.INVALID, "ValueRefused"),
        (Settings({"ingress_policing_burst": ()}), ErrorKind.INVALID, "ValueRefused"),
        (Settings({"other_config": ("a",)}), ErrorKind.INVALID, "ValueRefused"),
        (Settings({}, {"ingress_policing_burst": {"a": "b"}}), ErrorKind.INVALID, "ValueRefused"),
        (Settings({}, {"external_ids": {"ovsfleet-id": "x"}}), ErrorKind.INVALID, "ValueRefused"),
    ],
)
def test_what_the_database_cannot_hold_is_told_and_the_rest_of_the_port_is_made(
    settings: Settings, kind: ErrorKind, reason: str
) -> None:
    maps = {**settings.maps, "lldp": {"enable": "true"}}
    port = replace(PORT, interface_settings=replace(settings, maps=maps))
    switch = settled(wanting(port), Switch(an_older_database()))
    (failure,) = make_plan(wanting(port), switch.observed).failures
    assert (failure.resource, failure.kind, failure.reason) == ("port:a", kind, reason)
    (row,) = (each for each in switch.bridges[OVERLAY.name].ports if each.name == "p0")
    assert row.interfaces[0].settings == Settings({}, {"lldp": {"enable": "true"}})
    assert row.interfaces[0].external_ids["ovsfleet-id"] == "port:a"


def test_a_release_is_settled_when_the_row_is_gone() -> None:
    first = wanting(replace(PORT, settings=Settings({"lacp": ("active",)})))
    switch = settled(first, Switch(bare_host()))
    gone = wanting(removed=frozenset({"port:a"}))
    gone = replace(gone, released=owed_releases(first, gone))
    assert still_released(gone, switch.observed) == gone.released
    assert gone.released
    settled(gone, switch)
    assert not still_released(gone, switch.observed)


NAMED = Settings({"lacp": ("active",)}, {"other_config": {"k": "intended"}})
THEIRS = Settings({"lacp": ("passive",)}, {"other_config": {"k": "theirs"}})


@pytest.mark.parametrize(
    "named", [NAMED, Settings({"lacp": (5,)}, {"other_config": {"k": "intended"}})]
)
def test_what_intent_named_but_never_got_there_is_not_taken_from_whoever_wrote_it(
    named: Settings,
) -> None:
    switch = settled(wanting(CARD), Switch(bare_host()))
    write(switch, "eth1", THEIRS)
    after = successor(wanting(CARD), wanting(replace(CARD, settings=named)))
    assert make_plan(after, switch.observed).is_empty
    assert not still_released(after, switch.observed)


def test_what_was_set_goes_back_although_another_value_was_accepted_in_between() -> None:
    first = wanting(replace(CARD, settings=NAMED))
    switch = settled(first, Switch(bare_host()))
    never_seen = successor(wanting(replace(CARD, settings=THEIRS)), first)
    changed = settled(first, Switch(bare_host()))
    changed.run(make_plan(never_seen, changed.observed))
    assert row_settings(changed, "eth1") == THEIRS
    last = successor(wanting(CARD), never_seen)
    settled(last, switch)
    assert row_settings(switch, "eth1") == NO_SETTINGS
    assert not still_released(last, switch.observed)


def test_the_ends_of_a_patch_are_exchanged_and_each_gives_back_what_it_was_told() -> None:
    bridges = [Bridge(f"bridge:{n}", f"br-{n}", DatapathType.NETDEV) for n in "ab"]
    first = patched(*bridges, settings=NAMED)
    switch = settled(first, Switch(bare_host()))
    (port,) = first.ports
    other = replace(port, interface="to-a", bridge="br-b", patch=PatchPeer("br-a", "to-b"))
    second = successor(replace(first, ports=(other,)), first)
    settled(second, switch)
    assert (row_settings(switch, "to-a"), row_settings(switch, "to-b")) == (NAMED, NO_SETTINGS)
    assert not still_released(second, switch.observed)


def test_a_key_that_is_empty_is_given_back_and_not_the_whole_column() -> None:
    first = wanting(replace(CARD, settings=Settings({}, {"other_config": {"": "v"}})))
    switch = settled(first, Switch(bare_host()))
    both = {"other_config": {"": "v", "k": "theirs"}}
    write(switch, "eth1", Settings({}, both))
    settled(successor(wanting(CARD), first), switch)
    assert row_settings(switch, "eth1") == Settings({}, {"other_config": {"k": "theirs"}})


def test_a_look_without_open_vswitch_forgets_nothing_that_is_owed() -> None:
    after = successor(wanting(CARD), wanting(replace(CARD, settings=NAMED)))
    assert still_released(after, bare_host(has_ovs=False)) == after.released != frozenset()


def successor(state: HostState, before: HostState) -> HostState:
    return replace(state, released=owed_releases(before, state))


def row_settings(switch: Switch, name: str) -> Settings:
    (row,) = (p for each in switch.bridges.values() for p in each.ports if p.name == name)
    return row.settings


def write(switch: Switch, name: str, settings: Settings) -> None:
    """As somebody does by hand."""
    bridge = switch.bridges[OVERLAY.name]
    ports = (replace(p, settings=settings) if p.name == name else p for p in bridge.ports)
    switch.bridges[OVERLAY.name] = replace(bridge, ports=tuple(ports))


def test_a_card_is_left_as_it_is_where_intent_says_nothing_and_stays_when_its_port_goes() -> None:
    switch = settled(wanting(CARD), Switch(bare_host()))
    assert switch.kernel.links["eth1"] == replace(DEVICES["eth1"], up=True)
    settled(wanting(replace(CARD, mtu=1400, admin_down=True)), switch)
    assert switch.kernel.links["eth1"] == replace(DEVICES["eth1"], mtu=1400, up=False)
    settled(wanting(removed=frozenset({"port:c"})), switch)
    assert switch.kernel.links["eth1"] == replace(DEVICES["eth1"], mtu=1400, up=False)


def test_members_join_before_others_leave_so_that_a_bond_is_never_without_one() -> None:
    switch = settled(wanting(BOND), Switch(bare_host()))
    other = wanting(replace(BOND, members=("eth1", "eth2")))
    plan = make_plan(other, switch.observed)
    switch.run(replace(plan, stages=plan.stages[:1]))
    assert interfaces(switch, "bond0") == ["eth1", "eth2", "eth3", "eth4"]
    settled(other, switch)
    assert interfaces(switch, "bond0") == ["eth1", "eth2"]


def test_a_member_that_becomes_a_port_of_its_own_is_one_once_the_bond_has_let_go_of_it() -> None:
    three = replace(BOND, members=("eth1", "eth3", "eth4"))
    switch = settled(wanting(three), Switch(bare_host()))
    apart = wanting(BOND, CARD)
    settled(apart, switch)
    assert make_plan(apart, switch.observed).failures == ()
    assert interfaces(switch, "bond0") == ["eth3", "eth4"]
    assert interfaces(switch, "eth1") == ["eth1"]


def test_a_bond_whose_devices_are_all_gone_comes_back_with_the_first_of_them() -> None:
    switch = settled(wanting(BOND), Switch(bare_host()))
    for name in BOND.members:
        switch.kernel.delete_link(name)
    switch.reconfigure()
    settled(wanting(BOND), switch)
    assert interfaces(switch, "bond0") == ["eth3", "eth4"]
    switch.kernel.links["eth4"] = replace(DEVICES["eth4"], ifindex=99)
    settled(wanting(BOND), switch)
    assert interfaces(switch, "bond0") == ["eth4"]
    reasons = [each.reason for each in make_plan(wanting(BOND), switch.observed).failures]
    assert reasons == ["DeviceMissing"]


def test_a_card_replaced_between_two_looks_is_plugged_in_anew() -> None:
    switch = settled(wanting(CARD), Switch(bare_host()))
    switch.kernel.links["eth1"] = replace(DEVICES["eth1"], ifindex=99)
    assert switch.dead_ports == {"eth1"}
    settled(wanting(CARD), switch)
    assert not switch.dead_ports
    (row,) = (each for each in switch.bridges[OVERLAY.name].ports if each.name == "eth1")
    assert row.interfaces[0].external_ids[DEVICE_KEY].endswith("/99")


def test_cards_that_have_other_indices_after_a_boot_are_not_plugged_out() -> None:
    both = wanting(CARD, BOND)
    switch = settled(both, Switch(bare_host()))
    theirs = Settings({}, {"other_config": {"theirs": "1"}})
    row = switch.bridges[OVERLAY.name]
    ports = (replace(p, settings=theirs) if p.name in ("eth1", "bond0") else p for p in row.ports)
    switch.bridges[OVERLAY.name] = replace(row, ports=tuple(ports))
    switch.reboot(*DEVICES)
    assert not switch.dead_ports
    plan = make_plan(both, switch.observed)
    steps = {type(op) for stage in plan.stages for op in stage.ovsdb}
    assert SetInterface in steps
    assert not steps & {DeletePort, DeleteInterface}, plan.describe()
    settled(both, switch)
    kept = [p.settings for p in switch.bridges[OVERLAY.name].ports if p.name in ("eth1", "bond0")]
    assert kept == [theirs, theirs]
    switch.kernel.links["eth1"] = replace(DEVICES["eth1"], ifindex=999)
    settled(both, switch)
    assert not switch.dead_ports


@pytest.mark.parametrize("replaced", [0, 1])
def test_a_patch_follows_when_a_bridge_gives_way_to_another_of_its_name(replaced: int) -> None:
    bridges = [Bridge(f"bridge:{n}", f"br-{n}", DatapathType.NETDEV) for n in "ab"]
    switch = settled(patched(*bridges), Switch(bare_host()))
    gone = bridges[replaced].id
    bridges[replaced] = replace(bridges[replaced], id="bridge:c")
    after = patched(*bridges, removed=frozenset({gone}))
    settled(after, switch)
    assert make_plan(after, switch.observed).failures == ()
    assert {port.name for each in switch.bridges.values() for port in each.ports} >= {
        "to-a",
        "to-b",
    }


def test_a_tap_that_is_open_keeps_its_owner_and_gets_everything_else() -> None:
    tap = replace(PORT, type=PortType.TAP, tap_owner=TapOwner(1))
    switch = settled(wanting(tap), Switch(bare_host()))
    switch.refuses = lambda step: isinstance(step, SetTapOwner)
    after = replace(tap, tap_owner=TapOwner(2), mtu=1400, admin_down=True)
    (failure,) = switch.run(make_plan(wanting(after), switch.observed))
    assert failure.resource == tap.id
    link = switch.kernel.links["p0"]
    assert (link.mtu, link.up, link.tap_owner) == (1400, False, TapOwner(1))


@pytest.mark.parametrize("datapath", [DatapathType.NETDEV, DatapathType.SYSTEM])
@pytest.mark.parametrize("steps", range(5))
def test_a_tap_gives_way_to_an_internal_port_whenever_the_agent_is_killed(
    steps: int, datapath: DatapathType
) -> None:
    overlay = replace(OVERLAY, datapath_type=datapath)
    before = replace(wanting(replace(PORT, type=PortType.TAP)), overlay=overlay)
    after = replace(wanting(PORT), overlay=overlay)
    switch = settled(before, Switch(bare_host()))
    made = switch.kernel.links["p0"].ifindex
    switch.run(make_plan(after, switch.observed), limit=steps)
    settled(after, switch)
    assert switch.kernel.links["p0"].ifindex != made
    assert not make_plan(after, switch.observed).failures


@pytest.mark.parametrize("before", [CARD, BOND])
def test_a_port_that_changes_its_type_leaves_nothing_of_the_old_one(before: Port) -> None:
    after = replace(PORT, id=before.id, type=PortType.TAP)
    switch = settled(wanting(before), Switch(bare_host()))
    settled(wanting(after), switch)
    there = own_part(switch.observed, FLEET)
    assert there == own_part(settled(wanting(after), Switch(bare_host())).observed, FLEET)
    settled(wanting(before), switch)
    assert "p0" not in switch.kernel.links
