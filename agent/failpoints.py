"""Deliberate sudden death at a named step, so that fault tests can prove that a crash is harmless.

``OVSFLEET_AGENT_FAILPOINT=<step>`` makes the process kill itself with SIGKILL when it first reaches
that step: exactly what a power cut or the OOM killer does, nothing else. Without the variable
``reached`` does nothing at all. Steps are the words of ``Step``, in the order the loop takes them.
"""

from __future__ import annotations

import os
import signal
from typing import Literal

Step = Literal[
    "before-persist",  # a new state was received and is not on disk yet
    "after-persist",  # it is on disk, nothing was done about it
    "before-trial",  # a change needs a trial that is not on disk yet
    "after-trial",  # the trial is on disk, nothing was done
    "before-netlink",  # before the kernel devices that a stage needs first
    "before-ovsdb",  # before the OVSDB transaction of a stage
    "after-ovsdb",  # committed; devices not yet dressed
    "after-netlink",  # the stage is complete
    "before-applied",  # verified; not yet remembered as applied
    "before-status",  # remembered as applied; the controller not told
    "before-confirm",  # the controller confirmed the change; that is not on disk yet
    "before-revert",  # the deadline is over; the change is on trial still
    "after-revert",  # the confirmed state is the accepted one again; nothing was done about it
]

VARIABLE = "OVSFLEET_AGENT_FAILPOINT"


def reached(step: Step) -> None:
    if os.environ.get(VARIABLE) == step:
        os.kill(os.getpid(), signal.SIGKILL)
