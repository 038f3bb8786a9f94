"""The steps of a plan that change what Linux bridges and their ports are like.

``agent.netlink`` executes them, and each is a plain value as ``agent.planner.plan`` says. Of what
the kernel refuses the rest is done, and the failure names each attribute that was refused.
``ifindex`` is as in ``SetLink``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from agent.bridge_attributes import BridgeVlan

Values: TypeAlias = tuple[tuple[str, int], ...]
"""Attributes by their names in ``agent.bridge_attributes``."""


@dataclass(frozen=True, slots=True)
class SetBridgeAttributes:
    """Set attributes (IFLA_BR_*) of a Linux bridge of ours; the others stay as they are."""

    resource: str
    name: str
    attributes: Values
    ifindex: int | None = None

    def describe(self) -> str:
        return f"change Linux bridge {self.name}: {_listed(self.attributes)}"


@dataclass(frozen=True, slots=True)
class SetBridgePort:
    """Set attributes (IFLA_BRPORT_*) of a device that is in a Linux bridge."""

    resource: str
    name: str
    attributes: Values
    ifindex: int | None = None

    def describe(self) -> str:
        return f"change bridge port {self.name}: {_listed(self.attributes)}"


@dataclass(frozen=True, slots=True)
class SetBridgeVlans:
    """Have a device be in exactly these VLANs of the Linux bridge that it is in."""

    resource: str
    name: str
    vlans: tuple[BridgeVlan, ...]
    ifindex: int | None = None

    def describe(self) -> str:
        words = ", ".join(map(str, self.vlans[:8])) or "none"
        more = f" and {len(self.vlans) - 8} more" if len(self.vlans) > 8 else ""
        return f"put bridge port {self.name} into VLANs: {words}{more}"


BridgeStep: TypeAlias = SetBridgeAttributes | SetBridgePort | SetBridgeVlans

PartialStep: TypeAlias = SetBridgeAttributes | SetBridgePort
"""Nothing builds upon them: where one fails, what else there is to do for its resource is done."""


def _listed(attributes: Values) -> str:
    return ", ".join(f"{name} {value}" for name, value in attributes)
