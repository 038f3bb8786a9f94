"""Peer: the same rows by a script over python-ovs's IDL, in a process of its own.

    python -m bench.peers.idl REMOTE BRIDGE < rows.json

Connects, replicates the tables it writes, and only then starts its clock: a daemon would be
connected already. Prints the seconds from the first row to ovs-vswitchd's having acted on them.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import ovs.db.idl
import ovs.poller

_SCHEMA = Path("/usr/share/openvswitch/vswitch.ovsschema")
_COLUMNS = {
    "Open_vSwitch": ["cur_cfg", "next_cfg"],
    "Bridge": ["name", "ports"],
    "Port": ["name", "interfaces", "external_ids"],
    "Interface": ["name", "type", "options", "mtu_request", "external_ids"],
}


def connect(remote: str) -> Any:
    helper = ovs.db.idl.SchemaHelper(location=str(_SCHEMA))
    for table, columns in _COLUMNS.items():
        helper.register_columns(table, columns)
    idl = ovs.db.idl.Idl(remote, helper)
    while not idl.has_ever_connected():
        _turn(idl)
    return idl


def _turn(idl: Any) -> None:
    if not idl.run():
        poller = ovs.poller.Poller()
        idl.wait(poller)
        poller.block()


def add_ports(idl: Any, bridge_name: str, rows: list[dict[str, Any]]) -> None:
    bridge = next(row for row in idl.tables["Bridge"].rows.values() if row.name == bridge_name)
    transaction = ovs.db.idl.Transaction(idl)
    for row in rows:
        marks = {"bench": bridge_name, "bench-id": row["name"]}
        interface = transaction.insert(idl.tables["Interface"])
        interface.name, interface.type = row["name"], row["type"]
        interface.options, interface.external_ids = row["options"], marks
        if row["mtu"]:
            interface.mtu_request = row["mtu"]
        port = transaction.insert(idl.tables["Port"])
        port.name, port.external_ids, port.interfaces = row["name"], marks, [interface]
        bridge.addvalue("ports", port)
    root = next(iter(idl.tables["Open_vSwitch"].rows.values()))
    root.increment("next_cfg")
    status = transaction.commit_block()
    if status != ovs.db.idl.Transaction.SUCCESS:
        raise RuntimeError(f"the transaction ended with {status}: {transaction.get_error()}")
    while root.cur_cfg < transaction.get_increment_new_value():
        _turn(idl)


def main() -> None:
    remote, bridge = sys.argv[1:]
    rows = json.load(sys.stdin)
    idl = connect(remote)
    started = time.monotonic()
    add_ports(idl, bridge, rows)
    print(time.monotonic() - started)


if __name__ == "__main__":
    main()
