"""The planner's netlink steps on the real kernel, in namespaces of our own."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
import structlog

from agent.errors import ErrorKind
from agent.netlink import Netlink
from agent.planner.plan import (
    AddAddress,
    CreateVeth,
    DeleteAddress,
    DeleteLink,
    NetlinkStep,
    SetLink,
)
from tests.support.netlink import execute, look, refused, with_netlink
from tests.support.netns import Namespace, namespace, unique_name

pytestmark = pytest.mark.integration

ALIAS = "ovsfleet:fleet:port:1"
MAC = "02:00:00:00:00:07"


def create_veth(workload: str, *, name: str = "v0", alias: str = ALIAS) -> CreateVeth:
    return CreateVeth("port:1", name, alias, 1400, workload, "eth0", MAC)


def test_a_veth_pair_is_made_with_its_peer_inside_the_namespace(
    netns: Namespace, workload_netns: Namespace
) -> None:
    assert execute(netns, create_veth(workload_netns.name)) == [None]
    links, peers = look(netns, (workload_netns.name, "eth0"))
    here, there = links["v0"], peers[workload_netns.name]
    assert (here.kind, here.alias, here.mtu, here.up) == ("veth", ALIAS, 1400, False)
    assert (there.kind, there.mac, there.mtu) == ("veth", MAC, 1400)
    assert (here.peer_ifindex, there.peer_ifindex) == (there.ifindex, here.ifindex)


def test_a_namespace_that_may_not_be_entered_is_named_and_the_rest_is_seen(
    workload_netns: Namespace,
) -> None:
    look_there = f"""
