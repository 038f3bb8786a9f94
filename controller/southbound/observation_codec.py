"""From an agent's observation to the service's answer. Total, and bounded whatever it sends."""

from __future__ import annotations

from collections import Counter

from ovsfleet.v1 import agent_pb2

from controller.domain.observation import ObservedState
from controller.services.observations import Answer, Difference, Item
from controller.southbound.words import text

_STATES = {
    agent_pb2.OBSERVED_STATE_AS_INTENDED: ObservedState.AS_INTENDED,
    agent_pb2.OBSERVED_STATE_DIFFERS: ObservedState.DIFFERS,
    agent_pb2.OBSERVED_STATE_MISSING: ObservedState.MISSING,
    agent_pb2.OBSERVED_STATE_FOREIGN: ObservedState.FOREIGN,
    agent_pb2.OBSERVED_STATE_UNSUPPORTED: ObservedState.UNSUPPORTED,
    agent_pb2.OBSERVED_STATE_FAILED: ObservedState.FAILED,
}
_MOST_ITEMS = 1000
_MOST_DIFFERENCES = 50
"""Of one resource."""
_LONGEST_VALUE = 1000
_LONGEST_SENTENCE = 4000
_LARGEST_REVISION = 2**63 - 1


class Parts:
    """The answer to one question, as its parts come in."""

    def __init__(self) -> None:
        self._items: list[Item] = []

    def add(self, message: agent_pb2.Observation) -> Answer | None:
        """The answer, with the last part."""
        room = _MOST_ITEMS - len(self._items)
        self._items += map(_item, message.resources[:room])
        if not message.is_last:
            return None
        # What an agent of the future found is no reason to say that all is as intended.
        counts: Counter[ObservedState] = Counter()
        for each in message.counts:
            counts[_state(each.state)] += each.count
        trouble = ""
        if message.HasField("trouble"):
            said = message.trouble
            trouble = f"{text(said.reason)}: {text(said.message, _LONGEST_SENTENCE)}"
        revision = min(message.revision, _LARGEST_REVISION)
        return Answer(revision, tuple(self._items), counts, trouble)


def _item(message: agent_pb2.ObservedResource) -> Item:
    return Item(
        resource=text(message.resource),
        state=_state(message.state),
        differences=tuple(map(_difference, message.differences[:_MOST_DIFFERENCES])),
        reason=text(message.reason),
        message=text(message.message, _LONGEST_SENTENCE),
    )


def _state(number: agent_pb2.ObservedState.ValueType) -> ObservedState:
    return _STATES.get(number, ObservedState.DIFFERS)


def _difference(message: agent_pb2.Difference) -> Difference:
    return Difference(
        field=text(message.field),
        intended=text(message.intended, _LONGEST_VALUE),
        found=text(message.found, _LONGEST_VALUE),
    )
