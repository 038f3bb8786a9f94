"""What each setting of a bridge or port becomes in OVSDB: two tables, and the walk over them.

A field of ``controller.domain.settings`` stands either here or in ``IN_MESSAGES``; a test compares
both with the fields that there are, and ``docs/intent-model.md`` with all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from ovsfleet.v1 import state_pb2

from controller.domain.settings import (
    BRIDGE_DEFAULTS,
    PORT_DEFAULTS,
    AdminP2pMac,
    BridgeSettings,
    PortSettings,
    Settings,
)

Value: TypeAlias = bool | int | str


@dataclass(frozen=True, slots=True)
class Target:
    """A column of OVSDB, or one key of a column that is a map of strings."""

    table: str
    column: str
    key: str | None = None
    """None: the whole column, or for a value that is a map each of its keys."""
    encode: Callable[[Any], Value] | None = None

    def __str__(self) -> str:
        return f"{self.table}.{self.column}" + (f":{self.key}" if self.key else "")


_P2P_MAC = {AdminP2pMac.FORCE_FALSE: 0, AdminP2pMac.FORCE_TRUE: 1, AdminP2pMac.AUTO: 2}


def _inverted(value: bool) -> bool:
    return not value


def _bridge(key: str, encode: Callable[[Any], Value] | None = None) -> Target:
    return Target("Bridge", "other_config", key, encode)


def _port(key: str, encode: Callable[[Any], Value] | None = None) -> Target:
    return Target("Port", "other_config", key, encode)


BRIDGE_TARGETS: Mapping[str, Target] = {
    "stp.enabled": Target("Bridge", "stp_enable"),
    "stp.priority": _bridge("stp-priority"),
    "stp.hello_time_s": _bridge("stp-hello-time"),
    "stp.max_age_s": _bridge("stp-max-age"),
    "stp.forward_delay_s": _bridge("stp-forward-delay"),
    "stp.system_id": _bridge("stp-system-id"),
    "rstp.enabled": Target("Bridge", "rstp_enable"),
    "rstp.priority": _bridge("rstp-priority"),
    "rstp.ageing_time_s": _bridge("rstp-ageing-time"),
    "rstp.max_age_s": _bridge("rstp-max-age"),
    "rstp.forward_delay_s": _bridge("rstp-forward-delay"),
    "rstp.transmit_hold_count": _bridge("rstp-transmit-hold-count"),
    "rstp.force_protocol_version": _bridge("rstp-force-protocol-version"),
    "mcast_snooping.enabled": Target("Bridge", "mcast_snooping_enable"),
    "mcast_snooping.table_size": _bridge("mcast-snooping-table-size"),
    "mcast_snooping.aging_time_s": _bridge("mcast-snooping-aging-time"),
    "mcast_snooping.flood_unregistered": _bridge(
        "mcast-snooping-disable-flood-unregistered", _inverted
    ),
    "mac_aging_time_s": _bridge("mac-aging-time"),
    "mac_table_size": _bridge("mac-table-size"),
    "forward_bpdu": _bridge("forward-bpdu"),
    "hwaddr": _bridge("hwaddr"),
    "datapath_id": _bridge("datapath-id"),
    "protocols": Target("Bridge", "protocols"),
}

PORT_TARGETS: Mapping[str, Target] = {
    "cvlans": Target("Port", "cvlans"),
    "qinq_ethtype": _port("qinq-ethtype"),
    "priority_tags": _port("priority-tags"),
    "stp.enabled": _port("stp-enable"),
    "stp.path_cost": _port("stp-path-cost"),
    "stp.priority": _port("stp-port-priority"),
    "stp.port_number": _port("stp-port-num"),
    "rstp.enabled": _port("rstp-enable"),
    "rstp.path_cost": _port("rstp-path-cost"),
    "rstp.priority": _port("rstp-port-priority"),
    "rstp.port_number": _port("rstp-port-num"),
    "rstp.admin_edge": _port("rstp-port-admin-edge"),
    "rstp.auto_edge": _port("rstp-port-auto-edge"),
    "rstp.admin_p2p_mac": _port("rstp-admin-p2p-mac", _P2P_MAC.__getitem__),
    "mcast_snooping.flood": _port("mcast-snooping-flood"),
    "mcast_snooping.flood_reports": _port("mcast-snooping-flood-reports"),
    "protected": Target("Port", "protected"),
    "transient": _port("transient"),
    "bond.mode": Target("Port", "bond_mode"),
    "bond.lacp": Target("Port", "lacp"),
    "bond.updelay_ms": Target("Port", "bond_updelay"),
    "bond.downdelay_ms": Target("Port", "bond_downdelay"),
    "bond.lacp_time": _port("lacp-time"),
    "bond.lacp_fallback_ab": _port("lacp-fallback-ab"),
    "bond.primary": _port("bond-primary"),
    "bond.rebalance_interval_ms": _port("bond-rebalance-interval"),
    "bond.all_members_active": _port("all-members-active"),
    "ingress_policing.rate_kbps": Target("Interface", "ingress_policing_rate"),
    "ingress_policing.burst_kb": Target("Interface", "ingress_policing_burst"),
    "ingress_policing.kpkts_rate": Target("Interface", "ingress_policing_kpkts_rate"),
    "ingress_policing.kpkts_burst": Target("Interface", "ingress_policing_kpkts_burst"),
    "external_ids": Target("Interface", "external_ids"),
}

IN_MESSAGES: Mapping[str, str] = {
    "fail_mode": "Bridge.fail_mode",
    "trunks": "Port.trunks; IFLA_BRIDGE_VLAN_INFO",
    "vlan_mode": "Port.vlan_mode; IFLA_BRIDGE_VLAN_INFO",
    "admin_state": "IFF_UP",
    "tap_owner.uid": "TUNSETOWNER",
    "tap_owner.gid": "TUNSETGROUP",
    "patch.bridge": "Bridge.ports",
    "patch.interface": "Interface.name",
    "patch.tag": "Port.tag",
    "bond.members": "Port.interfaces",
}
"""Settings that have a field of their own in a message of ``state.proto``, and what the agent makes
of them. It gives every bridge the same ``fail_mode`` unasked."""


def bridge_row(settings: BridgeSettings) -> state_pb2.Settings | None:
    return _settings(settings, BRIDGE_TARGETS, "Bridge") if settings != BRIDGE_DEFAULTS else None


def port_row(settings: PortSettings) -> state_pb2.Settings | None:
    return _settings(settings, PORT_TARGETS, "Port") if settings != PORT_DEFAULTS else None


def interface_row(settings: PortSettings) -> state_pb2.Settings | None:
    return _settings(settings, PORT_TARGETS, "Interface") if settings != PORT_DEFAULTS else None


def _settings(
    settings: Settings, targets: Mapping[str, Target], table: str
) -> state_pb2.Settings | None:
    """None when nothing is said of the row."""
    found = state_pb2.Settings()
    for path, target in targets.items():
        if target.table == table:
            _put(found, target, _value(settings, path))
    return found if found.columns or found.maps else None


def _value(settings: Settings, path: str) -> Any:
    value: Any = settings
    for name in path.split("."):
        value = None if value is None else getattr(value, name)
    return value


def _put(found: state_pb2.Settings, target: Target, value: Any) -> None:
    if value is None or value in ((), {}):
        return
    if isinstance(value, Mapping):
        found.maps[target.column].keys.update(value)
    elif target.key is not None:
        encoded = target.encode(value) if target.encode else value
        found.maps[target.column].keys[target.key] = _word(encoded)
    else:
        found.columns[target.column].atoms.extend(atoms(value))


def _word(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def atoms(value: Value | tuple[Value, ...]) -> Iterator[state_pb2.Atom]:
    for atom in value if isinstance(value, tuple) else (value,):
        match atom:
            case bool():
                yield state_pb2.Atom(boolean=atom)
            case int():
                yield state_pb2.Atom(integer=atom)
            case str():
                yield state_pb2.Atom(text=str(atom))
