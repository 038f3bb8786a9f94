"""What a QosPolicy becomes on each port that refers to it: a row of QoS, and rows of Queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ovsfleet.v1 import state_pb2

from controller.domain.definitions import QosPolicySpec, QueueSpec
from controller.domain.intent import Object

POLICY_KEYS: Mapping[str, str] = {
    "max_rate_bps": "max-rate",
    "perturb_s": "perturb",
    "quantum_b": "quantum",
    "limit": "limit",
    "target_us": "target",
    "interval_us": "interval",
    "flows": "flows",
    "latency_us": "latency",
    "loss_percent": "loss",
}
"""Keys of QoS.other_config. Those of linux-codel and linux-fq_codel are not in the manual; they are
what Open vSwitch reads all the same."""
QUEUE_KEYS: Mapping[str, str] = {
    "min_rate_bps": "min-rate",
    "max_rate_bps": "max-rate",
    "burst_b": "burst",
    "priority": "priority",
}
"""Keys of Queue.other_config."""


def compile_qos(name: str | None, policies: Mapping[str, Object]) -> state_pb2.Qos | None:
    """Build a port's own rows; None for a port without a policy."""
    if name is None:
        return None
    spec = policies[name].spec
    if not isinstance(spec, QosPolicySpec):
        raise TypeError(f"{policies[name].kind} {name!r} is not a policy")
    return state_pb2.Qos(
        type=spec.type,
        other_config=_other_config(spec, POLICY_KEYS),
        queues=[_queue(queue) for queue in sorted(spec.queues, key=lambda queue: queue.id)],
    )


def _queue(spec: QueueSpec) -> state_pb2.Queue:
    return state_pb2.Queue(id=spec.id, dscp=spec.dscp, other_config=_other_config(spec, QUEUE_KEYS))


def _other_config(spec: Any, keys: Mapping[str, str]) -> dict[str, str]:
    values = {key: getattr(spec, name) for name, key in keys.items()}
    return {key: str(value) for key, value in values.items() if value is not None}
