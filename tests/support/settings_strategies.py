"""Hypothesis strategies for settings of rows: few, so that two of them often name the same."""

from __future__ import annotations

from hypothesis import strategies as st

from agent.columns import NO_SETTINGS, Settings

BRIDGE_SETTINGS = st.sampled_from(
    (
        NO_SETTINGS,
        Settings({"stp_enable": (True,)}, {"other_config": {"stp-priority": "7"}}),
        Settings({"stp_enable": (False,), "fail_mode": ("standalone",)}),
        Settings(
            {"rstp_enable": (True,), "protocols": ("OpenFlow10", "OpenFlow13")},
            {"other_config": {"stp-priority": "8", "mac-aging-time": "60"}},
        ),
        Settings({"protocols": ()}, {"external_ids": {"note": "a"}}),
    )
)
ROW_SETTINGS = st.sampled_from(
    (
        NO_SETTINGS,
        Settings({"cvlans": (3, 4), "protected": (True,)}),
        Settings({"protected": (False,)}, {"other_config": {"stp-path-cost": "5"}}),
        Settings(
            {}, {"other_config": {"stp-path-cost": "6", "x": "y"}, "external_ids": {"n": "1"}}
        ),
    )
)
INTERFACE_SETTINGS = st.sampled_from(
    (
        NO_SETTINGS,
        Settings({"ingress_policing_rate": (1000,), "ingress_policing_burst": (100,)}),
        Settings({"ingress_policing_rate": (0,)}, {"external_ids": {"vm": "7"}}),
        Settings({}, {"bfd": {"enable": "true"}, "external_ids": {"vm": "8"}}),
    )
)
