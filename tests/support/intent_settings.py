"""Hypothesis strategies for settings of bridges and ports that their rules accept."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from controller.domain.intent import PortSpec, PortType
from controller.domain.linux_bridge import (
    BridgePortSettings,
    LinkLocalGroup,
    LinuxBridgeSettings,
    McastRouter,
    VlanProtocol,
)
from controller.domain.settings import (
    PORT_DEFAULTS,
    AdminP2pMac,
    AdminState,
    BondMode,
    BondSpec,
    BridgeMcastSnooping,
    BridgeRstp,
    BridgeSettings,
    BridgeStp,
    IngressPolicing,
    Lacp,
    LacpTime,
    PatchSpec,
    PortMcastSnooping,
    PortRstp,
    PortSettings,
    PortStp,
    PriorityTags,
    Protocol,
    TapOwner,
    VlanMode,
)

FULL_BRIDGE = BridgeSettings(
    stp=BridgeStp(enabled=True, priority=4096, system_id="02:00:00:00:00:01"),
    rstp=BridgeRstp(enabled=False, priority=4096),
    mcast_snooping=BridgeMcastSnooping(enabled=True, flood_unregistered=False),
    mac_aging_time_s=600,
    protocols=(Protocol.OPENFLOW13,),
)
FULL_PORT = PortSettings(
    priority_tags=PriorityTags.NEVER,
    admin_state=AdminState.DOWN,
    ingress_policing=IngressPolicing(rate_kbps=1000, burst_kb=800),
    stp=PortStp(path_cost=7),
    rstp=PortRstp(admin_p2p_mac=AdminP2pMac.AUTO),
    mcast_snooping=PortMcastSnooping(flood=True),
    protected=True,
    transient=True,
    external_ids={"vm-id": "7"},
    tap_owner=TapOwner(uid=107),
    bond=BondSpec(("eth1", "eth2"), lacp=Lacp.ACTIVE, lacp_time=LacpTime.FAST),
)
"""One of each, where drawing every field would take most of a law's time."""
FULL_LINUX_BRIDGE = BridgeSettings(
    linux=LinuxBridgeSettings(
        vlan_filtering=True,
        vlan_protocol=VlanProtocol.DOT1AD,
        vlan_default_pvid=0,
        stp_state=True,
        forward_delay_s=4,
        max_age_s=6,
        mcast_router=McastRouter.PERMANENT,
        mcast_query_interval_s=60,
        nf_call_iptables=False,
        group_fwd_mask=(LinkLocalGroup.DOT1X, LinkLocalGroup.LLDP),
        group_addr="01:80:c2:00:00:0e",
    )
)
FULL_BRIDGE_PORT = PortSettings(
    trunks=(8, 9),
    vlan_mode=VlanMode.NATIVE_UNTAGGED,
    bridge_port=BridgePortSettings(
        cost=7, hairpin=True, isolated=False, group_fwd_mask=0x0F00, mcast_router=McastRouter.AUTO
    ),
)
"""Of a port with a tag."""

_maybe = st.none() | st.booleans()
_few = st.none() | st.integers(1, 9)


def tame_bridge_settings() -> st.SearchStrategy[BridgeSettings]:
    stp = st.builds(
        BridgeStp,
        enabled=st.sampled_from([None, False]),
        priority=_few,
        hello_time_s=st.sampled_from([None, 1, 2]),
        forward_delay_s=st.sampled_from([None, 16]),
        system_id=st.sampled_from([None, "02:00:00:00:00:01"]),
    )
    rstp = st.builds(
        BridgeRstp,
        enabled=_maybe,
        priority=st.sampled_from([None, 0, 4096]),
        transmit_hold_count=_few,
        force_protocol_version=st.sampled_from([None, 0, 2]),
    )
    snooping = st.builds(
        BridgeMcastSnooping, _maybe, st.none() | st.just(10), flood_unregistered=_maybe
    )
    return st.builds(
        BridgeSettings,
        stp=st.none() | stp,
        rstp=st.none() | rstp,
        mcast_snooping=st.none() | snooping,
        mac_aging_time_s=st.sampled_from([None, 15, 3600]),
        forward_bpdu=_maybe,
        hwaddr=st.sampled_from([None, "02:00:00:00:00:0a"]),
        datapath_id=st.sampled_from([None, "00000000000000ff"]),
        protocols=st.sets(st.sampled_from(Protocol), max_size=2).map(sorted).map(tuple),
    )


def tame_port_settings() -> st.SearchStrategy[PortSettings]:
    """For a port of any type at a bridge; ``fitting`` takes out what a type cannot have."""
    return st.builds(
        PortSettings,
        priority_tags=st.none() | st.sampled_from(PriorityTags),
        admin_state=st.sampled_from(AdminState),
        ingress_policing=st.none()
        | st.builds(IngressPolicing, st.just(1000), st.none() | st.just(80)),
        stp=st.none() | st.builds(PortStp, _maybe, _few, _few, _few),
        rstp=st.none()
        | st.builds(PortRstp, admin_p2p_mac=st.none() | st.sampled_from(AdminP2pMac)),
        mcast_snooping=st.none() | st.builds(PortMcastSnooping, _maybe, _maybe),
        protected=_maybe,
        transient=_maybe,
        external_ids=st.dictionaries(st.sampled_from(["vm-id", "who"]), st.text("ab", max_size=3)),
        tap_owner=st.none() | st.builds(TapOwner, _few, _few),
        bond=_bonds(),
    )


def _bonds() -> st.SearchStrategy[BondSpec]:
    return st.builds(
        BondSpec,
        members=st.sampled_from([("eth1", "eth2"), ("eth2", "eth3"), ("eth4", "eth5", "eth6")]),
        mode=st.sampled_from([None, BondMode.BALANCE_SLB]),
        lacp=st.just(Lacp.ACTIVE),
        updelay_ms=_few,
        lacp_time=st.none() | st.sampled_from(LacpTime),
    )


def fitting(name: str, port: PortSpec, kind: PortType, *, on_segment: bool) -> PortSettings:
    """Leave what a port of a type can have there, and add what it must have."""
    settings = port.settings
    if settings == PORT_DEFAULTS and kind not in (PortType.PATCH, PortType.BOND):
        return settings
    if on_segment:
        settings = replace(settings, stp=None, rstp=None, mcast_snooping=None, protected=None)
    if kind in (PortType.INTERNAL, PortType.BOND):
        settings = replace(settings, stp=None, rstp=None)
    if kind is PortType.PATCH:
        settings = replace(
            settings, admin_state=AdminState.UP, ingress_policing=None, transient=None
        )
    other = "b2" if port.bridge == "b1" else "b1"
    if on_segment:
        other = f"b{(port.host or '')[1:]}"
    return replace(
        settings,
        tap_owner=settings.tap_owner if kind is PortType.TAP else None,
        bond=(settings.bond or BondSpec(("eth1", "eth2"))) if kind is PortType.BOND else None,
        patch=PatchSpec(other, f"far-{name}") if kind is PortType.PATCH else None,
    )
