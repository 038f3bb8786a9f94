"""Which states may take the place of the accepted one at all. Pure."""

from __future__ import annotations

from agent.model import HostState


class RefusedStateError(Exception):
    """A state that must not replace the accepted one; ``reason`` is a stable CamelCase word."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def refuse_unacceptable(accepted: HostState, offered: HostState) -> None:
    """Raise RefusedStateError unless ``offered`` may replace ``accepted``."""
    if offered.fleet_uid != accepted.fleet_uid:
        raise RefusedStateError(
            "ForeignFleet",
            f"the controller speaks for fleet {offered.fleet_uid}, but this host belongs to fleet "
            f"{accepted.fleet_uid}; to move it, stop the agent, empty its state directory and "
            "enrol it again",
        )
    if offered.host_uid != accepted.host_uid:
        raise RefusedStateError(
            "ForeignHost",
            f"the state is for host {offered.host_uid}, this host is {accepted.host_uid}; "
            "to give the machine another identity, empty the state directory and enrol it again",
        )
    if offered.fleet_epoch < accepted.fleet_epoch:
        raise RefusedStateError(
            "StaleEpoch",
            f"the controller is at fleet epoch {offered.fleet_epoch}, this host has seen epoch "
            f"{accepted.fleet_epoch}; an old database answers: stop that controller, or raise its "
            "epoch above the one seen here",
        )
    if offered.fleet_epoch == accepted.fleet_epoch and offered.revision < accepted.revision:
        raise RefusedStateError(
            "StaleRevision",
            f"the controller sent revision {offered.revision}, this host has accepted revision "
            f"{accepted.revision} of the same fleet epoch; after a database restore the fleet "
            "epoch must be raised",
        )
