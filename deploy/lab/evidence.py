"""What the system itself says: OVSDB rows and journal, kernel links, netlink events.

The proofs compare these before and after, read with Open vSwitch's and the kernel's own tools.
"""

from __future__ import annotations

import itertools
import json
import select
import signal
import subprocess
from typing import Any

from deploy.lab.ovs import FOREIGN_BRIDGE, LabSwitch
from deploy.lab.shell import in_netns, probe, run, wait_until
from deploy.lab.topology import HostPlan

OWNER_MARK = "ovsfleet-owner"
ALIAS_MARK = "ovsfleet:"
_FOREIGN_BRIDGES = {FOREIGN_BRIDGE, "br-phy"}
_FOREIGN_LINKS = {
    *("lo", "mgmt0", "under0", "br-phy", FOREIGN_BRIDGE, "foreign0", "br-other", "vx-other"),
}
_COUNTERS = {"statistics", "status", "rstp_status", "rstp_statistics"}
"""Columns that ovs-vswitchd rewrites by itself every few seconds."""


def _rows(switch: LabSwitch, table: str) -> list[dict[str, Any]]:
    printed = json.loads(run("ovs-vsctl", f"--db={switch.remote}", "-f", "json", "list", table))
    return [dict(zip(printed["headings"], row, strict=True)) for row in printed["data"]]


def _uuids(value: list[Any]) -> set[str]:
    """The UUIDs in a column that holds one, or a set of them (RFC 7047, 5.1)."""
    return {value[1]} if value[0] == "uuid" else {item[1] for item in value[1]}


def foreign_rows(switch: LabSwitch) -> str:
    """Every bridge, port and interface that is not ovsfleet's, with its UUID, as canonical text."""
    bridges = [row for row in _rows(switch, "Bridge") if row["name"] in _FOREIGN_BRIDGES]
    port_ids = set().union(*(_uuids(row["ports"]) for row in bridges))
    ports = [row for row in _rows(switch, "Port") if row["_uuid"][1] in port_ids]
    interface_ids = set().union(*(_uuids(row["interfaces"]) for row in ports))
    interfaces = [row for row in _rows(switch, "Interface") if row["_uuid"][1] in interface_ids]
    kept = [
        {column: value for column, value in row.items() if column not in _COUNTERS}
        for row in (*bridges, *ports, *interfaces)
    ]
    return json.dumps(sorted(kept, key=json.dumps), sort_keys=True)


def owned_rows(switch: LabSwitch) -> list[str]:
    """Names of the bridges, ports and interfaces that carry ovsfleet's mark."""
    return [
        f"{table} {row['name']}"
        for table in ("Bridge", "Port", "Interface")
        for row in _rows(switch, table)
        if OWNER_MARK in json.dumps(row["external_ids"])
    ]


def owned_links(host: HostPlan) -> list[str]:
    """Kernel devices in the host's namespace that carry ovsfleet's alias."""
    links = json.loads(in_netns(host.netns, "ip", "-json", "link", "show"))
    return [link["ifname"] for link in links if str(link.get("ifalias", "")).startswith(ALIAS_MARK)]


def foreign_links(host: HostPlan) -> str:
    """The other devices with their addresses, and their forwarding entries that are no devices' own
    MAC, as canonical text without counters."""
    links = json.loads(in_netns(host.netns, "ip", "-json", "address", "show"))
    rest = [
        link
        for link in links
        if not str(link.get("ifalias", "")).startswith(ALIAS_MARK)
        and link["ifname"] in _FOREIGN_LINKS
    ]
    fdb = json.loads(in_netns(host.netns, "bridge", "-json", "fdb", "show"))
    entries = [entry for entry in fdb if entry["ifname"] in _FOREIGN_LINKS and "dst" in entry]
    return json.dumps([rest, entries], sort_keys=True)


def transactions(switch: LabSwitch) -> int:
    """Number of transactions in the database's journal (ovsdb-tool(1) show-log)."""
    journal = run("ovsdb-tool", "show-log", switch.directory / "conf.db")
    return sum(line.startswith("record ") for line in journal.splitlines())


class NetlinkEvents:
    """ip-monitor(8) for links and addresses inside some namespaces."""

    def __init__(self, namespaces: list[str]) -> None:
        self._children = [
            probe(f"ip -n {netns} -oneline monitor link address", stdout=subprocess.PIPE)
            for netns in namespaces
        ]
        for netns, child in zip(namespaces, self._children, strict=True):
            self._wait_until_listening(netns, child)

    def _wait_until_listening(self, netns: str, child: subprocess.Popen[str]) -> None:
        """Changes the loopback's alias until the monitor tells of it."""
        marks = (f"listening-{number}" for number in itertools.count())

        assert child.stdout is not None  # noqa: S101
        told = child.stdout

        def heard() -> bool:
            run("ip", "-n", netns, "link", "set", "lo", "alias", next(marks))
            return bool(select.select([told], [], [], 0.1)[0])

        wait_until(f"ip monitor in {netns}", heard, 10)
        run("ip", "-n", netns, "link", "set", "lo", "alias", "")

    def finish(self) -> list[str]:
        """Stops listening; one line for each change of another device than the loopback."""
        lines: list[str] = []
        for child in self._children:
            child.send_signal(signal.SIGTERM)
            lines += child.communicate(timeout=5)[0].splitlines()
        return [line for line in lines if ": lo:" not in line]
