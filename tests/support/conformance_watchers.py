"""Specimens of what shapes and watches traffic: policies, mirrors and exports of flows.

All of it is Open vSwitch's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from controller.domain.definitions import (
    FlowProtocol,
    MirrorTunnelType,
    QosType,
    QueueSpec,
)
from controller.domain.intent import BridgeType, DatapathType, Kind, PortType
from tests.support.conformance import Shown, Specimen
from tests.support.conformance_bridges import column, shaped
from tests.support.conformance_segments import OVERLAY
from tests.support.conformance_system import Row, System

# --- quality of service --------------------------------------------------------------------------

_QUEUE = QueueSpec(
    3,
    min_rate_bps=1_000_000,
    max_rate_bps=2_000_000,
    burst_b=80_000,
    priority=4,
    dscp=10,
)


def _option(policy: str, *path: str, expected: object) -> Shown:
    """What tc(8) says of the device of a policy's port."""

    def read(system: System) -> object:
        found: Any = system.qdiscs[f"q-{policy}"]
        for key in path:
            found = found[key]
        return found

    return Shown(read, expected)


_IN_KERNEL: dict[str, Shown] = {
    "type": _option("htb", "kind", expected="htb"),
    "max_rate_bps": shaped("q-htb", "root", "rate", "10Mbit"),
    "queues.id": shaped("q-htb", "class", "htb", "1:4"),
    "queues.min_rate_bps": shaped("q-htb", "prio", "4", "rate", "1Mbit"),
    "queues.max_rate_bps": shaped("q-htb", "rate", "1Mbit", "ceil", "2Mbit"),
    "queues.burst_b": shaped("q-htb", "burst", "10000b"),
    "queues.priority": shaped("q-htb", "prio", "4"),
    "perturb_s": _option("sfq", "options", "perturb", expected=9),
    "quantum_b": _option("sfq", "options", "quantum", expected=3000),
    "limit": _option("codel", "options", "limit", expected=900),
    "target_us": _option("codel", "options", "target", expected=5999),
    "interval_us": _option("codel", "options", "interval", expected=89_999),
    "flows": _option("fq", "options", "flows", expected=512),
    "latency_us": _option("netem", "options", "delay", "delay", expected=0.001),
    "loss_percent": _option("netem", "options", "loss-random", "loss", expected=0.01),
}
"""What Open vSwitch makes of policies in the kernel, with either datapath. The kernel counts
microseconds in units of its own, and marks of queues are in no qdisc."""


def policies(kind: DatapathType) -> Iterator[Specimen]:
    """With the kernel's datapath, they are looked at in the kernel too, which has all types."""
    for made in _policies():
        also = made.kind is Kind.QOS_POLICY and kind is DatapathType.SYSTEM
        shows = {
            path: shown.and_also(_IN_KERNEL[path]) if also and path in _IN_KERNEL else shown
            for path, shown in made.shows.items()
        }
        yield replace(made, shows=shows)


def _policies() -> Iterator[Specimen]:
    """A policy of each type, and a port that has it."""
    htb = {"max_rate_bps": 10_000_000, "queues": (_QUEUE,)}
    words = {"min_rate_bps": "min-rate", "max_rate_bps": "max-rate", "burst_b": "burst"}
    words["priority"] = "priority"
    queue = {
        f"queues.{name}": Shown(_queue_config("htb", key), str(getattr(_QUEUE, name)))
        for name, key in words.items()
    }
    queue["queues.id"] = Shown(lambda system: set(_qos(system, "htb")["queues"]), {3})
    queue["queues.dscp"] = Shown(lambda system: _queue(system, "htb")["dscp"], 10)
    shows = {"type": Shown(lambda system: _qos(system, "htb")["type"], "linux-htb"), **queue}
    yield from _policy("htb", QosType.HTB, htb, {"max_rate_bps": "max-rate"}, shows)
    sfq = {"perturb_s": 9, "quantum_b": 3000}
    yield from _policy("sfq", QosType.SFQ, sfq, {"perturb_s": "perturb", "quantum_b": "quantum"})
    codel = {"limit": 900, "target_us": 6000, "interval_us": 90_000}
    keys = {"limit": "limit", "target_us": "target", "interval_us": "interval"}
    yield from _policy("codel", QosType.CODEL, codel, keys)
    yield from _policy("fq", QosType.FQ_CODEL, {"flows": 512}, {"flows": "flows"})
    netem = {"latency_us": 1000, "loss_percent": 1}
    keys = {"latency_us": "latency", "loss_percent": "loss"}
    yield from _policy("netem", QosType.NETEM, netem, keys)


