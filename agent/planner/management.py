"""Which steps of a plan can cut the host off from its controller, and which of them for good.

Pure. What carries the connection is told by ``management_path``. A step is told of that changes how
frames or routes go there; marks, forwarding entries elsewhere and copies of flows are not.

Undone means: the same loop with the older state. That brings back what is the fleet's, and nothing
else, so that there is no way back where a step takes something along that is not:

- the device that has the route goes, or is made anew, or a device under one of others does that is
  on the path. So it is where a device, an internal port or a bridge is deleted, and where
  ``datapath_type`` changes: Open vSwitch makes the devices of the bridge anew then;
- the device that has the route is taken down: the kernel drops the routes over gateways that others
  put on it (``fib_sync_down_dev``), and all addresses of IPv6 unless ``keep_addr_on_down`` is set.
  Which routes there are is not looked at: there may be a million;
- it loses the address that a route over a gateway needs, or its last one (``fib_disable_ip``);
- it gets an MTU below 1280, which ends IPv6 on it, while the controller is reached by that.

All else has one: to put a card into a bridge and to take it out, MTU, MAC, VLANs, bonds, policing.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import assert_never

from agent.model import ALIAS_PREFIX
from agent.monitoring import OvsMirror
from agent.observed import ObservedState, OvsInterface, OvsPort
from agent.planner.bridge_steps import SetBridgeAttributes, SetBridgePort, SetBridgeVlans
from agent.planner.management_path import ManagementPath, is_guests
from agent.planner.monitoring_ops import MonitoringOp
from agent.planner.plan import (
    AddAddress,
    AddBridge,
    AddFdb,
    AddInterface,
    AddMirror,
    AddNeighbours,
    AddPort,
    BindPort,
    ClearFlowExport,
    CreateLinuxBridge,
    CreateTap,
    CreateVeth,
    CreateVxlan,
    DeleteAddress,
    DeleteBridge,
    DeleteFdb,
    DeleteInterface,
    DeleteLink,
    DeleteMirror,
    DeleteNeighbours,
    DeletePort,
    DeleteStrays,
    NetlinkStep,
    OvsdbOp,
    Plan,
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

_IPV6_MIN_MTU = 1280
"""RFC 8200, 5; below it the kernel takes IPv6 off a device."""
_MARKS = frozenset({"external_ids"})
"""Of what intent may set on a row: words for others, which change nothing."""


@dataclass(frozen=True, slots=True, order=True)
class Touch:
    """A step, in words, that can cut the connection to the controller."""

    resource: str
    what: str
    has_way_back: bool


def touches(plan: Plan, path: ManagementPath, observed: ObservedState) -> tuple[Touch, ...]:
    """In the order of the plan; none where no way to a controller is known."""
    if not path.ways or plan.is_empty:
        return ()
    look = _Look(path, observed)
    return tuple(
        Touch(step.resource, step.describe(), not look.is_for_good(step))
        for stage in plan.stages
        for step in stage.steps()
        if look.touches(step)
    )


class _Look:
    def __init__(self, path: ManagementPath, observed: ObservedState) -> None:
        self._path = path
        self._observed = observed
        self._links = observed.links

    # --- whether it is touched -------------------------------------------------------------------

    def touches(self, step: Step) -> bool:
        if isinstance(step, NetlinkStep):
            return self._link_is_touched(step)
        if isinstance(step, MonitoringOp):
            return self._is_copied_to(step)
        return self._row_is_touched(step)

    def _link_is_touched(self, step: NetlinkStep) -> bool:
        match step:
            case SetLink():
                return step.netns is None and self._is_set(step)
            case AddAddress():
                return step.netns is None and self._leads_there(step.cidr)
            case DeleteAddress():
                return step.netns is None and self._is_left(step)
            case (
                CreateVeth()
                | CreateVxlan()
                | CreateLinuxBridge()
                | CreateTap()
                | SetTapOwner()
                | DeleteLink()
                | SetVxlan()
                | AddFdb()
                | DeleteFdb()
                | AddNeighbours()
                | DeleteNeighbours()
                | SetBridgeAttributes()
                | SetBridgePort()
                | SetBridgeVlans()
            ):
                return self._carries(step.name)
        assert_never(step)

    def _row_is_touched(self, op: OvsdbOp) -> bool:
        match op:
            case AddBridge() | DeleteBridge():
                return self._is_bridge(op.name) or self._carries(op.name)
            case SetBridge() | SetPort() | SetInterface():
                return _is_more_than_marks(op) and self._is_changed(op)
            case AddPort():
                return self._is_joined(op.bridge, op.port.interfaces)
            case AddInterface():
                return self._is_joined(op.bridge, (op.interface,))
            case BindPort() | UnbindPort() | DeletePort() | DeleteInterface():
                return self._carries_any(_interfaces(op.based_on))
            case _:
                return self._is_copied_to(op)

    def _is_changed(self, op: SetBridge | SetPort | SetInterface) -> bool:
        if isinstance(op, SetBridge):
            return self._is_bridge(op.name)
        return self._carries_any(_interfaces(op.based_on))

    def _is_copied_to(self, op: MonitoringOp) -> bool:
        """A port that copies go to carries nothing else; a VLAN of copies is flooded."""
        match op:
            case SetQos():
                return self._is_port(op.bridge, op.port)
            case AddMirror():
                return self._is_output(op.bridge, op.mirror)
            case SetMirror():
                port, vlan = op.columns.get("output_port"), op.columns.get("output_vlan")
                is_port = isinstance(port, str) and self._is_port(op.bridge, port)
                return is_port or (vlan is not None and self._is_bridge(op.bridge))
            case DeleteMirror():
                bridge = self._observed.bridges.get(op.bridge)
                there = () if bridge is None else bridge.mirrors
                return any(self._is_output(op.bridge, m) for m in there if m.name == op.name)
            case DeleteStrays() | SetFlowExport() | ClearFlowExport():
                return False
        assert_never(op)

    def _carries(self, name: str) -> bool:
        return name in self._path.devices

    def _carries_any(self, interfaces: Iterable[OvsInterface]) -> bool:
        return any(self._carries(each.name) for each in interfaces)

    def _is_bridge(self, name: str) -> bool:
        return name in self._path.ovs_bridges

    def _is_port(self, bridge: str, name: str) -> bool:
        row = self._observed.bridges.get(bridge)
        ports: tuple[OvsPort, ...] = () if row is None else row.ports
        return any(self._carries_any(each.interfaces) for each in ports if each.name == name)

    def _is_output(self, bridge: str, mirror: OvsMirror) -> bool:
        if mirror.output_port is not None:
            return self._is_port(bridge, mirror.output_port)
        return mirror.output_vlan is not None and self._is_bridge(bridge)

    def _is_joined(self, bridge: str, interfaces: Iterable[OvsInterface]) -> bool:
        """Another way out of a bridge on the path may close a loop; an end of its own does not."""
        if self._carries_any(interfaces):
            return True
        return self._is_bridge(bridge) and any(self._is_way_out(each) for each in interfaces)

    def _is_way_out(self, interface: OvsInterface) -> bool:
        link = self._links.get(interface.name)
        is_end = interface.type == "internal" or (interface.type == "" and link is None)
        return not is_end and not is_guests(link)

    def _is_set(self, step: SetLink) -> bool:
        changes = (step.mtu, step.mac, step.up, step.master, step.quiet)
        is_changed = any(each is not None for each in changes) or step.userspace
        if self._carries(step.name):
            return is_changed
        link = self._links.get(step.name)
        if link is None:
            return False
        is_joined = bool(step.master) and self._carries(step.master or "") and not is_guests(link)
        return is_joined or (bool(step.up) and any(map(self._leads_there, link.addresses)))

    def _is_left(self, step: DeleteAddress) -> bool:
        address = str(ipaddress.ip_interface(step.cidr).ip)
        return self._carries(step.name) or any(each.source == address for each in self._path.ways)

    def _leads_there(self, cidr: str) -> bool:
        """Whether a device with this address would be taken for the way, or be the end itself."""
        network = ipaddress.ip_interface(cidr).network
        ends = {
            end for way in self._path.ways for end in (way.destination, way.gateway, way.source)
        }
        return any(ipaddress.ip_address(end) in network for end in ends - {""})

    # --- whether it can be undone ----------------------------------------------------------------

    def is_for_good(self, step: Step) -> bool:
        match step:
            case SetLink():
                is_down = step.up is False and self._is_first(step.name)
                return is_down or self._ends_ipv6(step.name, step.mtu)
            case SetInterface():
                mtu = step.columns.get("mtu_request")
                return self._ends_ipv6(step.name, mtu if isinstance(mtu, int) else None)
            case DeleteAddress():
                return self._is_first(step.name) and self._routes_end(step)
            case _:
                return any(map(self._goes_along, _devices_lost(step)))

    def _goes_along(self, name: str) -> bool:
        """Whether something of others goes with the device that is on the way."""
        link = self._links.get(name)
        return link is not None and (self._is_first(name) or self._bears(link.ifindex))

    def _bears(self, ifindex: int) -> bool:
        upon = (each for each in self._links.values() if each.lower == ifindex)
        return any(
            self._carries(each.name) and not each.alias.startswith(f"{ALIAS_PREFIX}:")
            for each in upon
        )

    def _is_first(self, name: str) -> bool:
        """Whether it is the device that the host's routes and addresses are on."""
        return any(way.device == name for way in self._path.ways)

    def _routes_end(self, step: DeleteAddress) -> bool:
        link = self._links.get(step.name)
        others = set() if link is None else link.addresses - {step.cidr}
        is_last = not any((":" in each) == (":" in step.cidr) for each in others)
        ways = (way for way in self._path.ways if way.device == step.name)
        return is_last or any(way.gateway for way in ways)

    def _ends_ipv6(self, name: str, mtu: int | None) -> bool:
        is_ipv6 = any(way.device == name and ":" in way.destination for way in self._path.ways)
        return is_ipv6 and mtu is not None and mtu < _IPV6_MIN_MTU


def _devices_lost(step: Step) -> tuple[str, ...]:
    """Names of the devices that go with it, though another one of the name may be made."""
    match step:
        case DeleteLink() | DeleteBridge():
            return (step.name,)
        case SetBridge() if "datapath_type" in step.columns:
            return _internal(each for port in step.based_on.ports for each in port.interfaces)
        case DeletePort():
            return _internal(step.based_on.interfaces)
        case _:
            return ()


def _internal(interfaces: Iterable[OvsInterface]) -> tuple[str, ...]:
    return tuple(each.name for each in interfaces if each.type == "internal")


def _interfaces(row: OvsPort | OvsInterface) -> tuple[OvsInterface, ...]:
    return row.interfaces if isinstance(row, OvsPort) else (row,)


def _is_more_than_marks(op: SetBridge | SetPort | SetInterface) -> bool:
    is_of_interface = isinstance(op, SetInterface) and bool(op.options or op.without)
    return bool(op.columns) or is_of_interface or bool(op.settings.touched() - _MARKS)
