"""Whether the kernel does what rows say of a port's traffic.

Open vSwitch has the kernel shape and police, with either of its datapaths. Where the kernel has not
what that takes, ovs-vswitchd says so in its log and nowhere else: the rows are right, and the port
sends as if they were not there.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.errors import ErrorKind, Failure
from agent.model import HostState, Port
from agent.observed import ObservedState

_POLICING = ("ingress_policing_rate", "ingress_policing_kpkts_rate")
_QDISCS = {
    "linux-htb": "htb",
    "linux-hfsc": "hfsc",
    "linux-sfq": "sfq",
    "linux-codel": "codel",
    "linux-fq_codel": "fq_codel",
    "linux-netem": "netem",
}
"""The kind of the root qdisc by QoS.type; linux-noop leaves it as it is."""
_TRY_AGAIN = "then change the port's settings or restart ovs-vswitchd, which so tries again"


def shaped_devices(desired: HostState | None) -> dict[str, bool]:
    """The devices whose traffic matters, all in the host's own namespace; whether it is policed."""
    ports = desired.ports if desired is not None else ()
    return {
        name: is_policed(port)
        for port in ports
        if _qdisc(port) or is_policed(port)
        for name in _devices(port)
    }


def shaping_failures(port: Port, observed: ObservedState) -> tuple[Failure, ...]:
    """Of a port whose rows are as they should be."""
    if port.qos is None and not is_policed(port):
        return ()
    return tuple(_failures(port, observed))[:1]


def is_policed(port: Port) -> bool:
    columns = port.interface_settings.columns
    return any(columns.get(name, (0,)) not in ((), (0,)) for name in _POLICING)


def _failures(port: Port, observed: ObservedState) -> Iterator[Failure]:
    qdisc = _qdisc(port)
    for name in _devices(port):
        there = observed.traffic.get(name)
        if there is None:
            continue
        if qdisc and there.qdisc != qdisc:
            yield _no_qdisc(port, name, qdisc, there.qdisc)
        if is_policed(port) and not there.is_policed:
            yield _no_policing(port, name)


def _qdisc(port: Port) -> str:
    return "" if port.qos is None else _QDISCS.get(port.qos.type, "")


def _devices(port: Port) -> tuple[str, ...]:
    return port.members or (port.interface,)


def _no_qdisc(port: Port, name: str, wanted: str, there: str) -> Failure:
    message = (
        f"{name} is to be shaped by {wanted}, and has {there or 'no'} qdisc: Open vSwitch could not"
        f" have the kernel do it. Load the kernel module sch_{wanted} (modprobe sch_{wanted} says "
        f"whether there is one), {_TRY_AGAIN}; its log says more"
    )
    return Failure(port.id, ErrorKind.DATAPATH, "QdiscMissing", message)


def _no_policing(port: Port, name: str) -> Failure:
    message = (
        f"{name} is to be policed, and the kernel does not: Open vSwitch could not have it do it. "
        f"Load the kernel modules sch_ingress, cls_basic, cls_matchall and act_police, {_TRY_AGAIN}"
        "; its log says more"
    )
    return Failure(port.id, ErrorKind.DATAPATH, "PolicingMissing", message)
