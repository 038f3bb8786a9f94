"""What on a host is not ovsfleet's, as canonical text: rows, devices, forwarding entries, qdiscs.

Whatever bears no mark of ovsfleet is somebody else's. Of rows the columns count that the database
keeps (those that the schema calls ephemeral are ovs-vswitchd's, and counters). Owns nothing.
"""

from __future__ import annotations

import difflib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from deploy.lab.evidence import ALIAS_MARK, OWNER_MARK
from deploy.lab.lab import Lab
from deploy.lab.ovs import LabSwitch
from deploy.lab.shell import ip_batch, run

Row: TypeAlias = dict[str, Any]
Tables: TypeAlias = dict[str, list[Row]]

_SCHEMA = Path("/usr/share/openvswitch/vswitch.ovsschema")
_NUMBERS_OF_TRANSACTIONS = {"next_cfg", "cur_cfg"}
_VOLATILE_OF_ADDRESSES = {"valid_life_time", "preferred_life_time", "tentative"}
_VOLATILE_OF_LINKS = {"operstate", "stats", "stats64", "promiscuity", "allmulti"}
_TIMERS_OF_BRIDGES = {"gc_timer", "hello_timer", "tcn_timer", "topology_change_timer"}


@cache
def _kept_columns() -> Mapping[str, frozenset[str]]:
    tables = json.loads(_SCHEMA.read_text())["tables"]
    return {
        table: frozenset(n for n, column in it["columns"].items() if not column.get("ephemeral"))
        for table, it in tables.items()
    }


class Switch(Protocol):
    @property
    def remote(self) -> str: ...


def dump(switch: Switch) -> Tables:
    """Every row of the database, by table, as ovsdb-client(1) prints it."""
    printed = run("ovsdb-client", "--format=json", "dump", switch.remote, "Open_vSwitch")
    tables: Tables = {}
    for line in printed.splitlines():
        document = json.loads(line)
        name = document["caption"].removesuffix(" table")
        rows = (dict(zip(document["headings"], row, strict=True)) for row in document["data"])
        tables[name] = list(rows)
    return tables


def is_owned(row: Row) -> bool:
    return OWNER_MARK in json.dumps(row.get("external_ids", []))


def foreign_rows(tables: Tables) -> Tables:
    ours = {row["_uuid"][1] for rows in tables.values() for row in rows if is_owned(row)}
    return {
        table: sorted((_kept(table, row, ours) for row in rows if not is_owned(row)), key=_text)
        for table, rows in tables.items()
    }


def _kept(table: str, row: Row, ours: set[str]) -> Row:
    names = {"_uuid"} | _kept_columns()[table]
    if table == "Open_vSwitch":
        names -= _NUMBERS_OF_TRANSACTIONS
    return {name: _without(value, ours) for name, value in sorted(row.items()) if name in names}


def _without(value: Any, ours: set[str]) -> Any:
    """A set of references, without those to rows of ours."""
    match value:
        case ["uuid", uuid] if uuid in ours:
            return ["set", []]
        case ["set", [["uuid", _], *_] as members]:
            left = sorted(uuid for _, uuid in members if uuid not in ours)
            return left[0] if len(left) == 1 else ["set", left]
        case ["uuid", uuid]:
            return uuid
        case _:
            return value


def owned_names(tables: Tables) -> list[str]:
    """Names of our interfaces; one that is there twice is told twice."""
    return sorted(row["name"] for row in tables["Interface"] if is_owned(row))


def foreign_kernel(netns: str, ours: Iterable[str]) -> Row:
    """Devices with addresses, forwarding entries that are no devices' own, and qdiscs."""
    where = ("-n", netns, "-json")
    links = json.loads(run("ip", *where, "-details", "address", "show"))
    left_out = {*ours, *(link["ifname"] for link in links if _is_ours(link))}
    entries = json.loads(run("bridge", *where, "fdb", "show") or "[]")
    qdiscs = json.loads(run("tc", *where, "qdisc", "show") or "[]")
    return {
        "links": [_link(link) for link in links if link["ifname"] not in left_out],
        "fdb": [e for e in entries if "dst" in e and e["ifname"] not in left_out],
        "qdiscs": [q for q in qdiscs if q.get("dev") not in left_out],
    }


def _is_ours(link: Row) -> bool:
    return str(link.get("ifalias", "")).startswith(ALIAS_MARK)


def _link(link: Row) -> Row:
    addresses = [
        {name: value for name, value in address.items() if name not in _VOLATILE_OF_ADDRESSES}
        for address in link.get("addr_info", [])
    ]
    rest = {name: value for name, value in link.items() if name not in _VOLATILE_OF_LINKS}
    kind = dict(rest.get("linkinfo", {}))
    data = kind.get("info_data", {})
    kind["info_data"] = {n: value for n, value in data.items() if n not in _TIMERS_OF_BRIDGES}
    slave = kind.get("info_slave_data", {})
    kind["info_slave_data"] = {n: value for n, value in slave.items() if not n.endswith("_timer")}
    return rest | {"addr_info": addresses, "linkinfo": kind}


def snapshot(lab: Lab, name: str) -> str:
    """All that is foreign on a host, a fact on each line."""
    return facts(lab.switches.get(name), lab.host(name).netns)


