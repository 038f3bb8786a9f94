"""Kernel devices: the netlink steps from what a device is to what it shall be."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TypeVar

from agent.model import Link
from agent.planner.plan import AddAddress, DeleteAddress, NetlinkStep, SetLink

T = TypeVar("T", int, str, bool)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted of a device; what is None is left as it is."""

    mtu: int | None = None
    mac: str | None = None
    up: bool | None = None
    alias: str | None = None
    addresses: frozenset[str] | None = None
    """All that the device shall have: it is ours, so others go (link-local ones are not seen)."""


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
    )
    named = (changes.mtu, changes.mac, changes.up, changes.alias)
    first: tuple[NetlinkStep, ...] = (changes,) if any(each is not None for each in named) else ()
    if wish.addresses is None:
        return first
    have_addresses = have.addresses if have is not None else frozenset[str]()
    return first + _address_steps(resource, netns, name, have_addresses, wish.addresses)


def normal_address(cidr: str) -> str:
    """``cidr`` as the kernel prints it; ValueError if it is none."""
    return str(ipaddress.ip_interface(cidr))


def _unless_equal(wanted: T | None, have: T | None) -> T | None:
    return None if wanted == have else wanted


def _address_steps(
    resource: str, netns: str | None, name: str, have: frozenset[str], wanted: frozenset[str]
) -> tuple[NetlinkStep, ...]:
    surplus = {cidr for cidr in have if normal_address(cidr) not in wanted}
    # Without promote_secondaries the kernel drops an IPv4 network's other addresses together with
    # its first one, so whatever shares a network with a surplus address is given again.
    networks = {ipaddress.ip_interface(cidr).network for cidr in surplus}
    kept = {normal_address(cidr) for cidr in have}
    due = {
        cidr
        for cidr in wanted
        if cidr not in kept or ipaddress.ip_interface(cidr).network in networks
    }
    return (
        *(DeleteAddress(resource, netns, name, cidr) for cidr in sorted(surplus)),
        *(AddAddress(resource, netns, name, cidr) for cidr in sorted(due)),
    )
