"""Changes by hand to whole rows of Open vSwitch's database and to what rows refer to.

Names are those of the specimens of conformance. Owns nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from agent.model import ID_KEY, OWNER_KEY
from tests.support.agent_backends import Host
from tests.support.conformance_segments import OVERLAY
from tests.support.conformance_system import Row, tables_of
from tests.support.hand_picture import Tables
from tests.support.hand_rows import Deed, uuid_of, vsctl


def whole_deeds(tables: Tables) -> Iterator[Deed]:
    yield from _ports(tables)
    yield from _bridges(tables)
    yield from _mirrors(tables)
    yield from _shaping(tables)
    yield from _exports(tables)


def _ours(tables: Tables, table: str) -> Iterator[Row]:
    return (row for row in tables[table].values() if OWNER_KEY in row["external_ids"])


def _resource(tables: Tables, table: str, name: str) -> str:
    (found,) = (row for row in _ours(tables, table) if row["name"] == name)
    return str(found["external_ids"][ID_KEY])


# --- ports ---------------------------------------------------------------------------------------

_PORTS = (
    *("p-int", "p-set", "p-qinq", "p-tap", "p-near", "p-far", "p-slb", "p-lacp", "q-htb"),
    *("m-in", "m-copy", "h1-s-main", "h1-s-six", "kx5005", "kx5006", "p-moving"),
)
"""One of each type and each carrier, or more."""


def _ports(tables: Tables) -> Iterator[Deed]:
    for name in _PORTS:
        yield _port_gone(tables, name)
    kinds: dict[str, str] = {}
    for row in _ours(tables, "Interface"):
        if row["options"].get("remote_ip"):
            kind = f"{row['external_ids'][ID_KEY].partition(':')[0]} of {row['type']}"
            kinds.setdefault(kind, row["name"])
    for name in kinds.values():
        yield _port_gone(tables, name)
    for name, there, elsewhere in (
        *(("p-qinq", "c-set", "c-flat"), ("h1-s-zone", OVERLAY, "c-flat")),
        *(("m-out", "c-mir", "c-stp"), ("p-lacp", "c-set", "c-stp")),
    ):
        yield _moved(tables, name, there, elsewhere)
    for bond in ("p-slb", "p-lacp"):
        yield _member_gone(tables, bond)


def _port_gone(tables: Tables, name: str) -> Deed:
    resource = _resource(tables, "Port", name)

    def do(host: Host) -> None:
        assert host.ovs is not None
        row = tables_of(host.ovs)["Port"][uuid_of(host, "Port", resource, name)]
        vsctl(host, "del-port", row["name"])

    hits = _of_mirrors(tables) if name.startswith("m") else frozenset[str]()
    return Deed(f"port {name} deleted", resource, do, hits)


def _moved(tables: Tables, name: str, there: str, elsewhere: str) -> Deed:
    resource = _resource(tables, "Port", name)

    def do(host: Host) -> None:
        uuid = uuid_of(host, "Port", resource, name)
        off, on = ("remove", "Bridge", there), ("add", "Bridge", elsewhere)
        vsctl(host, *off, "ports", uuid, "--", *on, "ports", uuid)

    return Deed(f"port {name} moved to {elsewhere}", resource, do)


def _member_gone(tables: Tables, bond: str) -> Deed:
    resource = _resource(tables, "Port", bond)

    def do(host: Host) -> None:
        assert host.ovs is not None
        (row,) = (r for r in tables_of(host.ovs)["Port"].values() if r["name"] == bond)
        vsctl(host, "remove", "Port", bond, "interfaces", min(row["interfaces"]))

    return Deed(f"a member of {bond} taken out", resource, do)


# --- bridges -------------------------------------------------------------------------------------


def _bridges(tables: Tables) -> Iterator[Deed]:
    """All but the one that somebody else's guest is plugged into: only he can plug it again."""
    for name in ("c-spread", "c-stp", "c-rstp", "c-tun", "c-mir", "c-flat", "c-set"):
        resource = _resource(tables, "Bridge", name)
        yield Deed(f"bridge {name} deleted", resource, _del_br(name), _on(tables, name))


