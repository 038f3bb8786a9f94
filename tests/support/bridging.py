"""Linux bridges of the in-memory kernel: attributes, VLANs, and what leaving a bridge does to them.

A port forgets all that it was told when it leaves its bridge; VLANs are there from the start and
are seen only while the bridge filters them. Intervals are counted in ticks of 4 ms. Somewhere
beyond the ports there is a bridge that is the root of the spanning tree for all that take part in
it and have no better priority: these hide their own timers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from agent.bridge_attributes import (
    BRIDGE,
    COST,
    DEFAULT_PVID,
    FILTERING,
    PORT,
    ROOTS_TIMERS,
    BridgeVlan,
)
from agent.observed import Link
from agent.planner.bridge_steps import SetBridgeAttributes, SetBridgePort, SetBridgeVlans

_ROOT_PRIORITY = 0x1000
_TICKS, _HUNDREDTHS = 250, 100


class Bridging:
    """``links`` are the kernel's, by name, and kept true here."""

    def __init__(self, links: dict[str, Link]) -> None:
        self._vlans = {link.ifindex: link.vlans for link in links.values() if link.vlans}
        self._told = {link.ifindex: dict(link.bridge_attributes) for link in links.values()}

    def set_bridge(self, links: dict[str, Link], step: SetBridgeAttributes) -> None:
        link = links[step.name]
        told = self._told.setdefault(link.ifindex, {})
        before = told.get(DEFAULT_PVID, 1)
        told |= {name: _counted(name, value) for name, value in step.attributes}
        follows = bool(told.get("IFLA_BR_STP_STATE")) and _priority(told) >= _ROOT_PRIORITY
        hidden = ROOTS_TIMERS if follows else frozenset[str]()
        shown = {n: v for n, v in told.items() if n not in hidden and not BRIDGE[n].is_default(v)}
        links[step.name] = replace(link, bridge_attributes=shown, hidden=hidden)
        for each in tuple(links.values()):
            if each.master == step.name:
                self._change_usual(each, before, told.get(DEFAULT_PVID, 1))
                self._show(links, each)

    def set_port(self, links: dict[str, Link], step: SetBridgePort) -> None:
        link = links[step.name]
        values = {**link.bridge_port_attributes, **dict(step.attributes)}
        defaults = {name: each.default for name, each in PORT.items()} | {COST: link.own_cost}
        shown = {name: value for name, value in values.items() if value != defaults[name]}
        links[step.name] = replace(link, bridge_port_attributes=shown)

    def set_vlans(self, links: dict[str, Link], step: SetBridgeVlans) -> None:
        link = links[step.name]
        self._vlans[link.ifindex] = frozenset(step.vlans)
        self._show(links, link)

    def moved(self, links: dict[str, Link], name: str) -> None:
        """The device left its bridge, or came into another one."""
        link = links[name]
        self._vlans.pop(link.ifindex, None)
        links[name] = replace(link, bridge_port_attributes={}, vlans=frozenset())
        if link.master and is_explicit(links[link.master]):
            self._show(links, links[name])

    def _change_usual(self, link: Link, before: int, now: int) -> None:
        """Ports that were given other VLANs keep those."""
        if self._vlans.get(link.ifindex) == _usual(before):
            self._vlans[link.ifindex] = _usual(now)

    def _show(self, links: dict[str, Link], link: Link) -> None:
        bridge = links[link.master].bridge_attributes
        vlans = self._vlans.setdefault(link.ifindex, _usual(bridge.get(DEFAULT_PVID, 1)))
        seen = vlans if bridge.get(FILTERING) else frozenset()
        links[link.name] = replace(link, vlans=seen)


def _usual(vid: int) -> frozenset[BridgeVlan]:
    return frozenset({BridgeVlan(vid, pvid=True, untagged=True)} if vid else ())


def _priority(told: Mapping[str, int]) -> int:
    return told.get("IFLA_BR_PRIORITY", 0x8000)


def _counted(name: str, value: int) -> int:
    """In whole ticks, and not less than the least of it."""
    if not BRIDGE[name].slack:
        return value
    ticks = max(value, BRIDGE[name].least) * _TICKS // _HUNDREDTHS
    return ticks * _HUNDREDTHS // _TICKS


def is_explicit(link: Link) -> bool:
    return link.kind == "bridge" and ":bridge:" in link.alias
