"""A host gets another VTEP while its segments carry traffic, also while a peer does not answer."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from deploy.lab.lab import Lab
from deploy.lab.network import add_workload_netns
from deploy.lab.probes import Endpoint, flow, ping_all
from deploy.lab.shell import in_netns, run, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

_OTHER_VTEP = "192.0.2.111"
_ENDS = [
    Endpoint(f"end-{host}", host, f"ovsf-end-{host}", "eth0", f"10.97.0.{host[1:]}", "renumbered")
    for host in ("h1", "h2", "h3")
]


def _intent() -> str:
    ports = [
        f"kind: Port\nmetadata: {{name: {end.name}}}\n"
        f"spec: {{host: {end.host}, segment: renumbered, type: veth, interface: rn0, "
        f"peer: {{netns: {end.netns}, interface: eth0}}, addresses: [{end.address}/24]}}"
        for end in _ENDS
    ]
    return "\n---\n".join(["kind: Segment\nmetadata: {name: renumbered}\nspec: {}", *ports])


@pytest.fixture
def renumbering(lab: Lab) -> Iterator[Lab]:
    """The lab with a segment on three hosts, the first of which has a second address."""
    for end in _ENDS:
        add_workload_netns(end.netns)
    underlay = "under0" if lab.kernel_datapath else "br-phy"
    address = (f"{_OTHER_VTEP}/24", "dev", underlay)
    in_netns(lab.host("h1").netns, "ip", "address", "add", *address)
    path = lab.directory / "renumbered.yaml"
    path.write_text(_intent())
    lab.ovsfleet("apply", "--wait", "-f", str(path))
    yield lab
    lab.register_hosts()
    _wait_for_one_vtep(lab)
    in_netns(lab.host("h1").netns, "ip", "address", "del", *address)
    for end in _ENDS:
        run("ip", "netns", "delete", end.netns)


def _renumber(lab: Lab) -> None:
    path = lab.directory / "renumber.yaml"
    path.write_text(lab.host_manifests().replace(f"[{lab.host('h1').vtep},", f"[{_OTHER_VTEP},"))
    lab.ovsfleet("apply", "-f", str(path))


def _settled(lab: Lab) -> dict[str, str]:
    host: dict[str, Any] = json.loads(lab.ovsfleet("get", "host", "h1", "-o", "json"))
    conditions: list[dict[str, str]] = host["status"]["conditions"]
    return next((c for c in conditions if c["type"] == "VtepsSettled"), {"status": "True"})


def _wait_for_one_vtep(lab: Lab) -> None:
    is_settled = lambda: _settled(lab)["status"] == "True"  # noqa: E731
    wait_until("the former VTEP to be given up", is_settled, 30, 0.2)
    lab.ovsfleet("wait", "host", *lab.plan.names, "--for=Ready", "--timeout=30")


def _tunnels(lab: Lab, host: str) -> str:
    columns = ("--bare", "--columns=options", "find", "interface", "type=vxlan")
    return lab.switches[host].vsctl(*columns)


def test_no_frame_is_lost_in_either_direction_while_a_peer_lags_behind(renumbering: Lab) -> None:
    lab, (one, two, three) = renumbering, _ENDS
    silent = lab.agent_process("h2")
    os.kill(silent.pid, signal.SIGSTOP)
    try:
        with flow(one, two) as there, flow(three, one) as back:
            _renumber(lab)
            has_it = lambda: f"remote_ip={_OTHER_VTEP}" in _tunnels(lab, "h3")  # noqa: E731
            wait_until("the others to have the new VTEP", has_it, 30)
            assert "h2" in _settled(lab)["message"]
            lost = there.finish().lost, back.finish().lost
    finally:
        os.kill(silent.pid, signal.SIGCONT)
    assert lost == (0, 0)

    _wait_for_one_vtep(lab)
    every_pair = [(a, b) for a in _ENDS for b in _ENDS if a is not b]
    assert len(ping_all(every_pair)) == len(every_pair)
    for host in ("h1", "h2", "h3"):
        ends = {option.partition("=")[2] for option in _tunnels(lab, host).split()}
        assert lab.host("h1").vtep not in ends
