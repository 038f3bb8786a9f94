"""What is remembered of a change that may have to be undone, and of one that was.

Frozen and made of plain values, because it lies on disk beside the accepted state. Times are
seconds since this boot, counted through suspend (CLOCK_BOOTTIME): they mean the same to every
process until the next boot, whatever is done to the wall clock.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.columns import Release


@dataclass(frozen=True, slots=True)
class Shortfall:
    """Resources with which the host is not as its confirmed state says."""

    missing: frozenset[str] = frozenset()
    """Never made: what they rest on was not there."""
    astray: frozenset[str] = frozenset()
    """There, but otherwise: a change of them failed, or somebody changed them and that is left.
    Nothing says what they would have to go back to."""


NOTHING_SHORT = Shortfall()


@dataclass(frozen=True, slots=True)
class Before:
    """What a host was like when its confirmed state was the accepted one last."""

    there: frozenset[str] = frozenset()
    """Resources that were on the host although the confirmed state has them not."""
    found: frozenset[Release] = frozenset()
    """How the devices of others were that some candidate since set up."""
    adopted: frozenset[str] = frozenset()
    """Resources that some candidate since took over, also where a later one does not any more."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A change that is undone unless the controller confirms in time that it is still reached."""

    boot: str
    """The boot that the times count from; another one ends the trial."""
    began: float
    deadline: float
    touched: tuple[tuple[str, str], ...]
    """Resource, and what of it is done to that by which the controller is reached."""
    kept: frozenset[str] = frozenset()
    """Resources that were on the host before, although no state is known that has them."""
    found: frozenset[Release] = frozenset()
    """How the devices of others were that the change set up."""
    on_path: frozenset[str] = frozenset()
    """Resources of which something was to be done to the way to the controller."""


@dataclass(frozen=True, slots=True)
class Undone:
    """The newest state that was undone: it is not taken again."""

    revision: int
    hash: bytes
    why: str
    """A sentence for people, with the way out."""
    resources: frozenset[str] = frozenset()
    """Those that it desired otherwise than the confirmed state: what is to be done about them is
    the way back, and nobody else's doing."""
    is_settled: bool = False
    """Whether the host was brought back to its confirmed state since."""
