"""Kernel devices: the netlink steps from what a device is to what it shall be."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from typing import TypeVar

from agent.errors import ErrorKind, Failure
from agent.model import DatapathType
from agent.observed import Link
from agent.planner.inventory import Inventory
from agent.planner.owners import link_words
from agent.planner.plan import AddAddress, DeleteAddress, NetlinkStep, SetLink

T = TypeVar("T", int, str, bool)

_OVS_MASTERS = ("", "ovs-system")


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted of a device; what is None is left as it is."""

    mtu: int | None = None
    mac: str | None = None
    up: bool | None = None
    quiet: bool | None = None
    """Whether the host keeps out of IP on it; a device that we make is quiet from the start."""
    alias: str | None = None
    master: str | None = None
    """The Linux bridge it shall be in; empty for none."""
    userspace: bool = False
    """Whether its frames go through a userspace datapath; seen to whenever it comes up."""
    addresses: frozenset[str] | None = None
    """What the device shall have; of what else it has, only what bears our mark goes."""


def configure(
    resource: str, netns: str | None, name: str, have: Link | None, wish: Wish
) -> tuple[NetlinkStep, ...]:
    """Steps that bring the device to ``wish``; ``have`` is None for one that is being created."""
    changes = SetLink(
        resource,
        netns,
        name,
        mtu=_unless_equal(wish.mtu, have.mtu if have else None),
        mac=_unless_equal(wish.mac, have.mac.lower() if have else None),
        up=_unless_equal(wish.up, have.up if have else None),
        alias=_unless_equal(wish.alias, have.alias if have else None),
        master=_unless_equal(wish.master, have.master if have else None),
        quiet=_unless_equal(wish.quiet, have.quiet if have else True),
        userspace=wish.userspace and bool(wish.up) and not (have and have.up),
        ifindex=have.ifindex if have else None,
    )
    first = _in_order(changes)
    if wish.addresses is None:
        return first
    return first + _address_steps(resource, netns, name, have, wish.addresses)


def _in_order(changes: SetLink) -> tuple[NetlinkStep, ...]:
    """A device comes up only when it is quiet and in the bridge that it belongs to."""
    if changes.up is not None and (changes.master, changes.quiet) != (None, None):
        return (*_in_order(replace(changes, up=None, userspace=False)), _only_up(changes))
    named = (
        changes.mtu,
        changes.mac,
        changes.up,
        changes.quiet,
        changes.alias,
        changes.master,
    )
    return (changes,) if any(each is not None for each in named) else ()


def _only_up(changes: SetLink) -> SetLink:
    return SetLink(
        changes.resource,
        changes.netns,
        changes.name,
        up=changes.up,
        userspace=changes.userspace,
        ifindex=changes.ifindex,
    )


def fit_for_userspace(
    resource: str, netns: str | None, link: Link, bridge: str, inventory: Inventory, *, moves: bool
) -> tuple[NetlinkStep, ...]:
    """What a device that may be up already needs before a userspace datapath gets its frames.

    Offloads are not observed: it is when it ``moves`` to the bridge, or the bridge to another
    datapath, that they are seen to.
    """
    row = inventory.observed.bridges.get(bridge)
    changes = moves or row is None or row.datapath_type != DatapathType.NETDEV.value
    if bridge not in inventory.userspace or not changes:
        return ()
    return (SetLink(resource, netns, link.name, userspace=True, ifindex=link.ifindex),)


def enslaved_elsewhere(resource: str, link: Link, inventory: Inventory) -> Failure | None:
    """A device of ours that somebody put into a bridge or bond of theirs is not taken back."""
    if link.master in _OVS_MASTERS or inventory.owns_device(link.master):
        return None
    master = inventory.observed.links.get(link.master)
    words = link.master if master is None else link_words(master)
    message = (
        f"device {link.name} already belongs to {words}; free it with: ip link set {link.name} "
        "nomaster"
    )
    return Failure(resource, ErrorKind.CONFLICT, "DeviceEnslaved", message)


def normal_address(cidr: str) -> str:
    """``cidr`` as the kernel prints it; ValueError if it is none."""
    return str(ipaddress.ip_interface(cidr))


def _unless_equal(wanted: T | None, have: T | None) -> T | None:
    return None if wanted == have else wanted


def _address_steps(
    resource: str, netns: str | None, name: str, have: Link | None, wanted: frozenset[str]
) -> tuple[NetlinkStep, ...]:
    """A wanted address that somebody else gave the device serves as well, and stays theirs."""
    there = have.addresses if have is not None else frozenset[str]()
    owned = have.owned_addresses if have is not None else frozenset[str]()
    index = have.ifindex if have is not None else None
    # Deleted first: with another prefix length an IPv6 address is in its own way.
    return (
        *(DeleteAddress(resource, netns, name, cidr, index) for cidr in sorted(owned - wanted)),
        *(AddAddress(resource, netns, name, cidr, index) for cidr in sorted(wanted - there)),
    )
