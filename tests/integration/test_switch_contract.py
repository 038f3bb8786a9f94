"""The in-memory switch of the property tests against the real Open vSwitch and kernel.

The same plans, made from what the real host shows, run on both; afterwards both show the same. Only
what the real host chooses freely is left out: numbers of ports and devices, MAC addresses nobody
asked for, the words of an error.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from agent.fragments import SegmentFragment, SegmentMember
from agent.model import Bridge, DatapathType, HostState, Port, PortType, SegmentAttachment, VethPeer
from agent.observed import OvsInterface, OvsPort
from agent.planner.assembly import make_plan
from agent.planner.plan import (
    AddBridge,
    AddPort,
    DeletePort,
    Plan,
    SetInterface,
    Stage,
)
from tests.support.agent_contract import FLEET, MACS, RealHost, compare, on_real
from tests.support.netns import Namespace
from tests.support.ovs import OpenVSwitch

pytestmark = pytest.mark.integration

MARKS = {"ovsfleet-owner": FLEET, "ovsfleet-id": "port:1"}


def on_both(
    ovs: OpenVSwitch, workload: Namespace, body: Callable[[RealHost], Awaitable[None]]
) -> None:
    """The workload's namespace is looked at also when nothing is wanted in there any more."""
    on_real(ovs.netns, ovs.remote, full(workload.name), body)


# --- intents, one after the other ----------------------------------------------------------------


def bare() -> HostState:
    return HostState(FLEET, 1, 1, b"1", "host-1", "h1")


def fragment(*remotes: str) -> SegmentFragment:
    members = tuple(
        SegmentMember(f"host-{number}", f"h{number}", vtep)
        for number, vtep in enumerate(("192.0.2.1", *remotes), start=1)
    )
    return SegmentFragment(bytes(len(remotes)), "seg-1", 7001, 4789, 1400, members)


def full(workload: str) -> HostState:
    tunnels = fragment("192.0.2.2", "192.0.2.3")
    return replace(
        bare(),
        overlay=Bridge("overlay", "br-fleet", DatapathType.NETDEV),
        bridges=(Bridge("bridge:1", "br1", DatapathType.NETDEV),),
        ports=(
            Port(
                "port:1",
                "int0",
                PortType.INTERNAL,
                "br-fleet",
                tag=5,
                mac=MACS[0],
                mtu=1400,
                addresses=frozenset({"198.51.100.1/24", "2001:db8::1/64"}),
            ),
            Port(
                "port:2",
                "ve0",
                PortType.VETH,
                "br-fleet",
                tag=5,
                mac=MACS[1],
                mtu=1400,
                addresses=frozenset({"198.51.100.2/24"}),
                peer=VethPeer(workload, "eth0"),
            ),
            Port("port:3", "int1", PortType.INTERNAL, "br1", mtu=1500),
        ),
        attachments=(SegmentAttachment("seg-1", 5, tunnels.hash),),
        fragments={tunnels.hash: tunnels},
    )


def changed(workload: str) -> HostState:
    first, second, third = full(workload).ports
    one = fragment("192.0.2.3")
    return replace(
        full(workload),
        ports=(
            replace(first, tag=6, mac=MACS[2], mtu=1300, addresses=frozenset({"198.51.100.9/24"})),
            replace(second, tag=6, mac="", mtu=1300, addresses=frozenset()),
            replace(third, bridge="br-fleet"),
        ),
        attachments=(SegmentAttachment("seg-1", 6, one.hash),),
        fragments={one.hash: one},
        removed=frozenset({"tunnel:seg-1/host-2"}),
    )


def fewer(workload: str) -> HostState:
    return replace(
        changed(workload),
        ports=changed(workload).ports[:1],
        removed=frozenset({"port:2", "port:3", "tunnel:seg-1/host-2"}),
    )


def nothing(workload: str) -> HostState:
    removed = {"overlay", "bridge:1", "port:1", "port:2", "port:3", "segment:seg-1"}
    return replace(bare(), removed=frozenset(removed | {"tunnel:seg-1/host-3"}))


def test_plans_lead_to_the_same_on_both(ovs: OpenVSwitch, workload_netns: Namespace) -> None:
    async def body(real: RealHost) -> None:
        for intent in (full, changed, full, fewer, nothing):
            desired = intent(workload_netns.name)
            plan = make_plan(desired, await real.look())
            assert not plan.is_empty
            after = await compare(real, plan)
            again = make_plan(desired, after)
            assert again.is_empty, again.describe()
        assert (await real.look()).bridges == {}
        assert (await real.look()).links == {}

    on_both(ovs, workload_netns, body)


def readdressed(workload: str) -> HostState:
    """Other prefix lengths, an address less, an address that somebody else will have given."""
    first, second, *others = full(workload).ports
    return replace(
        full(workload),
        ports=(
            replace(first, addresses=frozenset({"198.51.100.1/25", "2001:db8::1/80"})),
            replace(second, addresses=frozenset({"198.51.100.77/24"})),
            *others,
        ),
    )


