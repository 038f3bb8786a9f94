"""Drift events as the wire has them (``ovsfleet/v1/agent.proto``)."""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.timestamp_pb2 import Timestamp
from ovsfleet.v1 import agent_pb2

from agent.drift_events import DriftAction, DriftEvent

_ACTIONS = {
    DriftAction.ENFORCED: agent_pb2.DRIFT_ACTION_ENFORCED,
    DriftAction.REPORTED: agent_pb2.DRIFT_ACTION_REPORTED,
    DriftAction.GAVE_UP: agent_pb2.DRIFT_ACTION_GAVE_UP,
}


def encode_drift(events: Iterable[DriftEvent]) -> agent_pb2.DriftReport:
    return agent_pb2.DriftReport(events=[_encode(event) for event in events])


def _encode(event: DriftEvent) -> agent_pb2.DriftEvent:
    at = Timestamp()
    at.FromDatetime(event.at)
    return agent_pb2.DriftEvent(
        sequence=event.sequence,
        at=at,
        resource=event.resource,
        action=_ACTIONS[event.action],
        differences=[
            agent_pb2.Difference(field=each.field, intended=each.intended, found=each.found)
            for each in event.differences
        ],
        who=event.who,
    )
