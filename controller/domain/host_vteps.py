"""Which address tunnels start from on a host. Pure; owns nothing."""

from __future__ import annotations

from controller.domain.intent import AddressFamily, HostSpec


def vtep_of(host: HostSpec, family: AddressFamily) -> str | None:
    """Return the address that tunnels of a family start from on a host."""
    return _of_family(host.vteps, family)


def former_vtep_of(host: HostSpec, family: AddressFamily) -> str | None:
    """Return the address that they started from before, and still do for who knows no other."""
    return _of_family(host.former_vteps, family)


def _of_family(vteps: tuple[str, ...], family: AddressFamily) -> str | None:
    is_ipv6 = family is AddressFamily.IPV6
    return next((vtep for vtep in vteps if (":" in vtep) == is_ipv6), None)
