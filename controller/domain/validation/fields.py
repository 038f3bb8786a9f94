"""Rules for one value at a time: names, device names, MAC and IP addresses, numbers.

Each check returns what is wrong, or None. They know nothing of other objects.
"""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple, TypeAlias
from uuid import UUID

from controller.domain.intent import INHERIT
from controller.domain.mtu import MAX_MTU, MIN_MTU
from controller.domain.safety import LONGEST_CONFIRM_TIMEOUT_S, SHORTEST_CONFIRM_TIMEOUT_S

IpAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

IFNAME_BYTES = 15
"""IFNAMSIZ less the terminator."""
FILENAME_BYTES = 255

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?")
_LABEL_KEY = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?")
_LABEL_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")
_MAC = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}")

_TUNNEL_PREFIX = "vx"
"""The agent's tunnel ports and the kernel's ``vxlan_sys_*`` devices begin with it."""
KERNEL_VXLAN_PREFIX = "kx"
_SEGMENT_DEVICE = re.compile(rf"(?:{KERNEL_VXLAN_PREFIX}|br-v)[0-9]+")
"""The vxlan devices and Linux bridges of segments, named by their VNI."""
_MIRROR_DEVICE = re.compile(r"mr[a-z2-7]{11}")
"""The tunnel ports of mirrors: see ``compiler.naming``."""
_RESERVED = frozenset({"ovs-system", "ovs-netdev", "br-int", "br-tun", "br-ex"})
_KERNEL_RESERVED = frozenset({".", "..", "lo", "all", "default"})
"""``all`` and ``default`` are directories of net.ipv4.conf; the kernel refuses them too."""


class Fault(NamedTuple):
    code: str
    detail: str
    fix: str


def name(value: str) -> Fault | None:
    """Check the name of an object or of a project."""
    if not _NAME.fullmatch(value):
        return Fault(
            "invalid_name",
            f"{value!r} is not a name",
            "use 1 to 63 of a-z, 0-9, '.', '_' and '-', with a letter or digit at both ends",
        )
    if _is_uuid(value):
        return Fault(
            "invalid_name",
            f"{value!r} reads as a UUID, and UUIDs are how objects are told from names",
            "choose a name that is not a UUID",
        )
    return None


def label(key: str, value: str) -> Fault | None:
    if _LABEL_KEY.fullmatch(key) and _LABEL_VALUE.fullmatch(value):
        return None
    return Fault(
        "invalid_label",
        f"label {key!r}: {value!r} is not well formed",
        "use at most 63 letters, digits, '.', '_' and '-' (keys also '/'), a letter or digit at"
        " both ends",
    )


def device(value: str) -> Fault | None:
    """Check the name of a network device in any namespace."""
    size = len(value.encode("utf-8", "surrogatepass"))
    if not 1 <= size <= IFNAME_BYTES:
        return Fault(
            "interface_too_long" if size else "invalid_interface",
            f"{value!r} has {size} bytes; a device name has 1 to {IFNAME_BYTES}",
            f"choose a name of at most {IFNAME_BYTES} bytes",
        )
    if not value.isascii() or not value.isprintable() or re.search(r"[\s/:%\\\"']", value):
        return Fault(
            "invalid_interface",
            f"{value!r} has a character that a device name cannot have",
            "use letters, digits, '.', '_' and '-'",
        )
    if value in _KERNEL_RESERVED:
        return Fault(
            "interface_reserved",
            f"{value!r} means something else to the kernel",
            "choose another device name",
        )
    return None


def host_device(value: str) -> Fault | None:
    """Check a device name in a host's own namespace, where Open vSwitch has names of its own."""
    if fault := device(value):
        return fault
    if value in _RESERVED or value.startswith(_TUNNEL_PREFIX):
        return Fault(
            "interface_reserved",
            f"{value!r} is reserved: names that begin with {_TUNNEL_PREFIX!r} are tunnels, and"
            f" {', '.join(sorted(_RESERVED))} belong to others",
            "choose another device name",
        )
    return None


def new_host_device(value: str) -> Fault | None:
    """Check a name that is given now: older objects may have those of segments' devices."""
    if fault := host_device(value):
        return fault
    if _SEGMENT_DEVICE.fullmatch(value):
        return Fault(
            "interface_reserved",
            f"{value!r} is reserved: 'kx' and 'br-v' with a number are devices of segments",
            "choose another device name",
        )
    if _MIRROR_DEVICE.fullmatch(value):
        return Fault(
            "interface_reserved",
            f"{value!r} is reserved: 'mr' with eleven of a-z and 2-7 are tunnels of mirrors",
            "choose another device name",
        )
    return None


def kernel_vxlan(vni: int) -> str:
    """Name the device by which the kernel of a host carries a segment."""
    return f"{KERNEL_VXLAN_PREFIX}{vni}"


