"""Bridges: the overlay bridge and the explicit ones."""

from __future__ import annotations

from dataclasses import replace

from agent.errors import ErrorKind, Failure
from agent.model import OVS_KINDS, Bridge, BridgeType, DatapathType
from agent.observed import Link, OvsBridge
from agent.planner.claims import Claim, LinkName, OvsName, Thing, ThingKind
from agent.planner.draft import Draft
from agent.planner.health import interface_failures, no_open_vswitch
from agent.planner.inventory import Inventory
from agent.planner.links import Wish, configure
from agent.planner.linux_explicit import stale_devices
from agent.planner.owners import owner_of_link
from agent.planner.plan import AddBridge, Stage
from agent.planner.rows import mend_bridge
from agent.planner.settings import Wanted, wanted_columns

FAIL_MODE = "standalone"
"""The bridge forwards as a learning switch whether or not anybody controls it."""


def draft_bridge(bridge: Bridge, inventory: Inventory) -> Draft | Failure:
    refusal = _refusal(bridge, inventory)
    if refusal is not None:
        return refusal
    rows = inventory.bridges.get(bridge.id, ())
    stale = tuple(Thing(ThingKind.BRIDGE, row.name) for row in rows if row.name != bridge.name)
    stale += stale_devices(bridge, inventory)
    wanted = wanted_columns(bridge.id, "Bridge", bridge.settings, inventory.observed)
    kept = kept_row(bridge, inventory)
    if kept is None:
        draft = _creation(bridge, inventory, wanted, stale)
    else:
        draft = _mending(bridge, inventory, wanted, kept, stale)
    return replace(draft, failures=(*wanted.failures, *draft.failures))


def kept_row(bridge: Bridge, inventory: Inventory) -> OvsBridge | None:
    """The row that already is this bridge."""
    rows = inventory.bridges.get(bridge.id, ())
    return next((row for row in rows if row.name == bridge.name), None)


def _refusal(bridge: Bridge, inventory: Inventory) -> Failure | None:
    if bridge.type is BridgeType.UNKNOWN:
        message = f"the type of bridge {bridge.name} is not known to this agent; upgrade it"
        return Failure(bridge.id, ErrorKind.UNSUPPORTED, "BridgeTypeUnknown", message)
    if not inventory.observed.has_ovs:
        return no_open_vswitch(bridge.id)
    mode = bridge.settings.columns.get("fail_mode", (FAIL_MODE,))
    if mode != (FAIL_MODE,):
        message = (
            f"bridge {bridge.name} is to have fail_mode {mode}, in which it forwards nothing "
            f"without a controller; leave it out, or set it to {FAIL_MODE}"
        )
        return Failure(bridge.id, ErrorKind.INVALID, "FailModeRefused", message)
    if bridge.datapath_type is DatapathType.UNKNOWN:
        message = (
            f"the datapath type of bridge {bridge.name} is not known to this agent; upgrade it"
        )
        return Failure(bridge.id, ErrorKind.UNSUPPORTED, "DatapathTypeUnknown", message)
    available = inventory.observed.datapath_types
    if bridge.datapath_type.value not in available:
        message = (
            f"datapath_type {bridge.datapath_type.value} of bridge {bridge.name} is not available "
            f"on this host, which has {', '.join(sorted(available)) or 'none'}; choose another "
            "datapath_type or install what is missing"
        )
        return Failure(bridge.id, ErrorKind.UNSUPPORTED, "DatapathTypeUnavailable", message)
    return None


def _creation(
    bridge: Bridge, inventory: Inventory, wanted: Wanted, stale: tuple[Thing, ...]
) -> Draft:
    add = AddBridge(
        bridge.id,
        bridge.name,
        bridge.datapath_type.value,
        inventory.mark(bridge.id),
        FAIL_MODE,
        wanted.settings,
        wanted.external_ids,
    )
    # A device that an ovs-vswitchd left behind when it was killed is taken over by the next one.
    left_behind = any(
        link.name == bridge.name and link.kind in OVS_KINDS
        for link in inventory.links.get(bridge.id, ())
    )
    claims: tuple[Claim, ...] = (OvsName(bridge.name),)
    post = configure(bridge.id, None, bridge.name, None, _wish(bridge, inventory))
    return Draft(
        bridge.id,
        makes_bridge=bridge.name,
        claims=claims if left_behind else (*claims, LinkName(bridge.name)),
        stale=stale,
        make=Stage(ovsdb=(add,), post=post),
    )


def _mending(
    bridge: Bridge,
    inventory: Inventory,
    wanted: Wanted,
    row: OvsBridge,
    stale: tuple[Thing, ...],
) -> Draft:
    marks = inventory.mark(bridge.id)
    wish = OvsBridge(
        bridge.name,
        datapath_type=bridge.datapath_type.value,
        fail_mode=FAIL_MODE,
        external_ids={**wanted.external_ids, **marks},
        settings=wanted.settings,
    )
    released = inventory.released(bridge.id, "Bridge", row.name)
    ops = mend_bridge(bridge.id, row, wish, marks, released)
    link = inventory.observed.links.get(bridge.name)
    if link is not None and link.kind not in OVS_KINDS:
        # The bridge forwards without its own device, so that its ports do not have to fail too.
        taken = _device_taken(bridge, link)
        return Draft(bridge.id, makes_bridge=bridge.name, stale=stale, failures=(taken,))
    return Draft(
        bridge.id,
        makes_bridge=bridge.name,
        stale=stale,
        mend=Stage(
            ovsdb=ops,
            post=()
            if link is None
            else configure(bridge.id, None, bridge.name, link, _wish(bridge, inventory)),
        ),
        failures=() if ops else _failures(bridge, row),
    )


def _device_taken(bridge: Bridge, link: Link) -> Failure:
    message = (
        f"the device name of bridge {bridge.name} is taken by a {link.kind or 'physical'} device "
        f"that Open vSwitch did not make and that {owner_of_link(link)}; remove or rename that "
        "device"
    )
    return Failure(bridge.id, ErrorKind.CONFLICT, "AlreadyTaken", message)


def _wish(bridge: Bridge, inventory: Inventory) -> Wish:
    return Wish(alias=inventory.alias(bridge.id))


def _failures(bridge: Bridge, row: OvsBridge) -> tuple[Failure, ...]:
    return tuple(
        failure
        for port in row.ports
        if port.name == row.name
        for interface in port.interfaces
        if interface.name == row.name
        for failure in interface_failures(bridge.id, interface)
    )
