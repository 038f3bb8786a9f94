"""What the database holds, frozen: the only form in which it leaves the OVSDB thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.columns import every_column
from agent.monitoring import Stray
from agent.observed import OvsBridge
from agent.ovsdb.replica import Replica


class OvsdbUnavailableError(Exception):
    """There is no complete replica of the database now; never the same as an empty database."""


@dataclass(frozen=True, slots=True)
class OvsdbSnapshot:
    """``seqno`` grows with every change that the replica has seen.

    ``caught_up``: ovs-vswitchd has acted on every transaction (cur_cfg has reached next_cfg).
    ``has_ovs`` is false only where there is meant to be no Open vSwitch at all.
    """

    bridges: Mapping[str, OvsBridge]
    vswitchd_running: bool
    datapath_types: frozenset[str]
    iface_types: frozenset[str]
    ovs_version: str
    seqno: int
    caught_up: bool = True
    has_ovs: bool = True
    columns: Mapping[str, frozenset[str]] = field(default_factory=every_column)
    strays: frozenset[Stray] = frozenset()
    db_version: str = ""
    dpdk: bool = False
    hw_offload: bool = False
    """As it is asked for (other_config:hw-offload), like ``tc_policy``."""
    tc_policy: str = ""
    vlan_limit: int = 0


def take(replica: Replica, *, vswitchd_running: bool) -> OvsdbSnapshot:
    root = replica.root
    if root is None or not replica.monitoring:
        raise OvsdbUnavailableError(
            f"no connection to ovsdb-server at {replica.session_name()}; is openvswitch running?"
        )
    return OvsdbSnapshot(
        bridges=replica.bridges(),
        vswitchd_running=vswitchd_running,
        datapath_types=frozenset(root.datapath_types),
        iface_types=frozenset(root.iface_types),
        ovs_version=next(iter(root.ovs_version), ""),
        seqno=replica.change_seqno,
        caught_up=root.cur_cfg >= root.next_cfg,
        columns=replica.columns,
        strays=replica.strays(),
        db_version=next(iter(root.db_version), ""),
        dpdk=bool(root.dpdk_initialized),
        hw_offload=root.other_config.get("hw-offload") == "true",
        tc_policy=root.other_config.get("tc-policy", ""),
        vlan_limit=_vlan_limit(root.other_config.get("vlan-limit", "")),
    )


def _vlan_limit(said: str) -> int:
    """Read it as ovs-vswitchd does, which takes what is left out or no number for 1."""
    try:
        return int(said)
    except ValueError:
        return 1
