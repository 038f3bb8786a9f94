"""The deaths of Open vSwitch's daemons cost no more packets with ovsfleet than without.

In userspace ovs-vswitchd forwards in the loop that also serves its database: dead, or without the
database's lock, it forwards nothing (Open vSwitch 3.1: ``bridge_run`` returns before it polls its
ports). That is so without ovsfleet; so both are measured beside it, on plain bridges.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Sequence
from typing import Any

import pytest

from deploy.lab.probes import Delivery, Endpoint, flow
from tests.support.fault_kinds import Inflict, kill_ovsdb_server, kill_vswitchd
from tests.support.fault_plain import plain_bridges
from tests.support.fault_site import FLOW_FROM, FLOW_TO, FaultSite, write_result

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

_HOST = "h1"
_PAIRS = 8
_AROUND_S = 0.5
"""Of the flow before and after, so that the gap has a beginning and an end."""
_NO_MORE_THAN = 1.25
"""Of the medians; two runs of the same thing differ by less."""


def _cost(
    site: FaultSite, ends: tuple[Endpoint, Endpoint], inflict: Inflict, seed: int
) -> Delivery:
    """What a death costs a flow, with an ovs-vswitchd that was not left by its database lately:
    it waits for longer each time before it connects again."""
    kill_vswitchd(site, _HOST, random.Random(seed))  # noqa: S311 (no secret)
    site.wait_answer(ends)
    with flow(*ends) as running:
        time.sleep(_AROUND_S)
        inflict(site, _HOST, random.Random(seed))  # noqa: S311 (both stay away for as long)
        site.wait_answer(ends)
        time.sleep(_AROUND_S)
        return running.finish()


def _without_ovsfleet(
    site: FaultSite, ends: tuple[Endpoint, Endpoint], inflict: Inflict, seed: int
) -> Delivery:
    for host in site.lab.switches:
        site.lab.agent_process(host).kill()
    try:
        return _cost(site, ends, inflict, seed)
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
        "lost_p50": statistics.median(lost),
        "lost_max": max(lost),
        "gap_ms_p50": statistics.median(gaps),
        "gap_ms_max": max(gaps),
    }


@pytest.mark.parametrize(
    ("name", "inflict"), [("vswitchd", kill_vswitchd), ("ovsdb_server", kill_ovsdb_server)]
)
def test_the_death_of_a_daemon_costs_no_more_than_it_costs_plain_open_vswitch(
    site: FaultSite, name: str, inflict: Inflict
) -> None:
    ours: list[Delivery] = []
    plain: list[Delivery] = []
    with plain_bridges(site) as ends:
        _settle(site)
        for seed in range(_PAIRS):  # in turn: a machine is not the same from minute to minute
            plain.append(_without_ovsfleet(site, ends, inflict, seed))
            ours.append(_cost(site, (FLOW_FROM, FLOW_TO), inflict, seed))
            _settle(site)
    site.remember_foreign()
    with_it, without = _figures(ours), _figures(plain)
    ratio = round(with_it["lost_p50"] / max(1, without["lost_p50"]), 3)
    figures = {"pairs": _PAIRS, "ovsfleet": with_it, "plain": without, "ratio": ratio}
    write_result(name, figures)
    assert ratio <= _NO_MORE_THAN
