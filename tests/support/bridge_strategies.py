"""Hypothesis strategies for explicit Linux bridges and what their ports are told."""

from __future__ import annotations

from typing import TypeAlias

from hypothesis import strategies as st

from agent.bridge_attributes import DEFAULT_PVID, FILTERING
from agent.model import Bridge, BridgeType, DatapathType

Vlans: TypeAlias = tuple[int, frozenset[int], str]
"""Tag, trunks and mode."""

_LINK_ATTRIBUTES = st.fixed_dictionaries(
    {},
    optional={
        "IFLA_BR_AGEING_TIME": st.sampled_from((6001, 30000)),
        "IFLA_BR_HELLO_TIME": st.sampled_from((200, 333)),
        "IFLA_BR_PRIORITY": st.sampled_from((0, 4096)),
        "IFLA_BR_STP_STATE": st.sampled_from((0, 1)),
        FILTERING: st.sampled_from((0, 1)),
        DEFAULT_PVID: st.sampled_from((0, 1, 9)),
    },
)
PORT_ATTRIBUTES = st.fixed_dictionaries(
    {},
    optional={
        "IFLA_BRPORT_ISOLATED": st.sampled_from((0, 1)),
        "IFLA_BRPORT_COST": st.sampled_from((7, 100)),
    },
)
_NO_VLANS: Vlans = (0, frozenset(), "")
_BRIDGE_VLANS = st.sampled_from(
    (
        _NO_VLANS,
        (5, frozenset[int](), ""),
        (0, frozenset({5, 6, 9}), "trunk"),
        (5, frozenset({6}), "native-untagged"),
        (5, frozenset({6}), "native-tagged"),
    )
)


def linux_bridges(resource: str, name: str) -> st.SearchStrategy[Bridge]:
    return st.builds(
        Bridge,
        st.just(resource),
        st.just(name),
        st.just(DatapathType.UNKNOWN),
        type=st.just(BridgeType.LINUX),
        link_attributes=_LINK_ATTRIBUTES,
    )


def vlans_on(bridge: Bridge) -> st.SearchStrategy[Vlans]:
    return _BRIDGE_VLANS if bridge.link_attributes.get(FILTERING) else st.just(_NO_VLANS)
