"""A few rounds of what `make test-faults` does two hundred times: break, mend, look."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.lab.lab import Lab
from tests.support.fault_rounds import judge, names_of, run_rounds
from tests.support.fault_site import fault_site

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

_SEEDS = range(12, 18)
_WITHIN_S = 30.0
"""Other tests have the machine, too; what is promised is measured where nothing else runs."""


def test_each_part_may_die_under_writes_and_traffic(lab: Lab, tmp_path: Path) -> None:
    assert len(names_of(_SEEDS)) == len(_SEEDS)
    with fault_site(lab) as site:
        judge(run_rounds(site, _SEEDS, tmp_path / "rounds.jsonl", _WITHIN_S))
