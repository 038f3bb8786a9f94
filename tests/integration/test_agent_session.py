"""The agent's stream against a real gRPC server with mutual TLS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
from ovsfleet.v1 import agent_pb2, state_pb2

from agent.controlplane import codec
from agent.controlplane.client import ControlPlane, Standing
from agent.controlplane.identity import IdentityStore, JoinToken, enrol
from agent.drift_events import DriftAction, DriftQueue
from agent.fragments import SegmentFragment, SegmentMember
from agent.model import HostState, SegmentAttachment
from agent.observability import Metrics
from agent.planner.differences import Difference
from agent.round_trip import RoundTrip
from tests.support.agent_shell import seeded
from tests.support.southbound import ControllerEnd, controller_end
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration

FRAGMENT = SegmentFragment(b"f1", "s1", 5000, 4789, 1450, (SegmentMember("h2", "two", "10.0.0.2"),))


class Host:
    """What stands behind the stream: collects states, answers for the cache."""

    def __init__(self, store: IdentityStore, controller: ControllerEnd) -> None:
        self.states: list[HostState] = []
        self.standing = Standing(None, 0, b"")
        self.changed = asyncio.Event()
        self.metrics = Metrics()
        self.drift = DriftQueue()
        self.clock_is_ahead = timedelta()
        self.client = ControlPlane(
            store,
            endpoint="",
            version="0.1.0",
            standing=lambda: self.standing,
            on_state=self._take,
            round_trip=RoundTrip(),
            metrics=self.metrics,
            drift=self.drift,
            rng=seeded(7),
            now=lambda: datetime.now(UTC) + self.clock_is_ahead,
        )
        self.fleet_uid = controller.fleet_uid
        self.host_uid = controller.host_uid

    def _take(self, state: HostState) -> None:
        self.states.append(state)
        self.changed.set()

    async def next_state(self) -> HostState:
        async with asyncio.timeout(60):
            await self.changed.wait()
        self.changed.clear()
        return self.states[-1]

    def state(self, revision: int, *, fragment: bool = True) -> HostState:
        return HostState(
            fleet_uid=self.fleet_uid,
            fleet_epoch=1,
            revision=revision,
            hash=b"h%d" % revision,
            host_uid=self.host_uid,
            host_name="h1",
            attachments=(SegmentAttachment("s1", 2, b"f1"),) if fragment else (),
            fragments={b"f1": FRAGMENT} if fragment else {},
        )


@pytest.fixture
async def controller() -> AsyncIterator[ControllerEnd]:
    async with controller_end() as started:
        yield started


@asynccontextmanager
async def running(host: Host) -> AsyncIterator[None]:
    task = asyncio.create_task(host.client.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def host(controller: ControllerEnd, tmp_path: Path) -> Host:
    store = IdentityStore(tmp_path / "identity")
    await enrol(store, JoinToken.parse(controller.join_token()), rng=seeded())
    return Host(store, controller)


def status(revision: int) -> agent_pb2.HostStatus:
    return agent_pb2.HostStatus(
        observed_revision=revision,
        applied_revision=revision,
        applied_hash=b"h%d" % revision,
        outcome=agent_pb2.OUTCOME_APPLIED,
    )


def without_fragments(state: HostState) -> state_pb2.HostState:
    message = codec.encode_host_state(state)
    del message.fragments[:]
    return message


async def test_a_first_hello_says_that_the_host_has_nothing(
    controller: ControllerEnd, host: Host
) -> None:
    async with running(host):
        await controller.until(lambda: bool(controller.sessions), "a session")
        hello = controller.session.hello
        assert (hello.fleet_uid, hello.accepted_revision, hello.applied_revision) == ("", 0, 0)
        assert len(hello.instance_nonce) == 32
        assert hello.agent_version == "0.1.0"


async def test_a_hello_names_what_the_host_has_so_that_it_is_not_sent_again(
    controller: ControllerEnd, host: Host
) -> None:
    host.standing = Standing(host.state(4), 3, b"h3")
    async with running(host):
        await controller.until(lambda: bool(controller.sessions), "a session")
        hello = controller.session.hello
        assert (hello.fleet_epoch, hello.accepted_revision, hello.accepted_hash) == (1, 4, b"h4")
        assert (hello.applied_revision, hello.applied_hash) == (3, b"h3")
        assert list(hello.fragment_hashes) == [b"f1"]
        controller.push(without_fragments(host.state(5)))
        assert (await host.next_state()).fragments == {b"f1": FRAGMENT}


async def test_a_state_that_another_version_accepted_is_asked_for_again(
    controller: ControllerEnd, host: Host
) -> None:
    host.standing = Standing(host.state(4), 4, b"h4", accepted_is_whole=False)
    async with running(host):
        await controller.until(lambda: bool(controller.sessions), "a session")
        hello = controller.session.hello
        assert (hello.accepted_hash, list(hello.fragment_hashes)) == (b"", [])
        assert (hello.fleet_epoch, hello.accepted_revision) == (1, 4)
        assert (hello.applied_revision, hello.applied_hash) == (4, b"h4")
        controller.push(codec.encode_host_state(host.state(4)))
        assert await host.next_state() == host.state(4)


async def test_a_fragment_sent_once_serves_the_states_after_it(
    controller: ControllerEnd, host: Host
) -> None:
    async with running(host):
        await controller.until(lambda: bool(controller.sessions), "a session")
        controller.push(codec.encode_host_state(host.state(1)))
        controller.push(without_fragments(host.state(2)))
        while (await host.next_state()).revision != 2:
            pass
        assert host.states[-1] == host.state(2)


async def test_a_state_with_an_unknown_fragment_makes_the_next_hello_ask_for_all(
    controller: ControllerEnd, host: Host
) -> None:
    host.standing = Standing(host.state(1, fragment=False), 1, b"h1")
    async with running(host):
        await controller.until(lambda: bool(controller.sessions), "a session")
        controller.push(without_fragments(host.state(2)))
        await controller.until(lambda: len(controller.sessions) == 2, "a second session")
        assert list(controller.session.hello.fragment_hashes) == []
    assert host.states == []


async def test_drift_is_told_again_until_the_controller_has_it(
    controller: ControllerEnd, host: Host
) -> None:
    found = (Difference("Port.tag", "2", "77"),)

    def drift(number: int) -> None:
        at = datetime(2026, 1, 2, tzinfo=UTC)
        host.drift.put(at, f"port:{number}", DriftAction.ENFORCED, found, "ovs-vsctl set Port a")

    def told() -> list[int]:
        return [event.sequence for event in controller.session.drift]

    drift(1)
    async with running(host):
        await controller.until(lambda: bool(controller.sessions) and told() == [1], "an event")
        drift(2)
        await controller.until(lambda: told() == [1, 2], "two events")
        (event, _) = controller.session.drift
        assert (event.resource, event.who) == ("port:1", "ovs-vsctl set Port a")
        assert event.action == agent_pb2.DRIFT_ACTION_ENFORCED
        assert event.at.ToDatetime(UTC) == datetime(2026, 1, 2, tzinfo=UTC)
        assert [(d.field, d.intended, d.found) for d in event.differences] == [
            ("Port.tag", "2", "77")
        ]
        controller.confirm_drift(1)
        controller.push(codec.encode_host_state(host.state(1)))
        await host.next_state()  # what was said before it has arrived
        controller.drop()
        await controller.until(
            lambda: len(controller.sessions) == 2 and told() == [2], "the other event again"
        )


async def test_heartbeats_come_at_the_interval_that_the_controller_says(
    controller: ControllerEnd, host: Host
) -> None:
    controller.heartbeat_interval_ms = 50
    async with running(host):
        await controller.until(
            lambda: bool(controller.sessions) and controller.session.heartbeats >= 3, "heartbeats"
        )


async def test_a_report_is_sent_again_after_the_stream_dropped(
    controller: ControllerEnd, host: Host
) -> None:
    async with running(host):
        host.client.report(status(3))
        await controller.until(lambda: len(controller.statuses()) == 1, "the report")
        controller.drop()
        await controller.until(lambda: len(controller.statuses()) == 2, "the report again")
        assert len(controller.sessions) == 2
        assert controller.statuses() == [status(3), status(3)]
        nonces = {each.hello.instance_nonce for each in controller.sessions}
        assert len(nonces) == 1


async def test_only_the_newest_of_the_reports_made_while_apart_is_sent(
    controller: ControllerEnd, host: Host
) -> None:
    await controller.stop()
    async with running(host):
        for revision in (1, 2, 3):
            host.client.report(status(revision))
        await controller.start()
        await controller.until(lambda: bool(controller.statuses()), "a report")
        await controller.until(lambda: controller.session.heartbeats >= 1, "a heartbeat")
        assert controller.statuses() == [status(3)]


async def test_capabilities_that_change_are_told_in_the_session(
    controller: ControllerEnd, host: Host
) -> None:
    async with running(host):
        await controller.until(lambda: bool(controller.sessions), "a session")
        found = agent_pb2.Capabilities(ovs_version="3.1.0", datapath_types=["netdev"])
        host.client.announce(found)
        await controller.until(lambda: controller.session.capabilities == [found], "capabilities")


async def test_an_inventory_is_told_once_in_each_session_and_again_when_it_changed(
    controller: ControllerEnd, host: Host
) -> None:
    first, second = (agent_pb2.Inventory(links_total=number) for number in (1, 2))
    host.client.tell(first)
    async with running(host):
        await controller.until(lambda: bool(controller.sessions), "a session")
        await controller.until(lambda: controller.session.inventories == [first], "the first")
        host.client.tell(first)
        host.client.tell(second)
        await controller.until(lambda: len(controller.session.inventories) > 1, "the second")
        assert controller.session.inventories == [first, second]
        controller.drop()
        await controller.until(lambda: len(controller.sessions) == 2, "another session")
        await controller.until(lambda: controller.session.inventories == [second], "it again")


async def test_a_controller_that_comes_back_is_noticed_within_a_second(
    controller: ControllerEnd, host: Host
) -> None:
    async with running(host):
        await controller.until(lambda: bool(controller.sessions), "a session")
        await controller.stop()
        started = asyncio.get_running_loop().time()
        await controller.start()
        await controller.until(lambda: len(controller.sessions) == 2, "a second session")
        assert asyncio.get_running_loop().time() - started < 1.0


async def test_a_certificate_past_half_its_life_is_renewed_and_used(
    controller: ControllerEnd, tmp_path: Path
) -> None:
    controller.certificate_life = timedelta(minutes=2)  # 5 minutes back-dated: past its half
    store = IdentityStore(tmp_path / "identity")
    before = await enrol(store, JoinToken.parse(controller.join_token()), rng=seeded())
    host = Host(store, controller)
    async with running(host):
        await controller.until(lambda: len(controller.sessions) == 2, "a session after renewal")
    after = store.load()
    assert after is not None
    assert controller.renewals == 1
    assert after.certificate.serial_number != before.certificate.serial_number
    assert after.certificate.public_key() == before.certificate.public_key()


async def reaches_the_controller(host: Host, controller: ControllerEnd, revision: int) -> None:
    host.client.report(status(revision))
    await controller.until(lambda: status(revision) in controller.statuses(), "the report")


async def test_a_host_whose_clock_is_far_ahead_renews_once_and_then_rests(
    controller: ControllerEnd, host: Host
) -> None:
    host.clock_is_ahead = timedelta(hours=20)
    with structlog.testing.capture_logs() as logged:
        async with running(host):
            await controller.until(lambda: len(controller.sessions) >= 2, "a second session")
            for revision in range(1, 6):
                await reaches_the_controller(host, controller, revision)
    assert (controller.renewals, len(controller.sessions)) == (1, 2)
    assert any("clock" in entry["event"] for entry in logged)


async def test_a_certificate_that_cannot_be_written_leaves_the_session_as_it_is(
    controller: ControllerEnd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller.certificate_life = timedelta(minutes=2)
    store = IdentityStore(tmp_path / "identity")
    await enrol(store, JoinToken.parse(controller.join_token()), rng=seeded())
    tried = asyncio.Event()

    def full(certificate_pem: bytes) -> None:
        tried.set()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "save_certificate", full)
    host = Host(store, controller)
    async with running(host):
        async with asyncio.timeout(60):
            await tried.wait()
        for revision in range(1, 6):
            await reaches_the_controller(host, controller, revision)
    assert len(controller.sessions) == 1
    assert host.client.last_error == ""


async def test_an_expired_host_keeps_trying_and_goes_on_once_it_is_enrolled_anew(
    controller: ControllerEnd, tmp_path: Path
) -> None:
    controller.certificate_life = -timedelta(minutes=1)
    store = IdentityStore(tmp_path / "identity")
    await enrol(store, JoinToken.parse(controller.join_token()), rng=seeded())
    host = Host(store, controller)

    def attempts() -> float:
        return host.metrics.samples()["ovsfleet_agent_stream_attempts_total"]

    async with running(host):
        await asyncio.to_thread(
            eventually, lambda: attempts() >= 2, within=60, what="a second attempt"
        )
        assert controller.sessions == []
        assert "ovsfleet-agent enroll" in host.client.last_error
        controller.certificate_life = timedelta(hours=24)
        await enrol(store, JoinToken.parse(controller.join_token()), rng=seeded())
        await controller.until(lambda: bool(controller.sessions), "a session")


async def test_a_controller_of_another_fleet_is_left_alone(
    controller: ControllerEnd, host: Host
) -> None:
    controller.fleet_uid = "another-fleet"
    async with running(host):
        await controller.until(lambda: len(controller.sessions) >= 2, "two attempts")
        assert "another-fleet" in host.client.last_error
        assert host.metrics.samples()["ovsfleet_agent_stream_connected"] == 0
