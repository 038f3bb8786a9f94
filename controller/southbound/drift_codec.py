"""From an agent's report of drift to the service's events. Total, and bounded whatever it sends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp
from ovsfleet.v1 import agent_pb2

from controller.domain.safety import DriftAction
from controller.services.drift import Difference, DriftEvent
from controller.southbound.words import text

_ACTIONS = {
    agent_pb2.DRIFT_ACTION_ENFORCED: DriftAction.ENFORCED,
    agent_pb2.DRIFT_ACTION_REPORTED: DriftAction.REPORTED,
    agent_pb2.DRIFT_ACTION_GAVE_UP: DriftAction.GAVE_UP,
}
_MOST_EVENTS = 1000
_MOST_DIFFERENCES = 50
_LONGEST_VALUE = 1000
_LARGEST_SEQUENCE = 2**63 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_YEAR_9999_S = 253_370_764_800


def decode_drift(message: agent_pb2.DriftReport) -> tuple[DriftEvent, ...]:
    return tuple(map(_event, message.events[:_MOST_EVENTS]))


def _event(message: agent_pb2.DriftEvent) -> DriftEvent:
    return DriftEvent(
        sequence=min(message.sequence, _LARGEST_SEQUENCE),
        at=_moment(message.at) if message.HasField("at") else None,
        resource=text(message.resource),
        # What an agent of the future did is not known to have mended anything.
        action=_ACTIONS.get(message.action, DriftAction.REPORTED),
        differences=tuple(map(_difference, message.differences[:_MOST_DIFFERENCES])),
        who=text(message.who, _LONGEST_VALUE),
    )


def _difference(message: agent_pb2.Difference) -> Difference:
    return Difference(
        field=text(message.field),
        intended=text(message.intended, _LONGEST_VALUE),
        found=text(message.found, _LONGEST_VALUE),
    )


def _moment(at: Timestamp) -> datetime | None:
    """None for what is no time of ours."""
    if not 0 <= at.seconds < _YEAR_9999_S:
        return None
    return _EPOCH + timedelta(seconds=at.seconds, microseconds=at.nanos // 1000)
