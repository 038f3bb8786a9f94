"""A host's end of an explicit tunnel: both ends come from one object, so they always mirror."""

from __future__ import annotations

from collections.abc import Mapping

from ovsfleet.v1 import state_pb2

from controller.compiler.fragment import host_spec
from controller.compiler.naming import explicit_tunnel_id
from controller.domain.host_intent import TunnelIntent
from controller.domain.host_vteps import vtep_of
from controller.domain.intent import AddressFamily, Object, TunnelEnd, TunnelSpec


def compile_tunnel(
    intent: TunnelIntent, host: Object, interfaces: Mapping[str, str]
) -> state_pb2.Tunnel:
    """Compile the end on ``host``, whose bridges' devices are ``interfaces`` by the bridges' name.

    Raises TypeError when no end is on the host.
    """
    spec = tunnel_spec(intent.tunnel)
    near, far = _seen_from(host, spec)
    hosts = {found.name: found for found in (*intent.hosts, host)}
    return state_pb2.Tunnel(
        id=explicit_tunnel_id(intent.tunnel.uid),
        bridge=interfaces[near.bridge or ""],
        tag=near.tag or 0,
        local_ip=end_ip(near, spec.address_family, hosts),
        remote_ip=end_ip(far, spec.address_family, hosts),
        vni=spec.key or 0,
        dst_port=spec.dst_port,
        ttl=_word(spec.ttl),
        tos=_word(spec.tos),
        csum=spec.csum,
        df_default=spec.df_default,
    )


def tunnel_spec(tunnel: Object) -> TunnelSpec:
    if not isinstance(tunnel.spec, TunnelSpec):
        raise TypeError(f"{tunnel.kind} {tunnel.name!r} is not a tunnel")
    return tunnel.spec


def end_ip(end: TunnelEnd, family: AddressFamily, hosts: Mapping[str, Object]) -> str:
    """Return the address of an end, given the host objects by name."""
    if end.ip is not None or end.host is None:
        return end.ip or ""
    return vtep_of(host_spec(hosts[end.host]), family) or ""


def _seen_from(host: Object, spec: TunnelSpec) -> tuple[TunnelEnd, TunnelEnd]:
    first, second = spec.ends
    if first.host == host.name:
        return first, second
    if second.host == host.name:
        return second, first
    raise TypeError(f"the tunnel has no end on host {host.name!r}")


def _word(value: int | str | None) -> str:
    return "" if value is None else str(value)
