"""Whether hosts have what intent says, by their own tools and by nothing that ovsfleet tells."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from deploy.lab.lab import Lab
from deploy.lab.shell import run
from deploy.lab.topology import HostPlan
from tests.support.fault_foreign import Row, dump, is_owned
from tests.support.fault_history import Json, Key

Tunnel = tuple[int, str]
"""VNI and the far VTEP."""


def violations(lab: Lab, stored: Mapping[Key, Json]) -> list[str]:
    """Rows and devices that are there twice, that lack, or that nobody intends."""
    found: list[str] = []
    for host in lab.plan.hosts:
        devices, tunnels = wanted(lab, host, stored)
        if host.has_ovs:
            found += _of_open_vswitch(host.name, dump(lab.switches[host.name]), devices, tunnels)
        else:
            found += _of_kernel(host, devices, tunnels)
    return found


def wanted(
    lab: Lab, host: HostPlan, stored: Mapping[Key, Json]
) -> tuple[set[str], Counter[Tunnel]]:
    """Devices of ports, and tunnels, that a host is to have."""
    ports = [spec for (kind, _), spec in stored.items() if kind == "Port"]
    devices = {spec["interface"] for spec in ports if spec["host"] == host.name}
    tunnels: Counter[Tunnel] = Counter()
    for (kind, name), spec in stored.items():
        members = {port["host"] for port in ports if port["segment"] == name}
        if kind == "Segment" and host.name in members:
            far = [lab.host(member).vtep for member in members - {host.name}]
            tunnels.update((spec["vni"], vtep) for vtep in (*far, *spec["external_vteps"]))
    return devices, tunnels


def _compare(
    where: str, what: str, found: Iterable[Any], intended: Counter[Any] | set[str]
) -> Iterator[str]:
    there, meant = Counter(found), Counter(intended)
    if too_many := there - meant:
        yield f"{where}: {what} that nobody intends, or twice: {sorted(too_many)}"
    if lacking := meant - there:
        yield f"{where}: {what} that lack: {sorted(lacking)}"


def _of_open_vswitch(
    name: str, tables: Mapping[str, list[Row]], devices: set[str], tunnels: Counter[Tunnel]
) -> list[str]:
    rows = [row for row in tables["Interface"] if is_owned(row)]
    bridges = {row["name"] for row in tables["Bridge"]}
    ends = [_tunnel(row) for row in rows if row["type"] == "vxlan"]
    others = [row["name"] for row in rows if row["type"] != "vxlan" and row["name"] not in bridges]
    marks = Counter(json.dumps(row["external_ids"]) for row in tables["Port"] if is_owned(row))
    return [
        *_compare(name, "tunnels", ends, tunnels),
        *_compare(name, "interfaces", others, devices),
        *(f"{name}: {mark} is on {count} ports" for mark, count in marks.items() if count > 1),
        *(f"{name}: {row['name']}: {row['error']}" for row in rows if row["error"] != ["set", []]),
    ]


def _tunnel(row: Row) -> Tunnel:
    options = dict(row["options"][1])
    return int(options["key"]), options["remote_ip"]


def _of_kernel(host: HostPlan, devices: set[str], tunnels: Counter[Tunnel]) -> list[str]:
    links = json.loads(run("ip", "-n", host.netns, "-json", "-details", "link", "show"))
    ours = [link for link in links if str(link.get("ifalias", "")).startswith("ovsfleet:")]
    vnis = {
        link["ifname"]: link["linkinfo"]["info_data"]["id"]
        for link in ours
        if link.get("linkinfo", {}).get("info_kind") == "vxlan"
    }
    entries = json.loads(run("bridge", "-n", host.netns, "-json", "fdb", "show"))
    ends = [
        (vnis[entry["ifname"]], entry["dst"])
        for entry in entries
        if entry["ifname"] in vnis and entry["mac"] == "00:00:00:00:00:00" and "dst" in entry
    ]
    veths = {link["ifname"] for link in ours if link["linkinfo"]["info_kind"] == "veth"}
    return [
        *_compare(host.name, "tunnels", ends, tunnels),
        *_compare(host.name, "devices", veths, devices),
    ]
