"""Whatever dies at whatever instant: all comes back, and nothing that was promised is lost."""

from __future__ import annotations

import os

import pytest

from tests.support.fault_rounds import run_rounds
from tests.support.fault_site import FaultSite, directory_of_results

pytestmark = [pytest.mark.faults, pytest.mark.timeout(7200)]

SEED = int(os.environ.get("SEED") or 1)
ROUNDS = int(os.environ.get("ROUNDS") or 200)


def test_every_round_converges_and_loses_nothing(site: FaultSite) -> None:
    results = directory_of_results() / "rounds.jsonl"
    results.unlink(missing_ok=True)
    run_rounds(site, range(SEED, SEED + ROUNDS), results)
