"""Whatever dies at whatever instant: all comes back, and nothing that was promised is lost."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence

import pytest

from tests.support import fault_results
from tests.support.fault_kinds import ON_TRIAL, PARTS
from tests.support.fault_results import directory_of_results, write_result
from tests.support.fault_rounds import Round, judge, run_rounds
from tests.support.fault_site import FaultSite, confirmed_always

pytestmark = [pytest.mark.faults, pytest.mark.timeout(7200)]

SEED = int(os.environ.get("SEED") or 1)
ROUNDS = int(os.environ.get("ROUNDS") or 200)
_OF_ALL = len(PARTS) * max(map(len, PARTS.values()))
"""Rounds after which each fault was inflicted."""
_ON_TRIAL_S = 15.0
"""Each change waits for a question and its answer before the next is begun."""


def test_every_round_converges_and_loses_nothing(site: FaultSite) -> None:
    results = directory_of_results() / fault_results.ROUNDS
    results.unlink(missing_ok=True)
    rounds = run_rounds(site, range(SEED, SEED + ROUNDS), results)
    judge(rounds)
    if ROUNDS >= _OF_ALL:
        assert _inflicted(rounds) == {each.name for part in PARTS.values() for each in part}


def test_changes_that_have_to_be_confirmed_survive_deaths_as_well(site: FaultSite) -> None:
    results = directory_of_results() / fault_results.ON_TRIAL
    results.unlink(missing_ok=True)
    number = max(len(ON_TRIAL), ROUNDS // 10)
    with confirmed_always(site):
        rounds = run_rounds(site, range(SEED, SEED + number), results, _ON_TRIAL_S, ON_TRIAL)
    took = sorted(each.converged_s for each in rounds)
    figures: dict[str, object] = dict(Counter(each.fault for each in rounds))
    figures |= {"rounds": len(took), "converged_s_p50": took[len(took) // 2]}
    figures |= {"converged_s_max": took[-1], "lost": sum(each.lost for each in rounds)}
    write_result("on_trial", figures)
    judge(rounds)
    assert _inflicted(rounds) == {each.name for each in ON_TRIAL}


def _inflicted(rounds: Sequence[Round]) -> set[str]:
    return {each.fault for each in rounds}
