"""Whatever dies at whatever instant: all comes back, and nothing that was promised is lost."""

from __future__ import annotations

import os

import pytest

from tests.support.fault_kinds import ON_TRIAL
from tests.support.fault_rounds import run_rounds
from tests.support.fault_site import (
    FaultSite,
    confirmed_always,
    directory_of_results,
    write_result,
)

pytestmark = [pytest.mark.faults, pytest.mark.timeout(7200)]

SEED = int(os.environ.get("SEED") or 1)
ROUNDS = int(os.environ.get("ROUNDS") or 200)
_ON_TRIAL_S = 15.0
"""Each change waits for a question and its answer before the next is begun."""


def test_every_round_converges_and_loses_nothing(site: FaultSite) -> None:
    results = directory_of_results() / "rounds.jsonl"
    results.unlink(missing_ok=True)
    run_rounds(site, range(SEED, SEED + ROUNDS), results)


def test_changes_that_have_to_be_confirmed_survive_deaths_as_well(site: FaultSite) -> None:
    results = directory_of_results() / "on_trial.jsonl"
    results.unlink(missing_ok=True)
    with confirmed_always(site):
        seeds = range(SEED, SEED + max(1, ROUNDS // 10))
        rounds = run_rounds(site, seeds, results, _ON_TRIAL_S, ON_TRIAL)
    took = sorted(each.converged_s for each in rounds)
    figures = {"rounds": len(took), "converged_s_p50": took[len(took) // 2]}
    figures |= {"converged_s_max": took[-1], "lost": sum(each.lost for each in rounds)}
    write_result("on_trial", figures)
