"""How careful a host's agent is: who mends what others change, and what has to be confirmed.

Words as in ``ovsfleet/v1/state.proto``. Pure; owns nothing.
"""

from __future__ import annotations

import enum

CONFIRM_TIMEOUT_S = 60
"""Seconds until a change that was not confirmed is undone, where a host says nothing else."""
SHORTEST_CONFIRM_TIMEOUT_S, LONGEST_CONFIRM_TIMEOUT_S = 10, 600


class DriftPolicy(enum.StrEnum):
    """What is done about an object that somebody else changed on a host."""

    ENFORCE = "enforce"
    """It is mended at once."""
    REPORT = "report"
    """It is left as it is, and told."""
    IGNORE = "ignore"


class ConfirmPolicy(enum.StrEnum):
    """Which changes of a host are undone unless it reaches its controller afterwards."""

    MANAGEMENT_PATH = "management_path"
    """Those that touch what the controller is reached over."""
    ALWAYS = "always"


class DriftAction(enum.StrEnum):
    """What an agent did about what others changed."""

    ENFORCED = "enforced"
    REPORTED = "reported"
    GAVE_UP = "gave_up"
    """It left it, because somebody changed it back each time."""
