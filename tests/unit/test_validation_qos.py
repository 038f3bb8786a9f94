"""Policies of how ports send: what Open vSwitch would silently not do is refused, or warned of."""

from __future__ import annotations

from typing import Any

import pytest

from controller.domain.definitions import QosType, QueueSpec
from controller.domain.intent import BridgeType, Kind, PortType, VethPeerSpec
from controller.domain.settings import BondSpec, PatchSpec, PortSettings
from tests.support.model_fleet import ModelFleet, bridge, host, port, removal, segment
from tests.support.refusals import faults, fleet, refusal, refused
from tests.support.watchers import policy

__all__ = ["fleet"]

PEER = VethPeerSpec("blue", "eth0")
SETTINGS: dict[str, Any] = {
    "max_rate_bps": 10_000_000,
    "perturb_s": 10,
    "quantum_b": 1500,
    "limit": 100,
    "target_us": 5000,
    "interval_us": 100_000,
    "flows": 1024,
    "latency_us": 1000,
    "loss_percent": 1,
    "queues": (QueueSpec(0, min_rate_bps=1_000_000),),
}
HAS: dict[QosType, set[str]] = {
    QosType.HTB: {"max_rate_bps", "queues"},
    QosType.HFSC: {"max_rate_bps", "queues"},
    QosType.SFQ: {"perturb_s", "quantum_b"},
    QosType.CODEL: {"limit", "target_us", "interval_us"},
    QosType.FQ_CODEL: {"limit", "target_us", "interval_us", "flows", "quantum_b"},
    QosType.NETEM: {"limit", "latency_us", "loss_percent"},
    QosType.NOOP: set(),
}


@pytest.mark.parametrize("kind", QosType)
def test_a_policy_has_the_settings_of_its_type_and_no_others(
    fleet: ModelFleet, kind: QosType
) -> None:
    found = refused(fleet, policy("p", type=kind, jitter_us=1, **SETTINGS))
    strange = SETTINGS.keys() - HAS[kind]
    assert set(found) == {
        ("/objects/0/spec/jitter_us", "setting_not_supported"),
        *((f"/objects/0/spec/{name}", "setting_not_of_type") for name in strange),
    }
    fleet.apply(policy("p", type=kind, **{name: SETTINGS[name] for name in HAS[kind]}))


@pytest.mark.parametrize(
    ("fields", "pointer", "code"),
    [
        ({"max_rate_bps": 11_999}, "max_rate_bps", "value_out_of_range"),
        ({"type": QosType.NETEM, "loss_percent": 101}, "loss_percent", "value_out_of_range"),
        ({"queues": (QueueSpec(61_440),)}, "queues/0/id", "value_out_of_range"),
        ({"queues": (QueueSpec(0, dscp=64),)}, "queues/0/dscp", "value_out_of_range"),
        ({"type": QosType.HFSC, "queues": (QueueSpec(0, priority=1),)}, "queues/0/priority",
         "setting_not_of_type"),
        ({"queues": (QueueSpec(0, min_rate_bps=30_000, max_rate_bps=20_000),)},
         "queues/0/min_rate_bps", "rates_crossed"),
        ({"max_rate_bps": 20_000, "queues": (QueueSpec(0, max_rate_bps=30_000),)},
         "queues/0/max_rate_bps", "rate_exceeds_policy"),
    ],
)  # fmt: skip
def test_a_value_that_means_something_else_to_open_vswitch_is_refused(
    fleet: ModelFleet, fields: dict[str, Any], pointer: str, code: str
) -> None:
    assert refused(fleet, policy("p", **fields)) == [(f"/objects/0/spec/{pointer}", code)]


def test_two_queues_of_one_id_are_both_named(fleet: ModelFleet) -> None:
    found = refused(fleet, policy("p", queues=(QueueSpec(0), QueueSpec(0, dscp=1))))
    assert found == [(f"/objects/0/spec/queues/{i}/id", "queue_id_twice") for i in (0, 1)]


def test_queues_that_nothing_takes_and_promises_that_cannot_be_kept_are_warned_of(
    fleet: ModelFleet,
) -> None:
    queues = (QueueSpec(1, min_rate_bps=90_000), QueueSpec(0, min_rate_bps=20_000))
    planned = fleet.apply(policy("p", max_rate_bps=100_000, queues=queues))
    assert {w.code for w in planned.warnings} == {"guarantees_exceed_rate", "queue_needs_flow"}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "qos_not_on_type"),
        ({"type": PortType.PATCH, "settings": PortSettings(patch=PatchSpec("wan", "far"))},
         "qos_not_on_type"),
        ({"type": PortType.VETH, "peer": PEER, "qos_policy": "none-such"}, "unknown_qospolicy"),
    ],
)  # fmt: skip
def test_a_port_that_cannot_send_as_a_policy_says_is_refused(
    fleet: ModelFleet, fields: dict[str, Any], code: str
) -> None:
    fleet.apply(policy("slow", max_rate_bps=1_000_000), bridge("wan", "h1"))
    asked = port("p", "h1", bridge="lan", **{"qos_policy": "slow", **fields})
    assert refused(fleet, asked) == [("/objects/0/spec/qos_policy", code)]


def test_a_policy_that_keeps_open_vswitch_away_is_for_any_device(fleet: ModelFleet) -> None:
    fleet.apply(policy("hands-off", type=QosType.NOOP))
    fleet.apply(port("p", "h1", bridge="lan", qos_policy="hands-off"))


def test_without_open_vswitch_there_is_no_policy(fleet: ModelFleet) -> None:
    linux = host("h3", "192.0.2.3", overlay_bridge_type=BridgeType.LINUX)
    fleet.apply(linux, segment("blue", backend=None), policy("slow"))
    asked = port("p", "h3", segment="red", type=PortType.VETH, peer=PEER, qos_policy="slow")
    assert ("/objects/0/spec/qos_policy", "qos_needs_ovs") in refused(fleet, asked)


def test_each_member_of_a_bond_sends_so_by_itself(fleet: ModelFleet) -> None:
    fleet.apply(policy("slow"))
    bond = PortSettings(bond=BondSpec(("eth1", "eth2")))
    asked = port("b", "h1", bridge="lan", type=PortType.BOND, settings=bond, qos_policy="slow")
    planned = fleet.apply(asked)
    assert [w.code for w in planned.warnings] == ["qos_on_each_member"]


def test_a_policy_in_use_keeps_its_type_and_stays(fleet: ModelFleet) -> None:
    user = port("p", "h1", bridge="lan", type=PortType.VETH, peer=PEER, qos_policy="slow")
    fleet.apply(policy("slow"), user)
    changed = policy("slow", type=QosType.SFQ)
    assert refused(fleet, changed) == [("/objects/0/spec/type", "immutable_in_use")]
    error = refusal(lambda: fleet.delete(removal(Kind.QOS_POLICY, "slow")))
    assert faults(error) == [("", "still_in_use")]
    assert "Port p" in str(error)
    fleet.delete(removal(Kind.QOS_POLICY, "slow"), removal(Kind.PORT, "p"))
