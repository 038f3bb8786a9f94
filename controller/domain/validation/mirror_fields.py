"""Rules for one mirror by itself: its selection, its one output, and the fields of a tunnel.

Pure; owns nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from controller.domain.definitions import MirrorSpec, MirrorTunnelSpec, MirrorTunnelType
from controller.domain.validation import fields
from controller.domain.validation.fields import Fault

Found: TypeAlias = Iterator[tuple[str, Fault]]
"""Where, below the spec, and what is wrong there."""

_OUTPUTS = ("output_port", "output_vlan", "tunnel")
_SNAPLEN = (14, 65_535)
_TTL_S = (60, 604_800)
_GRE_KEYS = (0, 0xFFFF_FFFF)
_ERSPAN_SESSIONS = (0, 1023)
_ERSPAN_FIELDS = {
    "erspan_idx": (1, (0, 0xF_FFFF)),
    "erspan_dir": (2, (0, 1)),
    "erspan_hwid": (2, (0, 63)),
}
"""By field: the version that has it, and its range."""


def mirror_fields(spec: MirrorSpec) -> Found:
    yield from _selection(spec)
    yield from _output(spec)
    for name, (low, high) in (("snaplen", _SNAPLEN), ("ttl_s", _TTL_S)):
        value = getattr(spec, name)
        if value is not None and not low <= value <= high:
            yield name, _outside(name, value, low, high)


def _outside(name: str, value: int, low: int, high: int) -> Fault:
    why = f"{value} is no {name!r}"
    return Fault("value_out_of_range", why, f"choose a number from {low} to {high}")


def _selection(spec: MirrorSpec) -> Found:
    ports = spec.select_src_ports or spec.select_dst_ports
    if not (spec.select_all or ports or spec.select_vlans or spec.select_segments):
        why = "the mirror selects nothing"
        fix = "set select_all, or name ports, VLANs or segments"
        yield "select_all", Fault("selection_missing", why, fix)
    if spec.select_all and ports:
        why = "all ports are selected, and some are named as well"
        yield "select_all", Fault("selection_ambiguous", why, "leave one of them out")
    for index, vlan in enumerate(spec.select_vlans):
        if not 0 <= vlan <= 4095:
            yield f"select_vlans/{index}", _outside("select_vlans", vlan, 0, 4095)
    if spec.select_vlans and spec.bridge is None:
        why = "VLANs of the bridge of the segments are the controller's, and differ by host"
        yield (
            "select_vlans",
            Fault("vlan_needs_bridge", why, "use select_segments, or set 'bridge'"),
        )
    if spec.select_segments and spec.bridge is not None:
        why = "segments are on a bridge of their own"
        fix = "leave 'bridge' out, or use select_vlans"
        yield "select_segments", Fault("segments_not_on_bridge", why, fix)


def _output(spec: MirrorSpec) -> Found:
    given = [name for name in _OUTPUTS if getattr(spec, name) is not None]
    if not given:
        why = "the mirror has nowhere to send copies to"
        yield "output_port", Fault("output_missing", why, f"set one of {', '.join(_OUTPUTS)}")
    for name in given[1:]:
        why = f"copies go to {given[0]!r} already"
        yield name, Fault("output_ambiguous", why, f"keep one of {', '.join(given)}")
    if spec.output_port in (*spec.select_src_ports, *spec.select_dst_ports):
        why = f"Port {spec.output_port!r} gets copies and nothing else, so it cannot be selected"
        yield "output_port", Fault("output_selected", why, "choose another port for the copies")
    if spec.output_vlan is not None:
        yield from _output_vlan(spec, spec.output_vlan)


def _output_vlan(spec: MirrorSpec, vlan: int) -> Found:
    if fault := fields.tag(vlan):
        yield "output_vlan", fault
    if spec.bridge is None:
        why = "VLANs of the bridge of the segments are the controller's"
        fix = "use output_port or tunnel, or set 'bridge'"
        yield "output_vlan", Fault("vlan_needs_bridge", why, fix)
    if vlan in spec.select_vlans:
        why = f"VLAN {vlan} would be copied into itself"
        yield "output_vlan", Fault("output_selected", why, "choose another VLAN for the copies")


def check_tunnel_fields(spec: MirrorTunnelSpec) -> Found:
    for name in ("remote_ip", "local_ip"):
        address = getattr(spec, name)
        if address is not None and (fault := fields.vtep(address)):
            yield name, fault._replace(fix="give a unicast address without a prefix length")
    yield from _pair(spec)
    low, high = _GRE_KEYS if spec.type is MirrorTunnelType.GRE else _ERSPAN_SESSIONS
    if spec.key is not None and not low <= spec.key <= high:
        yield "key", _outside("key", spec.key, low, high)
    yield from _erspan(spec)


def _pair(spec: MirrorTunnelSpec) -> Found:
    if spec.local_ip is None:
        return
    if spec.local_ip == spec.remote_ip:
        why = "the tunnel starts where it ends"
        yield "local_ip", Fault("mirror_to_itself", why, "send copies to another machine")
    if (":" in spec.local_ip) != (":" in spec.remote_ip):
        why = f"{spec.local_ip} and {spec.remote_ip} are of two families"
        yield "local_ip", Fault("wrong_address_family", why, "use addresses of one family")


def _erspan(spec: MirrorTunnelSpec) -> Found:
    if spec.type is MirrorTunnelType.GRE:
        for name in ("erspan_ver", *_ERSPAN_FIELDS):
            if getattr(spec, name) is not None:
                why = f"{name!r} is only for tunnels of type erspan"
                yield name, Fault("setting_not_on_type", why, f"leave {name!r} out")
        return
    if spec.erspan_ver not in (None, 1, 2):
        yield "erspan_ver", _outside("erspan_ver", spec.erspan_ver or 0, 1, 2)
    for name, (version, (low, high)) in _ERSPAN_FIELDS.items():
        value = getattr(spec, name)
        if value is None:
            continue
        if not low <= value <= high:
            yield name, _outside(name, value, low, high)
        if (spec.erspan_ver or 1) != version:
            why = f"{name!r} is only for version {version} of ERSPAN"
            yield (
                name,
                Fault("setting_not_on_type", why, f"leave it out, or set erspan_ver {version}"),
            )
