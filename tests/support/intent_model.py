"""Writes ``docs/intent-model.md`` from the shapes of the API and the compiler's table of settings.

Run ``python -m tests.support.intent_model > docs/intent-model.md``. Owns nothing; what it cannot
derive, what fields outside of settings become on a host, stands here, and a test holds it complete.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from controller.api.schemas import definitions, manifests
from controller.compiler.links import BFD_KEYS
from controller.compiler.linux_bridge import BRIDGE_ATTRIBUTES, PORT_ATTRIBUTES
from controller.compiler.monitoring import EXPORT_COLUMNS, TUNNEL_OPTIONS
from controller.compiler.qos import POLICY_KEYS, QUEUE_KEYS
from controller.compiler.settings import BRIDGE_TARGETS, IN_MESSAGES, PORT_TARGETS
from controller.domain.definitions import FlowProtocol

KINDS: Mapping[str, type[BaseModel]] = {
    "Pool": definitions.PoolSpec,
    "TransportZone": definitions.TransportZoneSpec,
    "HostGroup": definitions.HostGroupSpec,
    "Host": manifests.HostSpec,
    "Bridge": manifests.BridgeSpec,
    "Segment": manifests.SegmentSpec,
    "TunnelProfile": definitions.TunnelProfileSpec,
    "Port": manifests.PortSpec,
    "Tunnel": manifests.TunnelSpec,
    "QosPolicy": definitions.QosPolicySpec,
    "Mirror": definitions.MirrorSpec,
    "FlowExport": definitions.FlowExportSpec,
}
_NOTHING = "nothing on a host"
_DRIFT = "what its agents do about what others change"

PLACES: Mapping[str, Mapping[str, str]] = {
    "Pool": {
        "type": "Segment.vni, or Host.vteps",
        "ranges": "what segments and hosts that name none are given",
        "quarantine_s": _NOTHING,
    },
    "TransportZone": {
        "vni_pool": "Segment.vni of its segments",
        "vtep_pool": "Host.vteps of its hosts",
    },
    "HostGroup": {"selector": _NOTHING},
    "Host": {
        "vteps": "Interface.options:local_ip, options:remote_ip; IFLA_VXLAN_LOCAL, NDA_DST",
        "underlay_mtu": "Interface.mtu_request and IFLA_MTU of ports on segments",
        "datapath_type": "Bridge.datapath_type",
        "overlay_bridge": "Bridge.name",
        "overlay_bridge_type": "Bridge, or one IFLA_INFO_KIND bridge for each segment",
        "zones": _NOTHING,
        "vtep_pool": "as vteps, when these are left out",
        "management_interface": _NOTHING,
        "state": "whether the host is sent changes",
        "overlay_bridge_ready": "Bridge",
        "confirm": "which changes its agent undoes unless they are confirmed",
        "confirm_timeout_s": "when it undoes them",
    },
    "Bridge": {
        "host": _NOTHING,
        "host_group": _NOTHING,
        "interface": "Bridge.name; IFLA_IFNAME",
        "type": "Bridge, or IFLA_INFO_KIND bridge",
        "datapath_type": "Bridge.datapath_type",
        "drift_policy": _DRIFT,
    },
    "Segment": {
        "vni": "Interface.options:key; IFLA_VXLAN_ID",
        "mtu": "Interface.mtu_request and IFLA_MTU of its ports",
        "dst_port": "Interface.options:dst_port; IFLA_VXLAN_PORT",
        "address_family": "which VTEPs its tunnels use",
        "backend": "Interface.type vxlan for each member, or one IFLA_INFO_KIND vxlan",
        "tunnel_profile": "what the profile says, on each of its tunnels",
        "topology": "which members have tunnels, and Port.protected of each",
        "hubs": "which members have tunnels, and Port.protected of each",
        "links.a": "which members have tunnels",
        "links.b": "which members have tunnels",
        "arp_mode": "IFLA_BRPORT_NEIGH_SUPPRESS or IFLA_VXLAN_PROXY, and NDA_DST, NDA_LLADDR",
        "external_vteps": "Interface.options:remote_ip; NDA_DST",
        "subnets": _NOTHING,
        "provider_loop_safe": _NOTHING,
        "zone": _NOTHING,
        "vni_pool": "as vni, when that is left out",
        "drift_policy": _DRIFT,
    },
    "TunnelProfile": {
        "dst_port": "Interface.options:dst_port; IFLA_VXLAN_PORT",
        "ttl": "Interface.options:ttl; IFLA_VXLAN_TTL, IFLA_VXLAN_TTL_INHERIT",
        "tos": "Interface.options:tos; IFLA_VXLAN_TOS",
        "csum": "Interface.options:csum; IFLA_VXLAN_UDP_CSUM, IFLA_VXLAN_UDP_ZERO_CSUM6_TX",
        "df_default": "Interface.options:df_default; IFLA_VXLAN_DF",
        "flow_label": "IFLA_VXLAN_LABEL",
        "gbp": "Interface.options:exts; IFLA_VXLAN_GBP",
        "egress_pkt_mark": "Interface.options:egress_pkt_mark",
        "source_port_min": "IFLA_VXLAN_PORT_RANGE",
        "source_port_max": "IFLA_VXLAN_PORT_RANGE",
        **{
            f"bfd.{field}": f"Interface.bfd:{BFD_KEYS.get(field, field)}"
            for field in definitions.Bfd.model_fields
        },
    },
    "Port": {
        "host": _NOTHING,
        "migrating_to": _NOTHING,
        "iface_id": "which Port others plugged: Interface.external_ids:iface-id",
        "interface": "Port.name, Interface.name; IFLA_IFNAME",
        "type": "Interface.type; IFLA_INFO_KIND",
        "segment": "Bridge.ports and Port.tag, or IFLA_MASTER",
        "bridge": "Bridge.ports; IFLA_MASTER",
        "tag": "Port.tag; IFLA_BRIDGE_VLAN_INFO",
        "mac": "Interface.mac; IFLA_ADDRESS; NDA_LLADDR at other members",
        "mtu": "Interface.mtu_request; IFLA_MTU",
        "addresses": "IFA_LOCAL",
        "peer.netns": "IFLA_NET_NS_FD",
        "peer.interface": "IFLA_IFNAME",
        "qos_policy": "Port.qos",
        "drift_policy": _DRIFT,
    },
    "Tunnel": {
        "ends.host": _NOTHING,
        "ends.bridge": "Bridge.ports",
        "ends.ip": "Interface.options:local_ip, and options:remote_ip at the other end",
        "ends.tag": "Port.tag",
        "key": "Interface.options:key",
        "dst_port": "Interface.options:dst_port",
        "address_family": "which VTEPs its ends use",
        "ttl": "Interface.options:ttl",
        "tos": "Interface.options:tos",
        "csum": "Interface.options:csum",
        "df_default": "Interface.options:df_default",
        "drift_policy": _DRIFT,
    },
}

_EXPORT_FIELDS = sorted({name for fields in EXPORT_COLUMNS.values() for name in fields})
_TABLES = {
    FlowProtocol.NETFLOW: "NetFlow",
    FlowProtocol.SFLOW: "sFlow",
    FlowProtocol.IPFIX: "IPFIX",
}


def _export_columns(field: str) -> str:
    """Name the column of each protocol that has the field."""
    found = [
        f"{_TABLES[protocol]}.{columns[field]}"
        for protocol, columns in EXPORT_COLUMNS.items()
        if field in columns
    ]
    return ", ".join(found)


WATCHERS: Mapping[str, Mapping[str, str]] = {
    "QosPolicy": {
        "type": "QoS.type",
        **{name: f"QoS.other_config:{key}" for name, key in POLICY_KEYS.items()},
        "jitter_us": "nothing: refused, because Open vSwitch 3.1 has none",
        "queues.id": "key of QoS.queues",
        "queues.dscp": "Queue.dscp",
        **{f"queues.{name}": f"Queue.other_config:{key}" for name, key in QUEUE_KEYS.items()},
    },
    "Mirror": {
        "host": _NOTHING,
        "bridge": "Bridge.mirrors",
        "select_all": "Mirror.select_all",
        "select_src_ports": "Mirror.select_src_port",
        "select_dst_ports": "Mirror.select_dst_port",
        "select_vlans": "Mirror.select_vlan",
        "select_segments": "Mirror.select_vlan, as the segment's Port.tag on the host",
        "output_port": "Mirror.output_port",
        "output_vlan": "Mirror.output_vlan",
        "tunnel.type": "Interface.type",
        "tunnel.remote_ip": "Interface.options:remote_ip",
        "tunnel.local_ip": "Interface.options:local_ip",
        **{f"tunnel.{name}": f"Interface.options:{name}" for name in TUNNEL_OPTIONS},
        "snaplen": "Mirror.snaplen",
        "ttl_s": _NOTHING,
        "drift_policy": _DRIFT,
    },
    "FlowExport": {
        "protocol": "table NetFlow, sFlow or IPFIX",
        "host_group": _NOTHING,
        "overlay": "Bridge.netflow, sflow or ipfix",
        "bridge_selector": "Bridge.netflow, sflow or ipfix",
        **{name: _export_columns(name) for name in _EXPORT_FIELDS},
        "drift_policy": _DRIFT,
    },
}

_HEAD = """# The intent model

