"""Which of the hosts' subjects belong to an object, and in which series they are summed up.

A subject counts only where its host is one that the object is on: no host can add to what another
one shows. Owns nothing. Must not show a principal what lies outside its projects: what a device
carries is of all projects that meet on a host, and only for those who may look into hosts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from controller.auth import Principal, sees
from controller.compiler.naming import object_of
from controller.domain.intent import HostSpec, Object, PortSpec, SegmentSpec, TunnelSpec
from controller.services.queries import inspects
from controller.store.engine import Transaction
from controller.store.listing import read_refs
from controller.store.statistics.ingest import Subject, subject_ids
from controller.store.statistics.reading import ports_of_segment, subjects_of_host, uids_of_hosts

PORTS = "ports"
"""Name of the series that sums ports up."""

_DEVICE = "device:"


@dataclass(slots=True)
class Line:
    """A series to be, with the subjects that it sums up."""

    name: str
    host: str | None = None
    """None: of more than one."""
    device: str | None = None
    """As it is called on the host; None where it has no name, or is more than one."""
    ids: list[int] = field(default_factory=list)
    is_optional: bool = False
    """Left out when there is nothing to show."""


def lines(tx: Transaction, principal: Principal, of: Object, since: datetime) -> list[Line]:
    """``since``: the beginning of what is asked for."""
    match of.spec:
        case PortSpec():
            return _of_port(tx, of, of.spec)
        case TunnelSpec():
            return _of_tunnel(tx, of, of.spec)
        case SegmentSpec():
            return _of_segment(tx, of, of.spec)
        case HostSpec():
            return _of_host(tx, principal, of, since)
        case _:
            return []


def line_of_subject(
    tx: Transaction, principal: Principal, host: Object, subject: str
) -> Line | None:
    """None: there is no such subject within reach."""
    ids = _reached(tx, principal, subject_ids(tx, [(host.uid, subject)]))
    device = subject.removeprefix(_DEVICE) if subject.startswith(_DEVICE) else None
    return Line(device or subject, host.name, device, list(ids.values())) if ids else None


def _of_port(tx: Transaction, port: Object, spec: PortSpec) -> list[Line]:
    hosts = uids_of_hosts(tx, spec.hosts)
    ids = subject_ids(tx, [(uid, f"port:{port.uid}") for uid in hosts.values()])
    return [
        Line(port.name, name, spec.interface, [id_ for (on, _), id_ in ids.items() if on == uid])
        for name, uid in hosts.items()
    ]


def _of_tunnel(tx: Transaction, tunnel: Object, spec: TunnelSpec) -> list[Line]:
    names = [end.host for end in spec.ends if end.host is not None]
    hosts = uids_of_hosts(tx, names)
    ids = subject_ids(tx, [(uid, f"tunnel:{tunnel.uid}") for uid in hosts.values()])
    return [
        Line(tunnel.name, name, ids=[id_ for (uid, _), id_ in ids.items() if uid == hosts[name]])
        for name in names
    ]


def _of_segment(tx: Transaction, segment: Object, spec: SegmentSpec) -> list[Line]:
    """All ports as one, and the vxlan device of each member that has one."""
    ports = ports_of_segment(tx, segment.uid)
    members = {host_uid: host for _, host_uid, host in ports}
    name = f"segment:{segment.uid}"
    of_ports = {(host_uid, f"port:{uid}") for uid, host_uid, _ in ports}
    ids = subject_ids(tx, of_ports | {(host_uid, name) for host_uid in members})
    devices = [
        Line(f"kx{spec.vni}", members[host_uid], f"kx{spec.vni}", [id_], is_optional=True)
        for (host_uid, subject), id_ in ids.items()
        if subject == name
    ]
    summed = Line(PORTS, ids=[id_ for subject, id_ in ids.items() if subject in of_ports])
    return [summed, *sorted(devices, key=lambda line: line.host or "")]


def _of_host(tx: Transaction, principal: Principal, host: Object, since: datetime) -> list[Line]:
    ids = _reached(tx, principal, subjects_of_host(tx, host.uid, "port:", _DEVICE, since=since))
    ports = Line(PORTS, host.name)
    devices = []
    for (_, subject), id_ in sorted(ids.items()):
        if subject.startswith(_DEVICE):
            device = subject.removeprefix(_DEVICE)
            devices.append(Line(device, host.name, device, [id_], is_optional=True))
        else:
            ports.ids.append(id_)
    return [ports, *devices]


def within_reach(tx: Transaction, principal: Principal, subjects: Collection[str]) -> set[str]:
    """Those of objects in the principal's projects; nobody knows whose it was that is no more, and
    what a device carries is of all projects. All, for who may look into hosts."""
    if inspects(principal):
        return set(subjects)
    owners = {subject: uid for subject in subjects if (uid := object_of(subject)) is not None}
    refs = read_refs(tx, set(owners.values()))
    seen = {uid for uid, ref in refs.items() if sees(principal, ref.kind, ref.project)}
    return {subject for subject, uid in owners.items() if uid in seen}


def _reached(
    tx: Transaction, principal: Principal, ids: Mapping[Subject, int]
) -> dict[Subject, int]:
    seen = within_reach(tx, principal, [subject for _, subject in ids])
    return {pair: id_ for pair, id_ in ids.items() if pair[1] in seen}
