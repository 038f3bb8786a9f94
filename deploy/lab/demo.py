"""The main job, start to finish, on real Open vSwitch hosts and one without, proven from outside.

Intent goes in through the `ovsfleet` command line as a person would type it; proof comes from ping,
tcpdump, ovs-vsctl, ovsdb-tool and ip, and from a sender that numbers its datagrams.
"""

from __future__ import annotations

import itertools
import json
import time
from pathlib import Path

from deploy.lab import backends, evidence
from deploy.lab.claims import Ledger
from deploy.lab.example import example_endpoints
from deploy.lab.faults import prove_faults
from deploy.lab.lab import Lab
from deploy.lab.probes import Endpoint, UnderlayCapture, broadcast_copies, ping_all
from deploy.lab.shell import wait_until

EXAMPLE = Path(__file__).parents[2] / "docs/examples/two-segments.yaml"
EXAMPLES = ("-f", str(EXAMPLE), "-f", str(backends.EXAMPLE))
"""What is there in the end, as words for the command line."""


def run_demo(lab: Lab, ledger: Ledger) -> None:
    """Runs every proof; the lab is left running without intent beyond its hosts."""
    _start_hosts(lab, ledger)
    before = {name: _foreign_at_rest(lab, name) for name in lab.plan.names}
    _start_fleet(lab, ledger)
    endpoints = _apply_example(lab, ledger)
    _prove_connectivity(lab, ledger, endpoints)
    backends.prove_backends(lab, ledger)
    prove_faults(lab, ledger, endpoints)
    _prove_removal(lab, ledger)
    _prove_foreign(lab, ledger, before)


def _start_hosts(lab: Lab, ledger: Ledger) -> None:
    ledger.step("starting three Open vSwitch hosts and one without")
    lab.start_hosts()
    datapath = "kernel" if lab.kernel_datapath else "userspace (no openvswitch module here)"
    ledger.console.print(f"  datapath: {datapath}")


def _start_fleet(lab: Lab, ledger: Ledger) -> None:
    ledger.step("starting ovsfleet-controller: PostgreSQL, REST, gRPC, Celery worker and beat")
    lab.start_controller()
    ledger.step("registering the hosts, enrolling their agents with join tokens")
    lab.register_hosts()
    for host in lab.plan.hosts:
        lab.enrol(host.name)
        lab.start_agent(host.name)


def _foreign(lab: Lab, name: str) -> tuple[str, str]:
    switch = lab.switches.get(name)
    rows = "" if switch is None else evidence.foreign_rows(switch)
    return rows, evidence.foreign_links(lab.host(name))


def _foreign_at_rest(lab: Lab, name: str) -> tuple[str, str]:
    """The foreign configuration once a host that was just started has come to rest: ports get
    their numbers and carrier, IPv6 addresses pass duplicate address detection."""
    seen = [_foreign(lab, name)]

    def is_at_rest() -> bool:
        seen.append(_foreign(lab, name))
        return seen[-1] == seen[-2] and "tentative" not in seen[-1][1]

    wait_until(f"{name} to come to rest", is_at_rest, 15, 0.3)
    return seen[-1]


def _apply_example(lab: Lab, ledger: Ledger) -> list[Endpoint]:
    endpoints = example_endpoints(lab, EXAMPLE)
    lab.add_workloads(sorted({e.netns for e in endpoints} - {h.netns for h in lab.plan.hosts}))
    ledger.step(f"ovsfleet apply -f docs/examples/{EXAMPLE.name} --wait")
    with ledger.claim("one atomic apply becomes Ready on every host", spinner=False) as claim:
        lab.ovsfleet("wait", "host", *lab.plan.names, "--for=Ready", "--timeout=20")
        started = time.monotonic()
        words = ("apply", "-f", str(EXAMPLE), "--wait", "--timeout=40", "-o", "json")
        result = lab.ovsfleet(*words, show_progress=True)
        seconds = time.monotonic() - started
        revisions = {row["revision"] for row in json.loads(result)["results"]}
        claim.prove(
            len(revisions) == 1,
            f"{len(endpoints)} ports, 2 segments, revision {revisions}, {seconds:.1f} s",
        )
    return endpoints


