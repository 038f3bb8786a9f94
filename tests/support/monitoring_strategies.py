"""Hypothesis strategies for hosts on which ports are shaped, mirrored and exported.

Few names, so that what is referred to is often missing, and two states often differ in little.
"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from agent.columns import Settings
from agent.model import (
    ID_KEY,
    OWNER_KEY,
    Bridge,
    DatapathType,
    HostState,
    Port,
    PortType,
    bridge_id,
    port_id,
)
from agent.monitoring import (
    FlowExport,
    FlowProtocol,
    Mirror,
    MirrorTunnel,
    OvsFlowExport,
    OvsMirror,
    OvsQos,
    OvsQueue,
    Qos,
    Queue,
)
from agent.observed import OvsBridge, OvsInterface, OvsPort
from tests.support.hosts import FLEET, OTHER_FLEET, OVERLAY, OWN_HOST

_BRIDGES = ("br-fleet", "br-a", "br-b")
_PORTS = ("p0", "p1", "p2", "p3")
_QOS = st.sampled_from(
    (
        None,
        Qos("linux-htb", {"max-rate": "1000"}, (Queue(0), Queue(1, 7, {"max-rate": "500"}))),
        Qos("linux-htb", {}, (Queue(1, None, {"max-rate": "400"}), Queue(2))),
        Qos("linux-sfq"),
    )
)
_NAMES = st.frozensets(st.sampled_from(_PORTS), max_size=2)
_TUNNELS = st.builds(
    MirrorTunnel,
    st.sampled_from(("mr0", "mr1")),
    st.sampled_from(("gre", "erspan")),
    st.sampled_from(({"remote_ip": "192.0.2.9"}, {"remote_ip": "192.0.2.9", "key": "7"})),
)
_SETTINGS = {
    FlowProtocol.NETFLOW: (
        Settings({"targets": ("192.0.2.7:9",), "add_id_to_interface": (True,)}),
    ),
    FlowProtocol.SFLOW: (Settings({"targets": ("192.0.2.7:9",), "header": (64,)}),),
    FlowProtocol.IPFIX: (
        Settings({"targets": ("192.0.2.7:9",)}, {"other_config": {"virtual_obs_id": "x"}}),
    ),
}


@st.composite
def monitored_states(draw: st.DrawFn) -> HostState:
    names = draw(st.sets(st.sampled_from(_BRIDGES[1:])))
    bridges = tuple(Bridge(bridge_id(name), name, DatapathType.NETDEV) for name in sorted(names))
    on = ("br-fleet", *sorted(names))
    ports = tuple(
        Port(
            port_id(name),
            name,
            PortType.INTERNAL,
            draw(st.sampled_from(on)),
            tag=draw(st.sampled_from((0, 11))),
            qos=draw(_QOS),
        )
        for name in sorted(draw(st.sets(st.sampled_from(_PORTS))))
    )
    return HostState(
        fleet_uid=FLEET,
        fleet_epoch=1,
        revision=1,
        hash=b"any",
        host_uid=OWN_HOST,
        host_name=OWN_HOST,
        overlay=OVERLAY,
        bridges=bridges,
        ports=ports,
        mirrors=draw(_mirrors(on)),
        flow_exports=draw(_flow_exports(on)),
    )


@st.composite
def _mirrors(draw: st.DrawFn, on: tuple[str, ...]) -> tuple[Mirror, ...]:
    drawn = [draw(_mirror(uid, on)) for uid in sorted(draw(st.sets(st.sampled_from("mn"))))]
    tunnels = [each.tunnel.interface for each in drawn if each.tunnel is not None]
    return tuple(drawn if len(set(tunnels)) == len(tunnels) else drawn[:1])


@st.composite
def _mirror(draw: st.DrawFn, uid: str, on: tuple[str, ...]) -> Mirror:
    mirror = Mirror(
        f"mirror:{uid}",
        draw(st.sampled_from(("m", f"m-{uid}"))),
        draw(st.sampled_from(on)),
        select_all=draw(st.booleans()),
        select_src_ports=draw(_NAMES),
        select_dst_ports=draw(_NAMES),
        select_vlans=draw(st.sampled_from((frozenset[int](), frozenset({11, 12})))),
        snaplen=draw(st.sampled_from((0, 96))),
    )
    if not mirror.select_src_ports | mirror.select_dst_ports and not mirror.select_vlans:
        mirror = replace(mirror, select_all=True)
    output = draw(st.sampled_from(("port", "vlan", "tunnel")))
    if output == "port":
        return replace(mirror, output_port=draw(st.sampled_from(_PORTS)))
    if output == "vlan":
        return replace(mirror, output_vlan=99)
    return replace(mirror, tunnel=draw(_TUNNELS))


@st.composite
def _flow_exports(draw: st.DrawFn, on: tuple[str, ...]) -> tuple[FlowExport, ...]:
    """At most one of each protocol, under one of two ids, so that one often replaces another."""
    protocols = draw(st.lists(st.sampled_from(list(_SETTINGS)), unique=True))
    targets = draw(st.sampled_from(("192.0.2.7:9", "192.0.2.8:9")))
    return tuple(
        FlowExport(
            f"flow-export:{each.value}-{draw(st.sampled_from('xy'))}",
            each,
            tuple(sorted(draw(st.sets(st.sampled_from(on), min_size=1)))),
            replace(
                _SETTINGS[each][0], columns={**_SETTINGS[each][0].columns, "targets": (targets,)}
            ),
        )
        for each in protocols
    )


# --- what others do ------------------------------------------------------------------------------

_THEIRS = st.sampled_from(({}, {"note": "lab"}, {OWNER_KEY: OTHER_FLEET, ID_KEY: "port:9"}))
_THEIR_QOS = _THEIRS.map(
    lambda ids: OvsQos("linux-sfq", {"perturb": "9"}, {4: OvsQueue(3, {}, ids)}, ids)
)
_THEIR_EXPORTS = _THEIRS.map(
    lambda ids: OvsFlowExport(Settings({"targets": ("192.0.2.66:9",)}), ids)
)


@st.composite
def foreign_bridge(draw: st.DrawFn) -> OvsBridge:
    local = OvsPort("br-int", (OvsInterface("br-int", "internal"),))
    vm = OvsPort("vm1", (OvsInterface("vm1", "internal"),), qos=draw(_THEIR_QOS))
    return draw(_meddled(OvsBridge("br-int", (local, vm), "netdev")))


@st.composite
def meddled(draw: st.DrawFn, bridge: OvsBridge) -> OvsBridge:
    """Somebody put rows of his own into a bridge, ours or not."""
    ports = tuple(
        replace(port, qos=draw(_THEIR_QOS))
        if port.qos is None and port.name != bridge.name and draw(st.booleans())
        else port
        for port in bridge.ports
    )
    return draw(_meddled(replace(bridge, ports=ports)))


@st.composite
def _meddled(draw: st.DrawFn, bridge: OvsBridge) -> OvsBridge:
    ids = draw(_THEIRS)
    mirror = OvsMirror("m", select_all=True, output_vlan=77, external_ids=ids)
    exports = dict(bridge.exports)
    for protocol in _SETTINGS:
        if protocol.value not in exports and draw(st.booleans()):
            exports[protocol.value] = draw(_THEIR_EXPORTS)
    mirrors = (*bridge.mirrors, mirror) if draw(st.booleans()) else bridge.mirrors
    return replace(bridge, mirrors=mirrors, exports=exports)
