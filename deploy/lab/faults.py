"""Faults under traffic: what daemons do may not cost a packet.

While a sender numbers its datagrams from one host to another, the controller is killed with -9 and
started again, an agent is killed idle and in the middle of an apply, and a port is deleted by hand.
"""

from __future__ import annotations

import json
import time
from typing import Any

from deploy.lab import evidence
from deploy.lab.claims import Claim, Ledger
from deploy.lab.lab import CONTROLLER, Lab
from deploy.lab.probes import Delivery, Endpoint, flow
from deploy.lab.shell import LabError, wait_until

_MINIMUM_RATE = 500
_WRITE_COUNTERS = (
    "ovsfleet_agent_ovsdb_transactions",
    "ovsfleet_agent_netlink_writes",
)
_VICTIM = "h1"
"""The host whose agent is killed: the sender's own."""


def prove_faults(lab: Lab, ledger: Ledger, endpoints: list[Endpoint]) -> None:
    ledger.step("breaking things under traffic")
    blue = [e for e in endpoints if e.segment == "blue" and e.netns != lab.host(e.host).netns]
    source = next(e for e in blue if e.host == _VICTIM)
    target = next(e for e in blue if e.host != _VICTIM)

    with (
        ledger.claim("no packet lost: controller killed -9 and restarted") as claim,
        flow(source, target) as running,
    ):
        said = _restart_controller(lab)
        _judge(claim, running.finish(), said)
    _prove_idle_restart(lab, ledger, source, target)
    _prove_mid_apply(lab, ledger, source, target)
    _prove_repair(lab, ledger)


def _judge(claim: Claim, got: Delivery, said: str) -> None:
    claim.prove(
        got.lost == 0 and got.repeated == 0 and got.rate >= _MINIMUM_RATE,
        f"{got.lost} of {got.sent} lost at {got.rate:.0f}/s, longest gap {got.longest_gap_ms} ms; "
        + said,
    )


def _restart_controller(lab: Lab) -> str:
    lab.processes.get(CONTROLLER).kill()
    wait_until("the API to be gone", lambda: not lab.is_ready(), 10)
    time.sleep(1)  # A controller that stays away for a while is part of the proof.
    started = time.monotonic()
    lab.start_controller()
    lab.ovsfleet("wait", "host", *lab.plan.names, "--for=Ready", "--timeout=30")
    return f"all hosts Ready {time.monotonic() - started:.1f} s after its start"


def _restart_agent(lab: Lab, env: dict[str, str] | None = None) -> float:
    """Kills the victim's agent and starts it again; returns the seconds until it is done."""
    lab.agent_process(_VICTIM).kill()
    started = time.monotonic()
    lab.start_agent(_VICTIM, env)
    wait_until("the agent to have reconciled", lambda: _is_settled(lab), 30)
    return time.monotonic() - started


def _agent_says(lab: Lab) -> dict[str, Any] | None:
    """What the victim's running agent tells of itself, or None while it does not answer."""
    said = lab.agent(_VICTIM, "status", "--json", check=False)
    document: dict[str, Any] | None = json.loads(said) if said.strip() else None
    return document


def _is_settled(lab: Lab) -> bool:
    """Whether the agent has looked at the host, found nothing to do, and is connected."""
    document = _agent_says(lab)
    if document is None or document["report"] is None:
        return False
    is_connected = document["metrics"]["ovsfleet_agent_stream_connected"] == 1
    return is_connected and not document["report"]["failures"]


def _prove_idle_restart(lab: Lab, ledger: Ledger, source: Endpoint, target: Endpoint) -> None:
    switch = lab.switches[_VICTIM]
    with (
        ledger.claim("no packet lost: idle agent killed -9 and restarted") as lossless,
        ledger.claim("an idle restart writes nothing", spinner=False) as idle,
    ):
        events = evidence.NetlinkEvents([lab.host(_VICTIM).netns, source.netns])
        before = evidence.transactions(switch)
        with flow(source, target) as running:
            seconds = _restart_agent(lab)
            made = evidence.transactions(switch) - before
            _judge_idleness(idle, made, len(events.finish()), _counted_writes(lab))
            _judge(lossless, running.finish(), f"settled after {seconds:.1f} s")


