"""Offloads that the userspace datapath cannot live with.

A veth lets the sender leave transport checksums to the "hardware". The kernel's own datapath
carries that promise along; ovs-vswitchd's userspace datapath reads the frame from a packet socket
and forwards it as it is, with a wrong checksum, and every TCP and UDP receiver drops it (ICMP's
is always computed). A vxlan device may join what it received into frames longer than its MTU (GRO),
for which ovs-vswitchd has no room: it drops them, and TCP stands still.

With the kernel's datapath nothing is turned off: its speed rests on offloads. Which datapath a
device's frames go through depends on its bridge, so that the plan has to say it.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import socket
import struct

from agent.netlink import netns

_SIOCETHTOOL = 0x8946
_ETHTOOL_STXCSUM = 0x17
_ETHTOOL_SGRO = 0x2C


def disable_tx_checksum(namespace: str | None, name: str) -> None:
    """``ethtool -K <name> tx off``; a device that cannot be told stays as it is."""
    _switch_off(namespace, name, _ETHTOOL_STXCSUM)


def disable_gro(name: str) -> None:
    """``ethtool -K <name> gro off``; a device that cannot be told stays as it is."""
    _switch_off(None, name, _ETHTOOL_SGRO)


def _switch_off(namespace: str | None, name: str, offload: int) -> None:
    def switch_off() -> None:
        value = array.array("I", [offload, 0])
        request = struct.pack("16sP", name.encode(), value.buffer_info()[0])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            fcntl.ioctl(control, _SIOCETHTOOL, request)

    with contextlib.suppress(OSError):
        netns.call_in(namespace, switch_off)
