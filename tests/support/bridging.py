"""Linux bridges of the in-memory kernel: attributes, VLANs, and what leaving a bridge does to them.

A port forgets all that it was told when it leaves its bridge; VLANs are there from the start and
are seen only while the bridge filters them.
"""

from __future__ import annotations

from dataclasses import replace

from agent.bridge_attributes import BRIDGE, COST, DEFAULT_PVID, FILTERING, PORT, BridgeVlan
from agent.model import Link
from agent.planner.bridge_steps import SetBridgeAttributes, SetBridgePort, SetBridgeVlans


class Bridging:
    """``links`` are the kernel's, by name, and kept true here."""

    def __init__(self, links: dict[str, Link]) -> None:
        self._vlans = {link.ifindex: link.vlans for link in links.values() if link.vlans}

    def set_bridge(self, links: dict[str, Link], step: SetBridgeAttributes) -> None:
        link = links[step.name]
        values = {**link.bridge_attributes, **dict(step.attributes)}
        shown = {name: v for name, v in values.items() if not BRIDGE[name].is_default(v)}
        links[step.name] = replace(link, bridge_attributes=shown)
        for each in tuple(links.values()):
            if each.master == step.name:
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

    def _show(self, links: dict[str, Link], link: Link) -> None:
        bridge = links[link.master].bridge_attributes
        default = bridge.get(DEFAULT_PVID, 1)
        usual = frozenset({BridgeVlan(default, pvid=True, untagged=True)} if default else ())
        vlans = self._vlans.setdefault(link.ifindex, usual)
        seen = vlans if bridge.get(FILTERING) else frozenset()
        links[link.name] = replace(link, vlans=seen)


def is_explicit(link: Link) -> bool:
    return link.kind == "bridge" and ":bridge:" in link.alias
