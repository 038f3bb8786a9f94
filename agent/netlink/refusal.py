"""The kernel's error numbers as failures that a person can act on."""

from __future__ import annotations

import errno
import os

from agent.errors import ErrorKind, Failure
from agent.netlink.netns import NamespaceMissingError
from agent.planner.plan import AddAddress, NetlinkStep

_MEANINGS: dict[int, tuple[ErrorKind, str, str]] = {
    errno.ENODEV: (ErrorKind.TRANSIENT, "DeviceMissing", "the agent tries again"),
    errno.EEXIST: (ErrorKind.CONFLICT, "NameTaken", "remove or rename what has the name"),
    errno.EBUSY: (ErrorKind.CONFLICT, "DeviceBusy", "take it from what uses it"),
    errno.EPERM: (ErrorKind.UNSUPPORTED, "PermissionDenied", "give the agent CAP_NET_ADMIN"),
    errno.EACCES: (
        ErrorKind.UNSUPPORTED,
        "PermissionDenied",
        "IPv6 may be off (sysctl disable_ipv6), or the agent lacks CAP_NET_ADMIN",
    ),
    errno.EINVAL: (ErrorKind.INVALID, "ValueRefused", "change the intent"),
    errno.ERANGE: (ErrorKind.INVALID, "ValueRefused", "change the intent"),
    errno.EADDRNOTAVAIL: (ErrorKind.INVALID, "AddressRefused", "change the address"),
    errno.EADDRINUSE: (ErrorKind.CONFLICT, "AddressInUse", "change the address"),
    errno.EOPNOTSUPP: (ErrorKind.UNSUPPORTED, "NotSupported", "this kernel cannot do it"),
    errno.EAFNOSUPPORT: (ErrorKind.UNSUPPORTED, "NotSupported", "this kernel cannot do it"),
    errno.ENOBUFS: (ErrorKind.TRANSIENT, "OutOfMemory", "the agent tries again"),
    errno.ENOMEM: (ErrorKind.TRANSIENT, "OutOfMemory", "the agent tries again"),
    errno.EAGAIN: (ErrorKind.TRANSIENT, "KernelBusy", "the agent tries again"),
    errno.EINTR: (ErrorKind.TRANSIENT, "KernelBusy", "the agent tries again"),
    errno.EMFILE: (ErrorKind.TRANSIENT, "OutOfDescriptors", "raise the agent's open files limit"),
}


def decode(step: NetlinkStep, code: int, words: str) -> Failure:
    """``words`` are the kernel's own (extended ack) or the number's."""
    unknown = (ErrorKind.DATAPATH, "KernelRefused", "see the kernel's log")
    kind, reason, way_out = _MEANINGS.get(code, unknown)
    name = errno.errorcode.get(code, str(code))
    said = words if words == os.strerror(code) else f"{os.strerror(code)}: {words}"
    message = f"could not {step.describe()}: {said} ({name}); {way_out}"
    return Failure(step.resource, kind, reason, message)


def foreign_device(step: NetlinkStep, name: str, alias: str) -> Failure:
    owner = f"has the alias {alias!r}" if alias else "is not ours"
    message = (
        f"could not {step.describe()}: a device {name} exists and {owner}; remove or rename it"
    )
    return Failure(step.resource, ErrorKind.CONFLICT, "NameTaken", message)


def address_taken(step: AddAddress) -> Failure:
    message = (
        f"could not {step.describe()}: somebody gave the device this address with another prefix "
        "length; delete that one, or give the port the address as it is"
    )
    return Failure(step.resource, ErrorKind.CONFLICT, "AddressTaken", message)


def step_fault(step: NetlinkStep, error: Exception) -> Failure:
    message = (
        f"could not {step.describe()}: the agent met a fault of its own ({type(error).__name__}: "
        f"{error}); the agent tries again. Please report it with the agent's log"
    )
    return Failure(step.resource, ErrorKind.BUG, "StepFault", message)


def missing_namespace(step: NetlinkStep, error: NamespaceMissingError) -> Failure:
    return Failure(step.resource, ErrorKind.TRANSIENT, "NamespaceMissing", str(error))