import json
from agent.netlink import snapshot
seen = snapshot.take([({workload_netns.name!r}, "lo")])
print(json.dumps([sorted(seen.links), dict(seen.unreadable), len(seen.peers)]))
"""
    done = subprocess.run(
        ["setpriv", "--bounding-set=-sys_admin", sys.executable, "-c", look_there],
        capture_output=True,
        text=True,
        check=True,
    )
    links, unreadable, peers = json.loads(done.stdout)
    assert "lo" in links
    assert unreadable.keys() == {workload_netns.name}
    assert "Operation not permitted" in unreadable[workload_netns.name]
    assert peers == 0


@pytest.mark.parametrize("kind", ["bridge", "veth"])
def test_another_device_that_took_the_name_meanwhile_is_not_touched(
    netns: Namespace, kind: str
) -> None:
    netns.ip("tuntap", "add", "t0", "mode", "tap")
    index = look(netns)[0]["t0"].ifindex
    netns.ip("tuntap", "del", "t0", "mode", "tap")
    netns.ip("link", "add", "t0", "type", kind)
    before = look(netns)
    for step in (
        SetLink("port:1", None, "t0", up=True, alias=ALIAS, ifindex=index),
        AddAddress("port:1", None, "t0", "192.0.2.1/24", index),
        DeleteAddress("port:1", None, "t0", "192.0.2.1/24", index),
    ):
        assert refused(execute(netns, step)) == (ErrorKind.TRANSIENT, "DeviceMissing")
    assert look(netns) == before


def test_a_device_that_open_vswitch_cannot_have_made_just_now_is_not_touched(
    netns: Namespace,
) -> None:
    netns.ip("link", "add", "t0", "type", "bridge")
    before = look(netns)
    for step in (
        SetLink("port:1", None, "t0", up=True, alias=ALIAS),
        AddAddress("port:1", None, "t0", "192.0.2.1/24"),
    ):
        assert refused(execute(netns, step)) == (ErrorKind.TRANSIENT, "DeviceMissing")
    assert look(netns) == before


def test_a_fault_in_one_step_fails_its_resource_and_no_other(netns: Namespace) -> None:
    netns.ip("tuntap", "add", "t0", "mode", "tap")
    with structlog.testing.capture_logs() as logged:
        answers = execute(
            netns,
            AddAddress("port:1", None, "t0", "no address at all"),
            AddAddress("port:2", None, "t0", "10.1.2.3/24"),
        )
    assert refused(answers[:1]) == (ErrorKind.BUG, "StepFault")
    assert answers[1] is None
    assert "10.1.2.3/24" in look(netns)[0]["t0"].addresses
    assert [entry["event"] for entry in logged] == ["fault in a step"]


def test_a_veth_that_is_ours_already_is_made_no_second_time(
    netns: Namespace, workload_netns: Namespace
) -> None:
    execute(netns, create_veth(workload_netns.name))
    before = look(netns)
    assert execute(netns, create_veth(workload_netns.name)) == [None]
    assert look(netns) == before


@pytest.mark.parametrize("alias", ["", "somebody"])
def test_a_foreign_device_with_our_name_is_a_conflict_and_stays(
    netns: Namespace, workload_netns: Namespace, alias: str
) -> None:
    netns.ip("link", "add", "v0", "type", "bridge")
    netns.ip("link", "set", "v0", "alias", alias)
    before = netns.ip_json("link", "show", "v0")
    answers = execute(netns, create_veth(workload_netns.name))
    assert refused(answers) == (ErrorKind.CONFLICT, "NameTaken")
    assert netns.ip_json("link", "show", "v0") == before


def test_a_foreign_device_with_the_peers_name_is_a_conflict_and_stays(
    netns: Namespace, workload_netns: Namespace
) -> None:
    workload_netns.ip("link", "add", "eth0", "type", "bridge")
    answers = execute(netns, create_veth(workload_netns.name))
    assert refused(answers) == (ErrorKind.CONFLICT, "NameTaken")
    assert answers[0] is not None
    assert workload_netns.name in answers[0].message
    links, peers = look(netns, (workload_netns.name, "eth0"))
    assert "v0" not in links
    assert peers[workload_netns.name].kind == "bridge"


def test_a_missing_namespace_is_named_with_the_way_out(netns: Namespace) -> None:
    gone = unique_name("x")
    for step in (
        create_veth(gone),
        SetLink("port:1", gone, "eth0", up=True),
        AddAddress("port:1", gone, "eth0", "192.0.2.1/24"),
    ):
        answers = execute(netns, step)
        assert refused(answers) == (ErrorKind.TRANSIENT, "NamespaceMissing")
        assert answers[0] is not None
        assert f"ip netns add {gone}" in answers[0].message
    assert look(netns, (gone, "eth0"))[1] == {}


def test_what_is_left_of_an_unmounted_namespace_is_a_missing_one(netns: Namespace) -> None:
    leftover = Path("/run/netns", unique_name("l"))
    leftover.touch()
    try:
        answers = execute(netns, create_veth(leftover.name))
        assert refused(answers) == (ErrorKind.TRANSIENT, "NamespaceMissing")
        assert "v0" not in look(netns)[0]
    finally:
        leftover.unlink()


def test_a_device_is_dressed_here_and_in_a_namespace(
    netns: Namespace, workload_netns: Namespace
) -> None:
    there = workload_netns.name
    assert (
        execute(
            netns,
            create_veth(there),
            SetLink("port:1", None, "v0", mtu=1300, up=True, alias="ovsfleet:fleet:port:2"),
            SetLink("port:1", there, "eth0", mtu=1300, mac="02:00:00:00:00:09", up=True),
            AddAddress("port:1", there, "eth0", "192.0.2.1/24"),
            AddAddress("port:1", there, "eth0", "2001:db8::1/64"),
        )
        == [None] * 5
    )
    links, peers = look(netns, (there, "eth0"))
    here, peer = links["v0"], peers[there]
    assert (here.mtu, here.up, here.alias) == (1300, True, "ovsfleet:fleet:port:2")
    assert (peer.mtu, peer.mac, peer.up) == (1300, "02:00:00:00:00:09", True)
    assert peer.addresses == frozenset({"192.0.2.1/24", "2001:db8::1/64"})


def test_the_master_of_a_device_is_seen(netns: Namespace) -> None:
    netns.ip("link", "add", "b0", "type", "bridge")
    netns.ip("link", "add", "v0", "type", "veth", "peer", "name", "v1")
    netns.ip("link", "set", "v0", "master", "b0")
    assert look(netns)[0]["v0"].master == "b0"


def test_our_device_is_deleted_with_its_peer(netns: Namespace, workload_netns: Namespace) -> None:
    execute(netns, create_veth(workload_netns.name))
    ifindex = look(netns)[0]["v0"].ifindex
    delete = DeleteLink("port:1", "v0", ifindex, ALIAS)
    assert execute(netns, delete, delete) == [None, None]
    links, peers = look(netns, (workload_netns.name, "eth0"))
    assert "v0" not in links
    assert peers == {}


@pytest.mark.parametrize("same_index", [True, False], ids=["re-marked", "re-made"])
def test_a_foreign_device_that_took_the_name_is_not_deleted(
    netns: Namespace, *, same_index: bool
) -> None:
    netns.ip("link", "add", "v0", "type", "bridge")
    netns.ip("link", "set", "v0", "alias", "somebody" if same_index else ALIAS)
    ifindex = look(netns)[0]["v0"].ifindex + (0 if same_index else 1)
    assert execute(netns, DeleteLink("port:1", "v0", ifindex, ALIAS)) == [None]
    assert "v0" in look(netns)[0]


@pytest.mark.parametrize(
    ("step", "kind", "reason"),
    [
        (SetLink("p", None, "nothing", up=True), ErrorKind.TRANSIENT, "DeviceMissing"),
        (SetLink("p", None, "v0", mtu=1), ErrorKind.INVALID, "ValueRefused"),
        (SetLink("p", None, "v0", mac="ff:ff:ff:ff:ff:ff"), ErrorKind.INVALID, "AddressRefused"),
        (AddAddress("p", None, "nothing", "192.0.2.1/24"), ErrorKind.TRANSIENT, "DeviceMissing"),
    ],
)
def test_what_the_kernel_refuses_is_explained(
    netns: Namespace, step: NetlinkStep, kind: ErrorKind, reason: str
) -> None:
    netns.ip("link", "add", "v0", "type", "veth", "peer", "name", "v1")
    answers = execute(netns, step)
    assert refused(answers) == (kind, reason)
    assert answers[0] is not None
    assert answers[0].resource == "p"
    assert step.describe() in answers[0].message


def test_a_look_while_devices_come_and_go_is_whole(netns: Namespace) -> None:
    netns.ip("link", "add", "stays", "type", "veth", "peer", "name", "too")
    churn = "while :; do ip link add x type bridge; ip link delete x; done"

    async def body(netlink: Netlink) -> None:
        seen: set[bool] = set()
        async with asyncio.timeout(60):
            while seen != {True, False}:
                links = (await netlink.observe([])).links
                assert links["stays"].peer_ifindex == links["too"].ifindex
                seen.add("x" in links)

    with subprocess.Popen(["ip", "netns", "exec", netns.name, "sh", "-c", churn]) as churning:
        try:
            with_netlink(netns, body)
        finally:
            churning.kill()


def test_a_look_at_a_thousand_devices_does_not_hold_up_the_loop(netns: Namespace) -> None:
    count = 500
    batch = "".join(f"link add a{n} type veth peer name b{n}\n" for n in range(count))
    subprocess.run(["ip", "-n", netns.name, "-b", "-"], input=batch, text=True, check=True)

    async def body(netlink: Netlink) -> None:
        look = asyncio.create_task(asyncio.wait_for(netlink.observe([]), 10))
        turns = 0
        while not look.done():
            await asyncio.sleep(0)
            turns += 1
        assert len((await look).links) == 2 * count + 1
        assert turns > 10

    with_netlink(netns, body)


def test_looking_writes_nothing(netns: Namespace, workload_netns: Namespace) -> None:
    async def body(netlink: Netlink) -> None:
        await netlink.observe([(workload_netns.name, "eth0")])
        assert netlink.write_count == 0
        await netlink.apply(create_veth(workload_netns.name))
        assert netlink.write_count > 0

    with_netlink(netns, body)


def test_existing_namespaces_are_listed(netns: Namespace, workload_netns: Namespace) -> None:
    async def body(netlink: Netlink) -> None:
        namespaces = (await netlink.observe([])).namespaces
        assert {netns.name, workload_netns.name} <= namespaces

    with_netlink(netns, body)


def own_namespace() -> Path:
    return Path("/proc/thread-self/ns/net").readlink()


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_the_calling_thread_never_moves(netns: Namespace, workload_netns: Namespace) -> None:
    async def body(netlink: Netlink) -> None:
        before = own_namespace()
        await netlink.apply(create_veth(workload_netns.name))
        await netlink.observe([(workload_netns.name, "eth0")])
        assert own_namespace() == before

    with_netlink(netns, body)


def test_no_descriptor_is_left_open(netns: Namespace) -> None:
    async def body(netlink: Netlink) -> None:
        with namespace() as workload:
            await netlink.apply(create_veth(workload.name))
            before = open_descriptors()
            for _ in range(20):
                await netlink.observe([(workload.name, "eth0")])
                await netlink.apply(SetLink("p", workload.name, "eth0", mtu=1350))
            await asyncio.sleep(0)
            assert open_descriptors() <= before

    with_netlink(netns, body)
