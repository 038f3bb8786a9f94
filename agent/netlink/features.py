"""What this kernel can do of what a fleet may need: looked up, never tried by changing anything.

Each word is there only if something says so; of a kernel that tells nothing, nothing is known. Owns
nothing.
"""

from __future__ import annotations

import contextlib
import gzip
import platform
import re
import socket
import zlib
from collections.abc import Iterator
from pathlib import Path

from agent.netlink import wire

_IFA_PROTO = 11
_OPTIONS = {
    "bonding": "BONDING",
    "bridge": "BRIDGE",
    "bridge_vlan_filtering": "BRIDGE_VLAN_FILTERING",
    "openvswitch": "OPENVSWITCH",
    "tun": "TUN",
    "veth": "VETH",
    "vlan": "VLAN_8021Q",
    "vxlan": "VXLAN",
}
"""Words by the option of the kernel's configuration that they stand for."""
_MODULES = {"vlan": "8021q"} | {
    word: word for word in ("bonding", "bridge", "openvswitch", "tun", "veth", "vxlan")
}
_MODULE_FILE = re.compile(r"([^/\s:]+)\.ko")


def kernel_features(root: Path = Path("/")) -> frozenset[str]:
    """Words; ``root`` is where /proc, /sys, /boot and /lib are."""
    options, modules = set(_built_in(root)), set(_modules(root))
    found = {word for word, option in _OPTIONS.items() if option in options}
    found |= {word for word, module in _MODULES.items() if module in modules}
    return frozenset(found | ({"ifa_proto"} if marks_addresses() else set()))


def marks_addresses() -> bool:
    """Whether addresses have an IFA_PROTO: a kernel that knows it marks its own with it.

    Not known to be so where they cannot be read.
    """

    def look(route: socket.socket, strict: bool) -> bool:
        return any(_IFA_PROTO in found for *_, found in wire.addresses(route, strict=strict))

    try:
        return wire.whole(look)
    except OSError:
        return False


def _built_in(root: Path) -> Iterator[str]:
    """Options that are part of the kernel itself."""
    for line in _configuration(root).splitlines():
        option, _, value = line.removeprefix("CONFIG_").partition("=")
        if value == "y":
            yield option


def _configuration(root: Path) -> str:
    packed = root / "proc/config.gz"
    try:
        if packed.exists():
            return gzip.decompress(packed.read_bytes()).decode(errors="replace")
        return _text(root / f"boot/config-{platform.release()}")
    except (OSError, EOFError, zlib.error):  # it is cut short or no gzip at all
        return ""


def _modules(root: Path) -> Iterator[str]:
    """Those that are loaded, built in or there to be loaded."""
    with contextlib.suppress(OSError):
        yield from [each.name for each in (root / "sys/module").iterdir()]
    shipped = root / "lib/modules" / platform.release()
    for listing in ("modules.builtin", "modules.dep"):
        # Of a line of modules.dep only what stands first is the module, the rest it depends on.
        for line in _text(shipped / listing).splitlines():
            if named := _MODULE_FILE.search(line):
                yield named[1]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
