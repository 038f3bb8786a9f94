"""What this host can do, as the controller is told. Owns nothing, decides nothing."""

from __future__ import annotations

import platform
import socket
from collections.abc import Collection

from ovsfleet.v1 import agent_pb2

from agent.columns import SETTABLE
from agent.host import Sighting
from agent.observed import ObservedState
from agent.state_features import SESSION_FEATURES, STATE_FEATURES


def capabilities(sighting: Sighting, kernel_features: Collection[str]) -> agent_pb2.Capabilities:
    switch = sighting.ovsdb
    return agent_pb2.Capabilities(
        ovs_version=switch.ovs_version,
        datapath_types=sorted(switch.datapath_types),
        iface_types=sorted(switch.iface_types),
        kernel_release=platform.release(),
        ipv4=True,
        ipv6=socket.has_ipv6 and sighting.state.ipv6,
        ovsdb_schema=switch.db_version,
        dpdk=switch.dpdk,
        hw_offload=switch.hw_offload,
        tc_policy=switch.tc_policy,
        missing_columns=missing_columns(sighting.state),
        kernel_features=sorted(kernel_features),
        state_features=sorted(STATE_FEATURES),
        session_features=sorted(SESSION_FEATURES),
    )


def missing_columns(observed: ObservedState) -> list[str]:
    return sorted(
        f"{table}.{column}"
        for table, columns in SETTABLE.items()
        for column in columns.keys() - observed.columns.get(table, frozenset())
    )
