"""How a port is doing: on its host, on both while it moves, or while it waits to be plugged.

Pure; judged from facts as ``status`` judges other objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from controller.domain.spread_status import tunnel_status
from controller.domain.status import (
    Condition,
    HostFacts,
    Phase,
    Status,
    resource_status,
)


@dataclass(frozen=True, slots=True)
class Binding:
    """What is known of a bound port beyond its hosts."""

    iface_id: str
    refusals: tuple[tuple[str, str], ...] = ()
    """Hosts that it is plugged on and may not be on, each with the reason, by name."""
    plugged: tuple[str, ...] = ()
    """The other hosts that it is plugged on, by name."""


def port_status(revision: int, hosts: Sequence[HostFacts], binding: Binding | None) -> Status:
    found = _placed(revision, hosts) if hosts else _unplugged(binding)
    if binding is None or not binding.refusals:
        return found
    return _refused(found, binding.refusals, is_somewhere=bool(hosts))


def _placed(revision: int, hosts: Sequence[HostFacts]) -> Status:
    """On two hosts it is as on the worse of them."""
    return (
        resource_status(revision, hosts[0]) if len(hosts) == 1 else tunnel_status(revision, hosts)
    )


def _unplugged(binding: Binding | None) -> Status:
    iface_id = binding.iface_id if binding else ""
    if binding and binding.plugged:
        message = (
            f"host {binding.plugged[0]!r} reports an interface with iface-id {iface_id!r}; the port"
            " is written with it within 15 seconds"
        )
        return Status(
            Phase.PENDING, 0, (Condition("Realized", "False", "NotBound", message, None),)
        )
    message = (
        f"no host reports an interface with iface-id {iface_id!r}; it is bound as soon as a"
        " hypervisor plugs one, into the overlay bridge of its host"
    )
    return Status(Phase.PENDING, 0, (Condition("Realized", "False", "NotPlugged", message, None),))


def _refused(found: Status, refusals: Sequence[tuple[str, str]], *, is_somewhere: bool) -> Status:
    """Where it was before it stays as it was, so that it is only in part as intended."""
    host, why = refusals[0]
    message = f"plugged on host {host!r}, where it may not be: {why}"
    condition = Condition("Realized", "False", "BindingRefused", message, None)
    if not is_somewhere:
        return Status(Phase.FAILED, found.observed_revision, (condition,))
    phase = Phase.FAILED if found.phase is Phase.FAILED else Phase.DEGRADED
    return Status(phase, found.observed_revision, (condition,))
