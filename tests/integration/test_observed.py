"""What a host is like now, from whoever asks REST to the agent and back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from ovsfleet.v1 import agent_pb2
from sqlalchemy import text

from controller.api.waiting import MOST_ASKING_EACH, WaitingRoom
from controller.auth import Role
from controller.domain.errors import UnavailableError
from controller.domain.intent import DEFAULT_PROJECT, Kind
from controller.services import observations, queries, tokens
from tests.support.agent_end import AgentEnd, Identity, Site, hello_after, session
from tests.support.api import Api, make_app
from tests.support.manifests import ADMIN, apply, port

pytestmark = pytest.mark.integration

PATH = "/v1/hosts/h1/observed"
AS_INTENDED = agent_pb2.OBSERVED_STATE_AS_INTENDED
DIFFERS = agent_pb2.OBSERVED_STATE_DIFFERS


@pytest.fixture
def api(site: Site) -> Api:
    secret = tokens.ensure_admin(site.db, now=datetime.now(UTC))
    assert secret is not None
    return Api(site.db, make_app(site.db), secret)


@pytest.fixture
async def agent(site: Site, h1: Identity) -> AsyncIterator[AgentEnd]:
    async with session(site, h1) as end:
        yield end


async def tell(
    agent: AgentEnd, request_id: str, parts: Iterable[Iterable[Any]], **last: Any
) -> None:
    """Answer in parts; each resource is (id, state, differences)."""
    told = [
        agent_pb2.Observation(
            request_id=request_id,
            revision=2,
            resources=[
                agent_pb2.ObservedResource(resource=resource, state=state, differences=differences)
                for resource, state, differences in part
            ],
        )
        for part in parts
    ]
    told[-1].MergeFrom(agent_pb2.Observation(is_last=True, **last))
    for each in told:
        await agent.stream.write(agent_pb2.SessionRequest(observation=each))


async def refusal(client: httpx.AsyncClient, path: str = PATH) -> dict[str, Any]:
    answer = await client.get(path)
    problem: dict[str, Any] = answer.json()
    return {**problem, "retry_after": answer.headers.get("Retry-After")}


async def test_a_question_goes_to_the_agent_and_its_answer_comes_back(
    site: Site, api: Api, agent: AgentEnd
) -> None:
    apply(site.db, port("p1", "h1", segment="red"))
    uid = queries.get(site.db, ADMIN, Kind.PORT, DEFAULT_PROJECT, "p1").object.uid
    tag = agent_pb2.Difference(field="Port.tag", intended="2", found="7\0")
    async with api.admin as client:
        asked = [
            asyncio.create_task(client.get(PATH, params={"resource": [f"port:{uid}"]}))
            for _ in range(3)
        ]
        observe = (await agent.answered("observe")).observe
        assert list(observe.resources) == [f"port:{uid}"]
        await tell(agent, "nobody's", [[("port:x", DIFFERS, [])]])
        parts: list[Any] = [
            [(f"port:{uid}", DIFFERS, [tag])],
            [("overlay", AS_INTENDED, [])],
        ]
        counts = [
            agent_pb2.ObservedCount(state=DIFFERS, count=1),
            agent_pb2.ObservedCount(state=AS_INTENDED, count=4),
        ]
        await tell(agent, observe.request_id, parts, counts=counts)
        answers = [answer.json() for answer in await asyncio.gather(*asked)]
    assert answers[0] == answers[1] == answers[2]
    told = answers[0]
    assert (told["host"], told["revision"], told["truncated"]) == ("h1", 2, True)
    assert told["items"][0] == {
        "resource": f"port:{uid}",
        "object": {"kind": "Port", "name": "p1", "project": "default"},
        "remote": None,
        "state": "differs",
        "differences": [{"field": "Port.tag", "intended": "2", "found": "7"}],
        "reason": "",
        "message": "",
    }
    assert (told["items"][1]["object"], told["items"][1]["state"]) == (None, "as_intended")
    assert {state: n for state, n in told["counts"].items() if n} == {
        "differs": 1,
        "as_intended": 4,
    }
    assert_forgotten_after_minutes(site)


async def test_one_who_looks_at_many_hosts_keeps_nobody_else_from_it(site: Site, api: Api) -> None:
    room: WaitingRoom = api.app.state.asking_room
    with ExitStack() as inside:
        for _ in range(MOST_ASKING_EACH):
            inside.enter_context(room.place("greedy"))
        with pytest.raises(UnavailableError, match="8 of them yours"):
            inside.enter_context(room.place("greedy"))
        inside.enter_context(room.place("another"))
    assert not room.pause


def assert_forgotten_after_minutes(site: Site) -> None:
    question = observations.ask(site.db, ADMIN, "h1", [])
    assert observations.forget(site.db) == 0
    with site.db.transaction() as tx:
        tx.execute(text("UPDATE observation SET asked_at = asked_at - interval '6 minutes'"))
    assert observations.forget(site.db) == 2
    with pytest.raises(observations.HostAwayError):
        observations.read(site.db, question)


async def test_a_question_that_a_broken_session_took_along_is_asked_in_the_next_one(
    site: Site, api: Api, h1: Identity
) -> None:
    async with api.admin as client, session(site, h1) as first:
        asked = asyncio.create_task(client.get(PATH))
        await first.answered("observe")
        async with session(site, h1) as second:
            observe = (await second.answered("observe")).observe
            await tell(second, observe.request_id, [[("overlay", AS_INTENDED, [])]])
            assert (await asked).json()["items"][0]["resource"] == "overlay"


async def test_what_the_database_took_no_note_of_at_once_is_passed_on_all_the_same(
    site: Site, api: Api, h1: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken: dict[str, Callable[..., Any]] = {
        "claim": observations.claim,
        "record": observations.record,
    }

    def breaks_once(name: str) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            monkeypatch.setattr(observations, name, broken[name])
            if name == "claim":
                broken[name](*args)
            raise UnavailableError("gone for a moment")

        return call

    for name in broken:
        monkeypatch.setattr(observations, name, breaks_once(name))
    async with api.admin as client, session(site, h1) as agent:
        asked = asyncio.create_task(client.get(PATH))
        observe = (await agent.answered("observe")).observe
        await tell(agent, observe.request_id, [[("overlay", AS_INTENDED, [])]])
        assert (await asked).json()["items"][0]["resource"] == "overlay"


async def test_who_cannot_be_asked_is_told_of_with_the_reason(
    site: Site, api: Api, h1: Identity
) -> None:
    async with api.admin as client:
        away = await refusal(client)
        assert (away["code"], away["status"], away["retry_after"]) == ("host_away", 503, "2")
        assert "ovsfleet-agent run" in away["detail"]
        hello = hello_after(None)
        del hello.capabilities.session_features[:]
        async with session(site, h1, hello):
            assert (await refusal(client))["code"] == "agent_too_old"
        async with session(site, h1) as agent:
            asked = asyncio.create_task(refusal(client))
            observe = (await agent.answered("observe")).observe
            trouble = agent_pb2.Failure(reason="OvsdbDown", message="no database")
            await tell(agent, observe.request_id, [[]], trouble=trouble)
            blind = await asked
            assert (blind["code"], blind["status"]) == ("unavailable", 503)
            assert "OvsdbDown: no database" in blind["detail"]
            asked = asyncio.create_task(refusal(client, f"{PATH}?resource=overlay"))
            await agent.answered("observe")
        assert (await asked)["code"] == "host_away"
    limited = api.client(api.token(Role.OPERATOR, "default"))
    assert (await refusal(limited))["code"] == "forbidden"
