"""How careful a host's agent is to be, and what operators granted on the host."""

from __future__ import annotations

from ovsfleet.v1 import state_pb2

from controller.domain.host_intent import Grants


def compile_grants(grants: Grants) -> state_pb2.Grants | None:
    """Nothing where nothing was granted, ever: such a host's state keeps the hash that it had."""
    if not grants.count:
        return None
    return state_pb2.Grants(
        count=grants.count,
        forced=sorted(grants.forced),
        adoptions=[
            state_pb2.Adoption(resource=resource, accept_differences=grants.adoptions[resource])
            for resource in sorted(grants.adoptions)
        ],
    )
