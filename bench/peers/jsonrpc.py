"""The floor: the rows of a workload in one transaction over OVSDB's own protocol (RFC 7047)."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Self

from bench.workload import Row

_TIMEOUT_MS = 300_000


class Ovsdb:
    """A blocking connection to an ovsdb-server's unix socket; one request at a time."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(path)
        self._decoder = json.JSONDecoder()
        self._buffer = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def transact(self, operations: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        request = {"method": "transact", "params": ["Open_vSwitch", *operations], "id": 1}
        self._socket.sendall(json.dumps(request).encode())
        while (answer := self._receive()).get("id") != 1:
            # The server asks whether we live; a silent client is cut off.
            echo = {"result": answer["params"], "error": None, "id": answer["id"]}
            self._socket.sendall(json.dumps(echo).encode())
        faults = [item for item in answer["result"] if item and item.get("error")]
        if answer["error"] or faults:
            raise RuntimeError(f"ovsdb-server refused: {answer['error'] or faults[0]}")
        result: list[dict[str, Any]] = answer["result"]
        return result

    def _receive(self) -> dict[str, Any]:
        while True:
            try:
                message, end = self._decoder.raw_decode(self._buffer)
            except json.JSONDecodeError:
                self._buffer += self._socket.recv(1 << 20).decode()
                continue
            self._buffer = self._buffer[end:].lstrip()
            found: dict[str, Any] = message
            return found

    def apply(self, operations: Sequence[dict[str, Any]]) -> None:
        """One transaction, and the wait until ovs-vswitchd has acted on it."""
        bump = {
            "op": "mutate",
            "table": "Open_vSwitch",
            "where": [],
            "mutations": [["next_cfg", "+=", 1]],
        }
        look = {"op": "select", "table": "Open_vSwitch", "where": [], "columns": ["next_cfg"]}
        wanted = self.transact([*operations, bump, look])[-1]["rows"][0]["next_cfg"]
        reached = {
            "op": "wait",
            "timeout": _TIMEOUT_MS,
            "table": "Open_vSwitch",
            "where": [],
            "columns": ["cur_cfg"],
            "until": "==",
            "rows": [{"cur_cfg": wanted}],
        }
        self.transact([reached])

    def broken(self, bridge: str) -> int:
        """How many interfaces of our workload have no port number."""
        condition = [["external_ids", "includes", ["map", [["bench", bridge]]]]]
        look = {
            "op": "select",
            "table": "Interface",
            "where": condition,
            "columns": ["ofport", "error"],
        }
        rows = self.transact([look])[0]["rows"]
        return sum(not isinstance(row["ofport"], int) or row["ofport"] < 1 for row in rows)


def add_bridge(name: str, datapath_type: str) -> list[dict[str, Any]]:
    return [
        *_insert(Row(name, "internal"), name, "local"),
        {
            "op": "insert",
            "table": "Bridge",
            "uuid-name": "bridge",
            "row": {
                "name": name,
                "datapath_type": datapath_type,
                "fail_mode": "standalone",
                "ports": ["named-uuid", "portlocal"],
            },
        },
        {
            "op": "mutate",
            "table": "Open_vSwitch",
            "where": [],
            "mutations": [["bridges", "insert", ["named-uuid", "bridge"]]],
        },
    ]


def add_ports(bridge: str, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Also for a bridge that an earlier operation of the same transaction inserts."""
    inserts = [op for number, row in enumerate(rows) for op in _insert(row, bridge, number)]
    ports = ["set", [["named-uuid", f"port{number}"] for number in range(len(rows))]]
    placed = {
        "op": "mutate",
        "table": "Bridge",
        "where": [["name", "==", bridge]],
        "mutations": [["ports", "insert", ports]],
    }
    return [*inserts, placed]


def delete_bridge(name: str, database: Ovsdb) -> list[dict[str, Any]]:
    find = {
        "op": "select",
        "table": "Bridge",
        "where": [["name", "==", name]],
        "columns": ["_uuid"],
    }
    found = database.transact([find])[0]["rows"]
    if not found:
        return []
    gone = ["bridges", "delete", found[0]["_uuid"]]
    return [{"op": "mutate", "table": "Open_vSwitch", "where": [], "mutations": [gone]}]


def _insert(row: Row, bridge: str, number: int | str) -> Iterator[dict[str, Any]]:
    marks = ["map", [["bench", bridge], ["bench-id", row.name]]]
    interface: dict[str, Any] = {
        "name": row.name,
        "type": row.type,
        "external_ids": marks,
        "options": ["map", sorted(map(list, row.options.items()))],
    }
    if row.mtu:
        interface["mtu_request"] = row.mtu
    yield {
        "op": "insert",
        "table": "Interface",
        "uuid-name": f"interface{number}",
        "row": interface,
    }
    port: dict[str, Any] = {
        "name": row.name,
        "interfaces": ["named-uuid", f"interface{number}"],
        "external_ids": marks,
    }
    if row.tag:
        port |= {"tag": row.tag, "protected": row.type == "vxlan"}
    yield {"op": "insert", "table": "Port", "uuid-name": f"port{number}", "row": port}
