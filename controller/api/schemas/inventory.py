"""Shapes of what is on a host and not the fleet's, and of what the host can do. Owns nothing."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from controller.api.schemas.base import Answer


class CapabilitiesDocument(Answer):
    """Empty and false as long as the host's agent told nothing."""

    ovs_version: str = ""
    """Empty where there is no Open vSwitch, or it does not run."""
    ovsdb_schema: str = ""
    datapath_types: list[str] = Field(default_factory=list)
    iface_types: list[str] = Field(default_factory=list)
    missing_columns: list[str] = Field(default_factory=list)
    """Columns that intent can set and the host's database does not have, as `Table.column`."""
    dpdk: bool = False
    hw_offload: bool = False
    """As `other_config:hw-offload` asks for it, and not what the cards can do."""
    tc_policy: str = ""
    kernel_release: str = ""
    kernel_features: list[str] = Field(default_factory=list)
    """What the kernel is known to have."""
    state_features: list[str] = Field(default_factory=list)
    """What the host's agent understands of a desired state beyond its first version."""
    session_features: list[str] = Field(default_factory=list)
    """What the host's agent can be asked beyond the first version of the protocol."""
    ipv4: bool = False
    ipv6: bool = False


class ForeignInterfaceDocument(Answer):
    name: str
    type: str
    """As Open vSwitch calls it; empty for a device of the system."""
    iface_id: str
    attached_mac: str
    vm_id: str
    error: str
    remote_ip: str
    """Of a tunnel."""
    bound: bool = False
    """A port of the fleet is bound to it, and its tag is intent's."""


class ForeignPortDocument(Answer):
    name: str
    tag: int
    """0 for none."""
    interfaces: list[ForeignInterfaceDocument]


class ForeignBridgeDocument(Answer):
    name: str
    datapath_type: str
    fail_mode: str
    is_ours: bool
    """The bridge is the fleet's, and only the ports listed here are not."""
    ports: list[ForeignPortDocument]


class ForeignLinkDocument(Answer):
    name: str
    kind: str
    """Empty for a network card."""
    master: str
    mac: str
    mtu: int
    up: bool
    addresses: list[str]


class InventoryDocument(Answer):
    """Lists may be cut short; the totals count everything."""

    received_at: datetime | None
    """None before the host's first inventory."""
    agent_version: str
    capabilities: CapabilitiesDocument
    bridges: list[ForeignBridgeDocument]
    links: list[ForeignLinkDocument]
    """Devices of the host's own namespace that neither the fleet nor Open vSwitch made."""
    bridges_total: int
    ports_total: int
    links_total: int


class PluggedInterfaceDocument(Answer):
    host: str
    bridge: str
    port: str
    interface: str
    attached_mac: str
    vm_id: str
    received_at: datetime
    """When the host told so last."""


class PluggedInterfaceList(Answer):
    items: list[PluggedInterfaceDocument]
