"""On which of the hosts that bound ports are plugged on the rules allow them to be.

Owns nothing; asks the rules by ``plan`` alone. Ports of one change are tried all together, so that
the number of plans depends on how many hosts one port is plugged on, and not on how many ports.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from controller.domain.errors import DomainError, Violation
from controller.domain.intent import Manifest, Object, PortSpec, PortType, Ref
from controller.domain.validation.binding import Plugged

_MOST_TRIED = 8
"""Hosts of one port that are tried alone; on more than two at once is a mistake anyhow."""

Planned = TypeVar("Planned")
Plan: TypeAlias = Callable[[Plugged], Planned]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A host that a port is plugged on and may not be on."""

    iface_id: str
    host: str
    pointer: str
    why: Violation

    @property
    def text(self) -> str:
        return f"{self.why.detail}; {self.why.fix}" if self.why.fix else self.why.detail

    @property
    def warning(self) -> Violation:
        detail = f"plugged on host {self.host!r}, where it may not be: {self.why.detail}"
        return Violation(f"{self.pointer}/spec/iface_id", "binding_refused", detail, self.why.fix)


def place(
    plan: Plan[Planned],
    error: DomainError | None,
    manifests: Iterable[Manifest],
    current: Mapping[Ref, Object],
    plugged: Plugged,
) -> tuple[Planned, tuple[Refusal, ...]]:
    """Plan without the hosts that are to blame for the ``error`` of the plan with all of them
    (None: it is not planned yet).

    Raises the error that is left when it is not for where bound ports are plugged."""
    ports = [*_seekers(manifests, current, plugged)]
    while True:
        if error is not None:
            _blame(error, ports)
        try:
            planned = plan({**plugged, **{port.iface_id: port.asked for port in ports}})
        except DomainError as another:
            error = another
            continue
        error = None
        still_seeking = [port for port in ports if port.accept()]
        if not still_seeking:
            return planned, tuple(refusal for port in ports for refusal in port.refusals)


class _Stage(enum.Enum):
    TOGETHER = enum.auto()
    ALONE = enum.auto()
    DECIDED = enum.auto()


class _Seeker:
    """A port that looks for its hosts: on all as they are, else on each alone, at last on those
    that let it be there alone."""

    def __init__(self, manifest: Manifest, iface_id: str, hosts: Sequence[str]) -> None:
        self.pointer = manifest.pointer
        self.iface_id = iface_id
        self.asked = tuple(hosts)
        self.refusals: list[Refusal] = []
        self._stage = _Stage.TOGETHER
        self._left = list(hosts[:_MOST_TRIED])
        self._good: list[str] = []

    def is_at(self, pointer: str) -> bool:
        return pointer == self.pointer or pointer.startswith(f"{self.pointer}/")

    def refuse(self, why: Violation) -> None:
        """Ask for something else than what was refused."""
        if self._stage is _Stage.TOGETHER and len(self.asked) > 1:
            self._stage = _Stage.ALONE
            self._ask_next()
            return
        # Two that may be alone and not together: the first stays.
        kept, out = self.asked[: len(self.asked) - 1], self.asked[-1]
        self.refusals.append(Refusal(self.iface_id, out, self.pointer, why))
        if self._stage is _Stage.ALONE:
            self._ask_next()
        else:
            self._stage, self.asked = _Stage.DECIDED, kept

    def accept(self) -> bool:
        """Tell whether it asks for something else after what was accepted."""
        if self._stage is not _Stage.ALONE:
            return False
        before = self.asked
        self._good += before
        self._ask_next()
        return self.asked != before

    def _ask_next(self) -> None:
        if self._left and len(self._good) < 2:
            self.asked = (self._left.pop(0),)
        else:
            self._stage, self.asked = _Stage.DECIDED, tuple(self._good)


def _seekers(
    manifests: Iterable[Manifest], current: Mapping[Ref, Object], plugged: Plugged
) -> Iterable[_Seeker]:
    for manifest in manifests:
        spec = manifest.spec
        if not isinstance(spec, PortSpec) or spec.type is not PortType.BOUND or not spec.iface_id:
            continue
        if there := plugged.get(spec.iface_id):
            found = current.get(manifest.ref)
            before = found.spec.hosts if found and isinstance(found.spec, PortSpec) else ()
            known = [host for host in before if host in there]
            rest = sorted(set(there).difference(known))
            yield _Seeker(manifest, spec.iface_id, [*known, *rest])


def _blame(error: DomainError, ports: Sequence[_Seeker]) -> None:
    """Refuse the hosts of the ports that an error names, or of the only one that there is."""
    asking = [port for port in ports if port.asked]
    blamed = {
        id(port): (port, violation)
        for violation in reversed(error.violations)
        for port in asking
        if port.is_at(violation.pointer)
    }
    if not blamed and len(asking) == 1 and error.violations:
        blamed = {0: (asking[0], error.violations[0])}
    if not blamed:
        raise error
    for port, violation in blamed.values():
        port.refuse(violation)
