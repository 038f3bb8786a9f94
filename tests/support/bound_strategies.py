"""Hypothesis strategies for what hypervisors plug in, and for ports of intent that are bound to it.

Iface-ids, names and VLANs come from small pools: some are plugged twice, some nowhere.
"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from agent.model import BridgeType, HostState, Port, PortType, port_id
from agent.observed import Link, OvsInterface, OvsPort
from tests.support.hosts import FLEET, MTUS, OTHER_FLEET, desired_states
from tests.support.switch import Switch

IFACE_IDS = ("vif-1", "vif-2", "vif-3")
GUESTS = ("tap1", "tap2", "tap3", "tap4")
_TAGGINGS = st.sampled_from(
    (
        *(((None, frozenset(), None),) * 4),
        *((tag, frozenset(), None) for tag in (11, 12, 4094)),
        (None, frozenset({7}), "trunk"),
        (12, frozenset({7}), "native-untagged"),
    )
)
_MTU_REQUESTS = st.sampled_from((None, None, 1500, 9000))
_OTHER_ID = st.sampled_from(IFACE_IDS)
_MARKS = st.sampled_from(
    (*(({},) * 5), {"ovsfleet-bound": f"{OTHER_FLEET}/port:g"}, {"neutron": "x"})
)


@st.composite
def binding_states(draw: st.DrawFn) -> HostState:
    """A desired state with up to three bound ports on its bridges of Open vSwitch."""
    state = draw(desired_states())
    bridges = [each.name for each in state.bridges if each.type is BridgeType.OVS]
    bridges += [state.overlay.name] * 3 if state.overlay else []
    uids = draw(st.lists(st.sampled_from("ghi"), unique=True)) if bridges else []
    wanted = draw(st.permutations(IFACE_IDS))
    bound = tuple(
        Port(
            port_id(uid),
            "",
            PortType.BOUND,
            draw(st.sampled_from(bridges)),
            draw(st.sampled_from((11, 12, 4094))),
            mtu=draw(st.sampled_from(MTUS)),
            iface_id=iface_id,
        )
        for uid, iface_id in zip(uids, wanted, strict=False)
    )
    return replace(state, ports=(*state.ports, *bound))


@st.composite
def guests(draw: st.DrawFn) -> tuple[OvsPort, ...]:
    """What is plugged in; ``plug`` says where."""
    names = draw(st.lists(st.sampled_from(GUESTS), unique=True, min_size=1))
    return tuple(draw(_guest(name)) for name in names)


@st.composite
def _guest(draw: st.DrawFn, name: str) -> OvsPort:
    ids = {"iface-id": draw(st.sampled_from(IFACE_IDS)), "iface-status": "active"}
    tag, trunks, mode = draw(_TAGGINGS)
    interfaces: tuple[OvsInterface, ...] = (
        OvsInterface(name, mtu_request=draw(_MTU_REQUESTS), external_ids=ids),
    )
    if draw(st.integers(0, 4)) == 0:
        interfaces += (OvsInterface(f"{name}b", external_ids={"iface-id": draw(_OTHER_ID)}),)
    return OvsPort(name, interfaces, tag, trunks, mode, external_ids=draw(_MARKS))


def plug(switch: Switch, ports: tuple[OvsPort, ...], bridges: list[str]) -> None:
    """One after the other into ``bridges``, each with a device that somebody made for it."""
    for number, port in enumerate(ports):
        row = switch.bridges[bridges[number % len(bridges)]]
        switch.bridges[row.name] = replace(row, ports=(*row.ports, port))
        index = switch.kernel.next_index()
        switch.kernel.links[port.name] = Link(port.name, index, "tun", up=True)
    switch.reconfigure()


def bindings(switch: Switch) -> dict[str, tuple[str, OvsPort]]:
    """By name: the mark of each port of a guest, or "", and the row."""
    return {
        port.name: (port.external_ids.get("ovsfleet-bound", "").removeprefix(f"{FLEET}/"), port)
        for bridge in switch.bridges.values()
        for port in bridge.ports
        if port.name in GUESTS
    }
