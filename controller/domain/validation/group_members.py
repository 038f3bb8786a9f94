"""Who is in a HostGroup: of the hosts that are loaded, those whose labels its selector matches.

Pure; owns nothing but what it has found out already.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from controller.domain.definitions import HostGroupSpec
from controller.domain.errors import InvalidError
from controller.domain.intent import BridgeSpec, HostSpec, Lifecycle
from controller.domain.label_selectors import Selector, parse_selector
from controller.domain.validation.world import Draft


class GroupMembers:
    """The groups and hosts among some entries, as they are at one time."""

    def __init__(self, entries: Iterable[Draft]) -> None:
        self._labels: dict[str, Mapping[str, str]] = {}
        self._selectors: dict[str, Selector | None] = {}
        for entry in entries:
            if isinstance(entry.spec, HostSpec) and entry.spec.state is not Lifecycle.REMOVED:
                self._labels[entry.ref.name] = entry.labels
            elif isinstance(entry.spec, HostGroupSpec):
                self._selectors[entry.ref.name] = readable(entry.spec.selector)
        self._members: dict[str, frozenset[str]] = {}

    def of(self, group: str) -> frozenset[str]:
        """Name the hosts of a group; none of one that is not loaded or cannot be read."""
        if group not in self._members:
            self._members[group] = frozenset(self._matching(self._selectors.get(group)))
        return self._members[group]

    def _matching(self, selector: Selector | None) -> Iterator[str]:
        if selector is not None:
            yield from (name for name, has in self._labels.items() if selector.matches(has))

    def has(self, bridge: BridgeSpec, host: str | None) -> bool:
        """Tell whether a bridge is on a host."""
        if bridge.host_group is None:
            return bridge.host is not None and bridge.host == host
        return host in self.of(bridge.host_group)

    def hosts_of(self, bridge: BridgeSpec) -> frozenset[str]:
        """Name the hosts that a bridge is on; of a group, those that are loaded."""
        if bridge.host_group is not None:
            return self.of(bridge.host_group)
        return frozenset() if bridge.host is None else frozenset({bridge.host})


def readable(selector: str) -> Selector | None:
    """Return None for what is no selector, and for an empty one: the group itself is at fault."""
    try:
        found = parse_selector(selector)
    except InvalidError:
        return None
    return found if found.requirements else None
