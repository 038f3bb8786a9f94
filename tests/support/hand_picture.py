"""All of ovsfleet on a host, as text: what changes by hand undo, and what mending brings back.

Rows by their marks and names instead of by UUID, devices by name. Not told is what comes anew with
a row or a device and was never intended: UUIDs, indices, MAC addresses of the kernel's own making.
Must not use what the agent reads with.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

from agent.model import ALIAS_PREFIX, BOUND_KEY, DEVICE_KEY, ID_KEY, OWNER_KEY
from tests.support import conformance_linux
from tests.support.agent_backends import Host
from tests.support.conformance_system import Row, links_of, tables_of

Tables: TypeAlias = Mapping[str, Mapping[str, Row]]

SCHEMA: Final = Path("/usr/share/openvswitch/vswitch.ovsschema")
TABLES: Final = (
    *("Bridge", "Port", "Interface", "Mirror", "QoS", "Queue"),
    *("NetFlow", "sFlow", "IPFIX"),
)
_NOT_INTENDED: Final = frozenset(
    {"datapath_version", "bond_active_slave", "ofport", "error", "cfm_flap_count", "controller"}
)
"""Columns that the database keeps and ovs-vswitchd writes, or that are somebody else's."""
_BRIDGE_DATA: Final = frozenset(said.key for said in conformance_linux.BRIDGE.values())
_SLAVE_DATA: Final = frozenset(said.key for said in conformance_linux.PORT.values())


@cache
def columns_of(table: str) -> Mapping[str, Any]:
    """Columns with their types in the schema, but for those that nobody intends."""
    found = json.loads(SCHEMA.read_text())["tables"][table]["columns"]
    return {
        name: column["type"]
        for name, column in found.items()
        if not column.get("ephemeral") and name not in _NOT_INTENDED
    }


def refers(kind: Any) -> bool:
    """Whether values of a type of a column lead to other rows."""
    return "refTable" in json.dumps(kind)


def is_ours(row: Row) -> bool:
    return bool({OWNER_KEY, BOUND_KEY} & row.get("external_ids", {}).keys())


def picture(host: Host, macs: frozenset[str]) -> frozenset[str]:
    """A fact on each line; ``macs`` are those that are intended."""
    return frozenset((*_rows(host), *_devices(host, macs), *_entries(host)))


def _rows(host: Host) -> Iterator[str]:
    if host.ovs is None:
        return
    tables = tables_of(host.ovs)
    names = {uuid: _name(row) for table in TABLES for uuid, row in tables[table].items()}
    counts: dict[str, int] = {}
    for table in TABLES:
        for row in tables[table].values():
            if not is_ours(row):
                continue
            who = f"{table} {_name(row)}"
            counts[who] = counts.get(who, 0) + 1
            left_out = {"name"} if is_named_anew(row["external_ids"].get(ID_KEY, "")) else set()
            for column in columns_of(table).keys() - left_out:
                yield f"{who} {counts[who]} {column}={_told(row[column], names)}"


def _name(row: Row) -> str:
    """What it is known by however often it is made: a mark, and a name where it has one."""
    resource = str(row.get("external_ids", {}).get(ID_KEY, ""))
    name = "" if is_named_anew(resource) else row.get("name", "")
    return f"{resource} {name}".strip()


def is_named_anew(resource: str) -> bool:
    """Whether its port has a name of the agent's choice, and another one each time."""
    return resource.startswith("tunnel:")


def _told(value: Any, names: Mapping[str, str]) -> str:
    match value:
        case frozenset():
            return str(sorted(_told(each, names) for each in value))
        case dict():
            kept = (item for item in value.items() if item[0] != DEVICE_KEY)
            return str(sorted((str(key), _told(each, names)) for key, each in kept))
        case str():
            return names.get(value, value)
        case _:
            return str(value)


# --- devices -------------------------------------------------------------------------------------


def _devices(host: Host, macs: frozenset[str]) -> Iterator[str]:
    near = ((n, link) for n, link in links_of(host.netns).items() if _bears_mark(link))
    far = ((n, link) for n, link in links_of(host.workload).items() if n.startswith("e-"))
    for place, found in (("host", near), ("workload", far)):
        for name, link in found:
            yield from (f"{place} {name} {fact}" for fact in _of_device(link, macs))


def _bears_mark(link: Row) -> bool:
    return str(link.get("ifalias", "")).startswith(f"{ALIAS_PREFIX}:")


def _of_device(link: Row, macs: frozenset[str]) -> Iterator[str]:
    info = link.get("linkinfo", {})
    kind, data = info.get("info_kind"), info.get("info_data", {})
    if kind == "bridge":
        data = _only(data, _BRIDGE_DATA.__contains__)
    slave = _only(info.get("info_slave_data", {}), _SLAVE_DATA.__contains__)
    mac = link.get("address") if link.get("address") in macs else "its own"
    for what, value in (
        *(("alias", link.get("ifalias")), ("kind", kind), ("mac", mac), ("mtu", link.get("mtu"))),
        *(("up", "UP" in link.get("flags", ())), ("master", link.get("master"))),
        *(("data", data), ("slave", slave)),
        ("addresses", sorted(_addresses(link))),
    ):
        yield f"{what}={json.dumps(value, sort_keys=True)}"


def _only(found: Mapping[str, Any], wanted: Callable[[str], bool]) -> dict[str, Any]:
    return {key: value for key, value in found.items() if wanted(key)}


def _addresses(link: Row) -> Iterator[str]:
    for each in link.get("addr_info", ()):
        if each.get("scope") == "global":
            yield f"{each['local']}/{each['prefixlen']}"


def _entries(host: Host) -> Iterator[str]:
    """Where vxlan devices of the kernel send to."""
    shown = json.loads(host.netns.sibling("bridge", "-j", "fdb", "show") or "[]")
    for entry in shown:
        if "dst" in entry and entry["ifname"].startswith("kx"):
            yield f"fdb {entry['ifname']} {entry['mac']} {entry['dst']}"
