"""Ports that are veth pairs: one end on a bridge here, the other in a named namespace.

The bridge is one of Open vSwitch's, which has a row for the port, or a Linux bridge, which is the
master of the device.
"""

from __future__ import annotations

from dataclasses import replace

from agent.errors import Failure
from agent.model import Port, VethPeer
from agent.observed import Link, OvsPort
from agent.planner.claims import Claim, LinkName, OvsName, PeerName
from agent.planner.draft import Draft
from agent.planner.health import interface_failures
from agent.planner.inventory import Inventory, PlacedPort, is_pair
from agent.planner.links import Wish, configure, enslaved_elsewhere, fit_for_userspace
from agent.planner.plan import AddPort, CreateVeth, NetlinkStep, Stage
from agent.planner.port_rows import stale_links, stale_rows, wanted_addresses
from agent.planner.rows import mend_port


def draft_plugged_veth(
    port: Port,
    peer: VethPeer,
    inventory: Inventory,
    placed: PlacedPort | None,
    wanted: OvsPort,
) -> Draft | Failure:
    """A veth on a bridge of Open vSwitch; ``placed`` is the row that already is this port's."""
    link = _living_link(port, peer, inventory)
    if link is None:
        wish = Wish(up=not port.admin_down, userspace=port.bridge in inventory.userspace)
        near = configure(port.id, None, port.interface, None, wish)
        draft = _new_pair(port, peer, inventory, near)
        make = replace(draft.make, ovsdb=(AddPort(port.id, port.bridge, wanted),))
        return replace(draft, make=make)
    if failure := enslaved_elsewhere(port.id, link, inventory):
        return failure
    pre = _fit(port, peer, inventory, link, moves=placed is None)
    if inventory.owns_device(link.master):
        pre += configure(port.id, None, port.interface, link, Wish(master=""))
    post = _settle_pair(port, peer, inventory, link, master=None)
    draft = _draft(port, inventory, placed, link)
    if placed is None:
        make = Stage(pre, (AddPort(port.id, port.bridge, wanted),), post)
        return replace(draft, claims=(OvsName(port.interface),), make=make)
    ops = mend_port(port.id, placed, wanted, inventory=inventory)
    failures = () if ops else interface_failures(port.id, placed.port.interfaces[0])
    return replace(draft, mend=Stage(pre, ops, post), failures=failures)


def draft_enslaved_veth(
    port: Port, peer: VethPeer, inventory: Inventory, *, bridge_is_there: bool
) -> Draft | Failure:
    """A veth on a Linux bridge; whatever row Open vSwitch had for it goes."""
    link = _living_link(port, peer, inventory)
    if link is None:
        wish = Wish(up=not port.admin_down, master=port.bridge)
        near = configure(port.id, None, port.interface, None, wish)
        return _new_pair(port, peer, inventory, near)
    if failure := enslaved_elsewhere(port.id, link, inventory):
        return failure
    draft = _draft(port, inventory, None, link)
    if bridge_is_there and link.master == port.bridge:
        post = _settle_pair(port, peer, inventory, link, master=port.bridge)
        return replace(draft, mend=Stage(post=post))
    # A bridge of that name that is there now is another one, which goes.
    loose = replace(link, master="")
    post = _settle_pair(port, peer, inventory, loose, master=port.bridge)
    return replace(draft, make=Stage(post=post))


def _living_link(port: Port, peer: VethPeer, inventory: Inventory) -> Link | None:
    """The host's end of this port's pair, if its other end is where it shall be."""
    far = inventory.observed.peers.get((peer.netns, peer.interface))
    for link in inventory.links.get(port.id, ()):
        if link.name == port.interface and far is not None and is_pair(link, far):
            return link
    return None


def _draft(port: Port, inventory: Inventory, placed: PlacedPort | None, link: Link | None) -> Draft:
    stale = (*stale_rows(port, inventory, placed), *stale_links(port, inventory, link))
    takes = frozenset[str]() if link is None else frozenset({link.name})
    return Draft(port.id, bridge=port.bridge, stale=stale, takes=takes)


def _new_pair(
    port: Port, peer: VethPeer, inventory: Inventory, near: tuple[NetlinkStep, ...]
) -> Draft:
    """A pair made anew, and plugged in anew: Open vSwitch stays with the device it knew.

    A row of somebody else's that waits for a device of this name would take it.
    """
    create = CreateVeth(
        port.id,
        port.interface,
        inventory.alias(port.id),
        port.mtu,
        peer.netns,
        peer.interface,
        port.mac.lower(),
    )
    userspace = port.bridge in inventory.userspace
    wish = Wish(up=True, userspace=userspace, addresses=wanted_addresses(port))
    far = configure(port.id, peer.netns, peer.interface, None, wish)
    claims: tuple[Claim, ...] = (
        OvsName(port.interface),
        LinkName(port.interface),
        PeerName(peer.netns, peer.interface),
    )
    draft = _draft(port, inventory, None, None)
    return replace(draft, claims=claims, make=Stage(pre=(create,), post=near + far))


def _fit(
    port: Port, peer: VethPeer, inventory: Inventory, link: Link, *, moves: bool
) -> tuple[NetlinkStep, ...]:
    far = inventory.observed.peers[peer.netns, peer.interface]
    ends = ((None, link), (peer.netns, far))
    return tuple(
        step
        for netns, end in ends
        for step in fit_for_userspace(port.id, netns, end, port.bridge, inventory, moves=moves)
    )


def _settle_pair(
    port: Port, peer: VethPeer, inventory: Inventory, link: Link, master: str | None
) -> tuple[NetlinkStep, ...]:
    far = inventory.observed.peers[peer.netns, peer.interface]
    both = Wish(mtu=port.mtu, up=True, userspace=port.bridge in inventory.userspace)
    near = replace(both, up=not port.admin_down, quiet=True, master=master)
    wish = replace(both, mac=port.mac.lower() or None, addresses=wanted_addresses(port))
    return configure(port.id, None, port.interface, link, near) + configure(
        port.id, peer.netns, peer.interface, far, wish
    )
