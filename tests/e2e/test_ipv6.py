"""Tunnels over an IPv6 underlay: a segment of both backends, and an explicit tunnel."""

from __future__ import annotations

import itertools

import pytest

from deploy.lab.lab import Lab
from deploy.lab.network import add_workload_netns
from deploy.lab.probes import Endpoint, broadcast_copies, ping_all
from deploy.lab.shell import run, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

_INTENT = """
kind: Segment
metadata: {name: six}
spec: {address_family: ipv6}
---
kind: Port
metadata: {name: six-h1}
spec: {host: h1, segment: six, interface: six1, addresses: [10.66.0.1/24]}
---
kind: Port
metadata: {name: six-h2}
spec: {host: h2, segment: six, interface: six2, addresses: [10.66.0.2/24]}
---
kind: Port
metadata: {name: six-h4}
spec:
  host: h4
  segment: six
  type: veth
  interface: six4
  peer: {netns: ovsf-six, interface: eth0}
  addresses: [10.66.0.4/24]
---
kind: Bridge
metadata: {name: p2p-h1}
spec: {host: h1, interface: br-p2p, datapath_type: DATAPATH}
---
kind: Bridge
metadata: {name: p2p-h3}
spec: {host: h3, interface: br-p2p, datapath_type: DATAPATH}
---
kind: Port
metadata: {name: p2p-h1}
spec: {host: h1, bridge: p2p-h1, interface: p2p1, mtu: 1400, addresses: [10.67.0.1/24]}
---
kind: Port
metadata: {name: p2p-h3}
spec: {host: h3, bridge: p2p-h3, interface: p2p3, mtu: 1400, addresses: [10.67.0.3/24]}
---
kind: Tunnel
metadata: {name: p2p}
spec:
  address_family: ipv6
  ends: [{host: h1, bridge: p2p-h1}, {host: h3, bridge: p2p-h3}]
  csum: true
  tos: inherit
"""


def test_segments_and_explicit_tunnels_carry_traffic_over_ipv6(lab: Lab) -> None:
    add_workload_netns("ovsf-six")
    try:
        path = lab.directory / "six.yaml"
        path.write_text(_INTENT.replace("DATAPATH", lab.switches["h1"].datapath_type))
        lab.ovsfleet("apply", "--wait", "-f", str(path))

        mesh = [
            Endpoint("h1", "h1", lab.host("h1").netns, "six1", "10.66.0.1", "six"),
            Endpoint("h2", "h2", lab.host("h2").netns, "six2", "10.66.0.2", "six"),
            Endpoint("h4", "h4", "ovsf-six", "eth0", "10.66.0.4", "six"),
        ]
        link = [
            Endpoint("p1", "h1", lab.host("h1").netns, "p2p1", "10.67.0.1", "p2p"),
            Endpoint("p3", "h3", lab.host("h3").netns, "p2p3", "10.67.0.3", "p2p"),
        ]
        pairs = [*itertools.permutations(mesh, 2), *itertools.permutations(link, 2)]
        wait_until("every pair to answer", lambda: len(ping_all(pairs)) == len(pairs), 20)
        assert broadcast_copies(mesh[0], [*mesh[1:], link[1]], 5) == {"h2": 5, "h4": 5, "p3": 0}
    finally:
        lab.ovsfleet("delete", "--wait", "-f", str(lab.directory / "six.yaml"))
        run("ip", "netns", "delete", "ovsf-six")
