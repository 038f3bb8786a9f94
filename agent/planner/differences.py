"""What somebody else changed, as the steps that would undo it tell.

Not every step tells of a hand on the host. These put back what goes by itself, and tell of nothing:

- a device's index in a row, and a row made anew as it was: a device was made again, and Open
  vSwitch has to be given the new one;
- whatever is set on a device that is not the one of the last look: ovs-vswitchd makes those of its
  internal ports again when it starts, drivers and processes make theirs;
- the state of a port of a Linux bridge: it goes with the carrier, and the kernel's timer moves it
  on from listening;
- forwarding entries of a bridge's own side: they give way to what the bridge learns;
- binding somebody's port that bears no mark yet, and letting go of one that is not the guest's any
  more: a guest was plugged in anew;
- rows of QoS and Queue that nothing refers to.

While rows or devices ``recover`` (the resource was in trouble, the database or the kernel began
anew), only columns of rows that are there tell. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from agent.bridge_attributes import STATE
from agent.model import BOUND_KEY, DEVICE_KEY, OVS_KINDS
from agent.monitoring import OvsQos
from agent.observed import Link, ObservedState, OvsInterface, OvsPort, Vxlan
from agent.planner.bridge_steps import (
    BridgeStep,
    SetBridgeAttributes,
    SetBridgePort,
    SetBridgeVlans,
)
from agent.planner.plan import (
    AddAddress,
    AddBridge,
    AddFdb,
    AddInterface,
    AddMirror,
    AddNeighbours,
    AddPort,
    Amendment,
    BindPort,
    CreateLinuxBridge,
    CreateTap,
    CreateVeth,
    CreateVxlan,
    DeleteAddress,
    DeleteFdb,
    DeleteInterface,
    DeleteNeighbours,
    DeletePort,
    DeleteStrays,
    SetBridge,
    SetFlowExport,
    SetInterface,
    SetLink,
    SetMirror,
    SetPort,
    SetQos,
    SetTapOwner,
    SetVxlan,
    Step,
    UnbindPort,
)
from agent.planner.superfluous import superfluous

UNTOLD = (DeleteStrays, UnbindPort)
"""Steps that never tell."""
MOST_DIFFERENCES = 50
"""Of one resource at a time: who changed more than this has changed everything."""
LONGEST = 200
"""Characters of a value that are told."""


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """``field`` is ``Table.column[:key]`` of a row, or an attribute of a device; ``present`` is of
    a whole row or device. A value that is not there is empty."""

    field: str
    intended: str
    found: str

    def __str__(self) -> str:
        return f"{self.field} is {self.found or 'unset'} instead of {self.intended or 'unset'}"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the meaning of a step hangs on: this look at the host, and the last one in peace."""

    observed: ObservedState
    before: ObservedState | None = None
    rows_recover: bool = False
    devices_recover: bool = False

    @property
    def strict(self) -> Surroundings:
        """The same, while nothing recovers."""
        return replace(self, rows_recover=False, devices_recover=False)


ABSENT = Difference("present", "yes", "no")


def differences(steps: Iterable[Step], around: Surroundings) -> tuple[Difference, ...]:
    """What of these steps of one resource tells; none: all of them put back what goes by itself."""
    steps = tuple(steps)
    gone = {op.name: op for op in steps if isinstance(op, DeletePort)}
    told = [each for step in steps for each in _told(step, gone, around)]
    tells = {"rows": not around.rows_recover, "devices": not around.devices_recover}
    told += [Difference(words, "no", "yes") for words in superfluous(steps, **tells)]
    # The values are somebody else's and may be anything.
    short = (replace(d, intended=d.intended[:LONGEST], found=d.found[:LONGEST]) for d in told)
    return tuple(sorted(set(short)))[:MOST_DIFFERENCES]


def _told(step: Step, gone: Mapping[str, DeletePort], around: Surroundings) -> Iterator[Difference]:
    yield from _of_columns(step)
    if not around.rows_recover:
        yield from _of_rows(step, gone)
        yield from _of_monitoring(step, around.observed)
    if not around.devices_recover:
        if isinstance(step, CreateLinuxBridge | CreateVeth | CreateVxlan | CreateTap):
            yield ABSENT
        yield from _of_tables(step, around.observed)
        yield from _of_device(step, around)


def _of_rows(step: Step, gone: Mapping[str, DeletePort]) -> Iterator[Difference]:
    match step:
        case AddBridge() | AddMirror() | AddInterface():
            yield ABSENT
        case AddPort():
            yield from _of_port(step, gone.get(step.port.name))
        case DeleteInterface():
            yield Difference(f"interface {step.based_on.name}", "no", "yes")


