"""Southbound on a real database, over real mutual TLS: what agents are sent and what is kept."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from ovsfleet.v1 import agent_pb2, state_pb2

from controller.compiler.state_features import not_understood
from controller.domain.intent import Kind
from controller.domain.settings import BridgeSettings
from controller.domain.status import Phase
from controller.southbound import dispatcher
from controller.store.engine import Database
from tests.support.agent_end import (
    Identity,
    Site,
    enrol,
    eventually,
    hello_after,
    session,
)
from tests.support.manifests import apply, bridge, host, port, remove
from tests.support.southbound_site import status_of

pytestmark = pytest.mark.integration


def ports(state: state_pb2.HostState) -> list[str]:
    return [p.interface for p in state.host.ports]


async def phase_becomes(db: Database, kind: Kind, name: str, phase: Phase) -> None:
    await eventually(
        lambda: status_of(db, kind, name).phase is phase, f"{kind} {name} becomes {phase}"
    )


def a_failure(resource: str) -> agent_pb2.Failure:
    return agent_pb2.Failure(
        resource=resource,
        kind=agent_pb2.ERROR_KIND_TRANSIENT,
        reason="NamespaceMissing",
        message="no namespace\0 'x'",
    )


async def test_an_intent_reaches_its_host_and_comes_back_as_ready(site: Site, h1: Identity) -> None:
    async with session(site, h1) as agent:
        await agent.receive()
        done = apply(site.db, port("p1", "h1", segment="red"))
        state = await agent.receive_until(done.revision)
        assert ports(state) == ["p1"]
        assert [f.vni for f in state.fragments] == [10_000]
        await agent.report(state)
        await phase_becomes(site.db, Kind.PORT, "p1", Phase.READY)
        await phase_becomes(site.db, Kind.HOST, "h1", Phase.READY)
        await phase_becomes(site.db, Kind.SEGMENT, "red", Phase.READY)


async def test_a_failure_shows_on_its_object_and_goes_with_the_next_report(
    site: Site, h1: Identity
) -> None:
    done = apply(site.db, port("p1", "h1", segment="red"))
    async with session(site, h1) as agent:
        state = await agent.receive_until(done.revision)
        await agent.report(state, failures=[a_failure(state.host.ports[0].id)])
        await phase_becomes(site.db, Kind.PORT, "p1", Phase.FAILED)
        assert "no namespace 'x'" in status_of(site.db, Kind.PORT, "p1").conditions[0].message
        await agent.report(state)
        await phase_becomes(site.db, Kind.PORT, "p1", Phase.READY)


async def test_a_host_that_has_its_state_is_sent_nothing_and_counts_as_current(
    site: Site, h1: Identity
) -> None:
    done = apply(site.db, port("p1", "h1", segment="red"))
    async with session(site, h1) as agent:
        state = await agent.receive_until(done.revision)
        await agent.report(state)
        await phase_becomes(site.db, Kind.PORT, "p1", Phase.READY)
    # The MTU that it has anyway: a new revision and an equal state.
    same = apply(site.db, port("p1", "h1", segment="red", mtu=1450))
    async with session(site, h1, hello_after(state)) as agent:
        await observed_at(site.db, "p1", same.revision)
        other = apply(site.db, port("p2", "h1", segment="red"))
        first = await agent.receive()
        assert first.revision == other.revision
        assert not first.fragments


async def test_a_revision_that_changes_nothing_for_a_host_is_applied_without_a_message(
    site: Site, h1: Identity
) -> None:
    done = apply(site.db, port("p1", "h1", segment="red"))
    async with session(site, h1) as agent:
        state = await agent.receive_until(done.revision)
        await agent.report(state)
        await phase_becomes(site.db, Kind.PORT, "p1", Phase.READY)
        same = apply(site.db, port("p1", "h1", segment="red", mtu=1450))
        await observed_at(site.db, "p1", same.revision)
        # The agent does not know of the newer revision, and a late word of it takes nothing back.
        await agent.report(state)
        other = apply(site.db, port("p2", "h1", segment="red"))
        assert (await agent.receive()).revision == other.revision
        assert status_of(site.db, Kind.PORT, "p1").phase is Phase.READY


async def observed_at(db: Database, name: str, revision: int) -> None:
    await eventually(
        lambda: status_of(db, Kind.PORT, name).observed_revision == revision,
        f"port {name} is observed at revision {revision}",
    )


async def test_what_intent_deletes_is_named_until_the_host_confirms_it(
    site: Site, h1: Identity
) -> None:
    done = apply(site.db, port("p1", "h1", segment="red"))
    async with session(site, h1) as agent:
        state = await agent.receive_until(done.revision)
        await agent.report(state)
        await phase_becomes(site.db, Kind.PORT, "p1", Phase.READY)
        gone = remove(site.db, port("p1", "h1"))
        emptied = await agent.receive_until(gone.revision)
    assert list(emptied.removed) == [
        "overlay",
        state.host.ports[0].id,
        f"segment:{state.host.attachments[0].segment_uid}",
    ]
    async with session(site, h1, hello_after(state)) as agent:
        again = await agent.receive()
        assert again.removed == emptied.removed
        assert not again.host.HasField("overlay")


async def test_whoever_asks_whether_the_controller_is_reached_gets_his_own_nonce_back(
    site: Site, h1: Identity
) -> None:
    async with session(site, h1) as agent:
        for nonce in (b"first", b"second"):
            request = agent_pb2.ConfirmRequest(nonce=nonce, revision=7)
            await agent.stream.write(agent_pb2.SessionRequest(confirm=request))
            answer = await agent.answered("confirmation")
            assert answer.confirmation.nonce == nonce


async def test_a_host_that_lost_its_cache_is_told_everything(site: Site, h1: Identity) -> None:
    done = apply(site.db, port("p1", "h1", segment="red"))
    remove(site.db, port("p1", "h1"))
    last = apply(site.db, port("p2", "h1", segment="red"))
    async with session(site, h1) as agent:
        state = await agent.receive_until(last.revision)
    assert done.results[0].uid is not None
    assert f"port:{done.results[0].uid}" in state.removed
    assert len(state.fragments) == 1


async def test_a_state_of_another_epoch_is_sent_again_in_full(site: Site, h1: Identity) -> None:
    done = apply(site.db, port("p1", "h1", segment="red"))
    async with session(site, h1) as agent:
        state = await agent.receive_until(done.revision)
    stale = hello_after(state, fleet_epoch=state.fleet_epoch + 7)
    async with session(site, h1, stale) as agent:
        again = await agent.receive()
        assert again.hash == state.hash
        assert len(again.fragments) == 1


async def test_revisions_of_another_epoch_count_for_nothing(site: Site, h1: Identity) -> None:
    done = apply(site.db, port("p1", "h1", segment="red"))
    async with session(site, h1) as agent:
        state = await agent.receive_until(done.revision)
        await agent.report(state)
        await phase_becomes(site.db, Kind.HOST, "h1", Phase.READY)
    ahead = hello_after(state, fleet_epoch=state.fleet_epoch + 7, applied_revision=1000)
    async with session(site, h1, ahead) as agent:
        assert status_of(site.db, Kind.HOST, "h1").applied_revision == 0
        await agent.receive()


async def test_a_host_cannot_have_applied_what_was_never_intended(site: Site, h1: Identity) -> None:
    done = apply(site.db, port("p1", "h1", segment="red"))
    async with session(site, h1) as agent:
        state = await agent.receive_until(done.revision)
    beyond = hello_after(state, accepted_revision=2**63, applied_revision=2**63)
    async with session(site, h1, beyond):
        assert status_of(site.db, Kind.HOST, "h1").applied_revision == done.revision


async def test_a_member_that_joins_elsewhere_changes_the_mesh_here(
    site: Site, h1: Identity
) -> None:
    done = apply(site.db, port("p1", "h1", segment="red"))
    async with session(site, h1) as agent:
        state = await agent.receive_until(done.revision)
        assert [m.vtep for m in state.fragments[0].members] == ["192.0.2.1"]
        joined = apply(site.db, port("p2", "h2", segment="red"))
        state = await agent.receive_until(joined.revision)
        (fragment,) = agent.fragments.values()
        assert {m.vtep for m in fragment.members} == {"192.0.2.1", "192.0.2.2"}
        left = remove(site.db, port("p2", "h2"))
        await agent.report(state)
        state = await agent.receive_until(left.revision)
        assert any(name.startswith("tunnel:") for name in state.removed)


async def test_a_burst_of_changes_ends_in_the_newest_state(site: Site, h1: Identity) -> None:
    async with session(site, h1) as agent:
        for number in range(20):
            last = apply(site.db, port(f"p{number}", "h1", segment="red"))
        state = await agent.receive_until(last.revision)
        assert len(state.host.ports) == 20


async def test_many_hosts_follow_one_segment(site: Site, h1: Identity) -> None:
    apply(site.db, *(host(n) for n in range(3, 8)))
    others = [await enrol(site, f"h{n}") for n in range(3, 8)]
    last = apply(site.db, *(port(f"p{n}", f"h{n}", segment="red") for n in range(3, 8)))
    for identity in others:
        async with session(site, identity) as agent:
            await agent.receive_until(last.revision)
            (fragment,) = agent.fragments.values()
            assert len(fragment.members) == 5


async def test_what_an_agent_is_too_old_for_is_not_shown_as_ready(site: Site, h1: Identity) -> None:
    aged = BridgeSettings(mac_aging_time_s=60)
    done = apply(
        site.db,
        bridge("br-x", "h1", settings=aged),
        bridge("br-y", "h1"),
        port("p1", "h1", segment="red"),
    )
    old = hello_after(None)
    old.capabilities.state_features.remove("settings")
    async with session(site, h1, old) as agent:
        state = await agent.receive_until(done.revision)
        await agent.report(state)
        await phase_becomes(site.db, Kind.BRIDGE, "br-x", Phase.FAILED)
        found = status_of(site.db, Kind.BRIDGE, "br-x").conditions[0]
        assert found.reason == "AgentTooOld"
        assert "settings: upgrade the agent on 'h1'" in found.message
        assert status_of(site.db, Kind.BRIDGE, "br-y").phase is Phase.READY
        assert status_of(site.db, Kind.PORT, "p1").phase is Phase.READY
        plain = apply(site.db, bridge("br-x", "h1"))
        await agent.report(await agent.receive_until(plain.revision))
        await phase_becomes(site.db, Kind.BRIDGE, "br-x", Phase.READY)
        again = apply(site.db, bridge("br-x", "h1", settings=aged))
        newest = await agent.receive_until(again.revision)
        await agent.report(newest)
        await phase_becomes(site.db, Kind.BRIDGE, "br-x", Phase.FAILED)
    old = hello_after(newest)
    del old.capabilities.state_features[:]
    async with session(site, h1, old) as agent:
        # It has its state and is sent none: what it says first must not pass for the whole.
        await agent.report(newest, failures=[a_failure(newest.host.ports[0].id)])
        await phase_becomes(site.db, Kind.PORT, "p1", Phase.FAILED)
        assert status_of(site.db, Kind.BRIDGE, "br-x").phase is Phase.FAILED
    async with session(site, h1, hello_after(newest)) as agent:
        await agent.report(newest)
        await phase_becomes(site.db, Kind.BRIDGE, "br-x", Phase.READY)


def faulty(*about: object) -> Any:
    raise LookupError(f"the test made a fault with {about}")


async def test_what_an_agent_was_too_old_for_stays_shown_while_nobody_can_tell_anew(
    site: Site, h1: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    aged = BridgeSettings(mac_aging_time_s=60)
    done = apply(site.db, bridge("br-x", "h1", settings=aged), bridge("br-y", "h1"))
    old = hello_after(None)
    old.capabilities.state_features.remove("settings")
    async with session(site, h1, old) as agent:
        state = await agent.receive_until(done.revision)
        await agent.report(state)
        await phase_becomes(site.db, Kind.BRIDGE, "br-x", Phase.FAILED)
    monkeypatch.setattr(dispatcher, "compile_hosts", faulty)
    monkeypatch.setattr(dispatcher, "compile_host", faulty)
    again = hello_after(state)
    again.capabilities.CopyFrom(old.capabilities)
    async with session(site, h1, again) as agent:
        (plain,) = (each.id for each in state.host.bridges if each.name == "br-y")
        await agent.report(state, failures=[a_failure(plain)])
        await phase_becomes(site.db, Kind.BRIDGE, "br-y", Phase.FAILED)
        found = status_of(site.db, Kind.BRIDGE, "br-x")
        assert found.phase is Phase.FAILED
        assert found.conditions[0].reason == "AgentTooOld"


async def test_a_fault_in_judging_one_agent_holds_up_nobody(
    site: Site, h1: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    def judge(compiled: Any, lacks: Any) -> Any:
        return faulty("h1") if UUID(h1.host_uid) in lacks else not_understood(compiled, lacks)

    monkeypatch.setattr(dispatcher, "not_understood", judge)
    h2 = await enrol(site, "h2")
    old = hello_after(None)
    old.capabilities.state_features.remove("settings")
    async with session(site, h1, old) as first, session(site, h2, old) as second:
        aged = BridgeSettings(mac_aging_time_s=60)
        done = apply(site.db, bridge("br-1", "h1"), bridge("br-2", "h2", settings=aged))
        await first.report(await first.receive_until(done.revision))
        await phase_becomes(site.db, Kind.BRIDGE, "br-1", Phase.READY)
        await second.report(await second.receive_until(done.revision))
        await phase_becomes(site.db, Kind.BRIDGE, "br-2", Phase.FAILED)
