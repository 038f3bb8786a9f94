"""What the agent answers whoever asks what its host is like now, and that asking does nothing."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Collection
from pathlib import Path

import pytest
from ovsfleet.v1 import agent_pb2

from agent.controlplane.observation_codec import encode_comparison
from agent.model import ID_KEY, OWNER_KEY
from agent.observation import MOST_DIFFERENCES, Compared, Comparison, Likeness, Questions, answer
from agent.observed import OvsInterface, OvsPort
from agent.observer import PAUSE_S, Observer
from agent.planner.differences import Difference
from agent.safety import DriftPolicy, Safety
from tests.support.agent_loop import Host, state


class Asked:
    """A realized host, and somebody who asks about it."""

    def __init__(self, directory: Path) -> None:
        self.host = Host(directory)
        self.questions = Questions()
        self.observer = Observer(
            self.questions,
            self.host.ovsdb,
            self.host.kernel,
            cached=lambda: self.host.cache.cached,
            failures=lambda: self.host.reports[-1].failures if self.host.reports else (),
            clock=self.host.clock,
        )

    async def ask(self, *resources: str) -> Comparison:
        self.questions.ask("q", resources)
        await self.observer.answer()
        ((request_id, comparison),) = self.questions.take_answers()
        assert request_id == "q"
        return comparison

    def change(self, name: str, *ports: OvsPort) -> None:
        """Put ``ports`` in the place of the one that is called so."""
        row = self.host.switch.bridges["br-fleet"]
        kept = tuple(each for each in row.ports if each.name != name)
        self.host.switch.bridges["br-fleet"] = dataclasses.replace(row, ports=(*kept, *ports))
        self.host.switch.reconfigure()

    def port(self, name: str) -> OvsPort:
        row = self.host.switch.bridges["br-fleet"]
        return next(each for each in row.ports if each.name == name)


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    return Asked(tmp_path)


def told(comparison: Comparison) -> dict[str, tuple[str, str]]:
    return {
        each.resource: (each.likeness.value, "; ".join(map(str, each.differences)))
        for each in comparison.items
    }


async def test_what_differs_is_told_as_it_is_at_this_moment_and_nothing_is_written(
    asked: Asked,
) -> None:
    await asked.host.realize(state())
    assert {each.likeness for each in (await asked.ask()).items} == {Likeness.AS_INTENDED}
    writes = asked.host.writes
    asked.change("a", dataclasses.replace(asked.port("a"), tag=77))
    asked.change("b")
    found = await asked.ask()
    assert found.revision == 1
    assert told(found) == {
        "port:a": ("differs", "Port.tag is 77 instead of 2"),
        "port:b": ("missing", "offloads is on instead of off; present is no instead of yes"),
        "overlay": ("as_intended", ""),
    }
    assert found.counts == {Likeness.DIFFERS: 1, Likeness.MISSING: 1, Likeness.AS_INTENDED: 1}
    assert told(await asked.ask("port:a")).keys() == {"port:a"}
    assert asked.host.writes == writes


async def test_what_is_left_as_it_was_found_is_told_with_the_reason(asked: Asked) -> None:
    left = Safety(drift={"port:a": DriftPolicy.REPORT, "port:b": DriftPolicy.IGNORE})
    await asked.host.realize(state(safety=left))
    asked.change("a", dataclasses.replace(asked.port("a"), tag=77))
    asked.change("b", dataclasses.replace(asked.port("b"), tag=78))
    await asked.host.loop.turn()
    found = {each.resource: each for each in (await asked.ask()).items}
    assert [(found[each].likeness, found[each].reason) for each in ("port:a", "port:b")] == [
        (Likeness.DIFFERS, "Drifted"),
        (Likeness.DIFFERS, ""),
    ]
    assert "ovsfleet release one" in found["port:a"].message


async def test_what_is_in_the_way_and_what_cannot_be_are_told_apart(asked: Asked) -> None:
    await asked.host.realize(state())
    foreign = dataclasses.replace(asked.port("a"), external_ids={})
    asked.change("a", foreign)
    stale = {OWNER_KEY: "fleet", ID_KEY: "port:gone"}
    gone = OvsPort("gone", interfaces=(OvsInterface("gone", "internal"),), external_ids=stale)
    asked.change("gone", gone)
    found = {each.resource: each for each in (await asked.ask()).items}
    assert (found["port:a"].likeness, bool(found["port:a"].message)) == (Likeness.FOREIGN, True)
    assert (found["port:gone"].likeness, found["port:gone"].reason) == (
        Likeness.DIFFERS,
        "NotRemoved",
    )
    assert found["port:gone"].differences == (Difference("present", "no", "yes"),)


async def test_a_host_that_cannot_be_looked_at_says_why(asked: Asked) -> None:
    assert await asked.ask() == Comparison()
    await asked.host.realize(state())
    asked.host.ovsdb.connected = False
    trouble = (await asked.ask()).trouble
    assert trouble is not None
    assert trouble.reason == "OvsdbDown"


async def test_who_asks_at_once_is_answered_by_one_look_and_looks_keep_apart(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asked.host.realize(state())
    looks: list[float] = []
    observe = asked.host.kernel.observe

    async def counted(namespaces: Collection[tuple[str, str]], *_: object) -> object:
        looks.append(asked.host.clock.now())
        return await observe(namespaces)

    monkeypatch.setattr(asked.host.kernel, "observe", counted)
    answered = asyncio.Event()
    asked.questions.on_answer = answered.set
    running = asyncio.create_task(asked.observer.run())
    for round_of in (["a", "b"], ["c"]):
        for each in round_of:
            asked.questions.ask(each, ())
        await answered.wait()
        answered.clear()
        assert [each for each, _ in asked.questions.take_answers()] == round_of
    running.cancel()
    assert len(looks) == 2
    assert looks[1] - looks[0] == PAUSE_S


def test_an_answer_is_bounded_and_counts_what_it_leaves_out() -> None:
    many = [
        Compared(f"port:{n:05}", Likeness.DIFFERS, (Difference("tag", "1", "2"),) * 50)
        for n in range(30)
    ]
    fine = [Compared(f"port:x{n}", Likeness.AS_INTENDED) for n in range(5)]
    told = answer(7, [*fine, *many])
    assert len(told.items) == MOST_DIFFERENCES // 50
    assert told.counts == {Likeness.DIFFERS: 30, Likeness.AS_INTENDED: 5}


@pytest.mark.parametrize(("resources", "sizes"), [(0, [0]), (100, [100]), (250, [100, 100, 50])])
def test_an_answer_travels_in_parts_of_which_the_last_says_so(
    resources: int, sizes: list[int]
) -> None:
    items = [Compared(f"port:{n}", Likeness.MISSING) for n in range(resources)]
    parts = [each.observation for each in encode_comparison("q", answer(7, items))]
    assert [len(each.resources) for each in parts] == sizes
    assert [each.is_last for each in parts] == [False] * (len(sizes) - 1) + [True]
    assert sum(each.count for each in parts[-1].counts) == resources
    assert {each.state for part in parts for each in part.resources} <= {
        agent_pb2.OBSERVED_STATE_MISSING
    }
