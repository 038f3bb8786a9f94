"""Rules for policies of how ports send, and for the ports that refer to one.

What is refused here is what Open vSwitch would take and silently not do: table QoS has no column
for errors. Pure; owns nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import fields as fields_of
from typing import TypeAlias

from controller.domain.definitions import QosPolicySpec, QosType, QueueSpec
from controller.domain.intent import (
    DEFAULT_PROJECT,
    BridgeType,
    Kind,
    PortSpec,
    PortType,
    Ref,
)
from controller.domain.validation.after import After
from controller.domain.validation.faults import Faults
from controller.domain.validation.fields import Fault
from controller.domain.validation.relations import unknown
from controller.domain.validation.world import Draft

_FIELDS: Mapping[QosType, frozenset[str]] = {
    QosType.HTB: frozenset({"max_rate_bps", "queues"}),
    QosType.HFSC: frozenset({"max_rate_bps", "queues"}),
    QosType.SFQ: frozenset({"perturb_s", "quantum_b"}),
    QosType.CODEL: frozenset({"limit", "target_us", "interval_us"}),
    QosType.FQ_CODEL: frozenset({"limit", "target_us", "interval_us", "flows", "quantum_b"}),
    QosType.NETEM: frozenset({"limit", "latency_us", "loss_percent"}),
    QosType.NOOP: frozenset(),
}
_LEAST_RATE_BPS = 12_000
"""One full packet a second, which Open vSwitch promises every queue at least."""
_MOST_RATE_BPS = 34_000_000_000
"""Open vSwitch hands 32 bits of bytes a second to the kernel: what is more begins at 0 again."""
_MOST_QUEUE_ID = 61_439
_UINT32 = 0xFFFF_FFFF

_RATES = (_LEAST_RATE_BPS, _MOST_RATE_BPS)
_POLICY_RANGES: Mapping[str, tuple[int, int]] = {
    "max_rate_bps": _RATES,
    "perturb_s": (1, 3600),
    "quantum_b": (256, 1_048_576),
    "limit": (1, 1_000_000),
    "target_us": (1, 10_000_000),
    "interval_us": (1, 10_000_000),
    "flows": (1, 65_536),
    "latency_us": (0, 60_000_000),
    "loss_percent": (0, 100),
}
_QUEUE_RANGES: Mapping[str, tuple[int, int]] = {
    "id": (0, _MOST_QUEUE_ID),
    "min_rate_bps": _RATES,
    "max_rate_bps": _RATES,
    "burst_b": (1, _UINT32),
    "priority": (0, _UINT32),
    "dscp": (0, 63),
}
_HTB_ONLY = ("burst_b", "priority")

_Found: TypeAlias = Iterator[tuple[str, Fault]]
"""Where, below the spec, and what is wrong there."""


def check_qos(after: After, faults: Faults) -> None:
    """Find what is wrong with the policies of the request, and the ports that cannot have them."""
    for draft in after.drafts.values():
        if isinstance(draft.spec, QosPolicySpec):
            _check_policy(draft.spec, f"{draft.pointer}/spec", faults)
        if isinstance(draft.spec, PortSpec) and draft.spec.qos_policy is not None:
            _check_port(draft, draft.spec, after, faults)


def _check_policy(spec: QosPolicySpec, at: str, faults: Faults) -> None:
    """Find what is wrong with a policy whoever uses it."""
    for found in (_other_types(spec), _values(spec), _queues(spec)):
        for where, fault in found:
            faults.invalid(f"{at}/{where}", *fault)
    _warn_of_queues(spec, at, faults)


def _other_types(spec: QosPolicySpec) -> _Found:
    for field in fields_of(spec):
        if field.name == "type" or getattr(spec, field.name) == field.default:
            continue
        if field.name == "jitter_us":
            why = "Open vSwitch 3.1 knows no jitter, and would leave it out without a word"
            yield field.name, Fault("setting_not_supported", why, "leave 'jitter_us' out")
        elif field.name not in _FIELDS[spec.type]:
            why = f"a policy of type {spec.type} has no {field.name!r}"
            has = ", ".join(sorted(_FIELDS[spec.type])) or "nothing"
            fix = f"leave it out (this type has {has}), or choose another type"
            yield field.name, Fault("setting_not_of_type", why, fix)


def _values(spec: QosPolicySpec) -> _Found:
    for name, (low, high) in _POLICY_RANGES.items():
        value = getattr(spec, name)
        if value is not None and not low <= value <= high:
            yield name, _outside(name, value, low, high)


def _outside(name: str, value: int, low: int, high: int) -> Fault:
    return Fault(
        "value_out_of_range",
        f"{value} is no {name!r}",
        f"choose a number from {low} to {high}, or leave it out",
    )


def _queues(spec: QosPolicySpec) -> _Found:
    uses = Counter(queue.id for queue in spec.queues)
    for index, queue in enumerate(spec.queues):
        at = f"queues/{index}"
        for where, fault in (*_queue_values(spec.type, queue), *_queue_rates(spec, queue)):
            yield f"{at}/{where}", fault
        if uses[queue.id] > 1:
            why = f"{uses[queue.id]} queues have the id {queue.id}"
            yield f"{at}/id", Fault("queue_id_twice", why, "give each queue an id of its own")


def _queue_values(kind: QosType, queue: QueueSpec) -> _Found:
    for name, (low, high) in _QUEUE_RANGES.items():
        value = getattr(queue, name)
        if value is None:
            continue
        if not low <= value <= high:
            yield name, _outside(name, value, low, high)
        if name in _HTB_ONLY and kind is QosType.HFSC:
            why = f"queues of type {kind} have no {name!r}"
            yield name, Fault("setting_not_of_type", why, f"leave it out, or use {QosType.HTB}")


def _queue_rates(spec: QosPolicySpec, queue: QueueSpec) -> _Found:
    least, most, whole = queue.min_rate_bps, queue.max_rate_bps, spec.max_rate_bps
    if least is not None and most is not None and least > most:
        why = f"the queue is promised {least} bit/s and allowed {most}"
        fix = "set min_rate_bps to at most max_rate_bps"
        yield "min_rate_bps", Fault("rates_crossed", why, fix)
    if whole is None:
        return
    for name, rate in (("min_rate_bps", least), ("max_rate_bps", most)):
        if rate is not None and rate > whole:
            why = f"{rate} bit/s are more than the {whole} that all queues have together"
            fix = f"set {name} to at most the policy's max_rate_bps"
            yield name, Fault("rate_exceeds_policy", why, fix)


def _warn_of_queues(spec: QosPolicySpec, at: str, faults: Faults) -> None:
    promised = sum(queue.min_rate_bps or 0 for queue in spec.queues)
    if spec.max_rate_bps is not None and promised > spec.max_rate_bps:
        faults.warn(
            f"{at}/queues",
            "guarantees_exceed_rate",
            f"the queues are promised {promised} bit/s together, and there are {spec.max_rate_bps}",
            "lower min_rate_bps of some, or raise the policy's max_rate_bps",
        )
    if others := sorted(queue.id for queue in spec.queues if queue.id != 0):
        faults.warn(
            f"{at}/queues",
            "queue_needs_flow",
            f"only flows choose queues other than 0, and the fleet makes none: nothing takes queue"
            f" {others[0]} by itself",
            "use queue 0, or add flows with set_queue by other means",
        )


# --- ports ---------------------------------------------------------------------------------------


def _check_port(draft: Draft, spec: PortSpec, after: After, faults: Faults) -> None:
    at = f"{draft.pointer}/spec/qos_policy"
    name = spec.qos_policy or ""
    policy = after.entries.get(Ref(Kind.QOS_POLICY, DEFAULT_PROJECT, name))
    if policy is None or not isinstance(policy.spec, QosPolicySpec):
        unknown(Kind.QOS_POLICY, name, at, faults)
        return
    if fault := _unfit(spec, policy.spec, after):
        faults.invalid(at, *fault)
    if spec.type is PortType.BOND:
        faults.warn(
            at,
            "qos_on_each_member",
            f"each member of the bond sends as QosPolicy {name!r} says by itself, so that all of"
            " them together may send several times as much",
            "divide the rates by the number of members that carry traffic at a time",
        )


def _unfit(spec: PortSpec, policy: QosPolicySpec, after: After) -> Fault | None:
    if spec.type is PortType.PATCH:
        return Fault(
            "qos_not_on_type",
            "a patch has no device whose queues a policy could be about",
            "give the policy to the ports that frames leave the host or enter a workload by",
        )
    if spec.type is PortType.INTERNAL and policy.type is not QosType.NOOP:
        return Fault(
            "qos_not_on_type",
            f"on the device of an internal port {policy.type} shapes what the host sends into the"
            " bridge, and nothing of what the port sends to the host",
            "use a port of type veth, or ingress_policing for what comes from the workload",
        )
    host = after.host(spec.host)
    if spec.segment is not None and host and host.overlay_bridge_type is BridgeType.LINUX:
        return Fault(
            "qos_needs_ovs",
            f"host {spec.host!r} has no Open vSwitch, and a QosPolicy is a row of its database",
            "leave 'qos_policy' out there, or put the port on a host with Open vSwitch",
        )
    return None
