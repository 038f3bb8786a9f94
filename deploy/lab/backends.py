"""Segments across backends: Open vSwitch's tunnels and kernel vxlan devices, one with the other.

``amber`` has tunnels of Open vSwitch on two hosts and a kernel device on the host without it;
``violet`` has kernel devices everywhere.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path

from deploy.lab import evidence
from deploy.lab.claims import Ledger
from deploy.lab.example import example_endpoints
from deploy.lab.lab import Lab
from deploy.lab.probes import Endpoint, UnderlayCapture, broadcast_copies, ping_all
from deploy.lab.shell import in_netns, wait_until

EXAMPLE = Path(__file__).parents[2] / "docs/examples/both-backends.yaml"
_SEGMENTS = ("amber", "violet")


def prove_backends(lab: Lab, ledger: Ledger) -> None:
    """Applies the example and leaves it there."""
    endpoints = example_endpoints(lab, EXAMPLE)
    lab.add_workloads(sorted({e.netns for e in endpoints} - {h.netns for h in lab.plan.hosts}))
    ledger.step(f"ovsfleet apply -f docs/examples/{EXAMPLE.name} --wait")
    with ledger.claim("segments span Open vSwitch and a host without it", spinner=False) as claim:
        lab.ovsfleet("apply", "-f", str(EXAMPLE), "--wait", "--timeout=40", show_progress=True)
        by_segment = _pairs(endpoints)
        pairs = [pair for same in by_segment.values() for pair in same]
        wait_until("first answers", lambda: len(ping_all(pairs)) == len(pairs), 20)
        answered = ping_all(pairs)
        devices = ", ".join(evidence.owned_links(lab.plan.plain[0]))
        claim.prove(
            len(answered) == len(pairs),
            f"{len(answered)} of {len(pairs)} pairs answer; on {lab.plan.plain[0].name}: {devices}",
        )
    _prove_broadcast(ledger, endpoints)
    _prove_unicast(lab, ledger, [e for e in endpoints if e.segment == "violet"])


def _pairs(endpoints: list[Endpoint]) -> dict[str, list[tuple[Endpoint, Endpoint]]]:
    pairs = itertools.permutations(endpoints, 2)
    both = [(a, b) for a, b in pairs if a.segment == b.segment]
    return {name: [pair for pair in both if pair[0].segment == name] for name in _SEGMENTS}


def _prove_broadcast(ledger: Ledger, endpoints: list[Endpoint], count: int = 20) -> None:
    with ledger.claim("a broadcast crosses backends and arrives exactly once") as claim:
        wrong, checked = 0, 0
        for source in endpoints:
            targets = [e for e in endpoints if e is not source]
            copies = broadcast_copies(source, targets, count)
            expected = {e.name: count if e.segment == source.segment else 0 for e in targets}
            wrong += copies != expected
            checked += 1
        claim.prove(not wrong, f"{count} sent from each of {checked} ports, {wrong} seen otherwise")


def _prove_unicast(lab: Lab, ledger: Ledger, endpoints: list[Endpoint], count: int = 50) -> None:
    source, other, target = endpoints
    vni = _vni(lab, source.segment)
    with ledger.claim("the kernel backend sends unicast to one host only") as claim:
        capture = UnderlayCapture(lab.plan, lab.directory)
        ping = ("ping", "-n", "-q", "-i0.01", f"-c{count}", "-I", source.device, target.address)
        said = in_netns(source.netns, *ping, check=False)
        seen = capture.finish().frames_by_target
        to_target = seen.get((vni, lab.host(target.host).vtep), 0)
        to_other = seen.get((vni, lab.host(other.host).vtep), 0)
        claim.prove(
            f" {count} received" in said and to_target >= count and to_other == 0,
            f"{count} pings {source.host} to {target.host}: {to_target} frames there, "
            f"{to_other} to {other.host}",
        )


def _vni(lab: Lab, segment: str) -> int:
    document = json.loads(lab.ovsfleet("get", "segment", segment, "-o", "json"))
    return int(document["spec"]["vni"])
