"""QoS, mirrors and exports of flows: the in-memory switch against the real one, and packets."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from functools import partial

import pytest

from agent.columns import Settings
from agent.errors import ErrorKind
from agent.model import Bridge, DatapathType, HostState, Port, PortType
from agent.monitoring import FlowExport, FlowProtocol, Mirror, MirrorTunnel, Qos, Queue
from agent.netlink.netns import call_in
from agent.observed import ObservedState
from agent.planner.assembly import make_plan
from tests.support.agent_contract import FLEET, RealHost, compare, on_real
from tests.support.agent_frames import BROADCAST, Tap, hear
from tests.support.netns import Namespace, namespace
from tests.support.ovs import OpenVSwitch, open_vswitch

pytestmark = pytest.mark.integration

IPV4_FRAME = bytes.fromhex(
    "ffffffffffff020000000001" + "0800"
    "4500001c000000004011" + "8f6f" + "c6336401" + "c63364ff"
    "0009" + "0009" + "0008" + "0000"
).ljust(60, b"\0")
"""A UDP datagram of 198.51.100.1 to all of 198.51.100.0/24."""
VERSIONS = {5, 10}
"""Of NetFlow and IPFIX."""
COLLECTOR = ("127.0.0.1", 20551)
BARE = HostState(FLEET, 1, 1, b"1", "host-1", "h1")
SHAPED = Qos("linux-htb", {"max-rate": "1000000"}, (Queue(0), Queue(3, 12, {"max-rate": "9000"})))
TUNNEL = MirrorTunnel("mrtun", "gre", {"remote_ip": "192.0.2.9", "key": "7"})


@pytest.fixture(scope="module")
def host() -> Iterator[OpenVSwitch]:
    with namespace() as netns, open_vswitch(netns) as made:
        yield made


def on_host(host: OpenVSwitch, body: Callable[[RealHost], Awaitable[None]]) -> None:
    on_real(host.netns, host.remote, BARE, body)


def internal(number: int, **more: object) -> Port:
    port = Port(f"port:{number}", f"int{number}", PortType.INTERNAL, "br1", tag=5, mtu=1500)
    return replace(port, **more)  # type: ignore[arg-type]


def export(protocol: FlowProtocol, **columns: tuple[int | str, ...]) -> FlowExport:
    targets = (f"{COLLECTOR[0]}:{COLLECTOR[1]}",)
    settings = Settings({"targets": targets, **columns})
    return FlowExport(f"flow-export:{protocol.value}", protocol, ("br1", "br2"), settings)


def full() -> HostState:
    return replace(
        BARE,
        bridges=(
            Bridge("bridge:1", "br1", DatapathType.NETDEV),
            Bridge("bridge:2", "br2", DatapathType.NETDEV),
        ),
        ports=(internal(1, qos=SHAPED), internal(2), internal(3), internal(4, tag=0)),
        mirrors=(
            Mirror(
                "mirror:1",
                "copies",
                "br1",
                select_src_ports=frozenset({"int1"}),
                select_dst_ports=frozenset({"int1", "int3"}),
                output_port="int4",
            ),
            Mirror("mirror:2", "far", "br1", select_all=True, tunnel=TUNNEL, snaplen=96),
        ),
        flow_exports=(
            export(FlowProtocol.NETFLOW, active_timeout=(30,), engine_id=(7,)),
            export(FlowProtocol.SFLOW, agent=("lo",), header=(64,), sampling=(10,)),
            export(FlowProtocol.IPFIX, obs_domain_id=(3,), sampling=(1,)),
        ),
    )


def changed() -> HostState:
    """Everything in place."""
    state = full()
    first, *others = state.ports
    near, far = state.mirrors
    shaped = Qos("linux-hfsc", {}, (Queue(3, None, {"max-rate": "8000"}), Queue(4)))
    return replace(
        state,
        ports=(replace(first, qos=shaped), *others),
        mirrors=(
            replace(near, name="renamed", select_src_ports=frozenset(), output_port="int2"),
            replace(
                far,
                select_vlans=frozenset({5}),
                tunnel=replace(TUNNEL, options={"remote_ip": "192.0.2.8"}),
                snaplen=0,
            ),
        ),
        flow_exports=tuple(
            replace(each, bridges=("br1",), settings=Settings({"targets": ("127.0.0.1:9",)}))
            for each in state.flow_exports
        ),
    )


def fewer() -> HostState:
    """A port with its QoS, one with a QoS that is not wanted any more, and all that watches."""
    state = full()
    _, *others = state.ports
    gone = {"port:1"} | {each.id for each in state.mirrors}
    gone |= {each.id for each in state.flow_exports}
    return replace(state, ports=tuple(others), mirrors=(), flow_exports=(), removed=frozenset(gone))


def nothing() -> HostState:
    state = full()
    gone = {each.id for each in state.bridges} | {each.id for each in state.ports}
    return replace(BARE, removed=fewer().removed | gone)


TABLES = ("QoS", "Queue", "Mirror", "NetFlow", "sFlow", "IPFIX")


def test_what_is_shaped_mirrored_and_exported_comes_changes_and_goes_on_both(
    host: OpenVSwitch,
) -> None:
    uuids: list[set[str]] = []

    async def body(real: RealHost) -> None:
        for intent in (full, changed, full, fewer, full, nothing):
            desired = intent()
            plan = make_plan(desired, await real.look())
            assert not plan.is_empty
            after = await compare(real, plan)
            again = make_plan(desired, after)
            assert again.describe() == ()
            uuids.append({line for t in TABLES for line in rows(host, t, "_uuid")})

    on_host(host, body)
    assert all("," not in rows(host, table, "_uuid") for table in TABLES)
    assert uuids[0] & uuids[1] == uuids[0] & uuids[2]
    assert len(uuids[0]) == 1 + 2 + 2 + 3  # the exports' rows are shared
    assert len(uuids[0] & uuids[1]) == len(uuids[0]) - 1  # queue 0 alone was taken away
    assert len(uuids[3]) == 0 == len(uuids[5])


def rows(host: OpenVSwitch, table: str, column: str) -> list[str]:
    found = host.vsctl("--no-headings", "--format=csv", f"--columns={column}", "list", table)
    return found.splitlines()


@contextmanager
def collector(netns: Namespace) -> Iterator[socket.socket]:
    made = call_in(netns.name, partial(socket.socket, socket.AF_INET, socket.SOCK_DGRAM))
    with closing(made):
        made.bind(COLLECTOR)
        made.settimeout(5.0)
        yield made


def await_versions(listener: socket.socket, versions: set[int]) -> None:
    """Until datagrams of those export protocols have arrived; their first two bytes tell."""
    missing = set(versions)
    while missing:
        missing.discard(int.from_bytes(listener.recv(2048)[:2], "big"))


def test_packets_are_copied_to_the_output_port_and_their_flows_reach_the_collector(
    host: OpenVSwitch,
) -> None:
    async def build(real: RealHost) -> None:
        state = full()
        from_one = (replace(state.mirrors[0], select_dst_ports=frozenset()),)
        at_once = (export(FlowProtocol.NETFLOW, active_timeout=(1,)), state.flow_exports[2])
        watched = replace(state, mirrors=from_one, flow_exports=at_once)
        await real.run(make_plan(watched, await real.look()))
        with collector(host.netns) as listener, ExitStack() as opened:
            first, second, output = (
                opened.enter_context(closing(Tap(host.netns, f"int{number}")))
                for number in (1, 2, 4)
            )
            first.send_raw(IPV4_FRAME)  # of others, NetFlow says nothing
            first.send("02:00:00:00:00:01", BROADCAST, "mirrored")
            assert "mirrored" in hear(output, {"mirrored"})
            second.send("02:00:00:00:00:02", "02:00:00:00:00:77", "unselected")
            first.send("02:00:00:00:00:01", BROADCAST, "end")
            assert "unselected" not in hear(output, {"end"})
            await_versions(listener, VERSIONS)
        await real.run(make_plan(nothing(), await real.look()))
        assert (await real.look()).bridges == {}

    on_host(host, build)


def test_rows_that_are_not_ours_are_not_touched_and_said_to_be_in_the_way(
    host: OpenVSwitch,
) -> None:
    async def body(real: RealHost) -> None:
        plain = replace(full(), mirrors=(), flow_exports=())
        plain = replace(plain, ports=tuple(replace(each, qos=None) for each in plain.ports))
        await real.run(make_plan(plain, await real.look()))
        host.vsctl(
            *("--", "--id=@q", "create", "QoS", "type=linux-sfq", "queues:1=@u"),
            *("--", "--id=@u", "create", "Queue", "dscp=9"),
            *("--", "set", "port", "int1", "qos=@q", "--", "set", "port", "int2", "qos=@q"),
            *("--", "--id=@m", "create", "Mirror", "name=copies", "select_all=true"),
            *("--", "add", "bridge", "br1", "mirrors", "@m"),
            *("--", "--id=@n", "create", "NetFlow", 'targets="192.0.2.7:2055"'),
            *("--", "set", "bridge", "br2", "netflow=@n"),
        )
        before = {table: rows(host, table, "_uuid") for table in TABLES}
        kept = [host.dump(table) for table in ("QoS", "Queue")]
        plan = make_plan(full(), await real.look())
        found = {each.resource: (each.kind, each.reason) for each in plan.failures}
        assert found == {
            "port:1": (ErrorKind.CONFLICT, "QosTaken"),
            "flow-export:NetFlow": (ErrorKind.CONFLICT, "ExportTaken"),
        }
        after = await compare(real, plan)
        assert make_plan(full(), after).is_empty
        assert [host.dump(table) for table in ("QoS", "Queue")] == kept
        both = {each.name: each.exports for each in after.bridges.values()}
        assert both["br1"]["NetFlow"].external_ids
        assert not both["br2"]["NetFlow"].external_ids
        cleared = replace(plain, removed=fewer().removed - {"port:1"})
        await compare(real, make_plan(cleared, await real.look()))
        assert {table: rows(host, table, "_uuid") for table in TABLES} == before
        await compare(real, make_plan(nothing(), await real.look()))
        assert [host.dump(table) for table in ("QoS", "Queue")] == kept
        for table in ("QoS", "Queue"):
            host.vsctl("--all", "destroy", table)

    on_host(host, body)


def test_what_the_database_refuses_fails_alone(host: OpenVSwitch) -> None:
    async def body(real: RealHost) -> None:
        state = full()
        first, *others = state.ports
        never = export(FlowProtocol.IPFIX, sampling=(0,))
        odd = replace(first, qos=Qos("linux-htb", {}, (Queue(1, 64),)))
        refused = replace(
            state, ports=(odd, *others), flow_exports=(*state.flow_exports[:2], never)
        )
        failures = await real.run(make_plan(refused, await real.look()))
        assert {each.resource: each.kind for each in reversed(failures)} == {
            "port:1": ErrorKind.INVALID,
            "flow-export:IPFIX": ErrorKind.INVALID,
        }
        seen = (await real.look()).bridges["br1"]
        assert sorted(seen.exports) == ["NetFlow", "sFlow"]
        assert [each.select_dst_port for each in seen.mirrors] == [{"int3"}, frozenset()]
        assert not (await real.look()).strays
        await real.run(make_plan(full(), await real.look()))
        assert make_plan(full(), await real.look()).describe() == ()
        await compare(real, make_plan(nothing(), await real.look()))

    on_host(host, body)


def test_what_lost_its_port_by_somebody_elses_hand_is_deleted_and_made_anew(
    host: OpenVSwitch,
) -> None:
    async def body(real: RealHost) -> None:
        await real.run(make_plan(full(), await real.look()))
        host.vsctl("del-port", "int1")
        seen = await real.look()
        assert {each.table for each in seen.strays} == {"QoS"}
        assert [each.select_src_port for each in seen.bridges["br1"].mirrors] == [frozenset()] * 2
        await compare(real, make_plan(full(), seen))
        assert (len(rows(host, "QoS", "_uuid")), len(rows(host, "Queue", "_uuid"))) == (1, 2)
        assert make_plan(full(), await real.look()).describe() == ()
        await compare(real, make_plan(nothing(), await real.look()))

    on_host(host, body)


BY_HAND = (
    "qdisc add {} ingress",
    "filter add {} parent ffff: basic police rate 1mbit burst 100k drop",
)
"""What tc(8) would have to do to police as Open vSwitch does."""
POLICED = Settings({"ingress_policing_rate": (1000,), "ingress_policing_burst": (800,)})


def test_what_the_kernel_does_not_do_of_policies_is_a_failure_of_the_port(
    host: OpenVSwitch,
) -> None:
    state = replace(
        BARE,
        bridges=(Bridge("bridge:1", "br1", DatapathType.NETDEV),),
        ports=(
            internal(1, qos=SHAPED),
            internal(2, qos=Qos("linux-sfq", {}, ())),
            internal(3, interface_settings=POLICED),
            internal(4, qos=Qos("linux-noop", {}, ())),
        ),
    )
    expected = {
        resource: reason
        for resource, reason, probe in (
            ("port:2", "QdiscMissing", ("qdisc add {} root sfq",)),
            ("port:3", "PolicingMissing", BY_HAND),
        )
        if not kernel_does(host, *probe)
    }

    async def body(real: RealHost) -> None:
        await real.run(make_plan(state, await real.look()))
        assert reasons(state, await real.see()) == expected
        host.netns.exec("tc", "qdisc", "delete", "dev", "int1", "root")
        assert reasons(state, await real.see()) == {"port:1": "QdiscMissing"} | expected
        removed = frozenset({"bridge:1", *(port.id for port in state.ports)})
        await real.run(make_plan(replace(BARE, removed=removed), await real.look()))

    on_real(host.netns, host.remote, state, body)


def reasons(state: HostState, seen: ObservedState) -> dict[str, str]:
    plan = make_plan(state, seen)
    assert not plan.stages
    return {each.resource: each.reason for each in plan.failures}


def kernel_does(host: OpenVSwitch, *steps: str) -> bool:
    """Ask tc(8) for it on a device of its own."""
    host.netns.ip("link", "add", "probe", "type", "veth", "peer", "name", "probed")
    script = " && ".join(f"tc {each.format('dev probe')}" for each in steps)
    told = host.netns.exec("sh", "-c", f"({script}) 2>&1 && echo done || true")
    host.netns.ip("link", "delete", "probe")
    return told.endswith("done\n")
