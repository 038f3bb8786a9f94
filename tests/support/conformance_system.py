"""What a host is like in the words of tools that are not ours: ovsdb-client, ip, bridge and tc.

Read once, when it is made. Must not use what the agent reads or what the compiler writes with.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from tests.support.agent_backends import Host
from tests.support.netns import Namespace
from tests.support.ovs import OpenVSwitch

Row: TypeAlias = Mapping[str, Any]


_SHAPERS = ("sfq", "codel", "fq_codel", "netem")
_SHOWN = {"htb": ("class", "show"), "ingress": ("filter", "show", "parent", "ffff:")}
"""What more there is to see of a qdisc."""


@dataclass(frozen=True)
class System:
    tables: Mapping[str, Mapping[str, Row]]
    """Rows of Open vSwitch's database by table and UUID; empty where there is none."""
    links: Mapping[str, Row]
    """Devices of the host with their addresses, by name, as ip(8) tells them."""
    workload: Mapping[str, Row]
    """Devices of the workload's namespace."""
    vlans: Mapping[str, list[Row]]
    fdb: tuple[Row, ...]
    qdiscs: Mapping[str, Row]
    """What shapes what a device sends."""
    opened: tuple[Mapping[str, str], ...]
    """Options of the tunnels that ovs-vswitchd has opened, as it tells them itself."""
    shaping: Mapping[str, str]
    """The classes of it, and what polices what the device receives, as tc(8) shows them."""

    def row(self, table: str, name: str) -> Row:
        """The row of a table that has names."""
        (found,) = (row for row in self.tables[table].values() if row.get("name") == name)
        return found

    def referred(self, table: str, uuid: str) -> Row:
        return self.tables[table][uuid]

    def remotes(self, key: int, option: str = "remote_ip") -> frozenset[str]:
        """What the tunnels of a VNI say of themselves, in Open vSwitch and in the kernel's FDB."""
        tunnels = self.options_of(key)
        return frozenset(options[option] for options in tunnels if option in options)

    def options_of(self, key: int) -> list[Mapping[str, str]]:
        rows = self.tables["Interface"].values() if self.tables else ()
        return [row["options"] for row in rows if row["options"].get("key") == str(key)]

    def opened_with(self, key: int, option: str) -> frozenset[str]:
        """What the open tunnels of a VNI have of an option; empty for what they have not."""
        return frozenset(each.get(option, "") for each in self.opened if each["key"] == str(key))

    def tunnels_of(self, key: int) -> list[Row]:
        return [r for r in self.tables["Interface"].values() if r["options"].get("key") == str(key)]

    def flooded_to(self, device: str) -> frozenset[str]:
        """Where a vxlan device of the kernel sends what it knows no address for."""
        return frozenset(
            each["dst"]
            for each in self.fdb
            if each["ifname"] == device and each.get("dst") and each["mac"] == "00:00:00:00:00:00"
        )


def look(host: Host) -> System:
    netns = host.netns
    shown: list[Row] = json.loads(netns.sibling("tc", "-j", "qdisc", "show"))
    qdiscs = [each for each in shown if each["kind"] in (*_SHAPERS, *_SHOWN)]
    return System(
        tables={} if host.ovs is None else tables_of(host.ovs),
        links=links_of(netns),
        workload=links_of(host.workload),
        vlans={} if host.ovs else _vlans(netns),
        fdb=tuple(_json(netns, "fdb", "show")),
        qdiscs={each["dev"]: each for each in qdiscs if each.get("root")},
        opened=() if host.ovs is None else tuple(_opened(host.ovs.appctl("dpif/show"))),
        shaping={
            each["dev"]: netns.sibling("tc", *_SHOWN[each["kind"]], "dev", each["dev"])
            for each in qdiscs
            if each["kind"] in _SHOWN
        },
    )


def links_of(netns: Namespace) -> dict[str, Row]:
    return {each["ifname"]: each for each in netns.ip_json("address", "show")}


def _vlans(netns: Namespace) -> dict[str, list[Row]]:
    """Not every kernel can tell."""
    return {each["ifname"]: each["vlans"] for each in _json(netns, "vlan", "show")}


def _json(netns: Namespace, *arguments: str) -> list[Row]:
    return list(json.loads(netns.sibling("bridge", "-d", "-j", *arguments) or "[]"))


def _opened(shown: str) -> Iterator[dict[str, str]]:
    for options in re.findall(r"\(vxlan: (.*key=.*)\)", shown):
        yield dict(each.split("=", 1) for each in options.split(", "))


def tables_of(ovs: OpenVSwitch) -> dict[str, dict[str, Row]]:
    found: dict[str, dict[str, Row]] = {}
    for shown in _values(ovs.dump("--format=json")):
        rows = [
            dict(zip(shown["headings"], map(_plain, row), strict=True)) for row in shown["data"]
        ]
        found[shown["caption"].removesuffix(" table")] = {row["_uuid"]: row for row in rows}
    return found


def _values(text: str) -> Iterator[Any]:
    decoder, at = json.JSONDecoder(), 0
    while (text := text[at:].lstrip()) != "":
        value, at = decoder.raw_decode(text)
        yield value


def _plain(value: Any) -> Any:
    """A value of RFC 7047, 5.1, with sets of one element as that element."""
    match value:
        case ["set", [one]]:
            return _plain(one)
        case ["set", many]:
            return frozenset(map(_plain, many))
        case ["map", pairs]:
            return {_plain(key): _plain(each) for key, each in pairs}
        case ["uuid", uuid]:
            return uuid
        case _:
            return value