def test_foreign_addresses_on_our_devices_stay_on_both(
    ovs: OpenVSwitch, workload_netns: Namespace
) -> None:
    def interfere() -> None:
        for host, device in ((ovs.netns, "int0"), (workload_netns, "eth0")):
            for cidr in ("198.51.100.77/24", "2001:db8::77/64"):
                host.ip("address", "add", cidr, "dev", device)

    async def body(real: RealHost) -> None:
        await compare(real, make_plan(full(workload_netns.name), await real.look()))
        interfere()
        for intent in (readdressed, full, readdressed):
            desired = intent(workload_netns.name)
            after = await compare(real, make_plan(desired, await real.look()))
            assert make_plan(desired, after).describe() == ()
            devices = (after.links["int0"], after.peers[workload_netns.name, "eth0"])
            for device in devices:
                theirs = device.addresses - device.owned_addresses
                assert theirs == {"198.51.100.77/24", "2001:db8::77/64"}
        assert devices[0].owned_addresses == {"198.51.100.1/25", "2001:db8::1/80"}
        assert devices[1].owned_addresses == frozenset()

    on_both(ovs, workload_netns, body)


def vxlan(name: str, **options: str) -> AddPort:
    given = {"remote_ip": "192.0.2.9", "key": "77", **options}
    row = OvsInterface(name, "vxlan", options={k: v for k, v in given.items() if v})
    return AddPort(f"tunnel:{name}", "br0", OvsPort(name, (row,)))


def system(name: str) -> AddPort:
    return AddPort(f"port:{name}", "br0", OvsPort(name, (OvsInterface(name),)))


ADD_BRIDGE = AddBridge("bridge:1", "br0", "netdev", MARKS)


def test_what_the_datapath_refuses_looks_the_same_on_both(
    ovs: OpenVSwitch, workload_netns: Namespace
) -> None:
    async def body(real: RealHost) -> None:
        first = Stage(ovsdb=(ADD_BRIDGE, vxlan("vx1")))
        await compare(real, Plan((first,)))
        for op in (vxlan("vx2"), vxlan("vx3", remote_ip=""), vxlan("vx4", key="78"), system("no")):
            await compare(real, Plan((Stage(ovsdb=(op,)),)))
        rows = {port.name: port for port in (await real.look()).bridges["br0"].ports}
        free = DeletePort("tunnel:vx1", "br0", "vx1", rows["vx1"])
        await compare(real, Plan((Stage(ovsdb=(free,)),)))

    on_both(ovs, workload_netns, body)


def test_a_tunnel_identity_freed_in_the_same_transaction_looks_the_same_on_both(
    ovs: OpenVSwitch, workload_netns: Namespace
) -> None:
    async def body(real: RealHost) -> None:
        await compare(real, Plan((Stage(ovsdb=(ADD_BRIDGE, vxlan("vx1"))),)))
        row = (await real.look()).bridges["br0"].ports[-1]
        ops = (DeletePort("tunnel:vx1", "br0", "vx1", row), vxlan("vx2"))
        await compare(real, Plan((Stage(ovsdb=ops),)))

    on_both(ovs, workload_netns, body)


def test_a_tunnel_that_moves_in_one_transaction_works_on_both(
    ovs: OpenVSwitch, workload_netns: Namespace
) -> None:
    async def body(real: RealHost) -> None:
        await compare(real, Plan((Stage(ovsdb=(ADD_BRIDGE, vxlan("vx1"))),)))
        rows = {port.name: port for port in (await real.look()).bridges["br0"].ports}
        moved = vxlan("vx2", remote_ip="192.0.2.10")
        ops = (DeletePort("tunnel:vx1", "br0", "vx1", rows["vx1"]), moved)
        after = await compare(real, Plan((Stage(ovsdb=ops),)))
        interfaces = {port.name: port.interfaces[0] for port in after.bridges["br0"].ports}
        assert (interfaces["vx2"].ofport or -1) > 0

    on_both(ovs, workload_netns, body)


def test_an_internal_device_follows_its_row_on_both(
    ovs: OpenVSwitch, workload_netns: Namespace
) -> None:
    async def body(real: RealHost) -> None:
        row = OvsInterface("int0", "internal", mac=MACS[0], mtu_request=1400)
        add = AddPort("port:1", "br0", OvsPort("int0", (row,)))
        after = await compare(real, Plan((Stage(ovsdb=(ADD_BRIDGE, add)),)))
        now = next(p for p in after.bridges["br0"].ports if p.name == "int0").interfaces[0]
        for columns in ({"mac": MACS[1]}, {"mtu_request": 1300}, {"mac": None}):
            op = SetInterface("port:1", "int0", now, columns)
            after = await compare(real, Plan((Stage(ovsdb=(op,)),)))
            now = next(p for p in after.bridges["br0"].ports if p.name == "int0").interfaces[0]
        port = next(p for p in after.bridges["br0"].ports if p.name == "int0")
        delete = DeletePort("port:1", "br0", "int0", port)
        await compare(real, Plan((Stage(ovsdb=(delete,)),)))

    on_both(ovs, workload_netns, body)
