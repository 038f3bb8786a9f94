"""Ports whose host changes: bound ones, which are where agents say that they are plugged, and those
that a person moves from one host to another.

Pure; owns nothing. A bound port is given its hosts as segments are given their VNIs: whoever writes
it never says them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple, TypeAlias

from controller.domain.intent import (
    BridgeType,
    HostSpec,
    Manifest,
    Mode,
    Object,
    PortSpec,
    PortType,
    Ref,
    Spec,
)
from controller.domain.settings import PORT_DEFAULTS, AdminState
from controller.domain.validation import fields
from controller.domain.validation.faults import Faults
from controller.domain.validation.settings import said
from controller.domain.validation.world import Draft

Plugged: TypeAlias = Mapping[str, tuple[str, ...]]
"""Names of hosts by iface-id."""

_MAX_IFACE_ID = 255
_MOVABLE = frozenset({PortType.INTERNAL, PortType.VETH, PortType.TAP})
"""What an agent makes by itself wherever it is told to."""


class Report(NamedTuple):
    """An agent says that an iface-id is plugged on its host."""

    host: str
    is_living: bool = True
    """Whether the agent can be heard, so that this is more than what was once."""


# --- where bound ports are -----------------------------------------------------------------------


def iface_ids(specs: Iterable[Spec]) -> frozenset[str]:
    found = (spec.iface_id for spec in specs if isinstance(spec, PortSpec))
    return frozenset(each for each in found if each is not None)


def counting(
    reports: Mapping[str, Iterable[Report]], gone: Collection[str] = ()
) -> dict[str, tuple[str, ...]]:
    """Name the hosts, by iface-id, whose reports count; ``gone`` ones are deleted.

    What a host said last that nobody hears any more counts only as long as no host that is heard
    has the guest: it was evacuated, and its former host cannot say so."""
    found = {}
    for iface_id, each in reports.items():
        there = [report for report in each if report.host not in gone]
        living = [report for report in there if report.is_living]
        found[iface_id] = tuple(sorted({report.host for report in living or there}))
    return found


def choose(
    before: tuple[str | None, str | None], plugged: Collection[str]
) -> tuple[str | None, str | None]:
    """Choose ``host`` and ``migrating_to`` among the hosts that a port is plugged on.

    Whatever was chosen stays as long as it is plugged, so that a surplus of reports moves nothing;
    when the first is unplugged, the workload has arrived at the second."""
    there = sorted(plugged)
    host = next((name for name in before if name in there), next(iter(there), None))
    others = [name for name in there if name != host]
    second = next((name for name in before if name in others), next(iter(others), None))
    return host, second


def placed(spec: Spec, current: Object | None, plugged: Plugged) -> Spec:
    """Return a spec with the hosts that a bound port is given."""
    if not isinstance(spec, PortSpec) or spec.type is not PortType.BOUND or spec.iface_id is None:
        return spec
    before = _before(spec, current)
    chosen = choose((before.host, before.migrating_to), plugged.get(spec.iface_id, ()))
    return replace(spec, host=chosen[0], migrating_to=chosen[1])


def _before(spec: PortSpec, current: Object | None) -> PortSpec:
    """Return what the port was, if it was bound to the same."""
    nothing = replace(spec, host=None, migrating_to=None)
    if current is None or not isinstance(current.spec, PortSpec):
        return nothing
    return current.spec if current.spec.iface_id == spec.iface_id else nothing


def as_it_is(port: Object, pointer: str = "") -> Manifest:
    """Ask for a bound port as it is, but for its hosts: they are what is to be given."""
    spec = port.spec
    if isinstance(spec, PortSpec):
        spec = replace(spec, host=None, migrating_to=None)
    return Manifest(port.ref, spec, port.labels, mode=Mode.REPLACE, pointer=pointer)


def all_placed(
    manifests: Iterable[Manifest], current: Mapping[Ref, Object], plugged: Plugged
) -> tuple[Manifest, ...]:
    return tuple(replace(m, spec=placed(m.spec, current.get(m.ref), plugged)) for m in manifests)


def place(draft: Draft, plugged: Plugged, faults: Faults) -> Draft:
    """Give a draft its hosts, and refuse others that it asks for."""
    spec, given = draft.spec, placed(draft.spec, draft.current, plugged)
    if not isinstance(spec, PortSpec) or not isinstance(given, PortSpec) or given is spec:
        return draft
    # Whoever changes the iface-id alone says the hosts of the old one, as he read them.
    before = draft.current.spec if draft.current else None
    for field in ("host", "migrating_to"):
        asked, was = getattr(spec, field), getattr(before, field, None)
        if asked is not None and asked not in (getattr(given, field), was):
            faults.invalid(
                f"{draft.pointer}/spec/{field}",
                "given_by_agents",
                f"the {field!r} of a bound port is where agents report its iface-id, and not"
                f" {asked!r}",
                f"leave {field!r} out, and plug the interface on the host that it shall be on",
            )
    _warn_of_many(draft, given, plugged, faults)
    return replace(draft, spec=given)


def _warn_of_many(draft: Draft, given: PortSpec, plugged: Plugged, faults: Faults) -> None:
    there = plugged.get(given.iface_id or "", ())
    if len(there) > 2:
        faults.warn(
            f"{draft.pointer}/spec/iface_id",
            "plugged_on_many",
            f"iface-id {given.iface_id!r} is plugged on {len(there)} hosts at once"
            f" ({', '.join(sorted(there)[:10])}), and only {' and '.join(given.hosts)} count",
            "unplug it where its guest is not",
        )


# --- the fields of one port ----------------------------------------------------------------------

Found: TypeAlias = Iterator[tuple[str, fields.Fault]]


def check_hosts(spec: PortSpec, at: str, faults: Faults) -> None:
    """Check what a port says of where it is, and what a bound one may say at all."""
    found = _bound(spec) if spec.type is PortType.BOUND else _unbound(spec)
    for where, fault in found:
        faults.invalid(f"{at}/{where}", *fault)


def _unbound(spec: PortSpec) -> Found:
    if spec.host is None:
        why = f"a port of type {spec.type} is on a host"
        yield "host", fields.Fault("host_missing", why, "set 'host'")
    if spec.iface_id is not None:
        why = "'iface_id' says which interface of a hypervisor a bound port is"
        fix = "leave 'iface_id' out, or set type to 'bound'"
        yield "iface_id", fields.Fault("setting_not_on_type", why, fix)
    if spec.migrating_to is not None:
        yield from _migrating(spec)


def _migrating(spec: PortSpec) -> Found:
    if spec.type is not PortType.TAP:
        why = (
            f"a port of type {spec.type} cannot be on two hosts: its device, with its addresses,"
            " would be there twice"
        )
        fix = "leave 'migrating_to' out, and set 'host' to move the port at once"
        yield "migrating_to", fields.Fault("not_migratable", why, fix)
    elif spec.segment is None:
        why = "an explicit bridge is of one host, and so are its ports"
        fix = "leave 'migrating_to' out, or put the port on a segment"
        yield "migrating_to", fields.Fault("not_migratable", why, fix)


def _bound(spec: PortSpec) -> Found:
    if spec.iface_id is None:
        why = "a bound port needs to know what the hypervisor plugs it under"
        fix = "set 'iface_id' to the external_ids:iface-id of its interface"
        yield "iface_id", fields.Fault("iface_id_missing", why, fix)
    elif fault := _iface_id(spec.iface_id):
        yield "iface_id", fault
    if spec.interface:
        why = "the device of a bound port has the name that the hypervisor gives it"
        yield "interface", fields.Fault("setting_not_on_type", why, "leave 'interface' out")
    if spec.bridge is not None:
        why = "on an explicit bridge the tag of a bound port would be the hypervisor's"
        fix = "set 'segment' instead of 'bridge'"
        yield "bridge", fields.Fault("bound_needs_segment", why, fix)
    refused = [*said(spec.settings)] if spec.settings != PORT_DEFAULTS else []
    if spec.settings.admin_state is AdminState.DOWN:
        refused.append("admin_state")
    if spec.qos_policy is not None:
        refused.append("qos_policy")
    for name in dict.fromkeys(refused):
        why = f"of a bound port only its VLAN and MTU are the fleet's, and no {name!r}"
        yield name, fields.Fault("setting_not_on_type", why, f"leave {name!r} out")


def _iface_id(value: str) -> fields.Fault | None:
    if value.isascii() and value.isprintable() and 1 <= len(value) <= _MAX_IFACE_ID:
        return None
    return fields.Fault(
        "invalid_iface_id",
        f"{value!r} is no iface-id",
        f"use 1 to {_MAX_IFACE_ID} printable ASCII characters, e.g. a UUID",
    )


# --- moves ---------------------------------------------------------------------------------------


def check_move(draft: Draft, faults: Faults) -> None:
    """Refuse another host for what cannot be made anew there by the agents alone."""
    spec, before = draft.spec, draft.current.spec if draft.current else None
    if not isinstance(spec, PortSpec) or not isinstance(before, PortSpec):
        return
    if spec.type is PortType.BOUND or spec.host == before.host or spec.host is None:
        return
    if spec.type in _MOVABLE and None not in (spec.segment, before.segment):
        return
    faults.invalid(
        f"{draft.pointer}/spec/host",
        "immutable",
        f"'host' of {draft.ref.kind} {draft.ref.name!r} cannot change: only ports of type internal,"
        " veth and tap on a segment can move",
        "delete the object and create it anew with the value you want",
    )


# --- overlay bridges that are kept ready ---------------------------------------------------------

_FIXED_WHILE_READY = ("overlay_bridge", "overlay_bridge_type", "datapath_type")


def check_ready_bridge(draft: Draft, faults: Faults) -> None:
    spec, before = draft.spec, draft.current.spec if draft.current else None
    if not isinstance(spec, HostSpec):
        return
    if spec.overlay_bridge_ready and spec.overlay_bridge_type is BridgeType.LINUX:
        faults.invalid(
            f"{draft.pointer}/spec/overlay_bridge_ready",
            "host_without_ovs",
            f"host {draft.ref.name!r} has no Open vSwitch (overlay_bridge_type is 'linux'), and so"
            " no overlay bridge",
            "leave 'overlay_bridge_ready' out",
        )
    if not isinstance(before, HostSpec) or not before.overlay_bridge_ready:
        return
    for name in _FIXED_WHILE_READY:
        if getattr(spec, name) != getattr(before, name):
            faults.conflict(
                f"{draft.pointer}/spec/{name}",
                "immutable_in_use",
                f"{name!r} of Host {draft.ref.name!r} cannot change while its overlay bridge is"
                " kept ready for hypervisors",
                "set 'overlay_bridge_ready' to false first",
            )
