"""Roll-ups on a real database: whatever is lost, repeated, late or reset, the sums are right."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.services.statistics import Intake, Report
from controller.services.statistics_upkeep import (
    drop_partitions,
    make_partitions_ahead,
    roll_up,
)
from controller.store.engine import Database
from tests.support.counting import START, raw, reading, report, steady, tables, total

pytestmark = pytest.mark.integration

ROLLUPS = ("stat_1m", "stat_15m", "stat_1h")
LONG_AFTER = timedelta(hours=5)
"""A host unheard for so long has all that it said rolled up."""


@dataclass
class Agent:
    """One host that counts, its agent's queue, and what its reports go through."""

    host: UUID = field(default_factory=uuid4)
    now: datetime = START
    life: int = 1
    sequence: int = 0
    epoch: int = 1
    count: int = 0
    queue: list[Report] = field(default_factory=list)
    sent: list[Report] = field(default_factory=list)

    def read(self) -> None:
        self.sequence += 1
        subject = reading("device:eth0", self.epoch, rx_bytes=self.count)
        nonce = f"life {self.life}"
        self.queue.append(report(self.host, self.sequence, self.now, subject, nonce=nonce))

    def restart(self) -> None:
        self.life, self.sequence = self.life + 1, 0
        self.queue.clear()


def act(agent: Agent, intake: Intake, db: Database, action: str, number: int) -> None:
    match action:
        case "count":
            agent.count += number
            agent.now += timedelta(seconds=1 + number % 300)
            agent.read()
        case "lose":
            del agent.queue[: 1 + number % 3]
        case "deliver":
            agent.now += timedelta(milliseconds=number)
            intake.store(agent.queue, now=agent.now)
            agent.sent += agent.queue
            agent.queue.clear()
        case "repeat":
            intake.store(agent.sent[-1 - number % 5 :], now=agent.now)
        case "restart":
            agent.restart()
        case "reset":
            agent.epoch += number % 2
            agent.count = number % 7
        case "roll up":
            roll_up(db, now=agent.now)


MONOTONIC = (
    "count",
    "count",
    "count",
    "deliver",
    "deliver",
    "lose",
    "repeat",
    "restart",
    "roll up",
)
NUMBERS = st.integers(0, 1000)


def histories(actions: tuple[str, ...]) -> st.SearchStrategy[list[tuple[str, int]]]:
    return st.lists(st.tuples(st.sampled_from(actions), NUMBERS), min_size=5, max_size=40)


def increments(samples: list[tuple[datetime, int, int | None]]) -> int:
    """The sum of what was counted between neighbours, said once more and simply."""
    result = 0
    for (_, old_epoch, old), (_, epoch, new) in zip(samples, samples[1:], strict=False):
        assert old is not None
        assert new is not None
        result += new - old if epoch == old_epoch and new >= old else new
    return result


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(history=histories((*MONOTONIC, "reset")))
def test_every_rollup_sums_up_to_what_the_samples_say(
    db: Database, history: list[tuple[str, int]]
) -> None:
    agent, intake = Agent(), Intake(db)
    for action, number in history:
        act(agent, intake, db, action, number)
    intake.store(agent.queue, now=agent.now)
    samples = raw(db, agent.host)
    roll_up(db, now=agent.now + LONG_AFTER)
    expected = Decimal(increments(samples))
    assert [total(db, table, agent.host) for table in ROLLUPS] == [expected] * 3
    assert len(samples) == len(set(samples)) == len({at for at, _, _ in samples})
    if not any(action == "reset" for action, _ in history) and samples:
        first, last = samples[0][2], samples[-1][2]
        assert first is not None
        assert last is not None
        assert expected == last - first
