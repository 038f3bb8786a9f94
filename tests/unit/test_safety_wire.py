"""Controller and agent mean the same by drift, policies and confirmed changes."""

from __future__ import annotations

from datetime import UTC, datetime

from agent.controlplane.drift_codec import encode_drift
from agent.controlplane.safety_codec import decode_safety
from agent.drift_events import DriftAction, DriftEvent
from agent.planner.differences import Difference
from agent.safety import ConfirmPolicy, DriftPolicy
from controller.compiler import compile_host
from controller.domain import safety as intended
from controller.southbound.drift_codec import decode_drift
from tests.support.model_fleet import ModelFleet, bridge, host

AT = datetime(2026, 3, 14, 15, 9, 26, 535897, tzinfo=UTC)


def test_an_event_is_the_same_at_both_ends() -> None:
    differences = (Difference("tag", "5", "7"), Difference("present", "yes", "no"))
    events = [
        DriftEvent(number, AT, f"port:{number}", action, differences, "ovs-vsctl: del-port")
        for number, action in enumerate(DriftAction, start=1)
    ]
    for sent, received in zip(events, decode_drift(encode_drift(events)), strict=True):
        assert (received.sequence, received.at) == (sent.sequence, sent.at)
        assert (received.resource, received.who) == (sent.resource, sent.who)
        assert received.action.value == sent.action.value
        told = [(each.field, each.intended, each.found) for each in received.differences]
        assert told == [(each.field, each.intended, each.found) for each in sent.differences]


def test_a_policy_is_the_same_at_both_ends() -> None:
    for policy in intended.DriftPolicy:
        fleet = ModelFleet()
        careful = intended.ConfirmPolicy.ALWAYS
        fleet.apply(host("h1", "192.0.2.1", confirm=careful, confirm_timeout_s=90))
        fleet.apply(bridge("lan", "h1", drift_policy=policy))
        told = decode_safety(compile_host(fleet.host_intent("h1")).part)
        assert (told.confirm, told.confirm_timeout_s) == (ConfirmPolicy.ALWAYS, 90)
        kept = {*told.drift.values()} or {DriftPolicy.ENFORCE}
        assert kept == {DriftPolicy(policy.value)}
