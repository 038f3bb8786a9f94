"""How careful the agent is on this host: what it asks to be confirmed, what it does about drift.

Also what operators allowed here beyond what intent says. Frozen and made of plain values; mirrors
``Safety`` and ``Grants`` of ``ovsfleet/v1/state.proto``.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

CHANGE_ID = "change"
"""Names the newest state as a whole in failures: it was undone, or is on trial."""
REMOVALS_ID = "removals"
"""Names in failures what waits for a person before it is taken away."""


class DriftPolicy(enum.Enum):
    """What is done about a resource that somebody else changed."""

    ENFORCE = "enforce"
    REPORT = "report"
    IGNORE = "ignore"


class ConfirmPolicy(enum.Enum):
    """Which changes are undone unless the controller confirms that it is still reached."""

    MANAGEMENT_PATH = "management_path"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Safety:
    confirm: ConfirmPolicy = ConfirmPolicy.MANAGEMENT_PATH
    confirm_timeout_s: int = 60
    """Seconds after which a change that was not confirmed is undone."""
    drift: Mapping[str, DriftPolicy] = field(default_factory=lambda: MappingProxyType({}))
    """By resource id, of what is not ``ENFORCE``; of a segment, for all of its tunnels too."""


@dataclass(frozen=True, slots=True)
class Grants:
    """What operators allowed, by the ids of the failures that asked for it."""

    count: int = 0
    """Raised by each of them."""
    forced: frozenset[str] = frozenset()
    """Resources that may cut the way to the controller although there is no way back."""
    adoptions: Mapping[str, bool] = field(default_factory=lambda: MappingProxyType({}))
    """By resource that may take over what is there under its name, whether also where that differs
    from intent."""
    mended: int = 0
    """How many of them let what was left as it was found be mended again."""
    released: int = 0
    """The fleet revision of the newest that lets the host try again what it undid; 0 for none."""
    removals: frozenset[str] = frozenset()
    """Of what the state removes, what an operator let go of and intent does not name."""
    forced_at: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    adopted_at: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """By resource, the fleet revision at which that was granted."""


DEFAULT_SAFETY = Safety()
NO_GRANTS = Grants()
