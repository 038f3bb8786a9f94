"""The death of ovs-vswitchd costs no more packets with ovsfleet than without."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Sequence
from typing import Any

import pytest

from deploy.lab.probes import Delivery, Endpoint, flow
from tests.support.fault_kinds import kill_vswitchd
from tests.support.fault_plain import plain_bridges
from tests.support.fault_site import FLOW_FROM, FLOW_TO, FaultSite, write_result

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

_PAIRS = 8
_AROUND_S = 0.5
"""Of the flow before and after, so that the gap has a beginning and an end."""
_NO_MORE_THAN = 1.25
"""Of the medians; two runs of the same thing differ by less."""


def _cost(site: FaultSite, ends: tuple[Endpoint, Endpoint]) -> Delivery:
    """What a restart of ovs-vswitchd, started again at once, costs a flow."""
    with flow(*ends) as running:
        time.sleep(_AROUND_S)
        kill_vswitchd(site, "h1", random.Random())  # noqa: S311 (not asked)
        site.wait_answer(ends)
        time.sleep(_AROUND_S)
        return running.finish()


def _without_ovsfleet(site: FaultSite, ends: tuple[Endpoint, Endpoint]) -> Delivery:
    for host in site.lab.switches:
        site.lab.agent_process(host).kill()
    try:
        return _cost(site, ends)
    finally:
        for host in site.lab.switches:
            site.lab.start_agent(host)
        _settle(site)


def _settle(site: FaultSite) -> None:
    _, missing = site.wait_settled(30)
    assert not missing, missing


def _figures(costs: Sequence[Delivery]) -> dict[str, Any]:
    lost, gaps = [c.lost for c in costs], [c.longest_gap_ms for c in costs]
    return {
        "restarts": len(costs),
        "lost_p50": statistics.median(lost),
        "lost_max": max(lost),
        "gap_ms_p50": statistics.median(gaps),
        "gap_ms_max": max(gaps),
    }


def test_the_death_of_vswitchd_costs_no_more_than_plain_open_vswitchs_own_restart(
    site: FaultSite,
) -> None:
    ours: list[Delivery] = []
    plain: list[Delivery] = []
    with plain_bridges(site) as ends:
        _settle(site)
        for _ in range(_PAIRS):  # in turn, because a machine is not the same from minute to minute
            plain.append(_without_ovsfleet(site, ends))
            ours.append(_cost(site, (FLOW_FROM, FLOW_TO)))
            _settle(site)
    site.remember_foreign()
    with_it, without = _figures(ours), _figures(plain)
    ratio = with_it["lost_p50"] / without["lost_p50"]
    write_result("vswitchd", {"ovsfleet": with_it, "plain": without, "ratio": round(ratio, 3)})
    assert ratio <= _NO_MORE_THAN