def _prove_connectivity(lab: Lab, ledger: Ledger, endpoints: list[Endpoint]) -> None:
    ledger.step("looking at the fabric from outside")
    pairs = list(itertools.permutations(endpoints, 2))
    inside = [(a, b) for a, b in pairs if a.segment == b.segment]
    across = [(a, b) for a, b in pairs if a.segment != b.segment]
    vnis = {
        item["metadata"]["name"]: item["spec"]["vni"]
        for item in json.loads(lab.ovsfleet("get", "segments", "-o", "json"))["items"]
    }
    capture = UnderlayCapture(lab.plan, lab.directory)
    with ledger.claim("ping between all pairs inside each segment") as claim:
        wait_until("first answers", lambda: len(ping_all(inside)) == len(inside), 20)
        answered = ping_all(inside)
        claim.prove(len(answered) == len(inside), f"{len(answered)} of {len(inside)} pairs")
    with ledger.claim("no ping crosses between segments") as claim:
        crossed = ping_all(across)
        claim.prove(not crossed, f"{len(crossed)} of {len(across)} pairs")
    _prove_capture(ledger, capture, vnis)
    _prove_broadcast(ledger, endpoints)


def _prove_capture(ledger: Ledger, capture: UnderlayCapture, vnis: dict[str, int]) -> None:
    with ledger.claim("the underlay carries UDP/4789 with the right VNIs") as claim:
        seen = capture.finish()
        names = {vni: name for name, vni in vnis.items()}
        counts = ", ".join(
            f"{names.get(vni, 'UNKNOWN')}={vni}: {count} frames"
            for vni, count in sorted(seen.frames_by_vni.items())
        )
        claim.prove(set(seen.frames_by_vni) == set(names) and not seen.other_frames, counts)


def _prove_broadcast(ledger: Ledger, endpoints: list[Endpoint], count: int = 20) -> None:
    with ledger.claim("a broadcast arrives exactly once at each other port") as claim:
        source = next(e for e in endpoints if e.segment == "blue")
        targets = [e for e in endpoints if e is not source]
        copies = broadcast_copies(source, targets, count)
        expected = {e.name: count if e.segment == source.segment else 0 for e in targets}
        inside = sorted({copies[e.name] for e in targets if e.segment == source.segment})
        outside = sorted({copies[e.name] for e in targets if e.segment != source.segment})
        claim.prove(
            copies == expected, f"{count} sent; copies in the segment {inside}, outside {outside}"
        )


def _prove_removal(lab: Lab, ledger: Ledger) -> None:
    examples = (EXAMPLE, backends.EXAMPLE)
    named = " ".join(f"-f docs/examples/{path.name}" for path in examples)
    ledger.step(f"ovsfleet delete {named} --wait --yes")
    with ledger.claim("deleting the segments removes every owned row and device") as claim:
        owned = len(_owned(lab))
        lab.ovsfleet("delete", *EXAMPLES, "--wait", "--yes", "--timeout=40")
        left = _owned(lab)
        named = f": {', '.join(left[:4])}" if left else ""
        claim.prove(owned > 0 and not left, f"{owned} before, {len(left)} left{named}")


def _owned(lab: Lab) -> list[str]:
    """Rows and devices with ovsfleet's mark, over all hosts."""
    rows = [f"{n}: {row}" for n, s in lab.switches.items() for row in evidence.owned_rows(s)]
    links = [f"{h.name}: {name}" for h in lab.plan.hosts for name in evidence.owned_links(h)]
    return rows + links


def _prove_foreign(lab: Lab, ledger: Ledger, before: dict[str, tuple[str, str]]) -> None:
    with ledger.claim("and leaves everything foreign byte-identical") as claim:
        same = [name for name in before if _foreign(lab, name) == before[name]]
        size = sum(len(part) for both in before.values() for part in both)
        claim.prove(
            len(same) == len(before), f"{len(same)} of {len(before)} hosts, {size} bytes compared"
        )
