"""TAP devices that we make and that a virtual machine opens: what it does inside is its own."""

from __future__ import annotations

from dataclasses import replace

from agent.errors import Failure
from agent.model import Port, TapOwner
from agent.observed import Link, OvsPort
from agent.planner.claims import LinkName, OvsName
from agent.planner.draft import Draft
from agent.planner.health import interface_failures
from agent.planner.inventory import Inventory, PlacedPort
from agent.planner.links import Wish, configure, enslaved_elsewhere
from agent.planner.plan import AddPort, CreateTap, NetlinkStep, SetTapOwner, Stage
from agent.planner.port_rows import stale_links, stale_rows
from agent.planner.rows import mend_port

_NOBODY = TapOwner()


def draft_tap(
    port: Port, inventory: Inventory, placed: PlacedPort | None, wanted: OvsPort
) -> Draft | Failure:
    """A device made anew is plugged in anew: Open vSwitch stays with the one it knew."""
    link = _living_link(port, inventory)
    add = AddPort(port.id, port.bridge, wanted)
    if link is None:
        up = configure(port.id, None, port.interface, None, Wish(up=not port.admin_down))
        return Draft(
            port.id,
            bridge=port.bridge,
            claims=(OvsName(port.interface), LinkName(port.interface)),
            stale=(*stale_rows(port, inventory, None), *stale_links(port, inventory, None)),
            make=Stage((_create(port, inventory),), (add,), up),
        )
    if failure := enslaved_elsewhere(port.id, link, inventory):
        return failure
    leaves = Wish(master="") if inventory.owns_device(link.master) else Wish()
    pre = configure(port.id, None, port.interface, link, leaves)
    post = _settle(port, link)
    stale = (*stale_rows(port, inventory, placed), *stale_links(port, inventory, link))
    if placed is None:
        make = Stage(pre, (add,), post)
        claims = (OvsName(port.interface),)
        return Draft(port.id, bridge=port.bridge, claims=claims, stale=stale, make=make)
    ops = mend_port(port.id, placed, wanted, inventory=inventory)
    return Draft(
        port.id,
        bridge=port.bridge,
        stale=stale,
        mend=Stage(pre, ops, post),
        failures=() if ops else interface_failures(port.id, placed.port.interfaces[0]),
    )


def draft_enslaved_tap(
    port: Port, inventory: Inventory, *, bridge_is_there: bool
) -> Draft | Failure:
    """A device in a Linux bridge; whatever row Open vSwitch had for it goes."""
    link = _living_link(port, inventory)
    stale = (*stale_rows(port, inventory, None), *stale_links(port, inventory, link))
    draft = Draft(port.id, bridge=port.bridge, stale=stale)
    if link is None:
        wish = Wish(up=not port.admin_down, master=port.bridge)
        up = configure(port.id, None, port.interface, None, wish)
        claims = (OvsName(port.interface), LinkName(port.interface))
        return replace(draft, claims=claims, make=Stage((_create(port, inventory),), (), up))
    if failure := enslaved_elsewhere(port.id, link, inventory):
        return failure
    draft = replace(draft, takes=frozenset({link.name}))
    if bridge_is_there and link.master == port.bridge:
        return replace(draft, mend=Stage(post=_settle(port, link, port.bridge)))
    loose = replace(link, master="")
    return replace(draft, make=Stage(post=_settle(port, loose, port.bridge)))


def _living_link(port: Port, inventory: Inventory) -> Link | None:
    """Those of internal ports are TAP devices as well, but Open vSwitch's to open."""
    for link in inventory.links.get(port.id, ()):
        if (link.name, link.kind) == (port.interface, "tun") and not inventory.is_backed(link):
            return link
    return None


def _create(port: Port, inventory: Inventory) -> CreateTap:
    owner = port.tap_owner or _NOBODY
    return CreateTap(port.id, port.interface, inventory.alias(port.id), port.mtu, owner)


def _settle(port: Port, link: Link, master: str | None = None) -> tuple[NetlinkStep, ...]:
    """An owner whom intent does not name is left as it is: the kernel cannot take one away.

    It is the last to be changed: a virtual machine that has the device open keeps its owner.
    """
    wanted, have = port.tap_owner or _NOBODY, link.tap_owner or _NOBODY
    changed = TapOwner(
        uid=None if wanted.uid == have.uid else wanted.uid,
        gid=None if wanted.gid == have.gid else wanted.gid,
    )
    none = frozenset[str]()
    wish = Wish(
        mtu=port.mtu or None, up=not port.admin_down, quiet=True, master=master, addresses=none
    )
    steps = configure(port.id, None, port.interface, link, wish)
    if changed == _NOBODY:
        return steps
    return (*steps, SetTapOwner(port.id, port.interface, changed, link.ifindex))