# --- rows ----------------------------------------------------------------------------------------


def _of_columns(step: Step) -> Iterator[Difference]:
    match step:
        case SetBridge():
            yield from _of_row("Bridge", step, step.based_on)
        case SetPort():
            yield from _of_row("Port", step, step.based_on)
        case SetInterface():
            yield from _of_row("Interface", step, step.based_on)
            options = step.based_on.options
            yield from _of_map("Interface.options", step.options, step.without, options)
        case BindPort() if BOUND_KEY in step.based_on.external_ids:
            tag = step.based_on.tag or 0
            yield from _unless_same("Port.tag", step.tag or None, tag or None)
            if step.mtu:
                mtu = step.based_on.interfaces[0].mtu_request
                yield from _unless_same("Interface.mtu_request", step.mtu, mtu)


def _of_monitoring(step: Step, observed: ObservedState) -> Iterator[Difference]:
    """Rows of others; what refers to a port or bridge that went away is gone with that."""
    match step:
        case SetMirror() if (bridge := observed.bridges.get(step.bridge)) is not None:
            # Its mark tells a row: several may have one name.
            marks = step.external_ids.items()
            rows = (each for each in bridge.mirrors if marks <= each.external_ids.items())
            found = next(rows, None)
            for column, wanted in step.columns.items():
                there = getattr(found, column, None)
                if column not in _REFERENCES or not _is_less(there, wanted):
                    yield from _unless_same(f"Mirror.{column}", wanted, there)
        case SetQos() if (bridge := observed.bridges.get(step.bridge)) is not None:
            port = next((each for each in bridge.ports if each.name == step.port), None)
            if port is not None:
                yield Difference("Port.qos", _qos(step.qos), _qos(port.qos))
        case SetFlowExport():
            for bridge in filter(None, map(observed.bridges.get, step.bridges)):
                if bridge.exports.get(step.table) != step.row:
                    there = "another" if step.table in bridge.exports else "none"
                    field = f"Bridge.{step.table.lower()}"
                    yield Difference(field, "as intended", f"{there} on {bridge.name}")


_REFERENCES = frozenset({"select_src_port", "select_dst_port", "output_port"})


def _is_less(found: object, wanted: object) -> bool:
    """Whether nothing but references to ports is missing."""
    if isinstance(found, frozenset) and isinstance(wanted, frozenset):
        return found < wanted
    return found is None


def _qos(qos: OvsQos | None) -> str:
    if qos is None:
        return ""
    words = [f"{key} {value}" for key, value in sorted(qos.other_config.items())]
    return " ".join((qos.type, *words, *(f"queue {number}" for number in sorted(qos.queues))))


def _of_row(table: str, step: SetBridge | SetPort | SetInterface, row: Any) -> Iterator[Difference]:
    for column, value in step.columns.items():
        yield from _unless_same(f"{table}.{column}", value, getattr(row, column))
    ids = {key: value for key, value in step.external_ids.items() if key != DEVICE_KEY}
    yield from _of_map(f"{table}.external_ids", ids, (), row.external_ids)
    yield from _of_settings(table, step.settings, row)


def _of_settings(table: str, amendment: Amendment, row: Any) -> Iterator[Difference]:
    for column, atoms in amendment.columns.items():
        found = row.settings.columns.get(column, ())
        yield from _unless_same(f"{table}.{column}", atoms, found)
    for column in amendment.keys.keys() | amendment.without.keys():
        there = row.external_ids if column == "external_ids" else row.settings.maps.get(column, {})
        wanted, unwanted = amendment.keys.get(column, {}), amendment.without.get(column, ())
        yield from _of_map(f"{table}.{column}", wanted, unwanted, there)


def _of_map(
    field: str, wanted: Mapping[str, str], unwanted: Iterable[str], found: Mapping[str, str]
) -> Iterator[Difference]:
    for key, value in wanted.items():
        yield from _unless_same(f"{field}:{key}", value, found.get(key))
    for key in unwanted:
        yield from _unless_same(f"{field}:{key}", None, found.get(key))


def _of_port(step: AddPort, there: DeletePort | None) -> Iterator[Difference]:
    """A row that was there as it is wanted is only given a device that was made again."""
    if there is None:
        yield ABSENT
        return
    yield from _unless_same("bridge", step.bridge, there.bridge)
    wanted, gone = step.port, there.based_on
    if _bare(gone) == _bare(wanted):
        return
    for column in ("tag", "trunks", "vlan_mode", "protected"):
        yield from _unless_same(f"Port.{column}", getattr(wanted, column), getattr(gone, column))
    for old, new in zip(gone.interfaces, wanted.interfaces, strict=False):
        yield from _unless_same("Interface.type", new.type, old.type)
        keys = old.options.keys() - new.options.keys()
        yield from _of_map("Interface.options", new.options, keys, old.options)