def _policy(
    name: str,
    kind: QosType,
    values: dict[str, Any],
    keys: dict[str, str],
    shows: dict[str, Shown] | None = None,
) -> Iterator[Specimen]:
    shown = {path: Shown(_config(name, key), str(values[path])) for path, key in keys.items()}
    carrier = (Kind.PORT, f"q-{name}")
    yield Specimen(
        Kind.QOS_POLICY, name, {"type": kind, **values}, shown | (shows or {}), carrier=carrier
    )
    port = {"host": "h1", "interface": f"q-{name}", "bridge": "c-flat", "type": PortType.TAP}
    port["qos_policy"] = name
    seen = {"qos_policy": Shown(lambda system: _qos(system, "htb")["type"], "linux-htb")}
    yield Specimen(Kind.PORT, f"q-{name}", port, seen if name == "htb" else {})


def _qos(system: System, policy: str) -> Row:
    return system.referred("QoS", system.row("Port", f"q-{policy}")["qos"])


def _config(policy: str, key: str) -> Callable[[System], object]:
    return lambda system: _qos(system, policy)["other_config"][key]


def _queue(system: System, policy: str) -> Row:
    (uuid,) = _qos(system, policy)["queues"].values()
    return system.referred("Queue", uuid)


def _queue_config(policy: str, key: str) -> Callable[[System], object]:
    return lambda system: _queue(system, policy)["other_config"][key]


# --- mirrors -------------------------------------------------------------------------------------


def mirrors(datapath: DatapathType) -> Iterator[Specimen]:
    bridge = {"host": "h1", "interface": "c-mir", "type": BridgeType.OVS, "datapath_type": datapath}
    yield Specimen(Kind.BRIDGE, "c-mir", bridge)
    for name in ("m-in", "m-out", "m-copy"):
        port = {"host": "h1", "interface": name, "bridge": "c-mir", "type": PortType.INTERNAL}
        yield Specimen(Kind.PORT, name, port)
    yield _by_port()
    yield _mirror(
        "m-all",
        {"bridge": "c-mir", "select_all": True, "output_vlan": 99},
        {
            "select_all": column("Mirror", "m-all", "select_all", expected=True),
            "output_vlan": column("Mirror", "m-all", "output_vlan", 99),
        },
    )
    tag = Shown(_vlan_of_segment, expected=True)
    gre = {"tunnel.type": MirrorTunnelType.GRE, "tunnel.remote_ip": "192.0.2.98"}
    told = {"select_segments": ("s-main",), "tunnel.local_ip": "192.0.2.1", "tunnel.key": 5, **gre}
    seen = {
        "select_segments": tag,
        "tunnel.type": Shown(lambda system: _output(system, "m-gre")["type"], "gre"),
        "tunnel.remote_ip": _sent("m-gre", "remote_ip", "192.0.2.98"),
        "tunnel.local_ip": _sent("m-gre", "local_ip", "192.0.2.1"),
        "tunnel.key": _sent("m-gre", "key", "5"),
    }
    yield _mirror("m-gre", told, seen)
    yield from _erspan()


def _mirror(name: str, values: dict[str, Any], shows: dict[str, Shown]) -> Specimen:
    return Specimen(Kind.MIRROR, name, {"host": "h1", **values}, shows)


def _by_port() -> Specimen:
    values = {
        "bridge": "c-mir",
        "select_src_ports": ("m-in",),
        "select_dst_ports": ("m-out",),
        "select_vlans": (7,),
        "output_port": "m-copy",
        "snaplen": 128,
    }
    shows = {
        "host": column("Mirror", "m-port", "name", "m-port"),
        "bridge": Shown(_is_of_bridge, expected=True),
        "select_src_ports": _port_there("select_src_port", "m-in"),
        "select_dst_ports": _port_there("select_dst_port", "m-out"),
        "select_vlans": column("Mirror", "m-port", "select_vlan", 7),
        "output_port": _port_there("output_port", "m-copy"),
        "snaplen": column("Mirror", "m-port", "snaplen", 128),
    }
    return _mirror("m-port", values, shows)


