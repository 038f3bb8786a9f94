"""The steps of a host's change of VTEP, which no frame between members is to be lost by. Pure.

Whichever two consecutive steps two members are at, each takes what the other sends.
"""

from __future__ import annotations

import enum

from controller.domain.host_vteps import former_vtep_of
from controller.domain.intent import AddressFamily, HostSpec


class VtepStep(enum.IntEnum):
    """How far a host's change of VTEP has come. Each step waits until all have applied the last."""

    BOTH = 1
    """Members get tunnels of both; the kernel, with one address at a time, uses the former."""
    NEW = 2
    """The kernel uses the new one, and tunnels of both are there still."""
    ALONE = 3
    """The new one is the only one; some may not have heard of that, so the other stays taken."""


def vtep_step_of(host: HostSpec, family: AddressFamily) -> VtepStep | None:
    """Return how far the change of the address has come; None when there is none."""
    former = former_vtep_of(host, family)
    steps = dict(zip(host.former_vteps, host.vtep_steps, strict=True))
    return None if former is None else VtepStep(steps[former])
