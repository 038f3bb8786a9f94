"""TAP devices by ioctl(2), because rtnetlink makes none (tun.c refuses it).

A TAP device lives as long as a descriptor of it is open, unless it is told to persist. That is the
last thing that is done to a new one, so that an agent that is killed leaves none without its mark.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from agent.model import TapOwner

_DEVICE = "/dev/net/tun"
_TUNSETIFF, _TUNSETPERSIST, _TUNSETOWNER, _TUNSETGROUP = (
    0x400454CA,
    0x400454CB,
    0x400454CC,
    0x400454CE,
)
_IFF_TAP, _IFF_NO_PI, _IFF_TUN_EXCL = 0x0002, 0x1000, 0x8000


@contextmanager
def new(name: str) -> Iterator[int]:
    """A descriptor of a TAP device that did not exist; it goes with it unless it persists."""
    with _opened(name, _IFF_TAP | _IFF_NO_PI | _IFF_TUN_EXCL) as device:
        yield device


def persist(device: int) -> None:
    fcntl.ioctl(device, _TUNSETPERSIST, 1)


def give_to(device: int, owner: TapOwner) -> None:
    if owner.uid is not None:
        fcntl.ioctl(device, _TUNSETOWNER, owner.uid)
    if owner.gid is not None:
        fcntl.ioctl(device, _TUNSETGROUP, owner.gid)


def change_owner(name: str, owner: TapOwner) -> None:
    """OSError EBUSY while somebody, a virtual machine, has it open."""
    with _opened(name, _IFF_TAP | _IFF_NO_PI) as device:
        give_to(device, owner)


@contextmanager
def _opened(name: str, flags: int) -> Iterator[int]:
    device = os.open(_DEVICE, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", name.encode(), flags))
        yield device
    finally:
        os.close(device)
