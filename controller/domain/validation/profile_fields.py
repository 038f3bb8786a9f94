"""Rules for one tunnel profile by itself. Ranges are those of ovs-vswitchd.conf.db(5)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from controller.domain.definitions import Bfd, TunnelProfileSpec
from controller.domain.validation import fields
from controller.domain.validation.faults import Faults

_MAX_UINT32 = 2**32 - 1
_RANGES: Mapping[str, tuple[int, int]] = {
    "flow_label": (0, 2**20 - 1),
    "egress_pkt_mark": (0, _MAX_UINT32),
    "source_port_min": (1, 65_535),
    "source_port_max": (1, 65_535),
    "bfd/min_rx_ms": (1, 60_000),
    "bfd/min_tx_ms": (1, 60_000),
    "bfd/decay_min_rx_ms": (0, 60_000),
    "bfd/mult": (1, 255),
}
_MACS = ("bfd_local_dst_mac", "bfd_remote_dst_mac")
_MIN_RX_MS = 1000
"""What Open vSwitch takes where none is named."""


def normal_profile(spec: TunnelProfileSpec) -> TunnelProfileSpec:
    """Leave out a group that says nothing, and spell MAC addresses alike."""
    bfd = spec.bfd
    if bfd is None or bfd == Bfd():
        return replace(spec, bfd=None)
    local, remote = _lower(bfd.bfd_local_dst_mac), _lower(bfd.bfd_remote_dst_mac)
    spelt = replace(bfd, bfd_local_dst_mac=local, bfd_remote_dst_mac=remote)
    return replace(spec, bfd=spelt)


def _lower(mac: str | None) -> str | None:
    return mac.lower().replace("-", ":") if mac else mac


def check_profile(spec: TunnelProfileSpec, at: str, faults: Faults) -> None:
    for where, fault in _faults_of(spec):
        faults.invalid(f"{at}/{where}", *fault)


def _faults_of(spec: TunnelProfileSpec) -> Iterator[tuple[str, fields.Fault]]:
    checked = {
        "dst_port": None if spec.dst_port is None else fields.udp_port(spec.dst_port),
        "ttl": fields.ttl(spec.ttl),
        "tos": fields.tos(spec.tos),
    }
    yield from ((where, fault) for where, fault in checked.items() if fault)
    for path, (low, high) in _RANGES.items():
        value = _at(spec, path)
        if value is not None and not low <= value <= high:
            fix = f"choose a number from {low} to {high}, or leave it out"
            why = f"{value} is out of the range of {path!r}"
            yield path, fields.Fault("out_of_range", why, fix)
    yield from _source_ports(spec)
    if spec.bfd is not None:
        yield from _bfd(spec.bfd)


def _at(spec: TunnelProfileSpec, path: str) -> Any:
    value: Any = spec
    for name in path.split("/"):
        value = None if value is None else getattr(value, name)
    return value


def _source_ports(spec: TunnelProfileSpec) -> Iterator[tuple[str, fields.Fault]]:
    low, high = spec.source_port_min, spec.source_port_max
    if (low is None) != (high is None):
        missing = "source_port_min" if low is None else "source_port_max"
        why = "a range of source ports has two ends"
        yield missing, fields.Fault("source_port_missing", why, f"set {missing!r} too, or neither")
    elif low is not None and high is not None and low > high:
        why = f"the range of source ports would be from {low} to {high}"
        fix = "make source_port_min the smaller one"
        yield "source_port_min", fields.Fault("source_ports_reversed", why, fix)


def _bfd(bfd: Bfd) -> Iterator[tuple[str, fields.Fault]]:
    shortest = _MIN_RX_MS if bfd.min_rx_ms is None else bfd.min_rx_ms
    if bfd.decay_min_rx_ms and bfd.decay_min_rx_ms < shortest:
        why = f"{bfd.decay_min_rx_ms} ms is less than min_rx_ms, which is {shortest}"
        fix = f"choose 0 (never) or at least {shortest}"
        yield "bfd/decay_min_rx_ms", fields.Fault("decay_too_short", why, fix)
    for name in _MACS:
        mac = getattr(bfd, name)
        if mac is not None and (fault := fields.mac(mac)):
            yield f"bfd/{name}", fault
    for name in ("bfd_src_ip", "bfd_dst_ip"):
        ip = getattr(bfd, name)
        if ip is not None and not _is_ipv4(ip):
            why, fix = f"{ip!r} is not an IPv4 address", "write an address such as 169.254.1.1"
            yield f"bfd/{name}", fields.Fault("invalid_address", why, fix)


def _is_ipv4(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True
