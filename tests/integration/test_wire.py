"""The agent's own client against the controller's own server: both ends of the contract."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from ovsfleet.v1 import agent_pb2

from agent.controlplane.client import ControlPlane, Standing
from agent.controlplane.identity import IdentityError, IdentityStore, JoinToken, enrol, renew
from agent.model import HostState
from agent.observability import Metrics
from agent.round_trip import RoundTrip
from controller.config import Settings
from controller.domain.intent import DEFAULT_PROJECT, Kind
from controller.domain.status import Phase
from controller.services import queries
from controller.store.engine import Database
from tests.support import agent_end
from tests.support.agent_end import Site, channel, eventually, join_secret, running_site
from tests.support.manifests import ADMIN, apply, host, port, remove, segment

pytestmark = pytest.mark.integration

RNG = random.Random(1)  # noqa: S311 - jitter, not a secret


@pytest.fixture
async def site(db: Database, tmp_path: Path) -> AsyncIterator[Site]:
    apply(db, host(1), host(2), segment("red"))
    async with running_site(db, tmp_path / "controller") as running:
        yield running


def join_token(site: Site, name: str) -> JoinToken:
    settings = Settings(
        southbound_address=site.agents_address, enrolment_address=site.enrolment_address
    )
    text = site.authority.join_token(settings, host=name, secret=join_secret(site, name))
    return JoinToken.parse(text)


@dataclass
class Host:
    """An agent without a datapath: it accepts every state and reports it as applied."""

    client: ControlPlane | None = None
    accepted: HostState | None = None
    states: asyncio.Queue[HostState] = field(default_factory=asyncio.Queue)

    def standing(self) -> Standing:
        state = self.accepted
        return Standing(state, state.revision if state else 0, state.hash if state else b"")

    def accept(self, state: HostState) -> None:
        self.accepted = state
        self.states.put_nowait(state)
        assert self.client is not None
        self.client.report(
            agent_pb2.HostStatus(
                observed_revision=state.revision,
                applied_revision=state.revision,
                applied_hash=state.hash,
                outcome=agent_pb2.OUTCOME_APPLIED,
            )
        )

    async def until(self, revision: int) -> HostState:
        async with asyncio.timeout(60):
            while (state := await self.states.get()).revision < revision:
                pass
            return state


@pytest.fixture
async def h1(site: Site, tmp_path: Path) -> AsyncIterator[Host]:
    store = IdentityStore(tmp_path / "agent")
    await enrol(store, join_token(site, "h1"), rng=RNG)
    running = Host()
    running.client = ControlPlane(
        store,
        endpoint="",
        version="0.1.0",
        standing=running.standing,
        on_state=running.accept,
        round_trip=RoundTrip(),
        metrics=Metrics(),
        rng=RNG,
    )
    task = asyncio.create_task(running.client.run())
    yield running
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_an_agent_enrols_follows_intent_and_makes_it_ready(site: Site, h1: Host) -> None:
    done = apply(site.db, port("p1", "h1", segment="red"), port("p2", "h2", segment="red"))
    state = await h1.until(done.revision)
    assert [p.interface for p in state.ports] == ["p1"]
    (fragment,) = state.fragments.values()
    assert [m.host_name for m in fragment.members if m.vtep == "192.0.2.2"] == ["h2"]
    await eventually(
        lambda: _phase(site.db, "p1") is Phase.READY, "p1 becomes Ready without another word"
    )
    last = remove(site.db, port("p1", "h1"), port("p2", "h2"))
    state = await h1.until(last.revision)
    assert {"overlay", f"segment:{fragment.segment_uid}"} <= state.removed


def _phase(db: Database, name: str) -> Phase:
    return queries.get(db, ADMIN, Kind.PORT, DEFAULT_PROJECT, name).status.phase


async def test_an_agent_finds_its_way_back_to_a_controller_that_was_away(
    site: Site, h1: Host, tmp_path: Path
) -> None:
    first = apply(site.db, port("p1", "h1", segment="red"))
    await h1.until(first.revision)
    port_number = site.southbound.southbound_port
    await site.southbound.stop()
    done = apply(site.db, port("p2", "h1", segment="red"))
    async with running_site(
        site.db, tmp_path / "controller", southbound_address=f"127.0.0.1:{port_number}"
    ):
        state = await h1.until(done.revision)
        assert {p.interface for p in state.ports} == {"p1", "p2"}


async def test_an_agent_renews_the_certificate_of_its_key(site: Site, tmp_path: Path) -> None:
    store = IdentityStore(tmp_path / "agent")
    identity = await enrol(store, join_token(site, "h2"), rng=RNG)
    held = agent_end.Identity(identity.key_pem, identity.certificate_pem, identity.ca_pem)
    async with channel(site, held) as opened:
        renewed = await renew(store, identity, opened)
    assert renewed.certificate_pem != identity.certificate_pem
    assert store.load() == renewed


async def test_a_token_that_was_used_with_another_key_tells_the_person_what_to_do(
    site: Site, tmp_path: Path
) -> None:
    token = join_token(site, "h1")
    await enrol(IdentityStore(tmp_path / "one"), token, rng=RNG)
    with pytest.raises(IdentityError, match="make a new one"):
        await enrol(IdentityStore(tmp_path / "two"), token, rng=RNG)
