"""The columns of ovs-vswitchd.conf.db(5) that the agent replicates, and nothing more.

The replica's cost is that of what it holds: statistics and status columns, which change every few
seconds, are not here. The excerpt is kept as code so that the replica can be made before any
database answers; a column that the database turns out not to have is not asked for.
"""

from __future__ import annotations

from typing import Any, Final

from agent.columns import SETTABLE, ColumnType
from agent.monitoring import EXPORT_TABLES

DATABASE: Final = "Open_vSwitch"

_Json = dict[str, Any]

_STRING: Final[_Json] = {"type": "string"}
_BOOLEAN: Final[_Json] = {"type": "boolean"}
_INTEGER: Final[_Json] = {"type": "integer"}
_STRING_MAP: Final[_Json] = {
    "type": {"key": "string", "value": "string", "min": 0, "max": "unlimited"}
}


def _optional(key: str) -> _Json:
    return {"type": {"key": key, "min": 0, "max": 1}}


def _set_of(key: str) -> _Json:
    return {"type": {"key": key, "min": 0, "max": "unlimited"}}


def _references(table: str) -> _Json:
    return {"type": {"key": _to(table), "min": 0, "max": "unlimited"}}


def _reference(table: str) -> _Json:
    return {"type": {"key": _to(table), "min": 0, "max": 1}}


def _to(table: str) -> _Json:
    return {"type": "uuid", "refTable": table}


_TYPES: Final[dict[ColumnType, _Json]] = {
    ColumnType.BOOLEAN: _BOOLEAN,
    ColumnType.INTEGER: _INTEGER,
    ColumnType.OPTIONAL_INTEGER: _optional("integer"),
    ColumnType.TEXT: _optional("string"),
    ColumnType.INTEGERS: _set_of("integer"),
    ColumnType.TEXTS: _set_of("string"),
    ColumnType.MAP: _STRING_MAP,
}


def _settable(table: str) -> _Json:
    return {name: _TYPES[kind] for name, kind in SETTABLE[table].items()}


TABLES: Final[dict[str, _Json]] = {
    "Open_vSwitch": {
        "bridges": _references("Bridge"),
        "next_cfg": _INTEGER,
        "cur_cfg": _INTEGER,
        "ovs_version": _optional("string"),
        "db_version": _optional("string"),
        "dpdk_initialized": _BOOLEAN,
        "other_config": _STRING_MAP,
        "datapath_types": _set_of("string"),
        "iface_types": _set_of("string"),
    },
    "Bridge": {
        **_settable("Bridge"),
        "name": _STRING,
        "ports": _references("Port"),
        "datapath_type": _STRING,
        "fail_mode": _optional("string"),
        "external_ids": _STRING_MAP,
        "mirrors": _references("Mirror"),
        **{table.lower(): _reference(table) for table in EXPORT_TABLES},
    },
    "Port": {
        **_settable("Port"),
        "name": _STRING,
        "interfaces": _references("Interface"),
        "tag": _optional("integer"),
        "trunks": _set_of("integer"),
        "vlan_mode": _optional("string"),
        "protected": _BOOLEAN,
        "external_ids": _STRING_MAP,
        "qos": _reference("QoS"),
    },
    "Interface": {
        **_settable("Interface"),
        "name": _STRING,
        "type": _STRING,
        "options": _STRING_MAP,
        "mac": _optional("string"),
        "mtu_request": _optional("integer"),
        "external_ids": _STRING_MAP,
        "ofport": _optional("integer"),
        "error": _optional("string"),
    },
    "QoS": {
        "type": _STRING,
        "queues": {"type": {"key": "integer", "value": _to("Queue"), "min": 0, "max": "unlimited"}},
        "other_config": _STRING_MAP,
        "external_ids": _STRING_MAP,
    },
    "Queue": {
        "dscp": _optional("integer"),
        "other_config": _STRING_MAP,
        "external_ids": _STRING_MAP,
    },
    "Mirror": {
        "name": _STRING,
        "select_all": _BOOLEAN,
        "select_src_port": _references("Port"),
        "select_dst_port": _references("Port"),
        "select_vlan": _set_of("integer"),
        "output_port": _reference("Port"),
        "output_vlan": _optional("integer"),
        "snaplen": _optional("integer"),
        "external_ids": _STRING_MAP,
    },
    **{table: _settable(table) for table in EXPORT_TABLES},
}


ROOTS: Final = frozenset({"Open_vSwitch", "QoS", "Queue"})
"""Tables whose rows stay when nothing refers to them; of these alone python-ovs deletes any."""


def excerpt() -> _Json:
    """The schema as an OVSDB <database-schema> (RFC 7047, 3.2)."""
    tables = {
        name: {"columns": columns, "isRoot": name in ROOTS} for name, columns in TABLES.items()
    }
    return {"name": DATABASE, "version": "8.0.0", "tables": tables}


def columns_of(schema: _Json) -> dict[str, frozenset[str]]:
    """The columns that a database of ``schema`` has, by table."""
    return {name: frozenset(table["columns"]) for name, table in schema["tables"].items()}
