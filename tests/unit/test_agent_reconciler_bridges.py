"""The closed loop when a bridge is refused on which others would be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.columns import Settings
from agent.model import Bridge, DatapathType, Port, PortType
from agent.monitoring import FlowExport, FlowProtocol, Mirror
from agent.planner.plan import AddBridge, Step
from tests.support.agent_loop import Host, state

TARGETS = Settings({"targets": ("192.0.2.7:9",)})
HINDERED: dict[str, dict[str, Any]] = {
    "port": {"ports": (Port("port:c", "c", PortType.INTERNAL, "br-bad"),)},
    "mirror": {"mirrors": (Mirror("mirror:m", "m", "br-bad", select_all=True, output_vlan=9),)},
    "export": {
        "flow_exports": (
            FlowExport("flow-export:e", FlowProtocol.NETFLOW, ("br-bad", "br-fleet"), TARGETS),
        )
    },
}


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def is_bad(step: Step) -> bool:
    return isinstance(step, AddBridge) and step.name == "br-bad"


@pytest.mark.parametrize("kind", HINDERED)
async def test_what_is_to_be_on_a_refused_bridge_waits_for_it_and_nothing_else_does(
    host: Host, kind: str
) -> None:
    host.switch.refuses = is_bad
    bad = Bridge("bridge:bad", "br-bad", DatapathType.NETDEV)
    desired = state(bridges=(bad,), **HINDERED[kind])
    (hindered,) = (each[0].id for each in HINDERED[kind].values())
    delay = await host.realize(desired)
    for _ in range(6):
        assert host.reasons()["bridge:bad"] == "Refused"
        assert hindered in host.reasons()
        assert "NotRealized" not in host.reasons().values()
        assert delay > 0
        before = host.ovsdb.attempts
        delay = await host.turn_at(delay)
        assert host.ovsdb.attempts - before <= 2
    exported = host.switch.bridges["br-fleet"].exports
    assert set(exported) == ({"NetFlow"} if kind == "export" else set())
    later = state(2, bridges=(bad,), **HINDERED[kind])
    await host.realize(later)
    attempts = host.ovsdb.attempts
    await host.loop.turn()
    assert host.ovsdb.attempts == attempts
    host.switch.refuses = lambda _: False
    await host.turn_at(60.0)
    await host.turn_at(60.0)
    assert host.reasons() == {}