def facts(switch: Switch | None, netns: str) -> str:
    tables = {} if switch is None else dump(switch)
    ours = owned_names(tables) if tables else []
    found = foreign_rows(tables) | {"kernel": foreign_kernel(netns, ours)}
    return "\n".join(_lines(found))


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    for table, rows in sorted(found.items()):
        if isinstance(rows, dict):
            yield from _lines(rows)
            continue
        for row in rows:
            name = row.get("name") or row.get("ifname") or row.get("mac") or row.get("dev") or ""
            yield from (f"{table} {name} {fact}" for fact in _facts(row))


def _facts(value: Any, path: str = "") -> Iterator[str]:
    """The leaves of a document, so that a difference says what differs and no more."""
    if isinstance(value, dict):
        for name in sorted(value):
            yield from _facts(value[name], f"{path}.{name}" if path else name)
    else:
        yield f"{path}={_text(value)}"


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def differences(before: str, after: str) -> list[str]:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


# --- what a boot takes ---------------------------------------------------------------------------

_NUMBERED_ANEW = re.compile(
    r"(?:Interface \S+ ofport|links \S+ (?:ifindex|link_index|link_netnsid)|qdiscs \S+ handle)="
)
"""Facts that are numbers in the order in which things were made."""
_NAMED_ANEW: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "row"),
    (re.compile(r"(?<=^links )(.*?)[0-9a-f]{4}\.(?:[0-9a-f]{1,2}:){5}[0-9a-f]{1,2}"), r"\1bridge"),
    (re.compile(r"(?<=^links )(.*?)(?:[0-9a-f]{2}:){5}[0-9a-f]{2}"), r"\1mac"),
    (re.compile(r"(?<=^links )(.*?)\bfe80::[0-9a-f:]+"), r"\1link-local"),
)
"""In a new database rows have other UUIDs; devices that are made anew have other MACs by chance,
and link-local addresses and ids of bridges made of those. A forwarding entry's MAC is its own."""


def differences_but_for_a_boot(before: str, after: str) -> list[str]:
    """Facts that came or went and that no boot of a host gives or takes."""
    was, is_now = Counter(_facts_but_for_a_boot(before)), Counter(_facts_but_for_a_boot(after))
    gone, come = was - is_now, is_now - was
    return [*(f"-{each}" for each in gone.elements()), *(f"+{each}" for each in come.elements())]


def _facts_but_for_a_boot(facts: str) -> Iterator[str]:
    for line in facts.splitlines():
        if _NUMBERED_ANEW.match(line):
            continue
        for pattern, name in _NAMED_ANEW:
            line = _replaced(pattern, name, line)  # noqa: PLW2901
        yield line


def _replaced(pattern: re.Pattern[str], name: str, line: str) -> str:
    while (after := pattern.sub(name, line)) != line:
        line = after
    return line


# --- what others have on the hosts of the lab ----------------------------------------------------

BY_OTHERS = """
add-br br-others -- set bridge br-others datapath_type={kind} fail_mode=secure
 other_config:forward-bpdu=true external_ids:owner=somebody-else
 -- add-port br-others others0 tag=7 -- set interface others0 type=internal
 ingress_policing_rate=100000 external_ids:iface-id=vm-of-others
 -- add-port br-others others1 trunks=5,6 -- set interface others1 type=internal
 -- --id=@q create queue other_config:max-rate=5000000
 -- --id=@qos create qos type=linux-htb queues:0=@q -- set port others1 qos=@qos
 -- --id=@p get port others0 -- --id=@m create mirror name=of-others select_all=true output_port=@p
 -- set bridge br-others mirrors=@m
"""
_DEVICES_BY_OTHERS = (
    "link add lx-others type bridge",
    "link add vo0 type veth peer name vo1",
    "link set vo0 master lx-others up",
    "link set vo1 up",
    "link add vx-others type vxlan id 4711 local 192.0.2.250 dstport 4790 nolearning",
    "link set vx-others master lx-others up",
    "link set lx-others up",
    "address add 203.0.113.7/24 dev lx-others",
)
_ENTRY_BY_OTHERS = ("02:00:00:00:47:11", "dev", "vx-others", "dst", "192.0.2.251")
_QDISC_BY_OTHERS = ("qdisc", "add", "dev", "vo1", "root", "pfifo", "limit", "77")


def add_foreign(lab: Lab) -> None:
    """What another tool would leave on each host: bridges, ports, devices, entries, a qdisc."""
    for switch in lab.switches.values():
        add_foreign_rows(switch)
    for host in lab.plan.hosts:
        add_foreign_devices(host.netns)


def add_foreign_rows(switch: LabSwitch) -> None:
    switch.vsctl_line(BY_OTHERS.format(kind=switch.datapath_type))


def add_foreign_devices(netns: str) -> None:
    ip_batch(list(_DEVICES_BY_OTHERS), netns)
    run("bridge", "-n", netns, "fdb", "append", *_ENTRY_BY_OTHERS)
    run("tc", "-n", netns, *_QDISC_BY_OTHERS)


def remove_foreign(lab: Lab) -> None:
    for switch in lab.switches.values():
        # The database refuses to delete what a row refers to, though that row goes as well.
        switch.vsctl_line("clear port others1 qos -- del-br br-others")
        switch.vsctl_line("--all destroy qos -- --all destroy queue")
    for host in lab.plan.hosts:
        for device in ("lx-others", "vo0", "vx-others"):
            run("ip", "-n", host.netns, "link", "delete", device, check=False)
