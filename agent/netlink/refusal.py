"""The kernel's error numbers as failures that a person can act on."""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Mapping

from agent.errors import ErrorKind, Failure
from agent.netlink import fdb, quiet
from agent.netlink.netns import NamespaceMissingError
from agent.observed import Link
from agent.planner.bridge_steps import SetBridgeAttributes, SetBridgePort
from agent.planner.owners import link_words
from agent.planner.plan import (
    AddAddress,
    AddNeighbours,
    CreateLinuxBridge,
    CreateTap,
    CreateVeth,
    CreateVxlan,
    NetlinkStep,
    SetLink,
)

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

_KERNEL_MODULES: Mapping[type[NetlinkStep], str] = {
    CreateLinuxBridge: "bridge",
    CreateVeth: "veth",
    CreateVxlan: "vxlan",
}
_NO_TUN = frozenset({errno.ENOENT, errno.ENXIO, errno.ENODEV})
"""What opening /dev/net/tun says where there is none."""
_UNKNOWN = (ErrorKind.DATAPATH, "KernelRefused", "see the kernel's log")


def decode(step: NetlinkStep, code: int, words: str) -> Failure:
    """``words`` are the kernel's own (extended ack) or the number's."""
    kind, reason, way_out = _MEANINGS.get(code, _UNKNOWN)
    if code == errno.EOPNOTSUPP and (module := _KERNEL_MODULES.get(type(step))):
        way_out = f"install or allow the kernel module {module} (modprobe {module} says more)"
    if isinstance(step, CreateTap) and code in _NO_TUN:
        kind, reason, way_out = _MEANINGS[errno.EOPNOTSUPP]
        way_out = "allow the kernel module tun (modprobe tun says more) and /dev/net/tun"
    name = errno.errorcode.get(code, str(code))
    said = words if words == os.strerror(code) else f"{os.strerror(code)}: {words}"
    message = f"could not {step.describe()}: {said} ({name}); {way_out}"
    return Failure(step.resource, kind, reason, message)


def explain(
    step: NetlinkStep, error: NamespaceMissingError | fdb.TakenError | quiet.RefusedError
) -> Failure:
    match error:
        case fdb.TakenError():
            return _foreign_entry(step, error.address)
        case quiet.RefusedError():
            return _not_quiet(step, error)
    return Failure(step.resource, ErrorKind.TRANSIENT, "NamespaceMissing", str(error))


def foreign_device(step: NetlinkStep, name: str, alias: str) -> Failure:
    owner = f"has the alias {alias!r}" if alias else "is not ours"
    message = (
        f"could not {step.describe()}: a device {name} exists and {owner}; remove or rename it"
    )
    return Failure(step.resource, ErrorKind.CONFLICT, "NameTaken", message)


def vni_taken(step: CreateVxlan, links: Mapping[str, Link]) -> Failure:
    """The kernel tells arriving packets by VNI and UDP port, one device for each."""
    wanted = (step.vxlan.vni, step.vxlan.dst_port)
    users = [
        link_words(link)
        for link in links.values()
        if link.vxlan is not None and (link.vxlan.vni, link.vxlan.dst_port) == wanted
    ]
    message = (
        f"could not {step.describe()}: {_named(users) or 'another vxlan device'} has this VNI on "
        "this port; remove it, or give the segment another VNI"
    )
    return Failure(step.resource, ErrorKind.CONFLICT, "VniTaken", message)


def udp_port_taken(step: SetLink, links: Mapping[str, Link]) -> Failure:
    """The kernel binds a vxlan device's port when the device goes up, not before."""
    own = links.get(step.name)
    port = own.vxlan.dst_port if own is not None and own.vxlan is not None else 0
    users = [
        link_words(link)
        for link in links.values()
        if link.up and link.vxlan is not None and link.vxlan.dst_port == port and link is not own
    ]
    words = _named(users) or f"another program (ss -lunp 'sport = :{port}' names it)"
    message = (
        f"could not {step.describe()}: UDP port {port} is taken by {words}; free it, or give the "
        "segment another dst_port"
    )
    return Failure(step.resource, ErrorKind.CONFLICT, "UdpPortTaken", message)


def device_busy(step: SetLink, holders: Collection[str]) -> Failure:
    """One receiver a device: another bridge, Open vSwitch, a macvlan on top of it."""
    words = _named(holders) or "something that the kernel does not name"
    message = f"could not {step.describe()}: {words} receives its frames; take the device from that"
    return Failure(step.resource, ErrorKind.CONFLICT, "DeviceBusy", message)


def attributes_refused(
    step: SetBridgeAttributes | SetBridgePort, refused: Mapping[str, int]
) -> Failure:
    """The kernel's word for each; only what it cannot do at all is not the intent's fault."""
    meanings = [_MEANINGS.get(code, _UNKNOWN) for code in refused.values()]
    kind, reason, way_out = max(meanings, key=lambda each: each[0].may_retry)
    said = ", ".join(f"{name}: {os.strerror(code)}" for name, code in sorted(refused.items()))
    message = f"could not set all that {step.name} is to have: {said}; the rest is set; {way_out}"
    return Failure(step.resource, kind, reason, message)


def _not_quiet(step: NetlinkStep, cause: quiet.RefusedError) -> Failure:
    message = (
        f"could not {step.describe()}: {cause}, and a tenant could reach this host itself through "
        f"{step.name}, which therefore is not set up; let the agent write to /proc/sys/net, or set "
        "net.ipv6.conf.default.disable_ipv6=1 on the host and delete the device"
    )
    return Failure(step.resource, ErrorKind.UNSUPPORTED, "DeviceNotQuiet", message)


def _foreign_entry(step: NetlinkStep, address: str) -> Failure:
    if isinstance(step, AddNeighbours):
        reason, way_out = "NeighbourTaken", f"ip neigh del {address} dev {step.name}"
    else:
        reason, way_out = "FdbEntryTaken", f"bridge fdb del {address} dev {step.name} self"
    message = (
        f"could not {step.describe()}: somebody else made an entry for {address}; delete it: "
        f"{way_out}"
    )
    return Failure(step.resource, ErrorKind.CONFLICT, reason, message)


def _named(words: Collection[str]) -> str:
    return ", ".join(sorted(words))


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
