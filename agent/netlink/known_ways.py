"""The ways to the controller as they were last, also while the kernel knows none.

Kept on disk, because a host may look at itself after a boot before any route is set, and has to
know then which devices lead there. But a boot may have changed that: what was seen in another one
is remembered and not relied upon; when the controller is reached for a while without it, it is
forgotten. Owns that file.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import structlog

from agent.disk import replace_file
from agent.netlink.routes import Ways
from agent.observed import SOMEWHERE, Way

log = structlog.get_logger(__name__)

FILE_NAME = "controller-ways.json"
FORGOTTEN_AFTER_S = 300.0
"""Of a session without it, a way that only the last boot had is not waited for any more: longer
than hosts take to get all of their addresses and routes.
"""


class KnownWays:
    """In ``directory``, if there is one to write to; ``boot`` is the id of this boot, ``reached_s``
    for how long the controller has been reached."""

    def __init__(
        self,
        directory: Path | None = None,
        boot: str = "",
        *,
        is_read_only: bool = False,
        reached_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._path = None if directory is None else directory / FILE_NAME
        self._boot = boot
        self._is_read_only = is_read_only
        self._reached_s = reached_s
        self._ways, self._seen = _load(self._path, boot)

    def see(self, destinations: frozenset[str], seen: Ways) -> None:
        """Those to ``destinations`` that the kernel knows now; others are forgotten."""
        before = self._ways, self._seen
        self._ways = {**self.to(destinations), **seen}
        self._seen = (self._seen & destinations) | frozenset(seen)
        if seen and SOMEWHERE not in destinations and self._reached_s() > FORGOTTEN_AFTER_S:
            # The kernel knows no way there, and so the session goes over one that it knows.
            self._ways = {end: way for end, way in self._ways.items() if end in self._seen}
        if (self._ways, self._seen) != before and not self._is_read_only:
            self._keep()

    def to(self, destinations: frozenset[str]) -> Ways:
        return {end: way for end, way in self._ways.items() if end in destinations}

    def is_sure_of(self, destinations: frozenset[str]) -> bool:
        """Whether ways were seen in this boot: one at least, and all that there were before.

        An address of IPv6 is nothing to wait for on a host that has none of its own.
        """
        if not destinations:
            return True
        is_any = bool(destinations & self._seen) and SOMEWHERE not in destinations
        return is_any and self._ways.keys() & destinations <= self._seen

    def _keep(self) -> None:
        if self._path is None:
            return
        ways = [dataclasses.asdict(self._ways[end]) for end in sorted(self._ways)]
        document = {"boot": self._boot, "seen": sorted(self._seen), "ways": ways}
        try:
            replace_file(self._path, json.dumps(document).encode())
        except OSError as error:
            log.warning("the ways to the controller are not kept", why=str(error))


def _load(path: Path | None, boot: str) -> tuple[Ways, frozenset[str]]:
    if path is None:
        return {}, frozenset()
    try:
        document = json.loads(path.read_bytes())
        ways = {each["destination"]: Way(**each) for each in document["ways"]}
        seen, is_this_boot = frozenset(document["seen"]), document["boot"] == boot
    except (OSError, ValueError, TypeError, KeyError):
        return {}, frozenset()  # never written, or torn: the kernel tells
    if is_this_boot:
        return ways, seen
    return {end: way for end, way in ways.items() if end in seen}, frozenset()
