"""Whatever somebody does by hand to what is ours, the next plan repairs or reports it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from agent.columns import NO_SETTINGS
from agent.model import BROADCAST_FDB, ID_KEY, OWNER_KEY, HostState, segment_id
from agent.observed import FdbEntry, Link, OvsInterface, OvsPort
from agent.planner import make_plan
from agent.planner.ownership import segment_of
from tests.properties.test_planner import assert_at_rest, converge
from tests.support.hosts import FLEET, bare_host, desired_states
from tests.support.satisfaction import foreign_part
from tests.support.switch import Switch

PortChange = Callable[[OvsPort], OvsPort]


def _interface(change: Callable[[OvsInterface], OvsInterface]) -> PortChange:
    return lambda port: replace(port, interfaces=(change(port.interfaces[0]), *port.interfaces[1:]))


PORT_CHANGES: dict[str, PortChange] = {
    "another tag": lambda port: replace(port, tag=77),
    "no tag": lambda port: replace(port, tag=None),
    "a trunk": lambda port: replace(port, trunks=frozenset({1, 2}), vlan_mode="trunk"),
    "protection switched": lambda port: replace(port, protected=not port.protected),
    "the interface's mark gone": _interface(lambda row: replace(row, external_ids={})),
    "another MAC": _interface(lambda row: replace(row, mac="02:00:00:00:00:99")),
    "another MTU request": _interface(lambda row: replace(row, mtu_request=900)),
    "another remote": _interface(
        lambda row: replace(row, options={**row.options, "remote_ip": "192.0.2.99"})
    ),
    "options of a tunnel": _interface(
        lambda row: replace(row, options={**row.options, "ttl": "3", "csum": "true", "tos": "9"})
    ),
    "another key": _interface(lambda row: replace(row, options={**row.options, "in_key": "5"})),
    "no settings": lambda port: replace(port, settings=NO_SETTINGS),
    "no settings of the interface": _interface(
        lambda row: replace(
            row,
            settings=NO_SETTINGS,
            external_ids={k: v for k, v in row.external_ids.items() if k != "vm"},
        )
    ),
    "another type": _interface(lambda row: replace(row, type="patch")),
}
LINK_CHANGES: dict[str, Callable[[Link], Link]] = {
    "down": lambda link: replace(link, up=False),
    "not quiet": lambda link: replace(link, quiet=link.kind not in ("vxlan", "bridge")),
    "another MTU": lambda link: replace(link, mtu=900),
    "an address more": lambda link: replace(link, addresses=link.addresses | {"10.0.0.77/24"}),
    "an address more with our mark": lambda link: replace(
        link,
        addresses=link.addresses | {"10.0.0.78/24"},
        owned_addresses=link.owned_addresses | {"10.0.0.78/24"},
    ),
    "addresses made somebody's own": lambda link: replace(link, owned_addresses=frozenset()),
    "no address": lambda link: replace(link, addresses=frozenset(), owned_addresses=frozenset()),
    "another MAC": lambda link: replace(link, mac="02:00:00:00:00:99"),
    "out of its bridge": lambda link: replace(link, master=""),
    "learning": lambda link: (
        replace(link, vxlan=replace(link.vxlan, learning=True)) if link.vxlan else link
    ),
}


STRANGE_REMOTE = FdbEntry(BROADCAST_FDB, "192.0.2.99")
TABLE_CHANGES: dict[str, Callable[[set[FdbEntry]], set[FdbEntry]]] = {
    "emptied": lambda _: set(),
    "floods one more": lambda table: table | {STRANGE_REMOTE},
    "floods nobody": lambda table: {each for each in table if each.mac != BROADCAST_FDB},
    "MACs elsewhere": lambda table: {
        each if each.mac == BROADCAST_FDB else FdbEntry(each.mac, "192.0.2.99") for each in table
    },
    "a MAC more": lambda table: table | {FdbEntry("02:00:00:00:09:09", "192.0.2.2")},
}


class Hand:
    """Somebody with ``ovs-vsctl`` and ``ip`` who changes one thing of ours."""

    def __init__(self, switch: Switch) -> None:
        self.switch = switch

    def own_ports(self) -> list[tuple[str, str]]:
        return [
            (bridge.name, port.name)
            for bridge in self.switch.bridges.values()
            for port in bridge.ports
            if port.external_ids.get(OWNER_KEY) == FLEET and port.name != bridge.name
        ]

    def change_port(self, bridge: str, name: str, change: PortChange) -> None:
        row = self.switch.bridges[bridge]
        ports = tuple(change(port) if port.name == name else port for port in row.ports)
        self.switch.bridges[bridge] = replace(row, ports=ports)
        self.switch.reconfigure()

    def delete_port(self, bridge: str, name: str) -> None:
        row = self.switch.bridges[bridge]
        ports = tuple(port for port in row.ports if port.name != name)
        self.switch.bridges[bridge] = replace(row, ports=ports)
        self.switch.reconfigure()

    def own_links(self) -> list[str]:
        links = self.switch.kernel.links.values()
        bridges = self.switch.bridges
        return [each.name for each in links if FLEET in each.alias and each.name not in bridges]

    def change_link(self, name: str, change: Callable[[Link], Link]) -> None:
        self.switch.kernel.links[name] = change(self.switch.kernel.links[name])

    def change_peer(self, place: tuple[str, str], change: Callable[[Link], Link]) -> None:
        self.switch.kernel.peers[place] = change(self.switch.kernel.peers[place])

    def own_tables(self) -> list[str]:
        return sorted(self.switch.observed.fdb)

    def change_table(self, name: str, change: Callable[[set[FdbEntry]], set[FdbEntry]]) -> None:
        index = self.switch.kernel.links[name].ifindex
        table = self.switch.kernel.forwarding.setdefault(index, {})
        changed = change(set(table))
        self.switch.kernel.forwarding[index] = {
            entry: table.get(entry, entry.mac != BROADCAST_FDB) for entry in changed
        }

    def delete_link(self, name: str) -> None:
        self.switch.kernel.delete_link(name)
        self.switch.reconfigure()


def disturb(hand: Hand, data: st.DataObject) -> None:
    ports = hand.own_ports()
    links = hand.own_links()
    deeds: list[Callable[[], None]] = [
        *(partial(hand.delete_port, *port) for port in ports),
        *(partial(hand.change_port, *p, each) for p in ports for each in PORT_CHANGES.values()),
        *(partial(hand.delete_link, name) for name in links),
        *(partial(hand.change_link, n, each) for n in links for each in LINK_CHANGES.values()),
        *(
            partial(hand.change_table, name, each)
            for name in hand.own_tables()
            for each in TABLE_CHANGES.values()
        ),
        *(
            partial(hand.change_peer, place, each)
            for place in hand.switch.kernel.peers
            for each in LINK_CHANGES.values()
        ),
    ]
    if deeds:
        data.draw(st.sampled_from(deeds), label="drift")()


@given(desired_states(), st.data())
def test_drift_is_repaired(desired: HostState, data: st.DataObject) -> None:
    switch = Switch(bare_host())
    converge(switch, desired)
    for _ in range(3):
        disturb(Hand(switch), data)
    before = foreign_part(switch.observed, FLEET)
    converge(switch, desired)
    assert_at_rest(switch, desired)
    assert make_plan(desired, switch.observed).failures == ()
    assert before.items() <= foreign_part(switch.observed, FLEET).items()


@given(desired_states(), st.sampled_from(("ns0", "ns1")))
def test_a_namespace_that_went_away_fails_its_ports_alone_and_heals(
    desired: HostState, netns: str
) -> None:
    switch = Switch(bare_host())
    converge(switch, desired)
    switch.kernel.delete_namespace(netns)
    switch.reconfigure()
    plan = make_plan(desired, switch.observed)
    inside = {port.id for port in desired.ports if port.peer and port.peer.netns == netns}
    assert {(each.resource, each.reason) for each in plan.failures} == {
        (port, "NamespaceMissing") for port in inside
    }
    switch.run(plan)
    switch.kernel.namespaces.add(netns)
    converge(switch, desired)
    assert_at_rest(switch, desired)
    assert make_plan(desired, switch.observed).failures == ()


@given(desired_states())
def test_keys_that_others_put_into_our_rows_stay(desired: HostState) -> None:
    switch = Switch(bare_host())
    converge(switch, desired)
    hand = Hand(switch)
    for bridge, name in hand.own_ports():
        hand.change_port(
            bridge,
            name,
            lambda port: replace(
                port,
                tag=77,
                external_ids={**port.external_ids, "note": "mine"},
                interfaces=tuple(
                    replace(row, options={**row.options, "egress_pkt_mark": "7"})
                    for row in port.interfaces
                ),
            ),
        )
    switch.run(make_plan(desired, switch.observed))
    assert_at_rest(switch, desired)
    marks = {
        segment_id(each.segment_uid): desired.fragments[each.fragment_hash].options.egress_pkt_mark
        for each in desired.attachments
    }
    for bridge, name in hand.own_ports():
        port = next(each for each in switch.bridges[bridge].ports if each.name == name)
        assert port.external_ids["note"] == "mine"
        named = marks.get(segment_of(port.external_ids[ID_KEY]))
        kept = "7" if named is None else str(named)
        assert port.interfaces[0].options["egress_pkt_mark"] == kept


@given(desired_states())
def test_a_restart_of_vswitchd_leaves_nothing_to_do(desired: HostState) -> None:
    switch = Switch(bare_host())
    converge(switch, desired)
    switch.stop_vswitchd()
    switch.start_vswitchd()
    assert make_plan(desired, switch.observed).describe() == ()