def _on(tables: Tables, bridge: str) -> frozenset[str]:
    """Whose rows the row of a bridge leads to."""
    (row,) = (row for row in _ours(tables, "Bridge") if row["name"] == bridge)
    there = _set(row["ports"]) | {
        uuid for c in ("netflow", "sflow", "ipfix", "mirrors") for uuid in _set(row[c])
    }
    found = (table[uuid] for uuid in there for table in tables.values() if uuid in table)
    return frozenset(r["external_ids"].get(ID_KEY, "") for r in found) | _of_mirrors(tables)


def _set(value: Any) -> frozenset[str]:
    return value if isinstance(value, frozenset) else frozenset({value})


def _of_mirrors(tables: Tables) -> frozenset[str]:
    """A port that goes is taken out of what is mirrored."""
    return frozenset(row["external_ids"][ID_KEY] for row in _ours(tables, "Mirror"))


def _del_br(name: str) -> Callable[[Host], None]:
    return lambda host: vsctl(host, "del-br", name)


# --- mirrors, shaping, exports -------------------------------------------------------------------


def _mirrors(tables: Tables) -> Iterator[Deed]:
    for name, bridge in (("m-port", "c-mir"), ("m-gre", OVERLAY), ("m-one", OVERLAY)):
        yield _mirror_gone(tables, name, bridge)
    for column in ("select_src_port", "select_dst_port", "output_port"):
        yield _mirror_column(tables, column, None)
        yield _mirror_column(tables, column, "c-mir")


def _mirror_gone(tables: Tables, name: str, bridge: str) -> Deed:
    resource = _resource(tables, "Mirror", name)

    def do(host: Host) -> None:
        uuid = uuid_of(host, "Mirror", resource, name)
        vsctl(host, "remove", "Bridge", bridge, "mirrors", uuid)

    return Deed(f"mirror {name} deleted", resource, do)


def _mirror_column(tables: Tables, column: str, port: str | None) -> Deed:
    resource = _resource(tables, "Mirror", "m-port")

    def do(host: Host) -> None:
        if port is None:
            vsctl(host, "clear", "Mirror", "m-port", column)
        else:
            found = uuid_of(host, "Port", _resource(tables, "Port", port), port)
            vsctl(host, "set", "Mirror", "m-port", f"{column}={found}")

    what = "emptied" if port is None else "changed"
    told = port is not None
    return Deed(f"Mirror.{column} of m-port {what}", resource, do, is_told=told)


def _shaping(tables: Tables) -> Iterator[Deed]:
    resource = _resource(tables, "Port", "q-htb")

    def no_queue(host: Host) -> None:
        vsctl(host, "remove", "QoS", uuid_of(host, "QoS", resource), "queues", "3")

    def other_queue(host: Host) -> None:
        qos, queue = (uuid_of(host, table, resource) for table in ("QoS", "Queue"))
        at = ("QoS", qos, "queues")
        vsctl(host, "remove", *at, "3", "--", "add", *at, f"4={queue}")

    yield Deed("Port.qos of q-htb emptied", resource, lambda h: vsctl(h, *_no_qos("q-htb")))
    yield Deed("QoS.queues of q-htb emptied", resource, no_queue)
    yield Deed("QoS.queues of q-htb changed", resource, other_queue)


def _no_qos(port: str) -> tuple[str, ...]:
    return ("clear", "Port", port, "qos")


def _clear(*words: str) -> Callable[[Host], None]:
    return lambda host: vsctl(host, *words)


def _exports(tables: Tables) -> Iterator[Deed]:
    for bridge, column, table in (
        *((OVERLAY, "netflow", "NetFlow"), ("c-flat", "sflow", "sFlow")),
        (OVERLAY, "ipfix", "IPFIX"),
    ):
        (row,) = _ours(tables, table)
        resource = row["external_ids"][ID_KEY]
        clear = _clear("clear", "Bridge", bridge, column)
        yield Deed(f"Bridge.{column} of {bridge} emptied", resource, clear)
