"""The whole agent, as a process, on a real Open vSwitch, spoken to over real mutual TLS."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from ovsfleet.v1 import agent_pb2

from agent.safety import DriftPolicy, Safety
from agent.state_features import STATE_FEATURES
from tests.support.agent_lab import OTHER, SEGMENT, Lab, holds_again
from tests.support.netns import Namespace, namespace

pytestmark = pytest.mark.integration


async def test_a_first_state_becomes_a_datapath_that_carries_packets(lab: Lab) -> None:
    await lab.start()
    status = await lab.realize(lab.state())
    assert status.applied_hash == b"hash of 1"
    assert status.observed_revision == 1
    lab.assert_realized()
    lab.host.exec("ping", "-c", "1", "-W", "5", "10.9.0.2")


async def test_what_is_foreign_and_what_the_host_can_do_is_told(lab: Lab) -> None:
    lab.ovs.vsctl("add-br", "br-ext", "--", "set", "Bridge", "br-ext", "datapath_type=netdev")
    lab.ovs.vsctl(
        *("add-port", "br-ext", "g1", "tag=9", "--", "set", "Interface", "g1", "type=internal"),
        "external_ids:iface-id=vif-1",
    )
    root = ("db_version=8.3.1", "other_config:tc-policy=skip_sw")
    lab.ovs.vsctl("set", "Open_vSwitch", ".", *root)
    await lab.start()
    await lab.realize(lab.state())
    session = lab.controller.session
    await lab.controller.until(lambda: bool(session.inventories), "an inventory")
    (bridge,) = session.inventories[-1].bridges
    assert (bridge.name, bridge.datapath_type, bridge.is_ours) == ("br-ext", "netdev", False)
    assert [(each.name, each.tag) for each in bridge.ports] == [("g1", 9)]
    assert bridge.ports[0].interfaces[0].iface_id == "vif-1"
    devices = {each["ifname"] for each in lab.host.ip_json("link", "show")}
    told = {link.name for link in session.inventories[-1].links}
    assert told == devices - {"lo", "ovs-netdev", "br-ext", "g1", "br-fleet", "p1", "w1"}
    said = session.capabilities[-1]
    assert (said.ovsdb_schema, said.tc_policy) == ("8.3.1", "skip_sw")
    assert "veth" in said.kernel_features
    assert session.hello.capabilities.state_features == sorted(STATE_FEATURES)


async def test_an_idle_restart_writes_nothing(lab: Lab) -> None:
    await lab.start()
    await lab.realize(lab.state())
    assert await lab.agent.end() == 0
    rows, transactions = lab.rows(), lab.ovs.transactions()
    await asyncio.to_thread(holds_again, lab.assert_quiet)
    monitor = await asyncio.create_subprocess_exec(
        *("ip", "-n", lab.host.name, "monitor", "link", "address"), stdout=asyncio.subprocess.PIPE
    )
    await lab.start()
    await lab.applied(1)
    assert lab.agent.writes() == (0, 0)
    await lab.agent.end()
    monitor.terminate()
    heard, _ = await monitor.communicate()
    assert heard.decode() == ""
    assert lab.ovs.transactions() == transactions
    assert lab.rows() == rows


@pytest.mark.parametrize(
    "step",
    [
        "before-persist",
        "after-persist",
        "before-netlink",
        "before-ovsdb",
        "after-ovsdb",
        "after-netlink",
        "before-applied",
        "before-status",
    ],
)
async def test_an_agent_killed_at_any_step_converges_when_started_again(
    lab: Lab, step: str
) -> None:
    await lab.start(failpoint=step)
    await lab.send(lab.state())
    assert await lab.agent.ended() == -signal.SIGKILL
    await lab.start()
    await lab.realize(lab.state())
    lab.assert_realized()
    devices = [each["ifname"] for each in lab.host.ip_json("link", "show", "type", "veth")]
    assert devices == ["w1"]


async def test_what_is_deleted_by_hand_comes_back(lab: Lab) -> None:
    await lab.start()
    await lab.realize(lab.state())
    deletions: tuple[Callable[[], str], ...] = (
        lambda: lab.ovs.vsctl("del-port", "br-fleet", "p1"),
        lambda: lab.host.ip("link", "delete", "w1"),
        lambda: lab.host.ip("address", "flush", "dev", "p1"),
        lambda: lab.workload.ip("address", "flush", "dev", "eth0"),
        lambda: lab.ovs.vsctl("del-br", "br-fleet"),
    )
    for delete in deletions:
        delete()
        await asyncio.to_thread(holds_again, lab.assert_realized)
    told = lab.controller.session.drift
    await lab.controller.until(lambda: any(each.resource == "overlay" for each in told), "drift")
    assert next(each.who for each in told).endswith("del-port br-fleet p1")
    assert {each.who for each in told if each.resource == "port:w1"} >= {""}
    assert all(each.action == agent_pb2.DRIFT_ACTION_ENFORCED for each in told)


async def test_a_look_at_the_host_tells_what_is_left_as_somebody_made_it_and_writes_nothing(
    lab: Lab,
) -> None:
    await lab.start()
    left = Safety(drift={"port:p1": DriftPolicy.REPORT})
    await lab.realize(dataclasses.replace(lab.state(), safety=left))
    lab.ovs.vsctl("set", "Port", "p1", "tag=7", "--", "set", "Interface", "p1", "mtu_request=1400")
    await lab.reported(lambda status: bool(status.failures), "drift")
    writes, transactions = lab.agent.writes(), lab.ovs.transactions()
    session = lab.controller.session
    lab.controller.observe("q")
    await lab.controller.until(lambda: bool(session.observations), "an observation")
    (told,) = session.observations
    assert (told.request_id, told.revision, told.is_last) == ("q", 1, True)
    assert {each.resource for each in told.resources} == {
        *("overlay", "port:p1", "port:w1", f"segment:{SEGMENT}", f"tunnel:{SEGMENT}/{OTHER}")
    }
    differing, *others = told.resources
    assert {each.state for each in others} == {agent_pb2.OBSERVED_STATE_AS_INTENDED}
    assert (differing.state, differing.reason) == (agent_pb2.OBSERVED_STATE_DIFFERS, "Drifted")
    found = {each.field: (each.intended, each.found) for each in differing.differences}
    assert found["Port.tag"] == ("2", "7")
    assert (lab.agent.writes(), lab.ovs.transactions()) == (writes, transactions)


async def test_an_absent_controller_keeps_nobody_from_keeping_the_host(lab: Lab) -> None:
    await lab.start()
    await lab.realize(lab.state())
    await lab.agent.end(signal.SIGKILL)
    await lab.controller.stop()
    lab.ovs.vsctl("del-port", "br-fleet", "p1")
    await lab.agent.start()
    await asyncio.to_thread(holds_again, lab.assert_realized)
    assert lab.agent.ask()["metrics"]["ovsfleet_agent_stream_connected"] == 0
    await lab.controller.start()
    await lab.controller.until(lambda: len(lab.controller.sessions) == 2, "a session")
    assert lab.controller.session.hello.applied_hash == b"hash of 1"


async def test_a_dropped_stream_disturbs_nothing_and_the_next_state_arrives(lab: Lab) -> None:
    await lab.start()
    await lab.realize(lab.state())
    transactions = lab.ovs.transactions()
    lab.controller.drop()
    await lab.controller.until(lambda: len(lab.controller.sessions) == 2, "a second session")
    await lab.applied(1)
    assert lab.ovs.transactions() == transactions
    changed = dataclasses.replace(
        lab.state(2), ports=(dataclasses.replace(lab.state().ports[0], tag=0),)
    )
    await lab.realize(dataclasses.replace(changed, removed=frozenset({"port:w1"})))
    assert lab.ovs.vsctl("get", "Port", "p1", "tag") == "[]"
    assert "w1" not in lab.ovs.vsctl("list-ports", "br-fleet").split()


async def test_a_state_of_an_older_epoch_is_refused_and_said_so(lab: Lab) -> None:
    await lab.start()
    await lab.realize(lab.state(5, epoch=2))
    rows = lab.rows()
    empty = dataclasses.replace(lab.state(9, epoch=1), ports=(), removed=frozenset({"port:p1"}))
    await lab.send(empty)
    status = await lab.reported(lambda each: bool(each.failures), "the refusal")
    assert status.outcome == agent_pb2.OUTCOME_HELD
    assert (status.observed_revision, status.applied_revision) == (5, 5)
    assert [(each.resource, each.reason) for each in status.failures] == [("host", "StaleEpoch")]
    assert lab.rows() == rows
    await lab.realize(lab.state(6, epoch=2))


async def test_a_torn_cache_falls_back_to_the_state_before_it(lab: Lab) -> None:
    await lab.start()
    await lab.realize(lab.state(1))
    await lab.realize(lab.state(2))
    await lab.agent.end(signal.SIGKILL)
    path = lab.agent.state_dir / "state.bin"
    path.write_bytes(path.read_bytes()[:-20])
    transactions = lab.ovs.transactions()
    await lab.start()
    assert lab.controller.session.hello.accepted_revision == 2  # the file of the acceptance
    await lab.applied(2)
    assert lab.ovs.transactions() == transactions


async def test_a_removed_port_goes_and_a_merely_absent_one_waits_for_a_person(lab: Lab) -> None:
    await lab.start()
    await lab.realize(lab.state())
    await lab.send(dataclasses.replace(lab.state(2), ports=(), removed=frozenset({"port:p1"})))
    status = await lab.reported(lambda each: each.applied_revision == 2, "revision 2")
    assert [(each.resource, each.reason) for each in status.failures] == [("port:w1", "NotRemoved")]
    ports = lab.ovs.vsctl("list-ports", "br-fleet").split()
    assert "p1" not in ports
    assert "w1" in ports


async def test_a_missing_namespace_fails_one_port_until_it_appears(lab: Lab) -> None:
    absent = Namespace(lab.workload.name + "x")
    state = lab.state()
    late = dataclasses.replace(state, ports=(state.ports[0], lab.veth_port(absent.name)))
    await lab.start()
    await lab.send(late)
    status = await lab.reported(lambda each: each.applied_revision == 1, "the failure")
    assert [(each.resource, each.reason) for each in status.failures] == [
        ("port:w1", "NamespaceMissing")
    ]
    assert lab.ovs.vsctl("get", "Interface", "p1", "error") == "[]"
    with namespace(absent.name):
        await lab.applied(1)
        assert absent.ip_json("address", "show", "dev", "eth0")


async def test_without_ovsdb_server_nothing_is_done_and_it_is_said(lab: Lab) -> None:
    await lab.start()
    await lab.realize(lab.state())
    lab.ovs.stop_database()
    status = await lab.reported(lambda each: bool(each.failures), "the failure")
    assert [(each.resource, each.reason) for each in status.failures] == [("host", "OvsdbDown")]
    assert status.outcome == agent_pb2.OUTCOME_HELD
    lab.ovs.start_database()
    await lab.applied(1)
    lab.assert_realized()


async def test_without_vswitchd_rows_are_left_alone_and_it_is_said(lab: Lab) -> None:
    await lab.start()
    await lab.realize(lab.state())
    lab.ovs.stop_vswitchd()
    status = await lab.reported(lambda each: bool(each.failures), "the failure")
    assert [(each.resource, each.reason) for each in status.failures] == [("host", "VswitchdDown")]
    transactions = lab.ovs.transactions()
    await lab.send(lab.state(2))
    await lab.reported(lambda each: each.observed_revision == 2, "revision 2 accepted")
    assert lab.ovs.transactions() == transactions
    lab.ovs.start_vswitchd()
    await lab.applied(2)
    lab.assert_realized()


async def test_a_vswitchd_that_hangs_is_told_and_waited_for(lab: Lab) -> None:
    await lab.start(OVSFLEET_AGENT_APPLY_DEADLINE_S="0.5")
    await lab.realize(lab.state())
    lab.ovs.freeze_vswitchd(frozen=True)
    port = dataclasses.replace(lab.state().ports[0], tag=3)
    changed = dataclasses.replace(lab.state(2), ports=(port, lab.state().ports[1]))
    await lab.send(changed)
    status = await lab.reported(lambda each: bool(each.failures), "the failure")
    assert [(each.resource, each.reason) for each in status.failures] == [
        ("host", "VswitchdStalled")
    ]
    assert (status.observed_revision, status.applied_revision) == (2, 1)
    lab.ovs.freeze_vswitchd(frozen=False)
    await lab.applied(2)
    assert lab.ovs.vsctl("get", "Port", "p1", "tag") == "3"


async def test_a_foreign_row_with_our_name_fails_that_port_alone(lab: Lab) -> None:
    lab.ovs.vsctl(
        "add-br", "br-foreign", "--", "set", "Bridge", "br-foreign", "datapath_type=netdev"
    )
    lab.ovs.vsctl("add-port", "br-foreign", "p1", "--", "set", "Interface", "p1", "type=internal")
    foreign = lab.ovs.vsctl("list", "Port", "p1")
    await lab.start()
    await lab.send(lab.state())
    status = await lab.reported(lambda each: each.applied_revision == 1, "the failure")
    assert [(each.resource, each.kind) for each in status.failures] == [
        ("port:p1", agent_pb2.ERROR_KIND_CONFLICT)
    ]
    assert lab.ovs.vsctl("list", "Port", "p1") == foreign
    lab.ovs.vsctl("del-br", "br-foreign")
    await lab.applied(1)
    lab.assert_realized()


async def test_a_second_agent_on_one_state_directory_is_refused_in_words(lab: Lab) -> None:
    await lab.start()
    second = await asyncio.to_thread(lab.agent.call, "run")
    assert second.returncode == 1
    assert "another ovsfleet-agent (pid" in second.stderr
    assert "--state-dir" in second.stderr


async def test_plan_tells_what_would_be_done_and_writes_nothing(lab: Lab) -> None:
    await lab.start()
    await lab.realize(lab.state())
    await lab.agent.end()
    idle = await asyncio.to_thread(lab.agent.call, "plan")
    assert (idle.returncode, idle.stderr) == (0, "")
    assert "nothing to do" in idle.stdout
    lab.ovs.vsctl("del-port", "br-fleet", "p1")
    transactions = lab.ovs.transactions()
    due = await asyncio.to_thread(lab.agent.call, "plan")
    assert due.returncode == 2
    assert "port:p1: add internal port p1 to bridge br-fleet, tag 2" in due.stdout
    assert lab.ovs.transactions() == transactions


async def test_status_tells_the_expiry_of_the_renewed_certificate(lab: Lab) -> None:
    lab.controller.certificate_life = timedelta(minutes=2)
    await lab.start()
    await lab.controller.until(lambda: len(lab.controller.sessions) == 2, "a session after renewal")
    shown = await asyncio.to_thread(lab.agent.ask)
    expiry = datetime.fromisoformat(str(shown["certificate_not_after"]))
    assert expiry - datetime.now(UTC) > timedelta(hours=1)


async def test_observe_and_status_tell_what_is(lab: Lab) -> None:
    await lab.start()
    await lab.realize(lab.state())
    observed = json.loads((await asyncio.to_thread(lab.agent.call, "observe")).stdout)
    assert "br-fleet" in observed["bridges"]
    assert f"{lab.workload.name}/eth0" in observed["peers"]
    shown = await asyncio.to_thread(lab.agent.call, "status")
    assert "controller  connected" in shown.stdout
    assert "applied, revision 1 of 1" in shown.stdout
    await lab.agent.end()
    gone = await asyncio.to_thread(lab.agent.call, "status")
    assert gone.returncode == 1
    assert "no agent runs" in gone.stderr
