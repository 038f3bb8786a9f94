"""Hypothesis strategies for machines on which others have been busy.

Names and addresses are partly those of ``tests.support.hosts``, so that clashes are common.
"""

from __future__ import annotations

from hypothesis import strategies as st

from agent.model import ID_KEY, OWNER_KEY
from agent.observed import Link, ObservedState, OvsBridge, OvsInterface, OvsPort, Vxlan
from tests.support.hosts import DEVICES, OTHER_FLEET, PORT_NAMES, VTEPS, bare_host

_FOREIGN_MARKS: tuple[dict[str, str], ...] = (
    {},
    {"iface-id": "vm-7"},
    {OWNER_KEY: OTHER_FLEET, ID_KEY: "port:0"},
)


@st.composite
def foreign_ports(draw: st.DrawFn, names: st.SearchStrategy[str]) -> OvsPort:
    name = draw(names)
    marks = draw(st.sampled_from(_FOREIGN_MARKS))
    kind = draw(st.sampled_from(("", "internal", "vxlan")))
    options = draw(_foreign_options()) if kind == "vxlan" else {}
    interface = OvsInterface(name, kind, options, external_ids=marks)
    tag = draw(st.sampled_from((None, 11, 99)))
    return OvsPort(name, (interface,), tag=tag, external_ids=marks)


def _foreign_options() -> st.SearchStrategy[dict[str, str]]:
    return st.fixed_dictionaries(
        {"key": st.sampled_from(("10001", "7")), "remote_ip": st.sampled_from(VTEPS)},
        optional={
            "local_ip": st.sampled_from(VTEPS),
            "dst_port": st.sampled_from(("4789", "4790", "8473")),
        },
    )


@st.composite
def foreign_bridges(draw: st.DrawFn, names: st.SearchStrategy[str]) -> OvsBridge:
    name = draw(names)
    local = OvsPort(name, (OvsInterface(name, "internal"),))
    port_names = st.sampled_from((*PORT_NAMES, "eth0", "vm1"))
    drawn = draw(st.lists(foreign_ports(port_names), max_size=2, unique_by=lambda each: each.name))
    unique = [each for each in drawn if each.name != name]
    marks = draw(st.sampled_from(_FOREIGN_MARKS))
    mode = draw(st.sampled_from((None, "secure")))
    return OvsBridge(name, (local, *unique), "netdev", mode, marks)


@st.composite
def foreign_links(draw: st.DrawFn) -> dict[str, Link]:
    names = ("eth0", "vm1", "p0", "br-a", "kx10001", "br-v10002", "vxlan_sys_8472")
    drawn = draw(st.sets(st.sampled_from(names), max_size=3))
    return {
        name: draw(_foreign_link(name, index)) for index, name in enumerate(sorted(drawn), start=1)
    }


@st.composite
def _foreign_link(draw: st.DrawFn, name: str, index: int) -> Link:
    kind = draw(st.sampled_from(("", "bridge", "vxlan")))
    alias = draw(st.sampled_from(("", "theirs")))
    vxlan = draw(_FOREIGN_VXLANS) if kind == "vxlan" else None
    return Link(name, index, kind, alias=alias, up=draw(st.booleans()), vxlan=vxlan)


_FOREIGN_VXLANS = st.builds(
    Vxlan,
    vni=st.sampled_from((10001, 7)),
    local_ip=st.sampled_from(("", *VTEPS)),
    dst_port=st.sampled_from((4789, 8472, 8473)),
    learning=st.booleans(),
    collect_metadata=st.booleans(),
)


@st.composite
def strange_hosts(draw: st.DrawFn) -> ObservedState:
    """A machine on which others have been busy, with or without clashes with our names."""
    names = st.sampled_from(("br-int", "br-phy", "br-a", "p1"))
    rows = draw(st.lists(foreign_bridges(names), max_size=2, unique_by=lambda each: each.name))
    found: dict[str, OvsBridge] = {}
    used: set[str] = set()
    for row in rows:
        mine = {each.name for each in row.ports} | {row.name}
        if not mine & used:
            used |= mine
            found[row.name] = row
    peers: dict[tuple[str, str], Link] = {}
    if draw(st.booleans()):
        peers["ns0", "e0"] = Link("e0", 900, "veth", peer_ifindex=901)
    return bare_host(bridges=found, links=DEVICES | draw(foreign_links()), peers=peers)
