"""Which part of intent each resource was last brought to: what is told from drift by it.

Kept as the last state that the host was brought to and, of what was not as intended then, the
older digests: it costs what differs, not what there is. On disk are only the digests of what is
not mended at once and of what failed, with the boot at which that held. Owned by ``agent.drift``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from agent.model import HOST_ID, HostState
from agent.observed import ObservedState
from agent.planner.digests import Digests
from agent.planner.membership import NO_ENTRIES, Entries, moved_entries
from agent.planner.ownership import segment_of
from agent.safety import DriftPolicy

_COUNT = ":"
"""Between the digest of what is left as it was found, and how many grants there were then."""


class Realized:
    def __init__(self) -> None:
        self.is_loaded = False
        self.is_booted = False
        """Whether the host was booted since it was last at peace."""
        self.rows_recover = False
        """Whether rows may be missing that nobody took away."""
        self.devices_recover = True
        """The same of devices: which there were before is not known after a start."""
        self.seen: ObservedState | None = None
        """The host when it was last at peace."""
        self._base: Digests | None = None
        self._older: dict[str, str | None] = {}
        self._moved: dict[str, Entries] = {}
        self._troubled: frozenset[str] = frozenset()
        self._boot = ""
        self._desired: Digests | None = None
        self._observed: ObservedState | None = None

    def load(self, applied: HostState | None, kept: Mapping[str, str]) -> dict[str, int]:
        """Take what was kept, and the state that the host was last brought to, if that is known;
        of what was left alone the number of grants.
        """
        self.is_loaded = True
        self._boot = kept.get(HOST_ID, "")
        told = {r: value.partition(_COUNT) for r, value in kept.items() if r != HOST_ID}
        self._older = {resource: digest for resource, (digest, _, _) in told.items()}
        if applied is not None:
            self._base = Digests(applied)
            self._older.update(dict.fromkeys(_left_alone(applied.safety.drift) - told.keys()))
        return {resource: int(count) for resource, (_, _, count) in told.items() if count}

    def forget(self, resources: Collection[str]) -> None:
        """Nothing is known of what these were brought to."""
        self._older.update(dict.fromkeys(resources))

    def look(self, desired: HostState, observed: ObservedState) -> None:
        """What the next answers are about."""
        if self._desired is None or self._desired.state is not desired:
            before = self._desired or self._base
            if before is not None:
                for segment, moved in moved_entries(before.state, desired).items():
                    self._moved[segment] = self._moved.get(segment, NO_ENTRIES) | moved
            self._desired = Digests(desired)
        if self.seen is None:
            self.is_booted = bool(self._boot and self._boot != observed.boot)
            self.rows_recover = self.rows_recover or self.is_booted
            self.devices_recover = self.rows_recover or not self._boot
        self._observed = observed

    def unchanged(self, resource: str) -> str | None:
        """The digest of what intent says of a resource, if it was once brought to that."""
        if self._desired is None:
            return None
        known = self._known(resource)
        return known if known is not None and known == self._desired.of(resource) else None

    def news(self, segment: str) -> Entries:
        """What changed of its tables on account of other members since it was as desired."""
        return self._moved.get(segment, NO_ENTRIES)

    def unsettled(self) -> frozenset[str]:
        """What was not as desired at the end of the last turn."""
        return frozenset(self._older)

    def fresh(self) -> frozenset[str]:
        """Of that, what was never brought to what is desired of it now."""
        return frozenset(each for each in self._older if self.unchanged(each) is None)

    def is_troubled(self, resource: str) -> bool:
        """Whether it had a failure of its own at the end of the last turn."""
        return resource in self._troubled

    def interrupt(self) -> None:
        self.rows_recover = self.devices_recover = True

    def settle(self, pending: Collection[str], troubled: Collection[str]) -> None:
        """All but ``pending`` is as desired; ``troubled`` recovers when it comes back."""
        if self._desired is None or self._observed is None:
            return
        older = {resource: self._known(resource) for resource in pending}
        self._base, self._older = self._desired, older
        self._moved = {r: moved for r, moved in self._moved.items() if r in older}
        self._troubled = frozenset(troubled)
        self.seen, self._boot = self._observed, self._observed.boot
        self.is_booted = self.rows_recover = self.devices_recover = False

    def kept(
        self, policies: Mapping[str, DriftPolicy], counts: Mapping[str, int]
    ) -> dict[str, str]:
        """What to write down: of the resources that ``policies`` names, and of those that are not
        as the state wants them and never were; their failures are no drift once they end."""
        named = _left_alone(policies)
        tunnels = {each for each in (*self._older, *counts) if segment_of(each) in named}
        told = {resource: self._known(resource) or "" for resource in self._never | named | tunnels}
        told |= {r: f"{told[r]}{_COUNT}{count}" for r, count in counts.items() if r in told}
        return {**told, HOST_ID: self._boot} if self._boot else told

    @property
    def _never(self) -> set[str]:
        """What the last state wants otherwise than it was ever brought to."""
        wanted = self._base
        if wanted is None:
            return set()
        return {each for each, digest in self._older.items() if digest != wanted.of(each)}

    def _known(self, resource: str) -> str | None:
        if resource in self._older:
            return self._older[resource]
        return self._base.of(resource) if self._base is not None else None


def _left_alone(policies: Mapping[str, DriftPolicy]) -> set[str]:
    return {each for each, policy in policies.items() if policy is not DriftPolicy.ENFORCE}
