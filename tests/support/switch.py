"""An in-memory Open vSwitch host that executes plans, for laws that need thousands of hosts.

Its whole interface:

    switch = Switch(observed)            start from any picture
    switch.run(plan)                     execute a plan; failures that the datapath answered with
    switch.run(plan, limit=n)            the same, killed after n atoms (an atom is one netlink
                                         step or one OVSDB transaction)
    switch.observed                      the picture now
    switch.refuses = predicate           error injection: steps that will be refused
    switch.stop_vswitchd(), .start_vswitchd()
    switch.reboot()                      devices of others get other indices, processes are fresh
    switch.kernel                        devices, to change by hand (then ``switch.reconfigure()``)
    switch.bridges                       rows, to change by hand (likewise)

What it imitates of ovs-vswitchd, and what the contract test compares with the real one: ofports;
devices made for internal rows and removed with them; MAC and MTU from the row; a tunnel whose
identity is taken gets ofport -1 and an error while the transaction succeeds, also when the identity
is freed in the same transaction; a missing device gets an error; a device made again under an open
port stays dead although its row looks well; a ``system`` datapath has a device vxlan_sys_<port> for
its tunnels, as long as nobody else has the UDP port.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from agent.errors import ErrorKind, Failure
from agent.model import OVS_KINDS
from agent.observed import Link, ObservedState, OvsBridge, OvsInterface, Vxlan
from agent.planner.bridge_steps import PartialStep
from agent.planner.claims import TunnelKey, tunnel_key
from agent.planner.plan import NetlinkStep, OvsdbOp, Plan, Stage, Step
from agent.planner.port_rows import is_open
from tests.support.kernel import Kernel, NetlinkRefusedError, generated_mac
from tests.support.rows import OutOfDateError, Rows

LOCAL_OFPORT = 65534

Atom: TypeAlias = Callable[[set[str]], list[Failure]]
"""Takes the resources of which no more is done, adds to them, and tells what fails now."""


class Switch:
    def __init__(self, observed: ObservedState) -> None:
        self.kernel = Kernel(observed)
        self._rows = Rows(observed.bridges, observed.strays)
        self.refuses: Callable[[Step], bool] = _nothing
        self.transactions = 0
        self.netlink_writes = 0
        self._has_ovs = observed.has_ovs
        self._running = observed.vswitchd_running
        self._boot = observed.boot
        self._datapath_types = observed.datapath_types
        self._iface_types = observed.iface_types
        self._columns = observed.columns
        self._vlan_limit = observed.vlan_limit
        self._made: set[str] = set()
        """Devices that ovs-vswitchd made for internal rows."""
        self._tunnel_devices: set[str] = set()
        self._opened: dict[str, int] = {
            row.name: 0
            for _, row in self._rows.interfaces()
            if row.type in ("", "system") and is_open(row) and row.name not in observed.links
        }
        """The ifindex that ovs-vswitchd opened for each system interface."""
        self._tunnels: dict[TunnelKey, str] = {}
        self.reconfigure()

    @property
    def bridges(self) -> dict[str, OvsBridge]:
        return self._rows.bridges

    @property
    def observed(self) -> ObservedState:
        return ObservedState(
            bridges=dict(self.bridges),
            links=dict(self.kernel.links),
            peers=dict(self.kernel.peers),
            namespaces=frozenset(self.kernel.namespaces),
            fdb=self.kernel.fdb,
            neighbours=self.kernel.neighbours,
            has_ovs=self._has_ovs,
            vswitchd_running=self._running,
            boot=self._boot,
            datapath_types=self._datapath_types,
            iface_types=self._iface_types,
            columns=self._columns,
            vlan_limit=self._vlan_limit,
            strays=self._rows.strays,
        )

    @property
    def dead_ports(self) -> frozenset[str]:
        """Open interfaces whose device went away or was replaced: no packet passes."""
        return frozenset(
            name
            for name, ifindex in self._opened.items()
            if name not in self.kernel.links or self.kernel.links[name].ifindex != ifindex
        )

    def run(self, plan: Plan, limit: int | None = None) -> tuple[Failure, ...]:
        """What comes after a failure of the same resource is left out, as the agent does, unless
        only attributes were refused.
        """
        failures: list[Failure] = []
        stopped: set[str] = set()
        done = 0
        for stage in plan.stages:
            for atom in self._atoms(stage):
                if done == limit:
                    return tuple(failures)
                failures += atom(stopped)
                done += 1
        return tuple(failures)

    def stop_vswitchd(self) -> None:
        """As kill -9 does: rows and devices stay as they are."""
        self._running = False

    def start_vswitchd(self) -> None:
        """A fresh process opens everything anew."""
        self._running = True
        self._opened.clear()
        self._tunnels.clear()
        self.reconfigure()

    def reboot(self, *names: str) -> None:
        """``names`` are the devices that come back; rows stay as they are."""
        self.stop_vswitchd()
        self._boot += "+"
        self._made.clear()
        self._tunnel_devices.clear()
        links = (self.kernel.links[name] for name in names)
        self.kernel.links = {
            link.name: replace(link, ifindex=self.kernel.next_index()) for link in links
        }
        self.start_vswitchd()

    # --- atoms -----------------------------------------------------------------------------------

    def _atoms(self, stage: Stage) -> Iterator[Atom]:
        yield from (partial(self._netlink, step) for step in stage.pre)
        if stage.ovsdb:
            yield partial(self._ovsdb, stage)
        yield from (partial(self._netlink, step) for step in stage.post)

    def _netlink(self, step: NetlinkStep, stopped: set[str]) -> list[Failure]:
        if step.resource in stopped:
            return []
        try:
            self._execute(step)
        except NetlinkRefusedError as error:
            if not isinstance(step, PartialStep):
                stopped.add(step.resource)
            return [_refused(step, str(error))]
        self.netlink_writes += 1
        if self._running:
            for bridge in self.bridges.values():
                self._spread_mtu(bridge)
        return []

    def _execute(self, step: NetlinkStep) -> None:
        if self.refuses(step):
            raise NetlinkRefusedError("injected")
        self.kernel.execute(step)

    def _ovsdb(self, whole: Stage, stopped: set[str]) -> list[Failure]:
        """One transaction; where it would be refused, one for each resource group."""
        stage = Stage(ovsdb=tuple(op for op in whole.ovsdb if op.resource not in stopped))
        if not any(self.refuses(op) for op in stage.ovsdb):
            if stage.ovsdb:
                self._commit(stage.ovsdb)
            return []
        failures: list[Failure] = []
        for ops in stage.groups().values():
            if any(self.refuses(op) for op in ops):
                failures.append(_refused(ops[0]))
                continue
            try:
                self._commit(ops)
            except OutOfDateError as error:
                failures.append(_refused(ops[0], str(error)))
        stopped.update(failure.resource for failure in failures)
        return failures

    def _commit(self, ops: tuple[OvsdbOp, ...]) -> None:
        before, strays = dict(self.bridges), self._rows.strays
        try:
            for op in ops:
                self._rows.write(op)
        except OutOfDateError:
            self._rows.bridges, self._rows.strays = before, strays
            raise
        self._rows.forget_references()
        self.transactions += 1
        self.reconfigure()

    # --- ovs-vswitchd ----------------------------------------------------------------------------

    def reconfigure(self) -> None:
        """What ovs-vswitchd does after every change of the database or of the devices."""
        if not self._running:
            return
        rows = {interface.name: interface for _, interface in self._rows.interfaces()}
        for name in tuple(self._made):
            if name not in rows or rows[name].type != "internal":
                self._made.discard(name)
                if name in self.kernel.links and self.kernel.links[name].kind in OVS_KINDS:
                    del self.kernel.links[name]
        self._opened = {name: index for name, index in self._opened.items() if name in rows}
        taken = dict(self._tunnels)
        self._tunnels = {}
        for bridge in tuple(self.bridges.values()):
            for port in bridge.ports:
                opened = tuple(self._open(bridge, each, taken) for each in port.interfaces)
                self._rows.put_port(bridge.name, replace(port, interfaces=opened))
            self._spread_mtu(self.bridges[bridge.name])
        self._remove_tunnel_devices()

    def _spread_mtu(self, bridge: OvsBridge) -> None:
        """Internal devices without a request of their own get the smallest MTU of the others."""
        rows = [row for port in bridge.ports for row in port.interfaces if (row.ofport or 0) > 0]
        links = self.kernel.links
        made = {link.name for link in links.values() if link.kind in OVS_KINDS}
        unasked = {row.name for row in rows if row.type == "internal" and row.mtu_request is None}
        following = unasked & made
        mtus = [links[row.name].mtu for row in rows if row.name in links.keys() - following]
        for name in following:
            links[name] = replace(links[name], mtu=min(mtus, default=1500))

    def _open(
        self, bridge: OvsBridge, row: OvsInterface, taken: dict[TunnelKey, str]
    ) -> OvsInterface:
        if row.type == "vxlan":
            error = self._open_tunnel(bridge, row, taken)
        elif row.type == "internal":
            error = self._open_internal(bridge, row)
        elif row.type in ("", "system"):
            error = self._open_system(row)
        else:
            return replace(row, ofport=row.ofport or self._free_ofport(), error=None)
        if error:
            return replace(row, ofport=-1, error=error)
        if row.name == bridge.name:
            return replace(row, ofport=LOCAL_OFPORT, error=None)
        return replace(row, ofport=max(row.ofport or 0, 0) or self._free_ofport(), error=None)

    def _open_tunnel(
        self, bridge: OvsBridge, row: OvsInterface, taken: dict[TunnelKey, str]
    ) -> str:
        key = tunnel_key(row)
        if key is None:
            return f"{row.name}: vxlan type requires valid 'remote_ip' argument"
        if taken.get(key, row.name) != row.name or key in self._tunnels:
            return f"could not add network device {row.name} to ofproto (File exists)"
        if bridge.datapath_type != "netdev" and not self._make_tunnel_device(int(key.dst_port)):
            return f"could not add network device {row.name} to ofproto (Address already in use)"
        self._tunnels[key] = row.name
        return ""

    def _make_tunnel_device(self, dst_port: int) -> bool:
        """False when the kernel has given the UDP port to a device of another kind."""
        vxlan = Vxlan(0, dst_port=dst_port, collect_metadata=True)
        name = f"vxlan_sys_{dst_port}"
        if name not in self.kernel.links:
            if self.kernel.shared_port(vxlan):
                return False
            index = self.kernel.next_index()
            mac = generated_mac(index)
            self.kernel.links[name] = Link(name, index, "vxlan", mac, 65000, up=True, vxlan=vxlan)
            self._tunnel_devices.add(name)
        return True

    def _remove_tunnel_devices(self) -> None:
        wanted = {
            f"vxlan_sys_{key.dst_port}"
            for bridge, row in self._rows.interfaces()
            if bridge.datapath_type != "netdev" and (key := tunnel_key(row)) is not None
        }
        for name in self._tunnel_devices - wanted:
            link = self.kernel.links.get(name)
            if link is not None and link.vxlan is not None and link.vxlan.collect_metadata:
                del self.kernel.links[name]
        self._tunnel_devices &= wanted

    def _open_internal(self, bridge: OvsBridge, row: OvsInterface) -> str:
        link = self.kernel.links.get(row.name)
        kind = "tun" if bridge.datapath_type == "netdev" else "openvswitch"
        is_theirs = link is not None and link.kind in OVS_KINDS
        # Another datapath_type makes the devices of a bridge anew.
        is_old = link is not None and is_theirs and row.name in self._made and link.kind != kind
        if link is not None and not is_theirs:
            return f"could not create internal device {row.name} (File exists)"
        if link is None and row.name in self._made and (row.ofport or 0) > 0:
            return ""  # deleted by hand: the row looks well and no packet passes
        if link is None or is_old:
            index = self.kernel.next_index()
            link = Link(row.name, index, kind, mac=generated_mac(index))
        self._made.add(row.name)
        mac, mtu = row.mac or link.mac, row.mtu_request or link.mtu
        self.kernel.links[row.name] = replace(link, mac=mac, mtu=mtu)
        return ""

    def _open_system(self, row: OvsInterface) -> str:
        link = self.kernel.links.get(row.name)
        if link is None and row.name in self._opened:
            return ""  # deleted under an open port: the row looks well and no packet passes
        if link is None:
            return f"could not open network device {row.name} (No such device)"
        if row.mtu_request:
            self.kernel.links[row.name] = replace(link, mtu=row.mtu_request)
        self._opened.setdefault(row.name, link.ifindex)
        return ""

    def _free_ofport(self) -> int:
        ofports = (interface.ofport or 0 for _, interface in self._rows.interfaces())
        return max((0, *(each for each in ofports if each < LOCAL_OFPORT))) + 1


def _nothing(_: Step) -> bool:
    return False


def _refused(step: Step, error: str = "injected") -> Failure:
    return Failure(step.resource, ErrorKind.TRANSIENT, "Refused", error)
