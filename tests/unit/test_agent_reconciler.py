"""The closed loop on the in-memory switch, with a clock set by hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

import agent.reconciler
from agent.cache import StateCache
from agent.controlplane import codec
from agent.errors import ErrorKind, Failure
from agent.model import (
    Bridge,
    DatapathType,
    HostState,
    ObservedState,
    Port,
    PortType,
    VethPeer,
)
from agent.observability import Metrics
from agent.ovsdb.snapshot import OvsdbSnapshot
from agent.planner import make_plan
from agent.planner.plan import AddPort, Step
from agent.reconciler import Outcome, Reconciler, Report, Timing
from tests.support.agent_host import SwitchKernel, SwitchOvsdb
from tests.support.agent_shell import HandClock, seeded
from tests.support.switch import Switch


class Host:
    """A reconciler with all that it works on."""

    def __init__(self, directory: Path) -> None:
        self.switch = Switch(
            ObservedState(
                namespaces=frozenset({"blue"}),
                datapath_types=frozenset({"netdev", "system"}),
                iface_types=frozenset({"vxlan", "internal", "system"}),
            )
        )
        self.ovsdb = SwitchOvsdb(self.switch)
        self.kernel = SwitchKernel(self.switch)
        self.cache = StateCache(
            directory, codec.dump_host_state, codec.load_host_state, version="1"
        )
        self.clock = HandClock()
        self.reports: list[Report] = []
        self.metrics = Metrics()
        self.loop = Reconciler(
            self.cache,
            self.ovsdb,
            self.kernel,
            on_report=self.reports.append,
            on_sighting=lambda _: None,
            clock=self.clock,
            rng=seeded(),
            metrics=self.metrics,
            timing=Timing(),
        )

    @property
    def writes(self) -> tuple[int, int]:
        return self.switch.transactions, self.switch.netlink_writes

    async def realize(self, state: HostState) -> float:
        self.loop.offer(state)
        return await self.loop.turn()

    async def turn_at(self, delay: float) -> float:
        """Let the time pass that the loop wanted to sleep, then the next turn."""
        self.clock.advance(delay)
        return await self.loop.turn()

    def outcome(self) -> Outcome:
        return self.reports[-1].outcome

    def reasons(self) -> dict[str, str]:
        return {each.resource: each.reason for each in self.reports[-1].failures}


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def state(revision: int = 1, **changes: object) -> HostState:
    whole = HostState(
        fleet_uid="fleet",
        fleet_epoch=1,
        revision=revision,
        hash=b"hash of %d" % revision,
        host_uid="h1",
        host_name="one",
        overlay=Bridge("overlay", "br-fleet", DatapathType.NETDEV),
        ports=(
            Port("port:a", "a", PortType.INTERNAL, "br-fleet", tag=2),
            Port("port:b", "b", PortType.VETH, "br-fleet", tag=2, peer=VethPeer("blue", "eth0")),
        ),
    )
    return dataclasses.replace(whole, **changes)  # type: ignore[arg-type]


def is_realized(host: Host) -> bool:
    plan = make_plan(state(), host.switch.observed)
    return plan.is_empty and not plan.failures


def adds(name: str) -> Callable[[Step], bool]:
    return lambda step: isinstance(step, AddPort) and step.port.name == name


def refused(resource: str, kind: ErrorKind) -> Failure:
    return Failure(resource, kind, "Refused", "the test says no")


async def test_a_new_state_is_realized_and_reported(host: Host) -> None:
    delay = await host.realize(state())
    assert is_realized(host)
    assert host.reports == [Report(1, 1, b"hash of 1", Outcome.APPLIED, ())]
    assert 480 <= delay <= 720


async def test_a_host_as_intended_is_not_written_to(host: Host) -> None:
    await host.realize(state())
    before = host.writes
    for _ in range(3):
        await host.loop.turn()
    assert host.writes == before


async def test_a_host_without_a_state_is_looked_at_and_left_alone(host: Host) -> None:
    await host.loop.turn()
    assert host.writes == (0, 0)
    assert host.reports == []


async def test_a_refused_resource_backs_off_and_the_others_are_done(host: Host) -> None:
    host.switch.refuses = adds("a")
    delay = await host.realize(state())
    assert host.reasons() == {"port:a": "Refused"}
    assert host.outcome() is Outcome.APPLIED
    assert host.reports[-1].applied_revision == 1
    assert "b" in host.switch.kernel.links
    assert 0.1 <= delay <= 0.2


async def test_the_same_refusal_is_tried_again_ever_more_rarely(host: Host) -> None:
    host.switch.refuses = adds("a")
    delay = await host.realize(state())
    started = host.clock.now()
    for _ in range(60):
        delay = await host.turn_at(delay)
        assert delay <= 30
    assert host.clock.now() - started > 300
    attempts = host.ovsdb.attempts
    delay = await host.turn_at(delay / 2)
    assert host.ovsdb.attempts == attempts
    host.switch.refuses = lambda _: False
    await host.turn_at(delay)
    assert is_realized(host)
    assert host.reasons() == {}


async def test_a_change_of_the_host_does_not_shorten_the_back_off_of_the_same_steps(
    host: Host,
) -> None:
    host.switch.refuses = adds("a")
    await host.realize(state())
    attempts = host.ovsdb.attempts
    for _ in range(10):
        host.loop.wake()
        await host.loop.turn()
    assert host.ovsdb.attempts == attempts


@pytest.mark.parametrize("kind", [ErrorKind.UNSUPPORTED, ErrorKind.INVALID])
async def test_what_new_intent_has_to_mend_waits_for_it(host: Host, kind: ErrorKind) -> None:
    host.kernel.answers["port:b"] = refused("port:b", kind)
    assert await host.realize(state()) > 400
    assert host.reasons() == {"port:b": "Refused"}
    del host.kernel.answers["port:b"]
    await host.turn_at(400)
    assert host.reasons() == {"port:b": "Refused"}
    await host.realize(state(2))
    assert host.reasons() == {}
    assert is_realized(host)


async def test_what_an_operator_mended_on_the_host_is_tried_again_with_a_resync(
    host: Host,
) -> None:
    host.kernel.answers["port:b"] = refused("port:b", ErrorKind.UNSUPPORTED)
    delay = await host.realize(state())
    delay += await host.turn_at(delay)
    del host.kernel.answers["port:b"]
    await host.turn_at(delay)
    assert is_realized(host)
    assert host.reasons() == {}


async def test_steps_of_a_failed_resource_are_not_continued(host: Host) -> None:
    host.kernel.answers["port:b"] = refused("port:b", ErrorKind.TRANSIENT)
    await host.realize(state())
    names = [port.name for port in host.switch.bridges["br-fleet"].ports]
    assert "b" not in names
    assert "a" in names


async def test_a_plan_overtaken_by_the_host_is_made_anew_at_once(host: Host) -> None:
    await host.realize(state(1, ports=()))
    host.ovsdb.before_apply = lambda: host.switch.bridges.pop("br-fleet")
    await host.realize(state(2))
    assert is_realized(host)
    assert host.reports[-1].failures == ()


async def test_steps_that_do_not_stick_end_in_a_failure_that_says_so(host: Host) -> None:
    await host.realize(state())

    def undo() -> None:
        host.switch.bridges.pop("br-fleet", None)
        host.switch.reconfigure()

    class Stubborn(SwitchOvsdb):
        async def observe(self) -> OvsdbSnapshot:
            undo()
            return await super().observe()

    host.loop._ovsdb = Stubborn(host.switch)
    delay = await host.loop.turn()
    assert set(host.reasons().values()) <= {"NotRealized", "Refused", "BridgeMissing"}
    assert host.reasons()["overlay"] == "NotRealized"
    assert 0 < delay <= 1


async def test_a_missing_namespace_is_looked_for_every_two_seconds_at_least(host: Host) -> None:
    host.switch.kernel.namespaces.clear()
    delay = await host.realize(state())
    assert host.reasons() == {"port:b": "NamespaceMissing"}
    for _ in range(20):
        delay = await host.turn_at(delay)
        assert 0 < delay <= 2
    host.switch.kernel.namespaces.add("blue")
    await host.turn_at(delay)
    assert is_realized(host)


async def test_a_namespace_that_cannot_be_read_fails_its_ports_alone_and_leaves_them(
    host: Host,
) -> None:
    await host.realize(state())
    host.kernel.unreadable = {"blue": "Operation not permitted"}
    before, pair = host.writes, host.switch.kernel.links["b"]
    delay = await host.loop.turn()
    assert host.writes == before
    assert host.reasons() == {"port:b": "NamespaceUnreadable"}
    assert host.outcome() is Outcome.APPLIED
    assert 0 < delay <= 2
    host.switch.bridges.pop("br-fleet")
    host.switch.reconfigure()
    await host.loop.turn()
    assert "a" in host.switch.kernel.links
    assert host.switch.kernel.links["b"] == pair
    host.kernel.unreadable = {}
    await host.turn_at(delay)
    assert is_realized(host)
    assert host.switch.kernel.links["b"].ifindex == pair.ifindex


async def test_a_refused_state_holds_and_the_accepted_one_is_kept(host: Host) -> None:
    await host.realize(state(5))
    await host.realize(state(4, ports=()))
    assert host.outcome() is Outcome.HELD
    assert host.reasons() == {"host": "StaleRevision"}
    assert host.reports[-1].applied_revision == 5
    host.switch.kernel.delete_link("b")
    host.switch.reconfigure()
    await host.loop.turn()
    assert is_realized(host)
    await host.realize(state(6))
    assert host.outcome() is Outcome.APPLIED


async def test_without_a_database_nothing_is_done_and_it_is_said(host: Host) -> None:
    host.ovsdb.connected = False
    delay = await host.realize(state())
    assert host.reports == [Report(1, 0, b"", Outcome.HELD, host.reports[0].failures)]
    assert host.reasons() == {"host": "OvsdbDown"}
    assert delay <= 0.2
    assert host.writes == (0, 0)
    host.ovsdb.connected = True
    await host.turn_at(delay)
    assert is_realized(host)


async def test_without_vswitchd_the_state_is_accepted_and_not_applied(host: Host) -> None:
    host.switch.stop_vswitchd()
    await host.realize(state())
    assert host.outcome() is Outcome.HELD
    assert host.reasons() == {"host": "VswitchdDown"}
    assert (host.reports[-1].observed_revision, host.reports[-1].applied_revision) == (1, 0)
    assert host.writes == (0, 0)


async def test_a_vswitchd_that_hangs_is_not_given_more_to_do(host: Host) -> None:
    host.ovsdb.realizes = False
    delay = await host.realize(state())
    assert host.outcome() is Outcome.HELD
    assert host.reasons()["host"] == "VswitchdStalled"
    attempts = host.ovsdb.attempts
    assert attempts == 1
    delay = await host.turn_at(delay)
    assert host.ovsdb.attempts == attempts
    host.ovsdb.realizes = True
    await host.turn_at(delay)
    assert host.outcome() is Outcome.APPLIED
    assert is_realized(host)


async def test_a_vswitchd_that_hangs_does_not_keep_the_loop_busy_with_what_failed(
    host: Host,
) -> None:
    host.ovsdb.realizes = False
    host.kernel.answers["port:b"] = refused("port:b", ErrorKind.TRANSIENT)
    delay = await host.realize(state())
    assert host.reasons()["port:b"] == "Refused"
    for _ in range(20):
        delay = await host.turn_at(delay)
        assert host.reasons()["host"] == "VswitchdStalled"
        assert delay > 0


async def test_an_interface_that_opens_in_time_is_never_reported(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = Failure("port:a", ErrorKind.TRANSIENT, "InterfaceNotOpen", "not yet")
    opens_at = host.clock.now() + 1.0

    def slow_plan(desired: HostState, observed: ObservedState) -> object:
        plan = make_plan(desired, observed)
        if plan.is_empty and host.clock.now() < opens_at:
            return dataclasses.replace(plan, failures=(late,))
        return plan

    monkeypatch.setattr(agent.reconciler, "make_plan", slow_plan)
    await host.realize(state())
    assert [report.failures for report in host.reports] == [()]


async def test_an_interface_that_never_opens_is_reported_after_the_grace(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = Failure("port:a", ErrorKind.TRANSIENT, "InterfaceNotOpen", "not yet")
    monkeypatch.setattr(
        agent.reconciler,
        "make_plan",
        lambda desired, observed: dataclasses.replace(
            make_plan(desired, observed), failures=(late,)
        ),
    )
    started = host.clock.now()
    await host.realize(state())
    assert host.clock.now() - started == pytest.approx(2.0)
    assert host.reports[-1].failures == (late,)
    await host.loop.turn()
    assert host.clock.now() - started == pytest.approx(2.0)


async def test_a_fault_of_the_agent_holds_the_host_and_is_reported(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(desired: HostState, observed: ObservedState) -> object:
        raise KeyError("a bug")

    with monkeypatch.context() as patched:
        patched.setattr(agent.reconciler, "make_plan", broken)
        delay = await host.realize(state())
    assert host.outcome() is Outcome.HELD
    assert host.reasons() == {"host": "AgentFault"}
    await host.turn_at(delay)
    assert is_realized(host)


async def test_a_disk_that_takes_no_writes_holds_until_it_does(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("agent.cache.write_synced", full)
        delay = await host.realize(state())
        assert host.reasons() == {"host": "StateNotWritten"}
        assert host.writes == (0, 0)
        assert 0 < delay <= 0.2
    await host.turn_at(delay)
    assert is_realized(host)
    assert host.outcome() is Outcome.APPLIED


async def test_a_disk_that_takes_no_writes_does_not_keep_the_accepted_state_from_being_kept(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    await host.realize(state())
    with monkeypatch.context() as patched:
        patched.setattr("agent.cache.write_synced", full)
        host.switch.kernel.delete_link("b")
        delay = await host.realize(state(2, ports=()))
        assert is_realized(host)
        assert host.outcome() is Outcome.HELD
        assert host.reasons() == {"host": "StateNotWritten"}
        assert host.reports[-1].applied_revision == 1
        assert 0 < delay <= 0.2
    await host.turn_at(delay)
    assert host.outcome() is Outcome.APPLIED
    assert host.reports[-1].applied_revision == 2


async def test_only_the_newest_of_several_states_is_applied(host: Host) -> None:
    for revision in (1, 2, 3):
        host.loop.offer(state(revision))
    await host.loop.turn()
    assert [report.applied_revision for report in host.reports] == [3]


async def test_a_state_that_arrives_during_a_turn_is_taken_at_once(host: Host) -> None:
    host.ovsdb.before_apply = lambda: host.loop.offer(state(2))
    assert await host.realize(state(1)) == 0.0
    await host.loop.turn()
    assert host.reports[-1].applied_revision == 2
    assert is_realized(host)


async def test_states_that_keep_coming_do_not_keep_the_host_from_following(host: Host) -> None:
    revisions = iter(range(2, 100))

    class Busy(SwitchOvsdb):
        async def observe(self) -> OvsdbSnapshot:
            host.loop.offer(state(next(revisions)))
            return await super().observe()

    host.loop._ovsdb = Busy(host.switch)
    await host.realize(state(1))
    await host.loop.turn()
    assert is_realized(host)


async def test_a_removal_is_forgotten_once_it_is_seen_gone(host: Host) -> None:
    await host.realize(state())
    gone = state(2, ports=state().ports[:1], removed=frozenset({"port:b", "port:unknown"}))
    await host.realize(gone)
    assert "b" not in host.switch.kernel.links
    assert host.cache.cached is not None
    assert host.cache.cached.state.removed == frozenset()


async def test_metrics_tell_outcomes_failures_and_revisions(host: Host) -> None:
    host.switch.refuses = adds("a")
    await host.realize(state(7))
    samples = host.metrics.samples()
    assert samples["ovsfleet_agent_reconciles_total{outcome=applied}"] == 1
    assert samples["ovsfleet_agent_failures{kind=transient}"] == 1
    assert samples["ovsfleet_agent_revision{stage=applied}"] == 7
