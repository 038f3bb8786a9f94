#!/usr/bin/env python3
"""Two workloads on one segment: looked at before, applied, awaited and changed.

Needs the hosts h1 and h2, OVSFLEET_URL and OVSFLEET_TOKEN.
"""

from __future__ import annotations

import os
import sys

from controller.client.fleet import Fleet, NotRealizedError, ProblemError
from controller.client.fleet.documents import Manifest


def workload(name: str, host: str, address: str) -> Manifest:
    """A port whose other end is eth0 in a network namespace of the same name."""
    return {
        "kind": "Port",
        "metadata": {"name": name, "labels": {"app": "first"}},
        "spec": {
            "host": host,
            "segment": "first",
            "type": "veth",
            "interface": name,
            "peer": {"netns": name, "interface": "eth0"},
            "addresses": [address],
        },
    }


SEGMENT: Manifest = {"kind": "Segment", "metadata": {"name": "first", "labels": {"app": "first"}}}
WANTED = [
    SEGMENT,
    workload("vm-a", "h1", "10.30.0.1/24"),
    workload("vm-b", "h2", "10.30.0.2/24"),
]


def bring_up(fleet: Fleet) -> None:
    for change in fleet.diff(WANTED)["items"]:
        print("will", "change" if change["before"] else "create", change["kind"], change["name"])

    result = fleet.apply(WANTED, wait=30)
    print("every host has applied revision", result["revision"])

    print("the VNI is", fleet.segments.get("first")["spec"]["vni"])
    for tunnel in fleet.segments.tunnels("first"):
        print("tunnel from", tunnel["host"], "to", tunnel["remote_host"])

    # Only if nobody has changed it since it was read.
    port = fleet.ports.get("vm-a")
    port["metadata"]["labels"]["tier"] = "web"
    fleet.ports.replace(port)
    print(
        "labelled", [each["metadata"]["name"] for each in fleet.ports.list(label_selector="tier")]
    )


def main() -> int:
    with Fleet(os.environ["OVSFLEET_URL"], os.environ["OVSFLEET_TOKEN"]) as fleet:
        try:
            bring_up(fleet)
        except NotRealizedError as late:
            print(late, file=sys.stderr)
            return 1
        except ProblemError as problem:
            print(problem, file=sys.stderr)
            for violation in problem.violations:
                print(f"  {violation.pointer}: {violation.fix}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
