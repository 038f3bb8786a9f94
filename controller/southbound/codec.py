"""From the agent's messages to the types of the services. Total: whatever comes, nothing raises.

An agent may be newer than this controller (N-1), and a broken one must not break the store: words
are cut to size and made storable, enum values from the future become the most careful known one.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from ovsfleet.v1 import agent_pb2

from controller.services.status import HostReport, Outcome, ReportedFailure, SessionStart
from controller.southbound.words import text

_OUTCOMES = {
    agent_pb2.OUTCOME_APPLIED: Outcome.APPLIED,
    agent_pb2.OUTCOME_HELD: Outcome.HELD,
    agent_pb2.OUTCOME_REVERTED: Outcome.REVERTED,
}
_KINDS = {
    agent_pb2.ERROR_KIND_INVALID: "invalid",
    agent_pb2.ERROR_KIND_UNSUPPORTED: "unsupported",
    agent_pb2.ERROR_KIND_CONFLICT: "conflict",
    agent_pb2.ERROR_KIND_TRANSIENT: "transient",
    agent_pb2.ERROR_KIND_DATAPATH: "datapath",
    agent_pb2.ERROR_KIND_BUG: "bug",
}
_LONGEST_SENTENCE = 4000
_MOST_FAILURES = 10_000
_MOST_WORDS = 200
_LARGEST_REVISION = 2**63 - 1


def decode_hello(hello: agent_pb2.Hello) -> SessionStart:
    return SessionStart(
        instance_nonce=text(hello.instance_nonce),
        agent_version=text(hello.agent_version),
        capabilities=decode_capabilities(hello.capabilities),
        accepted_revision=_revision(hello.accepted_revision),
        applied_revision=_revision(hello.applied_revision),
        applied_hash=hello.applied_hash[:64],
    )


def decode_capabilities(message: agent_pb2.Capabilities) -> dict[str, object]:
    return {
        "ovs_version": text(message.ovs_version),
        "datapath_types": _texts(message.datapath_types),
        "iface_types": _texts(message.iface_types),
        "kernel_release": text(message.kernel_release),
        "ipv4": message.ipv4,
        "ipv6": message.ipv6,
        "ovsdb_schema": text(message.ovsdb_schema),
        "dpdk": message.dpdk,
        "hw_offload": message.hw_offload,
        "tc_policy": text(message.tc_policy),
        "missing_columns": _texts(message.missing_columns),
        "kernel_features": _texts(message.kernel_features),
        "state_features": _texts(message.state_features),
        "session_features": _texts(message.session_features),
    }


def decode_status(message: agent_pb2.HostStatus) -> HostReport:
    failures = {f.resource: f for f in map(_failure, message.failures[:_MOST_FAILURES])}
    return HostReport(
        observed_revision=_revision(message.observed_revision),
        applied_revision=_revision(message.applied_revision),
        applied_hash=message.applied_hash[:64],
        outcome=_OUTCOMES.get(message.outcome, Outcome.HELD),
        failures=tuple(failures[resource] for resource in sorted(failures)),
    )


def _failure(message: agent_pb2.Failure) -> ReportedFailure:
    return ReportedFailure(
        resource=text(message.resource),
        kind=_KINDS.get(message.kind, "bug"),
        reason=text(message.reason),
        message=text(message.message, _LONGEST_SENTENCE),
    )


def _texts(values: Iterable[str]) -> list[str]:
    return [text(value) for value in islice(values, _MOST_WORDS)]


def _revision(value: int) -> int:
    return min(value, _LARGEST_REVISION)
