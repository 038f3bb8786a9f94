"""Between ``Safety`` and ``Grants`` on the wire and their frozen counterparts.

What is at its default is not on the wire at all, so that a host without any of it has the hash that
it always had. An unknown policy of a newer controller is taken for the most careful one.
"""

from __future__ import annotations

from ovsfleet.v1 import state_pb2

from agent.safety import DEFAULT_SAFETY, NO_GRANTS, ConfirmPolicy, DriftPolicy, Grants, Safety

_CONFIRM = {
    ConfirmPolicy.MANAGEMENT_PATH: state_pb2.CONFIRM_POLICY_MANAGEMENT_PATH,
    ConfirmPolicy.ALWAYS: state_pb2.CONFIRM_POLICY_ALWAYS,
}
_CONFIRM_BACK = {
    state_pb2.CONFIRM_POLICY_UNSPECIFIED: ConfirmPolicy.MANAGEMENT_PATH,
    **{number: policy for policy, number in _CONFIRM.items()},
}
_DRIFT = {
    DriftPolicy.ENFORCE: state_pb2.DRIFT_POLICY_ENFORCE,
    DriftPolicy.REPORT: state_pb2.DRIFT_POLICY_REPORT,
    DriftPolicy.IGNORE: state_pb2.DRIFT_POLICY_IGNORE,
}
_DRIFT_BACK = {
    state_pb2.DRIFT_POLICY_UNSPECIFIED: DriftPolicy.ENFORCE,
    **{number: policy for policy, number in _DRIFT.items()},
}


def decode_safety(host: state_pb2.HostPart) -> Safety:
    if not host.HasField("safety"):
        return DEFAULT_SAFETY
    message = host.safety
    return Safety(
        confirm=_CONFIRM_BACK.get(message.confirm, ConfirmPolicy.ALWAYS),
        confirm_timeout_s=message.confirm_timeout_s or DEFAULT_SAFETY.confirm_timeout_s,
        drift={
            resource: _DRIFT_BACK.get(policy, DriftPolicy.REPORT)
            for resource, policy in sorted(message.drift.items())
        },
    )


def encode_safety(safety: Safety) -> state_pb2.Safety | None:
    if safety == DEFAULT_SAFETY:
        return None
    return state_pb2.Safety(
        confirm=_CONFIRM[safety.confirm],
        confirm_timeout_s=safety.confirm_timeout_s,
        drift={resource: _DRIFT[policy] for resource, policy in safety.drift.items()},
    )


def decode_grants(host: state_pb2.HostPart) -> Grants:
    if not host.HasField("grants"):
        return NO_GRANTS
    message = host.grants
    return Grants(
        count=message.count,
        mended=message.mended,
        forced=frozenset(message.forced),
        adoptions={each.resource: each.accept_differences for each in message.adoptions},
        released=message.released,
        removals=frozenset(message.removals),
        forced_at=dict(message.forced_at),
        adopted_at={a.resource: a.granted_at for a in message.adoptions if a.granted_at},
    )


def encode_grants(grants: Grants) -> state_pb2.Grants | None:
    if grants == NO_GRANTS:
        return None
    return state_pb2.Grants(
        count=grants.count,
        mended=grants.mended,
        forced=sorted(grants.forced),
        adoptions=[
            state_pb2.Adoption(
                resource=resource,
                accept_differences=grants.adoptions[resource],
                granted_at=grants.adopted_at.get(resource, 0),
            )
            for resource in sorted(grants.adoptions)
        ],
        released=grants.released,
        removals=sorted(grants.removals),
        forced_at=grants.forced_at,
    )
