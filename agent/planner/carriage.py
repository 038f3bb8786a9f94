"""What a segment's tunnel options are in the words of Open vSwitch.

What a fragment names is set on each of its tunnels, and what an earlier one named and this one does
not is given back by all of them: one release of the segment stands for every row, because there are
thousands. Whatever no intent ever named stays as somebody made it.

All of it changes in place: ovs-vswitchd reconfigures the tunnel and keeps its port.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from agent.columns import NO_SETTINGS, Release, Settings
from agent.model import NO_OPTIONS, Backend, HostState, OvsInterface, TunnelOptions, segment_id

EVERY_ROW = ""
"""Stands in a release for the rows of all tunnels of the segment."""
_OPTIONS, _BFD = "options", "bfd"
_NOTHING: Mapping[str, str] = {}


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
        "exts": "gbp" if options.gbp else "",
    }
    return {key: word for key, word in words.items() if word}


def ovs_settings(options: TunnelOptions) -> Settings:
    return Settings(maps={_BFD: options.bfd}) if options.bfd else NO_SETTINGS


def choice(wanted: bool | None) -> str:
    """Empty where nothing is wanted."""
    return "" if wanted is None else str(wanted).lower()


def tunnel_releases(state: HostState) -> Iterator[Release]:
    """What the state names, for the case that the next one does not."""
    for attachment in state.attachments:
        fragment = state.fragments.get(attachment.fragment_hash)
        if fragment is None or attachment.backend is not Backend.OVS:
            continue
        resource = segment_id(attachment.segment_uid)
        for column, keys in (
            (_OPTIONS, ovs_options(fragment.options)),
            (_BFD, fragment.options.bfd),
        ):
            for key, value in keys.items():
                yield Release(resource, "Interface", EVERY_ROW, column, key, (value,))


def options_given_back(
    row: OvsInterface, wanted: OvsInterface, released: tuple[Release, ...]
) -> frozenset[str]:
    """The keys of options that go: others than intent wrote meanwhile are not its to take."""
    return frozenset(
        each.key
        for each in released
        if each.key is not None
        and each.column == _OPTIONS
        and each.key not in wanted.options
        and (row.options.get(each.key),) == each.value
    )
