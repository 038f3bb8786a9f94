"""Rules for exports of flows: the fields of each protocol, and one export for each bridge.

A bridge has one row of NetFlow, one of sFlow and one of IPFIX. That two exports never meet at one
is proven from their selectors alone, so that it holds whatever labels hosts and bridges get.
Pure; owns nothing.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import fields as fields_of
from typing import TypeAlias

from controller.domain.definitions import FlowExportSpec, FlowProtocol, HostGroupSpec
from controller.domain.errors import InvalidError
from controller.domain.intent import DEFAULT_PROJECT, BridgeType, HostSpec, Kind, Ref
from controller.domain.label_selectors import Selector, may_meet, parse_selector
from controller.domain.validation import fields
from controller.domain.validation.after import After
from controller.domain.validation.faults import Faults
from controller.domain.validation.fields import Fault
from controller.domain.validation.normal_forms import parsed_target
from controller.domain.validation.relations import unknown
from controller.domain.validation.world import Draft

_COMMON = frozenset(
    {"protocol", "targets", "host_group", "overlay", "bridge_selector", "drift_policy"}
)
_FIELDS: Mapping[FlowProtocol, frozenset[str]] = {
    FlowProtocol.NETFLOW: frozenset(
        {"active_timeout_s", "engine_id", "engine_type", "add_id_to_interface"}
    ),
    FlowProtocol.SFLOW: frozenset({"sampling", "agent", "header_b", "polling_s"}),
    FlowProtocol.IPFIX: frozenset(
        {"sampling", "active_timeout_s", "obs_domain_id", "obs_point_id", "cache_max_flows"}
    ),
}
_UINT32 = 0xFFFF_FFFF
_RANGES: Mapping[str, tuple[int, int]] = {
    "sampling": (1, _UINT32),
    "engine_id": (0, 255),
    "engine_type": (0, 255),
    "header_b": (14, 1024),
    "polling_s": (0, 86_400),
    "obs_domain_id": (0, _UINT32),
    "obs_point_id": (0, _UINT32),
    "cache_max_flows": (0, _UINT32),
}
_TIMEOUTS = {FlowProtocol.NETFLOW: (-1, 0x7FFF_FFFF), FlowProtocol.IPFIX: (0, 4200)}
_MOST_TARGETS = 16

_Found: TypeAlias = Iterator[tuple[str, Fault]]


def check_flow_exports(after: After, faults: Faults) -> None:
    """Find exports that refer to no group, or that may meet another at some bridge."""
    exports = [(e, e.spec) for e in after.entries.values() if isinstance(e.spec, FlowExportSpec)]
    for entry, spec in exports:
        if entry.ref in after.drafts:
            at = f"{entry.pointer}/spec"
            _check_export(spec, at, faults)
            if spec.host_group is not None and _group(spec.host_group, after) is None:
                unknown(Kind.HOST_GROUP, spec.host_group, f"{at}/host_group", faults)
    for entry, spec in exports:
        if pointer := _blamed(entry, spec, after):
            rivals = [other.ref for other, its in exports if _clash(entry, spec, other, its, after)]
            _refuse(pointer, spec, rivals, after, faults)
            _warn_of_nobody(pointer, entry.ref, spec, after, faults)


def _check_export(spec: FlowExportSpec, at: str, faults: Faults) -> None:
    """Find what is wrong with an export whatever else exists."""
    for found in (_other_protocols(spec), _values(spec), _targets(spec), _bridges(spec)):
        for where, fault in found:
            faults.invalid(f"{at}/{where}", *fault)


def _other_protocols(spec: FlowExportSpec) -> _Found:
    has = _FIELDS[spec.protocol]
    for field in fields_of(spec):
        if field.name not in _COMMON | has and getattr(spec, field.name) is not None:
            why = f"{spec.protocol} has no {field.name!r}"
            fix = f"leave it out: {spec.protocol} has {', '.join(sorted(has))}"
            yield field.name, Fault("setting_not_of_type", why, fix)


def _values(spec: FlowExportSpec) -> _Found:
    ranges = dict(_RANGES)
    if spec.protocol in _TIMEOUTS:
        ranges["active_timeout_s"] = _TIMEOUTS[spec.protocol]
    for name, (low, high) in ranges.items():
        value = getattr(spec, name)
        if value is not None and not low <= value <= high:
            fix = f"choose a number from {low} to {high}, or leave it out"
            yield name, Fault("value_out_of_range", f"{value} is no {name!r}", fix)
    if spec.agent is not None and fields.ip_of(spec.agent) is None:
        yield from _agent(spec.agent)


def _agent(device: str) -> _Found:
    if fault := fields.device(device):
        yield "agent", fault


def _targets(spec: FlowExportSpec) -> _Found:
    if not 1 <= len(spec.targets) <= _MOST_TARGETS:
        why = f"{len(spec.targets)} collectors"
        yield "targets", Fault("targets_number", why, f"name 1 to {_MOST_TARGETS}")
    for index, target in enumerate(spec.targets):
        parsed = parsed_target(target)
        if parsed is None:
            why = f"{target!r} is not an address with a UDP port; names are not looked up"
            fix = "write 192.0.2.1:6343 or [2001:db8::1]:6343"
            yield f"targets/{index}", Fault("invalid_target", why, fix)
        elif fault := _unreachable(*parsed):
            yield f"targets/{index}", fault


def _unreachable(address: str, port: int) -> Fault | None:
    ip = ipaddress.ip_address(address)
    if ip.is_unspecified:
        return Fault("invalid_target", f"{ip} is nobody's address", "name a collector")
    return fields.udp_port(port)


def _bridges(spec: FlowExportSpec) -> _Found:
    if not spec.overlay and spec.bridge_selector is None:
        why = "the export is for no bridge"
        fix = "set overlay, or bridge_selector for explicit Bridges"
        yield "bridge_selector", Fault("bridges_missing", why, fix)
    if spec.bridge_selector is not None and (fault := _unreadable(spec.bridge_selector)):
        yield "bridge_selector", fault


def _unreadable(selector: str) -> Fault | None:
    try:
        parse_selector(selector)
    except InvalidError as error:
        violation = error.violations[0]
        return Fault("invalid_selector", violation.detail, violation.fix)
    return None


# --- several exports -----------------------------------------------------------------------------


def _blamed(entry: Draft, spec: FlowExportSpec, after: After) -> str | None:
    """Point at the export that the request writes, or at the group that it refers to."""
    if entry.ref in after.drafts:
        return f"{entry.pointer}/spec"
    group = after.drafts.get(Ref(Kind.HOST_GROUP, DEFAULT_PROJECT, spec.host_group or ""))
    return f"{group.pointer}/spec/selector" if group else None


def _refuse(
    pointer: str, spec: FlowExportSpec, rivals: list[Ref], after: After, faults: Faults
) -> None:
    if rivals:
        faults.conflict(
            pointer,
            "flow_exports_meet",
            f"a bridge has one export of {spec.protocol}, and nothing in their selectors keeps this"
            f" one from meeting {after.listing(rivals)} at some bridge",
            "let host groups or bridge selectors exclude each other, as role=edge and role!=edge"
            " do, or name all collectors in one export",
        )


def _warn_of_nobody(
    pointer: str, ref: Ref, spec: FlowExportSpec, after: After, faults: Faults
) -> None:
    """Tell of an export that is on no host; one of its hosts may be about to be registered."""
    hosts = _hosts(spec, after)
    if hosts is None or any(map(hosts.matches, _exporting(after))):
        return
    chosen = f"HostGroup {spec.host_group!r} has no" if spec.host_group else "there is no"
    faults.warn(
        pointer,
        "exports_nothing",
        f"{chosen} host with Open vSwitch, which alone exports flows: FlowExport {ref.name!r} is"
        " nowhere until there is one",
        "let the group's selector match the labels of hosts with Open vSwitch",
    )


def _exporting(after: After) -> Iterator[Mapping[str, str]]:
    yield from after.world.exporting
    for draft in after.drafts.values():
        if isinstance(draft.spec, HostSpec) and draft.spec.overlay_bridge_type is BridgeType.OVS:
            yield draft.labels


def _clash(
    entry: Draft, spec: FlowExportSpec, other: Draft, its: FlowExportSpec, after: After
) -> bool:
    if entry.ref == other.ref or spec.protocol is not its.protocol:
        return False
    hosts, its_hosts = _hosts(spec, after), _hosts(its, after)
    if hosts is None or its_hosts is None or not may_meet(hosts, its_hosts):
        return False
    return (spec.overlay and its.overlay) or _explicit_meet(spec, its)


def _explicit_meet(spec: FlowExportSpec, its: FlowExportSpec) -> bool:
    first, second = _selector(spec.bridge_selector), _selector(its.bridge_selector)
    return first is not None and second is not None and may_meet(first, second)


def _selector(words: str | None) -> Selector | None:
    """Return None where there is none, or none that can be read: that is named by itself."""
    return None if words is None or _unreadable(words) else parse_selector(words)


def _hosts(spec: FlowExportSpec, after: After) -> Selector | None:
    if spec.host_group is None:
        return Selector()
    group = _group(spec.host_group, after)
    return None if group is None else _selector(group.selector)


def _group(name: str, after: After) -> HostGroupSpec | None:
    entry = after.entries.get(Ref(Kind.HOST_GROUP, DEFAULT_PROJECT, name))
    return entry.spec if entry and isinstance(entry.spec, HostGroupSpec) else None
