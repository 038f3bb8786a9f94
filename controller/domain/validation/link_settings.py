"""Rules for the settings of one Linux bridge or one port there, whatever else exists.

Ranges are what the kernel takes. Where it takes more and then does something else, what it does is
the range: what is intended is what shall be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields as fields_of
from dataclasses import replace
from typing import TypeAlias, TypeVar

from controller.domain.linux_bridge import (
    GROUP_BITS,
    BridgePortSettings,
    GroupFwdMask,
    LinkLocalGroup,
    LinuxBridgeSettings,
    mask_of,
)
from controller.domain.validation.fields import Fault

LinkSettings: TypeAlias = LinuxBridgeSettings | BridgePortSettings
_SettingsT = TypeVar("_SettingsT", LinuxBridgeSettings, BridgePortSettings)
_Found: TypeAlias = Iterator[tuple[str, Fault]]
"""Which field, and what is wrong there."""

_MAX_UINT32 = 2**32 - 1
_INTERVAL = (1, 86_400)
"""The kernel takes less and more for the queries, and then does this."""
_BRIDGE_RANGES: Mapping[str, tuple[int, int]] = {
    "vlan_default_pvid": (0, 4094),
    "forward_delay_s": (0, 30),
    "hello_time_s": (1, 10),
    "max_age_s": (6, 40),
    "ageing_time_s": (0, 1_000_000),
    "priority": (0, 65_535),
    "mcast_hash_max": (1, _MAX_UINT32),
    "mcast_last_member_count": (0, _MAX_UINT32),
    "mcast_startup_query_count": (0, _MAX_UINT32),
    "mcast_last_member_interval_s": _INTERVAL,
    "mcast_membership_interval_s": _INTERVAL,
    "mcast_querier_interval_s": _INTERVAL,
    "mcast_query_interval_s": _INTERVAL,
    "mcast_query_response_interval_s": _INTERVAL,
    "mcast_startup_query_interval_s": _INTERVAL,
    "mcast_igmp_version": (2, 3),
    "mcast_mld_version": (1, 2),
}
_PORT_RANGES: Mapping[str, tuple[int, int]] = {"cost": (1, 65_535), "priority": (0, 63)}

_GROUP_ADDR = re.compile(r"01:80:c2:00:00:0[0-9a-f]")
_GROUPS_OF_OTHERS = frozenset("123")
"""Pause frames, LACP and 802.1X: the kernel sends no STP there."""
_NEVER_BY_BRIDGE = (LinkLocalGroup.STP, LinkLocalGroup.PAUSE, LinkLocalGroup.LACP)
_NEVER_BY_PORT = (LinkLocalGroup.PAUSE,)
_SHORTEST_DELAY_S = 2


def normalise_link(settings: _SettingsT) -> _SettingsT | None:
    """Give what means the same one spelling; None when nothing is said."""
    settings = replace(settings, group_fwd_mask=_normal_mask(settings.group_fwd_mask))
    if isinstance(settings, LinuxBridgeSettings) and settings.group_addr is not None:
        settings = replace(settings, group_addr=settings.group_addr.lower().replace("-", ":"))
    said = (getattr(settings, each.name) is not None for each in fields_of(settings))
    return settings if any(said) else None


def _normal_mask(groups: GroupFwdMask | None) -> GroupFwdMask | None:
    """Prefer names to bits. No names are nothing said, but 0 is: no group at all."""
    if groups is None or groups == ():
        return None
    mask = mask_of(groups)
    named = tuple(group for group, bit in GROUP_BITS.items() if mask >> bit & 1)
    return named if named and mask_of(named) == mask else mask


def check_bridge_values(settings: LinuxBridgeSettings) -> _Found:
    yield from _out_of_range(settings, _BRIDGE_RANGES)
    yield from _groups(settings.group_fwd_mask, _NEVER_BY_BRIDGE)
    yield from _timers(settings)
    address = settings.group_addr
    if address is not None and (
        not _GROUP_ADDR.fullmatch(address) or address[-1] in _GROUPS_OF_OTHERS
    ):
        why = f"{address!r} is no address that the kernel sends STP to"
        fix = "write 01:80:c2:00:00:0n, where n is 0 or from 4 to f"
        yield "group_addr", Fault("invalid_group_addr", why, fix)


def check_bridge_port_values(settings: BridgePortSettings) -> _Found:
    yield from _out_of_range(settings, _PORT_RANGES)
    yield from _groups(settings.group_fwd_mask, _NEVER_BY_PORT)


def _out_of_range(settings: LinkSettings, ranges: Mapping[str, tuple[int, int]]) -> _Found:
    for name, (low, high) in ranges.items():
        value = getattr(settings, name)
        if value is not None and not low <= value <= high:
            fix = f"choose a number from {low} to {high}, or leave it out"
            yield name, Fault("out_of_range", f"{value} is out of the range of {name!r}", fix)


def _groups(groups: GroupFwdMask | None, never: tuple[LinkLocalGroup, ...]) -> _Found:
    if groups is None:
        return
    mask = mask_of(groups)
    if not 0 <= mask <= 0xFFFF:
        fix = "name groups, or write a number from 0 to 65535"
        yield "group_fwd_mask", Fault("out_of_range", f"{mask} has bits that are no group", fix)
        return
    for group in never:
        if mask >> GROUP_BITS[group] & 1:
            bit = GROUP_BITS[group]
            why = f"the kernel forwards no frames of {group!s} (bit {bit}) here"
            fix = f"leave {group!s} out, as a word or as bit {bit}"
            yield "group_fwd_mask", Fault("group_not_forwarded", why, fix)


def _timers(settings: LinuxBridgeSettings) -> _Found:
    """IEEE 802.1D, 8.10.2. Without STP the kernel takes any; when STP is turned on, it makes a
    shorter delay the shortest."""
    if not settings.stp_state:
        return
    delay = 15 if settings.forward_delay_s is None else settings.forward_delay_s
    hello = 2 if settings.hello_time_s is None else settings.hello_time_s
    max_age = 20 if settings.max_age_s is None else settings.max_age_s
    if delay < _SHORTEST_DELAY_S:
        why = f"with STP the kernel delays for at least {_SHORTEST_DELAY_S} s"
        fix = f"choose from {_SHORTEST_DELAY_S} to 30, or turn stp_state off"
        yield "forward_delay_s", Fault("out_of_range", why, fix)
        return
    low, high = 2 * (hello + 1), 2 * (delay - 1)
    if not low <= max_age <= high:
        why = (
            f"with a hello time of {hello} s and a forward delay of {delay} s the maximum age is"
            f" from {low} to {high} s, and it is {max_age}"
        )
        fix = "change max_age_s or forward_delay_s so that they agree"
        yield "max_age_s", Fault("timers_disagree", why, fix)