Every field that an operator can set, with its type, its default and what it becomes on a host: a
column of Open vSwitch's database (`Table.column`, or `Table.column:key` where the column is a map)
or an attribute of the kernel (`IFLA_*`, `IFA_*`, `NDA_*`). Units are in the names. `metadata` is
the same for all kinds: `name`, `project` and `labels`.

A default of *unset* is not compiled: the host keeps what it has. What intent set once and does not
set any more goes back to the default of Open vSwitch or of the kernel.

This page is written by `python -m tests.support.intent_model`, and a test holds it against the
code.
"""


def leaves(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Yield every field that is no group of further fields, by its path."""
    for name, field in model.model_fields.items():
        group = _group(field.annotation)
        if group is None:
            yield prefix + name, field
        else:
            yield from leaves(group, f"{prefix}{name}.")


def _group(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_group(each) for each in get_args(annotation))
    return next((group for group in found if group is not None), None)


def becomes(kind: str, path: str) -> str:
    """Say where a field ends up. KeyError for a field that nothing is made of."""
    targets = {"Bridge": BRIDGE_TARGETS, "Port": PORT_TARGETS}.get(kind, {})
    attributes = {"Bridge": BRIDGE_ATTRIBUTES, "Port": PORT_ATTRIBUTES}.get(kind, {})
    places = {**PLACES, **WATCHERS}[kind]
    if path in places:
        return places[path]
    if path in attributes:
        return str(attributes[path])
    return str(targets[path]) if path in targets else IN_MESSAGES[path]


def render() -> str:
    return _HEAD + "".join(_section(kind, model) for kind, model in KINDS.items())


def _section(kind: str, model: type[BaseModel]) -> str:
    rows = "".join(
        f"| `{path}` | {_type(field.annotation)} | {_default(field)} | {becomes(kind, path)} |"
        f" {_meaning(field)} |\n"
        for path, field in leaves(model)
    )
    return (
        f"\n## {kind}\n\n| field | type | default | becomes | meaning |\n"
        f"|---|---|---|---|---|\n{rows}"
    )


def _type(annotation: Any) -> str:
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{word}`" for word in inside)
    if origin in (Union, UnionType):
        return " or ".join(_type(each) for each in inside if each is not NoneType)
    if origin is list:
        return f"list of {_type(inside[0])}"
    if origin is dict:
        return "mapping of texts"
    if inside:
        return _type(inside[0])
    return {int: "integer", bool: "boolean", str: "text"}[annotation]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    return "*unset*" if value is None or value in ([], {}) else f"`{value}`"


def _meaning(field: FieldInfo) -> str:
    return " ".join((field.description or "").replace("``", "`").split())


if __name__ == "__main__":
    sys.stdout.write(render())