def _bare(port: OvsPort) -> OvsPort:
    return replace(port, qos=None, interfaces=tuple(map(_bare_interface, port.interfaces)))


def _bare_interface(row: OvsInterface) -> OvsInterface:
    ids = {key: value for key, value in row.external_ids.items() if key != DEVICE_KEY}
    return replace(row, external_ids=ids, ofport=None, error=None)


# --- devices -------------------------------------------------------------------------------------


def _of_device(step: Step, around: Surroundings) -> Iterator[Difference]:
    if not isinstance(step, _OnDevice):
        return
    link = same_device(step, around)
    if link is None:
        return
    match step:
        case SetLink():
            yield from _of_link(step, link)
        case AddAddress() | DeleteAddress():
            is_wanted = isinstance(step, AddAddress)
            yield Difference(f"address {step.cidr}", *_YES_NO[:: 1 if is_wanted else -1])
        case SetVxlan():
            yield from _of_vxlan(step, link)
        case SetTapOwner():
            yield Difference("owner", _text(step.owner), _text(link.tap_owner))
        case _:
            yield from _of_bridging(step, link)


def _of_bridging(step: BridgeStep, link: Link) -> Iterator[Difference]:
    match step:
        case SetBridgeAttributes():
            yield from _of_attributes(step.attributes, link.bridge_attributes)
        case SetBridgePort():
            kept = (each for each in step.attributes if each[0] != STATE)
            yield from _of_attributes(kept, link.bridge_port_attributes)
        case SetBridgeVlans():
            yield Difference("vlans", _text(step.vlans), _text(link.vlans))


def _of_vxlan(step: SetVxlan, link: Link) -> Iterator[Difference]:
    vxlan = link.vxlan or Vxlan(0)
    yield from _of_attributes(step.attributes.items(), vxlan.attributes)
    if step.local_ip:
        yield Difference("local", step.local_ip, vxlan.local_ip)


_YES_NO = ("yes", "no")
_OnDevice = (
    SetLink
    | AddAddress
    | DeleteAddress
    | SetBridgeAttributes
    | SetBridgePort
    | SetBridgeVlans
    | SetTapOwner
    | SetVxlan
)


def same_device(step: Any, around: Surroundings) -> Link | None:
    """The device, where it is the one of the last look."""
    now = find_device(around.observed, step)
    if now is None:
        return None
    before = None if around.before is None else find_device(around.before, step)
    if before is None:
        return None if around.before is not None or now.kind in OVS_KINDS else now
    return now if before.ifindex == now.ifindex else None


def find_device(observed: ObservedState, step: Any) -> Link | None:
    """The device that a step is about."""
    netns = getattr(step, "netns", None)
    if netns is None:
        return observed.links.get(step.name)
    return observed.peers.get((netns, step.name))


def _of_link(step: SetLink, link: Link) -> Iterator[Difference]:
    for name in ("mtu", "mac", "up", "alias", "master"):
        if (wanted := getattr(step, name)) is not None:
            yield from _unless_same(name, wanted, getattr(link, name))
    if step.quiet:
        yield Difference("quiet", "yes", "no")
    if step.userspace:
        yield Difference("offloads", "off", "on")


def _of_attributes(
    wanted: Iterable[tuple[str, int]], found: Mapping[str, int]
) -> Iterator[Difference]:
    for name, value in wanted:
        yield Difference(name, str(value), str(found[name]) if name in found else "")


def _of_tables(step: Step, observed: ObservedState) -> Iterator[Difference]:
    match step:
        case AddNeighbours():
            for each in step.entries:
                yield Difference(f"neighbour {each.ip}", each.mac, "")
        case DeleteNeighbours():
            for each in step.entries:
                yield Difference(f"neighbour {each.ip}", "", each.mac)
        case AddFdb() | DeleteFdb():
            learned = observed.learned.get(step.name, frozenset())
            for entry in step.entries:
                if entry.dst and entry.mac not in learned:
                    values = (entry.dst, "") if isinstance(step, AddFdb) else ("", entry.dst)
                    yield Difference(f"fdb {entry.mac}", *values)


def _unless_same(field: str, intended: object, found: object) -> Iterator[Difference]:
    words = (_text(intended), _text(found))
    if words[0] != words[1]:
        yield Difference(field, *words)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, frozenset | tuple | list):
        return ",".join(sorted(map(_text, value)))
    return str(value)
