"""Explicit Linux bridges: devices of the kernel that have what intent says of their attributes.

The host itself takes no part in IP on them, as on every bridge of ours that carries others. The MTU
is left to the kernel, which has it follow the ports'.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from agent.bridge_attributes import BRIDGE, FILTERING, Attribute
from agent.columns import Release
from agent.errors import ErrorKind, Failure
from agent.model import Bridge
from agent.observed import Link
from agent.planner.bridge_steps import SetBridgeAttributes, Values
from agent.planner.claims import LinkName, OvsName, Thing, ThingKind
from agent.planner.draft import Draft
from agent.planner.inventory import Inventory
from agent.planner.link_releases import BRIDGE_TABLE, default, holds
from agent.planner.links import Wish, configure
from agent.planner.linux_bridges import derived_mac, kept_bridge
from agent.planner.plan import CreateLinuxBridge, NetlinkStep, Stage

_MTU = 1500


@dataclass(frozen=True, slots=True)
class WantedAttributes:
    """What intent says, as far as there is such a thing, and what of it cannot be."""

    values: Mapping[str, int]
    failures: tuple[Failure, ...] = ()


def draft_explicit_bridge(bridge: Bridge, host_uid: str, inventory: Inventory) -> Draft:
    wanted = wanted_attributes(bridge.id, bridge.link_attributes, BRIDGE)
    mac = derived_mac(inventory.owner, bridge.id, host_uid, "bridge")
    kept = kept_bridge(bridge.id, bridge.name, inventory)
    stale = _stale(bridge, inventory, kept)
    draft = Draft(bridge.id, makes_bridge=bridge.name, stale=stale, failures=tuple(wanted.failures))
    if kept is None:
        create = CreateLinuxBridge(bridge.id, bridge.name, inventory.alias(bridge.id), mac, _MTU)
        up = configure(bridge.id, None, bridge.name, None, Wish(up=True))
        pre = (create, *up, *_attribute_steps(bridge, _changed(wanted, None, ()), None))
        return replace(
            draft,
            claims=(OvsName(bridge.name), LinkName(bridge.name)),
            make=Stage(pre=pre),
        )
    wish = Wish(mac=mac, up=True, quiet=True)
    released = inventory.released(bridge.id, BRIDGE_TABLE, bridge.name)
    held = tuple(r for r in released if holds(r, inventory.observed, inventory.owner))
    first = configure(bridge.id, None, bridge.name, kept, wish)
    changed = _changed(wanted, kept, held)
    lacking = without_lacking(bridge.id, changed, kept)
    # Only once the ports that are there already are in their VLANs.
    last = {FILTERING: changed.pop(FILTERING)} if changed.get(FILTERING) else {}
    return replace(
        draft,
        failures=(*draft.failures, *lacking),
        mend=Stage(pre=first + _attribute_steps(bridge, changed, kept)),
        later=Stage(post=_attribute_steps(bridge, last, kept)),
    )


def _stale(bridge: Bridge, inventory: Inventory, kept: Link | None) -> tuple[Thing, ...]:
    """What else is this bridge's: of another name, or of Open vSwitch."""
    links = (link for link in inventory.links.get(bridge.id, ()) if link is not kept)
    return (
        *(Thing(ThingKind.BRIDGE, row.name) for row in inventory.bridges.get(bridge.id, ())),
        *(Thing(ThingKind.LINK, link.name) for link in links if not inventory.is_backed(link)),
    )


def stale_devices(bridge: Bridge, inventory: Inventory) -> tuple[Thing, ...]:
    """Linux bridges of what is one of Open vSwitch's now."""
    links = inventory.links.get(bridge.id, ())
    return tuple(Thing(ThingKind.LINK, each.name) for each in links if each.kind == "bridge")


def _changed(
    wanted: WantedAttributes, kept: Link | None, held: tuple[Release, ...]
) -> dict[str, int]:
    changed = {} if kept is None else given_back(kept, wanted.values, held)
    have = {} if kept is None else kept.bridge_attributes
    for name, value in wanted.values.items():
        if not BRIDGE[name].is_same(value, have.get(name, BRIDGE[name].default)):
            changed[name] = value
    hidden = frozenset[str]() if kept is None else kept.hidden
    return {name: value for name, value in changed.items() if name not in hidden}


def _attribute_steps(
    bridge: Bridge, changed: Mapping[str, int], kept: Link | None
) -> tuple[NetlinkStep, ...]:
    if not changed:
        return ()
    index = None if kept is None else kept.ifindex
    return (SetBridgeAttributes(bridge.id, bridge.name, in_order(changed, BRIDGE), index),)


# --- attributes of bridges and of their ports ----------------------------------------------------


def wanted_attributes(
    resource: str, values: Mapping[str, int], known: Mapping[str, Attribute]
) -> WantedAttributes:
    fit = {name: v for name, v in values.items() if name in known and known[name].accepts(v)}
    failures = tuple(
        _refused(resource, name, values[name], is_known=name in known)
        for name in sorted(values.keys() - fit.keys())
    )
    return WantedAttributes(fit, failures)


def given_back(link: Link, wanted: Mapping[str, int], held: tuple[Release, ...]) -> dict[str, int]:
    """Attributes that intent does not name any more, at their defaults."""
    return {each.column: default(link, each) for each in held if each.column not in wanted}


def without_lacking(resource: str, changed: dict[str, int], link: Link) -> tuple[Failure, ...]:
    """Takes out what this kernel does not know: to try it again with each start is of no use."""
    lacking = sorted(changed.keys() & link.lacks)
    for name in lacking:
        del changed[name]
    if not lacking:
        return ()
    message = (
        f"this kernel does not know {', '.join(lacking)}; everything else is set. Leave it out, or "
        "give the host a kernel that does"
    )
    return (Failure(resource, ErrorKind.UNSUPPORTED, "NotSupported", message),)


def in_order(changed: Mapping[str, int], known: Mapping[str, Attribute]) -> Values:
    """As the kernel goes through them: what depends on another comes after it."""
    return tuple((name, changed[name]) for name in known if name in changed)


def _refused(resource: str, name: str, value: int, *, is_known: bool) -> Failure:
    if is_known:
        message = f"{value} is no value that attribute {name} can have; correct the intent"
        return Failure(resource, ErrorKind.INVALID, "ValueRefused", message)
    message = (
        f"attribute {name} is not known to this agent; everything else is set. Upgrade the agent, "
        "or leave it out"
    )
    return Failure(resource, ErrorKind.UNSUPPORTED, "AttributeUnsupported", message)
