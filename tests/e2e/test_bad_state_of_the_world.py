"""A host that is not as it should be: the resource says what to do, the others do not notice."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from deploy.lab import evidence
from deploy.lab.lab import CONTROLLER, Lab
from deploy.lab.network import add_workload_netns
from deploy.lab.shell import in_netns, run, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

_numbers = itertools.count(1)


@pytest.fixture
def netns() -> Iterator[str]:
    """Name of a namespace that does not exist yet."""
    name = f"ovsf-late-{next(_numbers)}"
    yield name
    run("ip", "netns", "delete", name, check=False)


def apply(lab: Lab, *documents: str) -> None:
    path = lab.directory / "test.yaml"
    path.write_text("\n---\n".join(documents))
    lab.ovsfleet("apply", "-f", str(path))


def segment(name: str) -> str:
    return f"kind: Segment\nmetadata: {{name: {name}}}\nspec: {{}}"


def internal_port(name: str, host: str, where: str, address: str) -> str:
    return (
        f"kind: Port\nmetadata: {{name: {name}}}\n"
        f"spec: {{host: {host}, segment: {where}, interface: {name}, addresses: [{address}]}}"
    )


def veth_port(name: str, host: str, where: str, netns: str) -> str:
    return (
        f"kind: Port\nmetadata: {{name: {name}}}\n"
        f"spec: {{host: {host}, segment: {where}, interface: {name}, type: veth, "
        f"peer: {{netns: {netns}, interface: eth0}}}}"
    )


def port(lab: Lab, name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(lab.ovsfleet("get", "port", name, "-o", "json"))
    return document


def realized(document: dict[str, Any]) -> dict[str, str]:
    conditions = document["status"]["conditions"]
    found: dict[str, str] = next(c for c in conditions if c["type"] == "Realized")
    return found


def wait_for_phase(lab: Lab, kind: str, name: str, phase: str) -> dict[str, Any]:
    documents: list[dict[str, Any]] = []

    def there() -> bool:
        documents.append(json.loads(lab.ovsfleet("get", kind, name, "-o", "json")))
        return bool(documents[-1]["status"]["phase"] == phase)

    wait_until(f"{kind} {name} to be {phase}", there, 30, 0.2)
    return documents[-1]


def test_a_missing_namespace_is_named_and_the_port_is_ready_once_it_exists(
    lab: Lab, netns: str
) -> None:
    apply(
        lab,
        segment("s"),
        veth_port("late", "h1", "s", netns),
        internal_port("fine", "h1", "s", "10.99.0.1/24"),
    )
    failed = wait_for_phase(lab, "port", "late", "Failed")
    assert realized(failed)["reason"] == "NamespaceMissing"
    assert f"ip netns add {netns}" in realized(failed)["message"]
    assert wait_for_phase(lab, "port", "fine", "Ready")

    add_workload_netns(netns)
    assert wait_for_phase(lab, "port", "late", "Ready")
    assert "eth0" in run("ip", "-n", netns, "-br", "link")


def test_a_name_that_somebody_else_holds_is_a_conflict_and_is_left_alone(lab: Lab) -> None:
    switch = lab.switches["h2"]
    switch.vsctl_line("add-port br-foreign taken0 -- set interface taken0 type=internal")
    try:
        before = evidence.foreign_rows(switch)
        apply(
            lab,
            segment("s"),
            internal_port("taken0", "h2", "s", "10.99.0.1/24"),
            internal_port("free0", "h2", "s", "10.99.0.2/24"),
        )
        failed = wait_for_phase(lab, "port", "taken0", "Failed")
        assert "br-foreign" in realized(failed)["message"]
        assert wait_for_phase(lab, "port", "free0", "Ready")
        assert evidence.foreign_rows(switch) == before
    finally:
        switch.vsctl("del-port", "br-foreign", "taken0")
    assert wait_for_phase(lab, "port", "taken0", "Ready")


def test_a_host_whose_vswitchd_is_down_says_so_and_recovers_by_itself(lab: Lab) -> None:
    switch = lab.switches["h3"]
    vswitchd = lab.processes.get("h3/ovs-vswitchd")
    apply(lab, segment("s"), internal_port("a", "h3", "s", "10.99.0.1/24"))
    wait_for_phase(lab, "port", "a", "Ready")

    vswitchd.kill()
    try:
        failed = wait_for_phase(lab, "host", "h3", "Failed")
        assert "ovs-vswitchd" in json.dumps(failed["status"]["conditions"])
        apply(
            lab,
            internal_port("b", "h3", "s", "10.99.0.2/24"),
            internal_port("c", "h1", "s", "10.99.0.3/24"),
        )
        assert wait_for_phase(lab, "port", "c", "Ready")
        assert port(lab, "b")["status"]["phase"] != "Ready"
    finally:
        switch.start_vswitchd()
    assert wait_for_phase(lab, "port", "b", "Ready")
    assert wait_for_phase(lab, "host", "h3", "Ready")


def test_an_agent_without_its_controller_repairs_drift_from_its_own_state(lab: Lab) -> None:
    apply(lab, segment("s"), internal_port("lone", "h1", "s", "10.99.0.1/24"))
    wait_for_phase(lab, "port", "lone", "Ready")
    lab.processes.get(CONTROLLER).kill()
    try:
        lab.agent_process("h1").kill()
        lab.start_agent("h1")
        switch = lab.switches["h1"]
        switch.vsctl("del-port", "lone")
        wait_until("lone to be back", lambda: "Port lone" in evidence.owned_rows(switch), 20)
        wait_until(
            "its address to be back",
            lambda: "10.99.0.1" in in_netns(switch.host.netns, "ip", "-br", "addr"),
            20,
        )
    finally:
        lab.start_controller()
    assert wait_for_phase(lab, "port", "lone", "Ready")


def test_a_silent_host_and_its_objects_become_unknown_and_recover(lab: Lab) -> None:
    apply(lab, segment("s"), internal_port("quiet", "h2", "s", "10.99.0.1/24"))
    wait_for_phase(lab, "port", "quiet", "Ready")
    lab.agent_process("h2").kill()
    try:
        assert wait_for_phase(lab, "host", "h2", "Unknown")
        assert wait_for_phase(lab, "port", "quiet", "Unknown")
    finally:
        lab.start_agent("h2")
    assert wait_for_phase(lab, "port", "quiet", "Ready")


def test_ports_of_an_explicit_bridge_reach_each_other_only_in_their_vlan(lab: Lab) -> None:
    names = [f"ovsf-v{n}" for n in (1, 2, 3)]
    kind = lab.switches["h1"].datapath_type
    bridge = f"{{host: h1, interface: br-lan, datapath_type: {kind}}}"
    documents = [f"kind: Bridge\nmetadata: {{name: lan}}\nspec: {bridge}"]
    for number, (name, tag) in enumerate(zip(names, (10, 10, 20), strict=True), start=1):
        add_workload_netns(name)
        documents.append(
            f"kind: Port\nmetadata: {{name: v{number}}}\n"
            f"spec: {{host: h1, bridge: lan, tag: {tag}, interface: v{number}, "
            f"type: veth, mtu: 1400, peer: {{netns: {name}, interface: eth0}}, "
            f"addresses: [10.98.0.{number}/24]}}"
        )
    try:
        apply(lab, *documents)
        for number in (1, 2, 3):
            wait_for_phase(lab, "port", f"v{number}", "Ready")
        in_netns(names[0], "ping", "-c1", "-W2", "10.98.0.2")
        crossed = in_netns(names[0], "ping", "-c1", "-W1", "10.98.0.3", check=False)
        assert " 0 received" in crossed
        assert "mtu 1400" in run("ip", "-n", names[0], "link", "show", "eth0")
    finally:
        for name in names:
            run("ip", "netns", "delete", name, check=False)
