"""What a purge takes away: all that is ours on any host, what it said before, and nothing else."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.model import HostState
from agent.observed import ObservedState
from agent.planner import make_plan
from agent.planner.inventory import owned_ids
from agent.purge import nothing_of
from tests.properties.test_planner import converge
from tests.support.hosts import FLEET, desired_states
from tests.support.monitoring_strategies import monitored_states
from tests.support.satisfaction import foreign_part
from tests.support.strange_hosts import strange_hosts
from tests.support.switch import Switch


@settings(max_examples=settings().max_examples // 2)
@given(st.one_of(desired_states(), monitored_states()), strange_hosts(), st.booleans())
def test_a_purge_takes_away_what_is_ours_in_one_run_and_touches_nothing_else(
    desired: HostState, host: ObservedState, knows_state: bool
) -> None:
    switch = Switch(host)
    before = foreign_part(switch.observed, FLEET)
    converge(switch, desired)
    accepted = desired if knows_state else None
    wish = nothing_of(FLEET, accepted, switch.observed)
    plan = make_plan(wish, switch.observed)
    assert switch.run(plan) == ()
    left = make_plan(nothing_of(FLEET, accepted, switch.observed), switch.observed)
    assert left.is_empty
    assert owned_ids(switch.observed, FLEET) == {each.resource for each in left.failures}
    # Without the accepted state nobody knows who put a card into a bridge of ours: it stays there.
    assert all(each.reason == "BridgeInUse" for each in left.failures)
    assert not (knows_state and left.failures)
    assert foreign_part(switch.observed, FLEET) == before
    assert not switch.observed.strays


def test_on_a_host_without_anything_of_ours_a_purge_has_nothing_to_do() -> None:
    host = Switch(ObservedState())
    assert make_plan(nothing_of(FLEET, None, host.observed), host.observed).describe() == ()