def _judge_idleness(claim: Claim, transactions: int, netlink: int, counted: int) -> None:
    claim.prove(
        transactions == netlink == counted == 0,
        f"{transactions} OVSDB transactions in the journal, {netlink} netlink events, "
        f"{counted} writes by the agent's own count",
    )


def _counted_writes(lab: Lab) -> int:
    document = _agent_says(lab)
    if document is None:
        raise LabError(f"the agent of {_VICTIM} does not answer")
    return int(sum(document["metrics"][name] for name in _WRITE_COUNTERS))


def _prove_mid_apply(lab: Lab, ledger: Ledger, source: Endpoint, target: Endpoint) -> None:
    """A third host joins a segment, so that the victim gets a tunnel, and its agent dies over it.

    The change makes no device in the victim's namespace: with the userspace datapath any new device
    there makes ovs-vswitchd forget its routes for some milliseconds, and plain Open vSwitch loses
    packets too (docs/operations.md). What is proven here is what killing the agent costs.
    """
    others = [name for name in lab.switches if name != _VICTIM]
    with ledger.claim("no packet lost: agent killed -9 twice in the middle of an apply") as claim:
        _apply(lab, "extra.yaml", _extra_segment([_VICTIM, others[0]]), "--wait")
        with flow(source, target) as running:
            said = _join_and_kill(lab, others[1])
            _judge(claim, running.finish(), said)
    lab.ovsfleet("delete", "-f", str(lab.directory / "extra.yaml"), "--wait", "--timeout=30")


def _join_and_kill(lab: Lab, newcomer: str) -> str:
    """The agent dies before its OVSDB transaction, and at the next start right after it."""
    _restart_agent(lab, _failpoint("before-ovsdb"))
    victim = lab.agent_process(_VICTIM)
    _apply(lab, "extra.yaml", _extra_segment([*lab.switches]))
    wait_until("the agent to die before its transaction", lambda: not victim.is_alive(), 15)
    victim = lab.start_agent(_VICTIM, _failpoint("after-ovsdb"))
    wait_until("the agent to die after its transaction", lambda: not victim.is_alive(), 15)
    started = time.monotonic()
    lab.start_agent(_VICTIM)
    _apply(lab, "extra.yaml", _extra_segment([*lab.switches]), "--wait")
    return f"{newcomer} joined, all Ready {time.monotonic() - started:.1f} s after the last start"


def _failpoint(name: str) -> dict[str, str]:
    return {"OVSFLEET_AGENT_FAILPOINT": name}


def _apply(lab: Lab, file: str, manifests: str, *words: str) -> None:
    path = lab.directory / file
    path.write_text(manifests)
    lab.ovsfleet("apply", "-f", str(path), *words)


def _extra_segment(hosts: list[str]) -> str:
    ports = [
        f"kind: Port\nmetadata: {{name: extra-{host}}}\n"
        f"spec: {{host: {host}, segment: extra, interface: extra}}"
        for host in hosts
    ]
    return "\n---\n".join(["kind: Segment\nmetadata: {name: extra}\nspec: {}", *ports])


def _prove_repair(lab: Lab, ledger: Ledger) -> None:
    with ledger.claim("a port deleted by hand comes back by itself") as claim:
        switch = lab.switches[_VICTIM]
        switch.vsctl("del-port", "blue1-w")
        seconds = wait_until(
            "blue1-w to be back", lambda: "Port blue1-w" in evidence.owned_rows(switch), 15, 0.02
        )
        lab.ovsfleet("wait", "port", "blue-h1-workload", "--for=Ready", "--timeout=15")
        claim.prove(True, f"ovs-vsctl del-port blue1-w: back after {seconds * 1000:.0f} ms")
