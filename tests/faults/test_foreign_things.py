"""A thousand random operations on intent leave everything that is somebody else's as it was."""

from __future__ import annotations

import os
import random
from collections import Counter
from pathlib import Path

import pytest

from agent.errors import ErrorKind
from tests.support.agent_backends import Running
from tests.support.fault_foreign import differences
from tests.support.fault_results import write_result
from tests.support.foreign_ops import Churn, add_others, clashes, others
from tests.support.hand_site import hand_site

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

OPERATIONS = int(os.environ.get("OPERATIONS", "1000"))


@pytest.mark.parametrize("ovs", [True, False], ids=["with_open_vswitch", "without_open_vswitch"])
def test_a_thousand_random_operations_leave_what_is_not_ours_as_it_was(
    tmp_path: Path, *, ovs: bool
) -> None:
    seed = int(os.environ.get("SEED", "1"))
    print(f"seed {seed}")
    with hand_site(tmp_path, ovs=ovs) as site:
        host = site.host
        add_others(host)
        before = others(host)
        churn = Churn(site, random.Random(seed), tuple(clashes(host)))  # noqa: S311 - no secret
        refused: Counter[str] = Counter()

        async def work(running: Running) -> None:
            for number in range(OPERATIONS):
                word = churn.step()
                running.loop.offer(site.state)
                await running.loop.turn()
                refused.update(_refused(running, churn))
                if number % 50 == 0 and (found := differences(before, others(host))):
                    pytest.fail(f"operation {number} ({word}): {found[:9]}")
            churn.end_clashes()
            running.loop.offer(site.state)
            await running.loop.turn()

        host.drive(work)
        assert differences(before, others(host)) == []
        assert refused.keys() == {each.name for each in churn.clashes}
        name = "foreign_with_open_vswitch" if ovs else "foreign_without_open_vswitch"
        figures = {"operations": sum(churn.done.values()), **churn.done}
        write_result(name, {"seed": seed, **figures, "clashes_refused": len(refused), "changed": 0})


def _refused(running: Running, churn: Churn) -> list[str]:
    """Names of others that are refused now; all that are intended have to be."""
    kinds = {each.resource: each.kind for each in running.reports[-1].failures}
    intended = churn.clashing()
    not_refused = {
        name: kinds.get(resource)
        for resource, name in intended.items()
        if kinds.get(resource) is not ErrorKind.CONFLICT
    }
    assert not not_refused, not_refused
    return list(intended.values())
