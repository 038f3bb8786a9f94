"""A port that is on two hosts, as the rules of hosts see it: once on each.

Pure; owns nothing. What is unique over a segment (MAC and IP addresses) is with the first alone, so
that no port clashes with itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from controller.domain.intent import Object, PortSpec, Ref, Spec
from controller.domain.validation.world import Draft


class FarSide(Ref):
    """Names a port on the host that it is migrating to: it reads like the port's own and differs
    from it."""

    __slots__ = ()


def presences(entry: Draft) -> Iterator[Draft]:
    """Yield an entry, and once more on the second host that it is on."""
    yield entry
    spec = entry.spec
    if isinstance(spec, PortSpec) and spec.migrating_to is not None:
        yield replace(
            entry,
            ref=FarSide(entry.ref.kind, entry.ref.project, entry.ref.name),
            spec=_there(spec, spec.migrating_to),
            current=_was_there(entry.current, spec.migrating_to),
        )


def _there(spec: PortSpec, host: str) -> PortSpec:
    return replace(spec, host=host, migrating_to=None, mac=None, mtu=None, addresses=())


def _was_there(current: Object | None, host: str) -> Object | None:
    if current is None or not isinstance(current.spec, PortSpec) or host not in current.spec.hosts:
        return None
    return replace(current, spec=_there(current.spec, host))


def host_field(entry: Draft) -> str:
    """Return the field that puts a port on the host of this entry."""
    return "migrating_to" if isinstance(entry.ref, FarSide) else "host"


def hosts_before(entry: Draft) -> tuple[str, ...]:
    """Return all hosts that an entry's port was on before the change."""
    spec: Spec | None = entry.current.spec if entry.current else None
    return spec.hosts if isinstance(spec, PortSpec) else ()
