"""From the agent's messages to the types of the services. Total: whatever comes, nothing raises.

An agent may be newer than this controller (N-1), and a broken one must not break the store: words
are cut to size and made storable, enum values from the future become the most careful known one.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from ovsfleet.v1 import agent_pb2

from controller.services.status import HostReport, Outcome, ReportedFailure, SessionStart

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
_LONGEST_WORD = 200
_LONGEST_SENTENCE = 4000
_MOST_FAILURES = 10_000
_MOST_TYPES = 100
_LARGEST_REVISION = 2**63 - 1


def decode_hello(hello: agent_pb2.Hello) -> SessionStart:
    return SessionStart(
        instance_nonce=_text(hello.instance_nonce, _LONGEST_WORD),
        agent_version=_text(hello.agent_version, _LONGEST_WORD),
        capabilities=decode_capabilities(hello.capabilities),
        accepted_revision=_revision(hello.accepted_revision),
        applied_revision=_revision(hello.applied_revision),
        applied_hash=hello.applied_hash[:64],
    )


def decode_capabilities(message: agent_pb2.Capabilities) -> dict[str, object]:
    return {
        "ovs_version": _text(message.ovs_version, _LONGEST_WORD),
        "datapath_types": _texts(message.datapath_types),
        "iface_types": _texts(message.iface_types),
        "kernel_release": _text(message.kernel_release, _LONGEST_WORD),
        "ipv4": message.ipv4,
        "ipv6": message.ipv6,
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
        resource=_text(message.resource, _LONGEST_WORD),
        kind=_KINDS.get(message.kind, "bug"),
        reason=_text(message.reason, _LONGEST_WORD),
        message=_text(message.message, _LONGEST_SENTENCE),
    )


def _text(value: str, longest: int) -> str:
    """PostgreSQL stores every character but NUL."""
    return value.replace("\0", "")[:longest]


def _texts(values: Iterable[str]) -> list[str]:
    return [_text(value, _LONGEST_WORD) for value in islice(values, _MOST_TYPES)]


def _revision(value: int) -> int:
    return min(value, _LARGEST_REVISION)
