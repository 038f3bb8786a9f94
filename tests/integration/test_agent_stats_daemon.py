"""Statistics of the whole agent, as a process on a real Open vSwitch."""

from __future__ import annotations

import signal

import httpx
import pytest
from ovsfleet.v1 import stats_pb2

from agent.netlink import netns as namespaces
from tests.support.agent_lab import OTHER, SEGMENT, Lab

pytestmark = pytest.mark.integration

SUBJECTS = {"port:p1", "port:w1", f"tunnel:{SEGMENT}/{OTHER}"}


async def reported(lab: Lab) -> dict[str, stats_pb2.Counters]:
    """The newest counters of the process that runs now, once it has reported every subject."""
    end, nonce = lab.controller.statistics, lab.controller.session.hello.instance_nonce
    assert end is not None
    try:
        await end.until(lambda: end.newest(nonce).keys() >= SUBJECTS, "a report of each subject")
    except AssertionError as error:
        raise AssertionError(f"{error}; log:\n{lab.agent.log()}") from error
    return end.newest(nonce)


async def test_a_restarted_agent_goes_on_with_the_series_it_had_and_writes_nothing(
    lab: Lab,
) -> None:
    lab.controller.stats_interval_ms = 250
    await lab.start()
    await lab.realize(lab.state())
    before = await reported(lab)
    assert lab.host.exec("ping", "-c", "3", "-i", "0.2", "-W", "5", "10.9.0.2")
    await lab.agent.end(signal.SIGKILL)
    await lab.start()
    after = await reported(lab)
    assert {name: after[name].epoch for name in SUBJECTS} == {
        name: before[name].epoch for name in SUBJECTS
    }
    assert after["port:w1"].rx_packets >= before["port:w1"].rx_packets + 3
    assert lab.agent.writes() == (0, 0)
    answer = namespaces.call_in(
        lab.host.name, lambda: httpx.get("http://127.0.0.1:9475/metrics", trust_env=False)
    )
    assert 'ovsfleet_agent_revision{stage="applied"} 1.0' in answer.text
    assert "ovsfleet_agent_stats_stream_connected 1.0" in answer.text
