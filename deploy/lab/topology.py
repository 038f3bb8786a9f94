"""What the lab consists of: names and addresses, all from ranges that are reserved for this.

198.18.0.0/15 is for benchmarks (RFC 2544), 192.0.2.0/24 and 2001:db8::/32 for documentation (RFC
5737, RFC 3849): none is ever routed, so a lab cannot take over an address that the machine uses.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

PREFIX = "ovsf"
"""First word of every namespace and device that the lab makes in the machine's own namespace."""
MANAGEMENT_BRIDGE = f"{PREFIX}-mgmt"
CONTROLLER_ADDRESS = "198.18.77.1"
UNDERLAY_NETNS = f"{PREFIX}-underlay"
UNDERLAY_MTU = 1500

REST_PORT = 18080
SOUTHBOUND_PORT = 19443
ENROLMENT_PORT = 19442


def lab_dir() -> Path:
    """Where the lab keeps its files; outside the checkout, because unix socket paths are short and
    an unprivileged PostgreSQL must be able to reach its folder."""
    return Path(os.environ.get("OVSFLEET_LAB_DIR", "/var/tmp/ovsfleet-lab"))  # noqa: S108


@dataclass(frozen=True, slots=True)
class HostPlan:
    """One lab host; ``index`` counts from 1 and is the last byte of its addresses."""

    index: int
    has_ovs: bool = True

    @property
    def name(self) -> str:
        return f"h{self.index}"

    @property
    def netns(self) -> str:
        return f"{PREFIX}-{self.name}"

    @property
    def vtep(self) -> str:
        return f"192.0.2.{10 + self.index}"

    @property
    def vtep_ipv6(self) -> str:
        return f"2001:db8:77::{10 + self.index}"

    @property
    def management_address(self) -> str:
        return f"198.18.77.{10 + self.index}"

    @property
    def directory(self) -> Path:
        return lab_dir() / self.name

    @property
    def management_link(self) -> str:
        """The machine's end of the host's management link."""
        return f"{PREFIX}-m{self.index}"

    @property
    def underlay_link(self) -> str:
        """The underlay switch's end of the host's underlay link."""
        return f"u{self.index}"


@dataclass(frozen=True, slots=True)
class LabPlan:
    hosts: tuple[HostPlan, ...]

    @property
    def names(self) -> list[str]:
        return [host.name for host in self.hosts]

    @property
    def plain(self) -> tuple[HostPlan, ...]:
        """The hosts without Open vSwitch."""
        return tuple(host for host in self.hosts if not host.has_ovs)


def plan(with_ovs: int = 3, without: int = 1) -> LabPlan:
    return LabPlan(
        tuple(HostPlan(index, index <= with_ovs) for index in range(1, with_ovs + without + 1))
    )
