"""Changes by hand to devices of the kernel: ip and bridge, on hosts of either sort.

Names are those of the specimens of conformance. Owns nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from agent.model import ALIAS_PREFIX
from tests.support import conformance_linux
from tests.support.agent_backends import Host
from tests.support.conformance_system import Row, links_of
from tests.support.hand_rows import Deed

_MAC = "02:00:00:00:00:77"


def resource_of(links: Mapping[str, Row], device: str) -> str:
    """What its alias says that it is of."""
    prefix, _, rest = str(links[device]["ifalias"]).partition(":")
    assert prefix == ALIAS_PREFIX
    return rest.partition(":")[2]


def _ip(words: str, *, far: bool = False) -> Callable[[Host], object]:
    return lambda host: (host.workload if far else host.netns).ip(*words.split())


def _bridge(words: str) -> Callable[[Host], object]:
    return lambda host: host.netns.sibling("bridge", *words.split())


def _deeds(links: Mapping[str, Row], device: str, *words: str, far: str = "") -> Iterator[Deed]:
    """``ip link set`` each of the words, or at the far end of a veth pair."""
    resource, name = resource_of(links, device), far or device
    for word in words:
        do = _ip(f"link set {name} {word}", far=bool(far))
        yield Deed(f"{name}: {word}", resource, do, _enslaved(links, name))


def _gone(links: Mapping[str, Row], device: str, far: str = "") -> Deed:
    do = _ip(f"link delete {far or device}", far=bool(far))
    hits = _enslaved(links, far or device)
    return Deed(f"{far or device}: deleted", resource_of(links, device), do, hits)


def _enslaved(links: Mapping[str, Row], bridge: str) -> frozenset[str]:
    names = (name for name, link in links.items() if link.get("master") == bridge)
    return frozenset(resource_of(links, name) for name in names)


def _address(links: Mapping[str, Row], device: str, far: str = "") -> Deed:
    do = _ip(f"address delete 203.0.113.1/26 dev {far or device}", far=bool(far))
    return Deed(f"{far or device}: address deleted", resource_of(links, device), do)


# --- a host with Open vSwitch --------------------------------------------------------------------


def ovs_device_deeds(host: Host) -> Iterator[Deed]:
    links = links_of(host.netns)
    yield from _deeds(links, "p-int", "down")
    # ovs-vswitchd, which keeps both as its rows say, may be faster.
    for deed in _deeds(links, "p-int", f"address {_MAC}", "mtu 1333"):
        yield replace(deed, is_told=False)
    yield _address(links, "p-int")
    yield from _deeds(links, "p-set", "up", "mtu 1333")
    yield from _deeds(links, "p-set", "down", "mtu 1333", far="e-set")
    yield from _deeds(links, "p-qinq", "down")
    yield from _deeds(links, "p-tap", "down")
    yield from _deeds(links, "m-in", "down")
    yield from _deeds(links, "h1-s-main", "down", "mtu 1290")
    ends = ("down", "mtu 1290", f"address {_MAC}")
    yield from _deeds(links, "h1-s-six", *ends, far="e-s-six")
    for name in ("p-set", "p-qinq", "p-tap", "q-htb", "h1-s-hub", "p-moving"):
        yield _gone(links, name)
    for name in ("p-int", "m-copy"):  # ovs-vswitchd makes them again when it starts, too
        yield replace(_gone(links, name), is_told=False)
    yield _gone(links, "h1-s-pairs", "e-s-pairs")
    for device, remote in (("kx5005", "2001:db8::4"), ("kx5006", "192.0.2.20")):
        yield from _vxlan(host, links, device, remote)


def _vxlan(host: Host, links: Mapping[str, Row], device: str, remote: str) -> Iterator[Deed]:
    resource = resource_of(links, device)
    spare = "2001:db8::77" if ":" in remote else "192.0.2.77"
    yield from _deeds(links, device, "down", *_vxlan_words(links[device]))
    yield _gone(links, device)
    for mac, what in (("00:00:00:00:00:00", "flooding"), (_known(host, device), "a member")):
        at = f"{mac} dev {device} dst"
        words = f"fdb del {at} {remote} self"
        yield Deed(f"{device}: entry of {what} deleted", resource, _bridge(words))
    words = f"fdb append 00:00:00:00:00:00 dev {device} dst {spare} self"
    yield Deed(f"{device}: entry of flooding added", resource, _bridge(words))


def _vxlan_words(link: Row) -> Iterator[str]:
    """What of it is intended and may change while it is there; the rest is left to others."""
    data = link["linkinfo"]["info_data"]
    for key, word, value in (
        *(("ttl", "ttl", "77"), ("tos", "tos", "8"), ("df", "df", "inherit")),
        ("label", "flowlabel", "0x55"),
    ):
        if data.get(key) not in (None, 0, "unset"):
            yield f"type vxlan {word} {value}"


def _known(host: Host, device: str) -> str:
    shown = host.netns.sibling("bridge", "fdb", "show", "dev", device).splitlines()
    macs = (line.split()[0] for line in shown if " dst " in line)
    return next(mac for mac in macs if mac != "00:00:00:00:00:00")


# --- a host without ------------------------------------------------------------------------------

_WORDS = {"group_addr": "group_address"}
_BRIDGE_VALUES = {
    "group_fwd_mask": "0x8000",
    "group_addr": "01:80:c2:00:00:0e",
    "priority": "8192",
    "mcast_router": "1",
    "mcast_igmp_version": "2",
    "mcast_mld_version": "1",
}
_PORT_VALUES = {"cost": "5", "priority": "9", "group_fwd_mask": "0x8000", "multicast_router": "1"}
_PORT_WORDS = {"multicast_router": "mcast_router"}


def linux_device_deeds(host: Host) -> Iterator[Deed]:
    links = links_of(host.netns)
    yield from _deeds(links, "c-set", *_bridge_words(links["c-set"]))
    yield from _deeds(links, "p-set", *_port_words(links["p-set"]))
    yield from _deeds(links, "p-set", "nomaster", "master c-flat", "mtu 1333", "down")
    yield from _deeds(links, "p-set", "down", "mtu 1333", f"address {_MAC}", far="e-set")
    yield _address(links, "p-set", "e-set")
    yield from _deeds(links, "p-down", "up")
    yield from _deeds(links, "p-tap", "down", "nomaster", "master c-spread")
    for name in ("c-set", "c-flat", "c-spread", "br-v5001"):
        yield from _deeds(links, name, "down")
        yield _gone(links, name)
    yield from _deeds(links, "br-v5002", "mtu 1290")
    yield from _deeds(links, "h1-s-told", "mtu 1290", "down")
    yield from _deeds(links, "h1-s-main", "nomaster", "down", "mtu 1290")
    ends = ("down", "mtu 1290", f"address {_MAC}")
    yield from _deeds(links, "h1-s-six", *ends, far="e-s-six")
    for name in ("p-set", "p-down", "p-tap", "h1-s-zone"):
        yield _gone(links, name)
    yield _gone(links, "h1-s-pool", "e-s-pool")
    for device, remote in (("kx5001", "192.0.2.20"), ("kx5005", "2001:db8::4")):
        yield from _vxlan(host, links, device, remote)
    yield from _deeds(links, "kx5003", *_vxlan_words(links["kx5003"]))
    yield from _deeds(links, "kx5003", "nomaster", "master c-flat", "mtu 1290")
    yield from _deeds(links, "kx5006", "type bridge_slave neigh_suppress off")


def _bridge_words(link: Row) -> Iterator[str]:
    """Every attribute that intent sets, and this kernel has."""
    data = link["linkinfo"]["info_data"]
    for said in conformance_linux.BRIDGE.values():
        if data.get(said.key) == said.expected:
            value = _BRIDGE_VALUES.get(said.key) or _flipped(said.expected)
            word = said.key.replace("_cnt", "_count").replace("_intvl", "_interval")
            yield f"type bridge {_WORDS.get(word, word)} {value}"


def _port_words(link: Row) -> Iterator[str]:
    data = link["linkinfo"]["info_slave_data"]
    for said in conformance_linux.PORT.values():
        if data.get(said.key) == said.expected:
            value = _PORT_VALUES.get(said.key) or ("off" if said.expected is True else "on")
            yield f"type bridge_slave {_PORT_WORDS.get(said.key, said.key)} {value}"


def _flipped(value: object) -> str:
    assert isinstance(value, int)
    return str(1 - value if value < 2 else value + (100 if value >= 100 else 1))
