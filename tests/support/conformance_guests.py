"""Specimens of guests: one that a hypervisor plugs into h1, and one that moves there from h2."""

from __future__ import annotations

from collections.abc import Iterator

from controller.domain.intent import Kind, PortType
from tests.support.conformance import Shown, Specimen
from tests.support.conformance_bridges import link, port_of
from tests.support.conformance_segments import OVERLAY
from tests.support.conformance_system import System

GUEST, IFACE_ID = "guest", "guest:h1"
"""The device that the hypervisor makes, and what it plugs it under. The model of a fleet takes the
hosts that it is plugged on from the latter."""
_NAME = "p-moving"
_BESIDE = "h1-s-main"
"""A port of the same segment that the agent makes."""


def guests() -> Iterator[Specimen]:
    """Hosts without Open vSwitch have neither: what plugs guests plugs into its bridges."""
    yield plugged(IFACE_ID)
    yield moving("h1")


def plugged(iface_id: str) -> Specimen:
    bound = {"type": PortType.BOUND, "segment": "s-main", "iface_id": iface_id}
    return Specimen(Kind.PORT, GUEST, {"host": None, "interface": "", **bound})


def moving(to: str | None = None) -> Specimen:
    told = {"type": PortType.TAP, "host": "h2", "interface": _NAME, "segment": "s-main"}
    return Specimen(Kind.PORT, _NAME, {**told, "migrating_to": to})


def _in_segment(name: str) -> Shown:
    """Whether a port of the overlay bridge is in the VLAN of its segment, with the MTU of it."""

    def read(system: System) -> object:
        tags = [system.row("Port", each)["tag"] for each in (name, _BESIDE)]
        return tags[0] == tags[1]

    mtu = link(name, "mtu", expected=1300)
    return Shown(read, expected=True).and_also(port_of(OVERLAY, name)).and_also(mtu)


def ovs_shows() -> dict[tuple[Kind, str], dict[str, Shown]]:
    return {
        (Kind.PORT, GUEST): {"iface_id": _in_segment(GUEST)},
        (Kind.PORT, _NAME): {"migrating_to": _in_segment(_NAME)},
    }
