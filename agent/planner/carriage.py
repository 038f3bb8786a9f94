"""What a segment's tunnel options are in the words of Open vSwitch and of the kernel.

What a fragment names is set on each of its tunnels, and what an earlier one named and this one does
not is given back by all of them: one release of the segment stands for every row, because there are
thousands. Whatever no intent ever named stays as somebody made it.

In Open vSwitch all but exts is written in place. Seen with 3.1, on the userspace datapath with 1000
packets a second: while ttl, tos, csum, df_default, the keys of bfd and Port.protected change, none
is lost, and the port keeps its number. With other exts it refuses a tunnel whose UDP port was in
use without, even by the tunnel itself: that is made anew. A device of the kernel has to be made
anew for some more (``agent.vxlan_attributes``).
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterator, Mapping

from agent.columns import NO_SETTINGS, Release, Settings
from agent.fragments import NO_OPTIONS, TunnelOptions
from agent.model import Backend, HostState, segment_id
from agent.observed import OvsInterface
from agent.vxlan_attributes import (
    DF,
    GBP,
    LABEL,
    PORT_RANGE,
    TOS,
    TTL,
    TTL_INHERIT,
    UDP_CSUM,
    UDP_ZERO_CSUM6_TX,
    VXLAN,
)

INHERIT = "inherit"
DEVICE_TABLE = "vxlan"
"""Stands in a release for the segment's vxlan device, whose attributes are the columns."""
EVERY_ROW = ""
"""Stands in a release for the rows of all tunnels of the segment."""
EXTENSIONS = "exts"
_OPTIONS, _BFD = "options", "bfd"
_LARGEST_LABEL, _LARGEST_PORT = 0xFFFFF, 0xFFFF
_NOTHING: Mapping[str, str] = {}
_NO_ATTRIBUTES: Mapping[str, int] = {}


def device_name(vni: int) -> str:
    return f"kx{vni}"


def ovs_options(options: TunnelOptions) -> Mapping[str, str]:
    """Of Interface.options, those that are named; what only the kernel has is not among them."""
    if options == NO_OPTIONS:
        return _NOTHING
    mark = options.egress_pkt_mark
    words = {
        "ttl": options.ttl,
        "tos": options.tos,
        "csum": choice(options.csum),
        "df_default": choice(options.df_default),
        "egress_pkt_mark": "" if mark is None else str(mark),
        EXTENSIONS: "gbp" if options.gbp else "",
    }
    return {key: word for key, word in words.items() if word}


def unknown_option(options: TunnelOptions) -> str:
    """Name and value of one that this agent cannot set; empty if there is none."""
    if options == NO_OPTIONS:
        return ""
    low, high = options.source_ports
    is_understood = {
        f"ttl {options.ttl}": _is_number_or_inherit(options.ttl, 1),
        f"tos {options.tos}": _is_number_or_inherit(options.tos, 0),
        f"flow_label {options.flow_label}": options.flow_label <= _LARGEST_LABEL,
        f"source ports {low} to {high}": low == high == 0 or 0 < low <= high <= _LARGEST_PORT,
    }
    return next((words for words, is_so in is_understood.items() if not is_so), "")


def _is_number_or_inherit(word: str, low: int) -> bool:
    if word in ("", INHERIT):
        return True
    return word.isascii() and word.isdecimal() and len(word) <= 3 and low <= int(word) <= 255


def ovs_settings(options: TunnelOptions) -> Settings:
    return Settings(maps={_BFD: options.bfd}) if options.bfd else NO_SETTINGS


def choice(wanted: bool | None) -> str:
    """Empty where nothing is wanted."""
    return "" if wanted is None else str(wanted).lower()


# --- the kernel's devices ------------------------------------------------------------------------


def device_attributes(options: TunnelOptions, local_ip: str) -> Mapping[str, int]:
    """Those that are named, by their names in ``agent.vxlan_attributes``.

    Some mean nothing over one of the address families, and the kernel refuses the flow label there.
    """
    if options == NO_OPTIONS:
        return _NO_ATTRIBUTES
    is_ipv6 = ":" in local_ip
    low, high = options.source_ports
    named = {
        TTL: _hops(options.ttl, inherited=0),
        TTL_INHERIT: int(options.ttl == INHERIT) if options.ttl else None,
        TOS: _hops(options.tos, inherited=1),
        DF: None if options.df_default is None else int(options.df_default),
        PORT_RANGE: low << 16 | high or None,
        GBP: int(options.gbp) or None,
    }
    if options.csum is not None:
        named |= {UDP_ZERO_CSUM6_TX: not options.csum} if is_ipv6 else {UDP_CSUM: options.csum}
    if is_ipv6:
        named[LABEL] = options.flow_label or None
    return {name: int(value) for name, value in named.items() if value is not None}


def _hops(word: str, inherited: int) -> int | None:
    """TTL and TOS of the packet inside are inherited by a flag, and by a value that is none."""
    if not word:
        return None
    return inherited if word == INHERIT else int(word)


def wanted_attributes(
    named: Mapping[str, int], have: Mapping[str, int], released: Collection[Release]
) -> Mapping[str, int]:
    """What a device that is there shall have: what is named, and what is given back."""
    given_back = {
        each.column: VXLAN[each.column].default
        for each in released
        if each.column in VXLAN and is_held(have, each)
    }
    return {**given_back, **named}


def is_held(have: Mapping[str, int], released: Release) -> bool:
    """Whether a device still has what is to be given back."""
    default = VXLAN[released.column].default
    return have.get(released.column, default) == released.value[0] != default


# --- what is given back --------------------------------------------------------------------------


def tunnel_releases(state: HostState) -> Iterator[Release]:
    """What the state names, for the case that the next one does not.

    Of a segment with what is not understood nothing was set.
    """
    for attachment in state.attachments:
        fragment = state.fragments.get(attachment.fragment_hash)
        if fragment is None or fragment.options == NO_OPTIONS or unknown_option(fragment.options):
            continue
        if attachment.backend is Backend.OVS:
            yield from _rows_released(segment_id(attachment.segment_uid), fragment.options)
        elif attachment.backend is Backend.KERNEL:
            place = (segment_id(attachment.segment_uid), DEVICE_TABLE, device_name(fragment.vni))
            own = (each.vtep for each in fragment.members if each.host_uid == state.host_uid)
            for name, value in device_attributes(fragment.options, next(own, "")).items():
                yield Release(*place, name, None, (value,))


def _rows_released(resource: str, options: TunnelOptions) -> Iterator[Release]:
    for column, keys in ((_OPTIONS, ovs_options(options)), (_BFD, options.bfd)):
        for key, value in keys.items():
            yield Release(resource, "Interface", EVERY_ROW, column, key, (value,))


def options_given_back(
    row: OvsInterface, wanted: Container[str], released: Collection[Release]
) -> frozenset[str]:
    """The keys of options that go: others than intent wrote meanwhile are not its to take.

    ``wanted`` has the keys that stay.
    """
    return frozenset(
        each.key
        for each in released
        if each.key is not None
        and each.column == _OPTIONS
        and each.key not in wanted
        and (row.options.get(each.key),) == each.value
    )
