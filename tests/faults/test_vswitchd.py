"""The deaths of Open vSwitch's daemons cost no more packets with ovsfleet than without.

In userspace ovs-vswitchd forwards in the loop that also serves its database: dead, or without the
database's lock, it forwards nothing (Open vSwitch 3.1: ``bridge_run`` returns before it polls its
ports). That is so without ovsfleet; so both are measured beside it, on plain bridges.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from deploy.lab.probes import Delivery, Endpoint, flow
from tests.support.fault_kinds import Inflict, kill_ovsdb_server, kill_vswitchd
from tests.support.fault_plain import plain_bridges
from tests.support.fault_results import write_result
from tests.support.fault_site import FLOW_FROM, FLOW_TO, FaultSite

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

_HOST = "h1"
_PAIRS = 8
_AROUND_S = 0.5
"""Of the flow before and after: a gap is between two arrivals, and has a beginning and an end."""
_NO_MORE_THAN = {"lost_p50": 1.25, "gap_ms_p50": 1.25, "lost_max": 1.5, "gap_ms_max": 1.5}
"""Times what it is without ovsfleet. Two series of the same thing differ by less: plain Open
vSwitch's own longest gap is a third longer than its median."""
_LEAST = {"lost_p50": 3, "gap_ms_p50": 20, "lost_max": 6, "gap_ms_max": 40}
"""That counts as any: a processor is busy with something else for as long."""
_WRITES = ("ovsfleet_agent_ovsdb_transactions", "ovsfleet_agent_netlink_writes")


def _cost(
    site: FaultSite, ends: tuple[Endpoint, Endpoint], inflict: Inflict, seed: int
) -> Delivery:
    """What a death costs a flow."""
    with flow(*ends) as running:
        time.sleep(_AROUND_S)
        inflict(site, _HOST, random.Random(seed))  # noqa: S311 (all stay away for as long)
        site.wait_answer(ends)
        time.sleep(_AROUND_S)
        return running.finish()


def _begin_anew(site: FaultSite, ends: tuple[Endpoint, Endpoint]) -> None:
    """With an ovs-vswitchd that was not left by its database lately: it waits for longer each time
    before it connects again."""
    kill_vswitchd(site, _HOST, random.Random(0))  # noqa: S311 (not asked)
    site.wait_answer(ends)


@contextmanager
def _without_agents(site: FaultSite) -> Iterator[None]:
    for host in site.lab.switches:
        site.lab.agent_process(host).kill()
    try:
        yield
    finally:
        for host in site.lab.switches:
            site.lab.start_agent(host)
        _settle(site)


def _settle(site: FaultSite) -> None:
    _, missing = site.wait_settled(30)
    assert not missing, missing


def _written(site: FaultSite) -> int:
    """By the host's agent, since its start."""
    said = site.agent_says(_HOST)
    assert said is not None
    return int(sum(said["metrics"][name] for name in _WRITES))


def _figures(costs: Sequence[Delivery]) -> dict[str, float]:
    lost, gaps = [c.lost for c in costs], [c.longest_gap_ms for c in costs]
    return {
        "lost_p50": statistics.median(lost),
        "lost_max": max(lost),
        "gap_ms_p50": round(statistics.median(gaps), 1),
        "gap_ms_max": max(gaps),
    }


@pytest.mark.parametrize(
    ("name", "inflict"), [("vswitchd", kill_vswitchd), ("ovsdb_server", kill_ovsdb_server)]
)
def test_the_death_of_a_daemon_costs_no_more_than_it_costs_plain_open_vswitch(
    site: FaultSite, name: str, inflict: Inflict
) -> None:
    """``plain`` is a bridge that ovs-vsctl made, ``rows`` one of ovsfleet's, both without agents;
    ``ovsfleet`` is that with agents. What it costs more than ``rows`` is the agent's doing, and
    what those cost more than ``plain`` that of the rows that it made."""
    ours = (FLOW_FROM, FLOW_TO)
    costs: dict[str, list[Delivery]] = {"plain": [], "rows": [], "ovsfleet": []}
    writes: list[int] = []
    with plain_bridges(site) as plain:
        _settle(site)
        for seed in range(_PAIRS):  # in turn: a machine is not the same from minute to minute
            with _without_agents(site):
                for kind, ends in (("plain", plain), ("rows", ours)):
                    _begin_anew(site, ends)
                    costs[kind].append(_cost(site, ends, inflict, seed))
            _begin_anew(site, ours)
            _settle(site)
            before = _written(site)
            costs["ovsfleet"].append(_cost(site, ours, inflict, seed))
            _settle(site)
            writes.append(_written(site) - before)
    assert site.changes_but_for_a_boot() == []
    figures = {kind: _figures(each) for kind, each in costs.items()}
    write_result(name, {"pairs": _PAIRS, **figures, "agent_writes_max": max(writes)})
    allowed = {
        each: max(_LEAST[each], factor * figures["plain"][each])
        for each, factor in _NO_MORE_THAN.items()
    }
    costs_more = {
        each: (figures["ovsfleet"][each], most)
        for each, most in allowed.items()
        if figures["ovsfleet"][each] > most
    }
    assert costs_more == {}