def _erspan() -> Iterator[Specimen]:
    """One of each version, on the bridge of the segments."""
    for name, key, version, values in (
        ("m-one", 6, 1, {"tunnel.erspan_idx": 7}),
        ("m-two", 7, 2, {"tunnel.erspan_dir": 1, "tunnel.erspan_hwid": 3}),
    ):
        fixed = {"tunnel.type": MirrorTunnelType.ERSPAN, "tunnel.remote_ip": "192.0.2.98"}
        told = {"tunnel.key": key, "tunnel.erspan_ver": version, **values}
        shows = {path: _sent(name, path[7:], str(told[path])) for path in values}
        if version == 2:
            shows["tunnel.erspan_ver"] = _sent(name, "erspan_ver", "2")
        yield _mirror(name, {"select_all": True, **fixed, **told}, shows)


def _port_there(of: str, name: str) -> Shown:
    def read(system: System) -> object:
        return system.referred("Port", system.row("Mirror", "m-port")[of])["name"]

    return Shown(read, name)


def _is_of_bridge(system: System) -> object:
    found = system.row("Bridge", "c-mir")["mirrors"]
    return system.row("Mirror", "m-port")["_uuid"] in found


def _vlan_of_segment(system: System) -> object:
    selected = system.row("Mirror", "m-gre")["select_vlan"]
    return selected == system.row("Port", "h1-s-main")["tag"]


def _output(system: System, mirror: str) -> Row:
    port = system.referred("Port", system.row("Mirror", mirror)["output_port"])
    return system.referred("Interface", port["interfaces"])


def _sent(mirror: str, key: str, expected: str) -> Shown:
    return Shown(lambda system: _output(system, mirror)["options"][key], expected)


# --- exports of flows ----------------------------------------------------------------------------


def exports() -> Iterator[Specimen]:
    yield Specimen(
        Kind.HOST_GROUP,
        "here",
        {"selector": "site=here"},
        {"selector": _exported(OVERLAY, "netflow", "targets", "192.0.2.97:2055")},
    )
    yield _export(
        "flows",
        FlowProtocol.NETFLOW,
        {"host_group": "here", "overlay": True, "targets": ("192.0.2.97:2055",)},
        {
            "active_timeout_s": ("active_timeout", 30),
            "engine_id": ("engine_id", 3),
            "engine_type": ("engine_type", 4),
            "add_id_to_interface": ("add_id_to_interface", True),
        },
        {
            "protocol": _exported(OVERLAY, "netflow", "targets", "192.0.2.97:2055"),
            "targets": _exported(OVERLAY, "netflow", "targets", "192.0.2.97:2055"),
            "host_group": _exported(OVERLAY, "netflow", "targets", "192.0.2.97:2055"),
        },
    )
    yield _export(
        "samples",
        FlowProtocol.SFLOW,
        {"overlay": False, "bridge_selector": "role=watched", "targets": ("192.0.2.97:6343",)},
        {
            "sampling": ("sampling", 64),
            "agent": ("agent", "eth0"),
            "header_b": ("header", 64),
            "polling_s": ("polling", 9),
        },
        {
            "overlay": column("Bridge", OVERLAY, "sflow", frozenset()),
            "bridge_selector": _exported("c-flat", "sflow", "targets", "192.0.2.97:6343"),
        },
    )
    yield _export(
        "records",
        FlowProtocol.IPFIX,
        {"targets": ("192.0.2.97:4739",)},
        {
            "obs_domain_id": ("obs_domain_id", 11),
            "obs_point_id": ("obs_point_id", 12),
            "cache_max_flows": ("cache_max_flows", 13),
        },
        {},
    )


def _export(
    name: str,
    protocol: FlowProtocol,
    values: dict[str, Any],
    columns: dict[str, tuple[str, Any]],
    shows: dict[str, Shown],
) -> Specimen:
    bridge = OVERLAY if values.get("overlay", True) else "c-flat"
    told = {path: value for path, (_, value) in columns.items()}
    seen = {
        path: _exported(bridge, str(protocol), of, value) for path, (of, value) in columns.items()
    }
    spec = {"protocol": protocol, **values, **told}
    return Specimen(Kind.FLOW_EXPORT, name, spec, {**seen, **shows})


def _exported(bridge: str, protocol: str, of: str, expected: object) -> Shown:
    """A column of the row that a bridge refers to."""
    table = {"netflow": "NetFlow", "sflow": "sFlow", "ipfix": "IPFIX"}[protocol]

    def read(system: System) -> object:
        return system.referred(table, system.row("Bridge", bridge)[protocol])[of]

    return Shown(read, expected)
