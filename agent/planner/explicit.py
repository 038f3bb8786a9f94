"""Explicit tunnels: this host's ends, on explicit bridges, as ports of Open vSwitch."""

from __future__ import annotations

import functools
import ipaddress

from agent.errors import ErrorKind, Failure
from agent.model import BridgeType, HostState, Tunnel
from agent.planner.carriage import choice
from agent.planner.claims import TunnelKey, normal_ip
from agent.planner.health import no_ipv6, no_open_vswitch, no_vxlan
from agent.planner.surroundings import Surroundings, port_shared
from agent.planner.tunnels import TunnelPort


def explicit_tunnels(
    desired: HostState, surroundings: Surroundings
) -> tuple[list[TunnelPort], list[Failure]]:
    """Every explicit tunnel that can be here, and why the others cannot."""
    tunnels: list[TunnelPort] = []
    failures: list[Failure] = []
    for tunnel in sorted(desired.tunnels, key=lambda each: each.id):
        refusal = _refusal(tunnel, desired, surroundings)
        if refusal is not None:
            failures.append(refusal)
        else:
            tunnels.append(_port(tunnel))
    return tunnels, failures


def identity(tunnel: Tunnel) -> TunnelKey:
    return TunnelKey(
        remote_ip=normal_ip(tunnel.remote_ip),
        local_ip=normal_ip(tunnel.local_ip),
        vni=str(tunnel.vni),
        dst_port=str(tunnel.dst_port),
    )


def _port(tunnel: Tunnel) -> TunnelPort:
    return TunnelPort(
        id=tunnel.id,
        bridge=tunnel.bridge,
        tag=tunnel.tag or None,
        key=identity(tunnel),
        options={
            "ttl": tunnel.ttl or None,
            "tos": tunnel.tos or None,
            "csum": choice(tunnel.csum) or None,
            "df_default": choice(tunnel.df_default) or None,
        },
    )


def _refusal(tunnel: Tunnel, desired: HostState, surroundings: Surroundings) -> Failure | None:
    if not surroundings.has_ovs:
        return no_open_vswitch(tunnel.id)
    if not surroundings.has_vxlan:
        return no_vxlan(tunnel.id)
    of_ovs = (bridge for bridge in desired.bridges if bridge.type is not BridgeType.LINUX)
    if all(bridge.name != tunnel.bridge for bridge in of_ovs):
        message = (
            f"the tunnel is to be on bridge {tunnel.bridge}, which is none of Open vSwitch's in "
            "intent; name one that is"
        )
        return Failure(tunnel.id, ErrorKind.INVALID, "BridgeUnknown", message)
    return _address_fault(tunnel, surroundings) or _clash(tunnel, surroundings)


def _address_fault(tunnel: Tunnel, surroundings: Surroundings) -> Failure | None:
    for address in (tunnel.local_ip, tunnel.remote_ip):
        if not _is_endpoint(address):
            message = f"{address!r} is no address that a tunnel can have; correct the tunnel's end"
            return Failure(tunnel.id, ErrorKind.INVALID, "AddressInvalid", message)
    if ":" in tunnel.local_ip and not surroundings.has_ipv6:
        return no_ipv6(tunnel.id, tunnel.local_ip)
    return None


def _clash(tunnel: Tunnel, surroundings: Surroundings) -> Failure | None:
    if surroundings.networks[tunnel.vni, tunnel.dst_port] > 1:
        message = f"VNI {tunnel.vni} is that of a segment of this host as well"
        return Failure(tunnel.id, ErrorKind.INVALID, "VniNotUnique", message)
    if len(surroundings.backends.get(tunnel.dst_port, ())) > 1:
        return port_shared(tunnel.id, tunnel.dst_port)
    return None


@functools.lru_cache(maxsize=16384)
def _is_endpoint(text: str) -> bool:
    try:
        return not ipaddress.ip_address(text).is_unspecified
    except ValueError:
        return False
