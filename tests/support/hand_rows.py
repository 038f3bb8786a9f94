"""Changes by hand to the rows of Open vSwitch's database: one of each kind that there is to make.

What there is to change is read from the rows that the agent wrote: whatever it set is taken away
and is changed, each column and each key of a map once. Owns nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from agent.model import DEVICE_KEY, ID_KEY, OWNER_KEY
from tests.support.agent_backends import Host
from tests.support.conformance_system import Row, tables_of
from tests.support.hand_picture import TABLES, Tables, columns_of, is_named_anew, refers


@dataclass(frozen=True)
class Deed:
    words: str
    resource: str
    """Whose it is; who changes one thing too often is not mended."""
    do: Callable[[Host], object]
    hits: frozenset[str] = frozenset()
    """Whose it is besides."""
    is_told: bool = True
    """Not, where it may as well have gone by itself, of what it led to or of ovs-vswitchd's."""

    @property
    def resources(self) -> frozenset[str]:
        return self.hits | {self.resource}


def uuid_of(host: Host, table: str, resource: str, name: str = "") -> str:
    assert host.ovs is not None
    return _uuid(tables_of(host.ovs), table, resource, name)


def _uuid(tables: Tables, table: str, resource: str, name: str) -> str:
    for uuid, row in tables[table].items():
        is_its = row["external_ids"].get(ID_KEY) == resource
        if is_its and (is_named_anew(resource) or row.get("name", "") == name):
            return uuid
    raise AssertionError(f"no row of {resource} in {table}")


def vsctl(host: Host, *words: str) -> None:
    assert host.ovs is not None
    host.ovs.vsctl("--no-wait", *words)


# --- columns and keys ----------------------------------------------------------------------------

_MARKS: Final = frozenset({OWNER_KEY, ID_KEY, DEVICE_KEY})
"""A row without its marks is nobody's: that is a conflict and no drift."""
_WITH_TYPE: Final = ("port:", "tunnel:", "mirror:")
"""Whose interfaces have a type that matters: that of a bridge's own one is internal, whatever its
row says (bridge.c of ovs-vswitchd, iface_get_type)."""
_OTHER: Final = {
    "standalone": "secure",
    "balance-slb": "active-backup",
    "active-backup": "balance-slb",
    "native-untagged": "trunk",
    "dot1q-tunnel": "trunk",
    "active": "passive",
    "OpenFlow13": "OpenFlow10",
    "netdev": "system",
    "vxlan": "geneve",
    "gre": "vxlan",
    "erspan": "gre",
    "internal": "tap",
    "patch": "internal",
    "true": "false",
    "false": "true",
}


def other(value: str) -> str:
    """What somebody might write instead."""
    if value.startswith("linux-"):
        return "linux-noop"
    if value in _OTHER:
        return _OTHER[value]
    for pattern, instead in (
        (r"\d{1,4}", lambda found: str(int(found) + 1)),
        (r"([0-9a-f]{2}:){5}[0-9a-f]{2}", lambda found: found[:-2] + "77"),
        (r"[\d.]+\.\d+(:\d+)?", lambda found: ":".join(["192.0.2.77", *found.split(":")[1:]])),
        (r"[0-9a-f:]+::[0-9a-f]+", lambda _: "2001:db8::77"),
    ):
        if re.fullmatch(pattern, value):
            return instead(value)
    return "by-hand"


def column_deeds(tables: Tables) -> Iterator[Deed]:
    """One of each kind, at the first row of which it is true."""
    known: set[tuple[str, ...]] = set()
    for table in TABLES:
        for row in sorted(tables[table].values(), key=lambda r: (_id(r), str(r.get("name")))):
            if OWNER_KEY not in row["external_ids"]:
                continue
            for place in _places(table, row):
                kind = (table, str(row.get("type", "")), *place)
                if kind not in known:
                    known.add(kind)
                    yield from _at(table, row, *place)


def _id(row: Row) -> str:
    return str(row["external_ids"].get(ID_KEY, ""))


def _places(table: str, row: Row) -> Iterator[tuple[str, str]]:
    """Columns and keys that something was written to."""
    for column, kind in columns_of(table).items():
        value = row[column]
        if column == "name" or refers(kind) or value in (frozenset(), "", False, 0):
            continue
        if column == "type" and table == "Interface" and not _id(row).startswith(_WITH_TYPE):
            continue
        if isinstance(value, dict):
            yield from ((column, key) for key in sorted(value) if key not in _MARKS)
        else:
            yield column, ""


def _at(table: str, row: Row, column: str, key: str) -> Iterator[Deed]:
    resource, name = _id(row), str(row.get("name", ""))
    value = row[column][key] if key else row[column]
    place = f"{column}:{key}" if key else column
    where = f"{table}.{place} of {name or resource}"

    def run(*words: str) -> Callable[[Host], object]:
        verb, *rest = words
        return lambda host: vsctl(host, verb, table, uuid_of(host, table, resource, name), *rest)

    if key:
        yield Deed(f"{where} taken away", resource, run("remove", column, key))
    elif _may_be_empty(columns_of(table)[column]):
        yield Deed(f"{where} emptied", resource, run("clear", column))
    yield Deed(f"{where} changed", resource, run("set", f"{place}={_changed(value)}"))


def _may_be_empty(kind: Any) -> bool:
    return isinstance(kind, dict) and kind.get("min", 1) == 0


def _changed(value: Any) -> str:
    if isinstance(value, frozenset):
        value = min(value)
    if isinstance(value, bool):
        return str(not value).lower()
    if isinstance(value, int):
        return str(value + 1)
    instead = other(value)
    return instead if instead in ("true", "false") else f'"{instead}"'
