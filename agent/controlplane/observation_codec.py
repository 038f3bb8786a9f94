"""Answers of the observer as the wire has them (``ovsfleet/v1/agent.proto``)."""

from __future__ import annotations

from collections.abc import Iterator

from ovsfleet.v1 import agent_pb2

from agent.controlplane.codec import encode_failure
from agent.observation import Compared, Comparison, Likeness

_STATES = {
    Likeness.AS_INTENDED: agent_pb2.OBSERVED_STATE_AS_INTENDED,
    Likeness.DIFFERS: agent_pb2.OBSERVED_STATE_DIFFERS,
    Likeness.MISSING: agent_pb2.OBSERVED_STATE_MISSING,
    Likeness.FOREIGN: agent_pb2.OBSERVED_STATE_FOREIGN,
    Likeness.UNSUPPORTED: agent_pb2.OBSERVED_STATE_UNSUPPORTED,
    Likeness.FAILED: agent_pb2.OBSERVED_STATE_FAILED,
}
_BATCH = 100
"""Resources of one message: heartbeats and reports go between."""


def encode_comparison(
    request_id: str, comparison: Comparison
) -> Iterator[agent_pb2.SessionRequest]:
    """Yield one message at least; the last says that it is."""
    items = comparison.items
    starts = range(0, len(items), _BATCH) or (0,)
    for start in starts:
        message = agent_pb2.Observation(
            request_id=request_id,
            revision=comparison.revision,
            resources=map(_encode, items[start : start + _BATCH]),
            is_last=start == starts[-1],
        )
        if message.is_last:
            _close(message, comparison)
        yield agent_pb2.SessionRequest(observation=message)


def _close(message: agent_pb2.Observation, comparison: Comparison) -> None:
    for likeness, count in comparison.counts.items():
        message.counts.add(state=_STATES[likeness], count=count)
    if comparison.trouble is not None:
        message.trouble.CopyFrom(encode_failure(comparison.trouble))


def _encode(item: Compared) -> agent_pb2.ObservedResource:
    return agent_pb2.ObservedResource(
        resource=item.resource,
        state=_STATES[item.likeness],
        differences=[
            agent_pb2.Difference(field=each.field, intended=each.intended, found=each.found)
            for each in item.differences
        ],
        reason=item.reason,
        message=item.message,
    )