def netns(value: str) -> Fault | None:
    """Check the name of a namespace of ip-netns(8), which is a file under /run/netns."""
    size = len(value.encode("utf-8", "surrogatepass"))
    plain = value.isascii() and value.isprintable() and "/" not in value
    if plain and value not in (".", "..") and 1 <= size <= FILENAME_BYTES:
        return None
    return Fault(
        "invalid_netns",
        f"{value!r} is not the name of a network namespace",
        f"use a plain file name of at most {FILENAME_BYTES} bytes, as in 'ip netns add NAME'",
    )


def mac(value: str) -> Fault | None:
    """Check a lower-case MAC address."""
    fix = "use a unicast address such as 02:00:00:00:00:01"
    if not _MAC.fullmatch(value):
        return Fault("invalid_mac", f"{value!r} is not a MAC address", fix)
    if int(value[:2], 16) & 1:
        return Fault("invalid_mac", f"{value} is a group address (lowest bit of byte 1)", fix)
    if value == "00:00:00:00:00:00":
        return Fault("invalid_mac", f"{value} is not an address of anything", fix)
    return None


def address(value: str) -> Fault | None:
    """Check an address with prefix length, as it is given to a device."""
    fix = "write the host's own address with its prefix length, e.g. 10.0.0.5/24 or 2001:db8::5/64"
    try:
        interface = ipaddress.ip_interface(value)
    except ValueError:
        interface = None
    if interface is None or "/" not in value or "%" in value:
        return Fault("invalid_address", f"{value!r} is not an address in CIDR form", fix)
    if reason := _unusable(interface.ip) or _names_a_network(interface):
        return Fault("invalid_address", f"{value} is {reason}", fix)
    return None


def vtep(value: str) -> Fault | None:
    fix = "give the address that this host's tunnels start from, without a prefix length"
    try:
        ip = ipaddress.ip_address(value)
    except ValueError:
        return Fault("invalid_vtep", f"{value!r} is not an IP address", fix)
    if "%" in value:
        return Fault("invalid_vtep", f"{value!r} carries a zone", fix)
    if reason := _unusable(ip) or ("link-local" if ip.is_link_local else None):
        return Fault("invalid_vtep", f"{value} is {reason}", fix)
    return None


def mtu(value: int, smallest: int = MIN_MTU) -> Fault | None:
    return _in_range(value, smallest, MAX_MTU, "mtu_out_of_range", "an MTU")


def tag(value: int) -> Fault | None:
    return _in_range(value, 1, 4094, "tag_out_of_range", "a VLAN")


def vni(value: int) -> Fault | None:
    return _in_range(value, 1, 16_777_215, "vni_out_of_range", "a VNI")


def udp_port(value: int) -> Fault | None:
    return _in_range(value, 1, 65_535, "dst_port_out_of_range", "a UDP port")


def ttl(value: int | str | None) -> Fault | None:
    return _number_or_inherit(value, 1, "ttl")


def tos(value: int | str | None) -> Fault | None:
    return _number_or_inherit(value, 0, "tos")


def _number_or_inherit(value: int | str | None, low: int, what: str) -> Fault | None:
    if value is None or value == INHERIT or (isinstance(value, int) and low <= value <= 255):
        return None
    return Fault(
        f"{what}_out_of_range",
        f"{value!r} is not a {what}",
        f"choose a number from {low} to 255 or {INHERIT!r}, or leave it out",
    )


def confirm_timeout(value: int) -> Fault | None:
    shortest, longest = SHORTEST_CONFIRM_TIMEOUT_S, LONGEST_CONFIRM_TIMEOUT_S
    what = "a number of seconds in which a host can undo what cut it off"
    return _in_range(value, shortest, longest, "invalid_confirm_timeout", what)


def _in_range(value: int, low: int, high: int, code: str, what: str) -> Fault | None:
    if low <= value <= high:
        return None
    return Fault(code, f"{value} is not {what}", f"choose a number from {low} to {high}")


def _unusable(ip: IpAddress) -> str | None:
    """Say why no device can have this address as its own, or None."""
    if ip.is_unspecified:
        return "the unspecified address"
    if ip.is_multicast:
        return "a multicast address"
    if ip.is_loopback:
        return "a loopback address"
    if isinstance(ip, ipaddress.IPv4Address):
        return "the limited broadcast address" if int(ip) == 0xFFFF_FFFF else None
    if ip.ipv4_mapped is not None:
        return "an IPv4 address in disguise (IPv4-mapped)"
    # The kernel gives every device link-local addresses of its own, so these cannot be told from
    # them.
    return "a link-local address" if ip.is_link_local else None


def _names_a_network(
    interface: ipaddress.IPv4Interface | ipaddress.IPv6Interface,
) -> str | None:
    network = interface.network
    if network.num_addresses <= 2:
        return None
    if interface.ip == network.network_address:
        return f"the address of the network {network} itself"
    if interface.version == 4 and interface.ip == network.broadcast_address:
        return f"the broadcast address of {network}"
    return None


def ip_of(value: str) -> str | None:
    """Return the canonical IP of an address with or without a prefix length."""
    try:
        return str(ipaddress.ip_address(value.partition("/")[0]))
    except ValueError:
        return None


def _is_uuid(value: str) -> bool:
    try:
        UUID(value)
    except ValueError:
        return False
    return True
