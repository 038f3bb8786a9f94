"""Plain Open vSwitch beside ovsfleet's: a bridge, a tunnel and two ports on h1 and h2, made with
ovs-vsctl(8) and ip(8), so that what ovs-vswitchd's death costs can be measured without ovsfleet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from deploy.lab.network import add_workload_netns
from deploy.lab.probes import Endpoint
from deploy.lab.shell import in_netns, ip_batch, run
from tests.support.fault_site import FaultSite

_NETNS = "ovsf-plain"
_KEY = 7007
FROM = Endpoint("plain-h1", "h1", f"{_NETNS}-h1", "eth0", "10.95.0.1", "plain")
TO = Endpoint("plain-h2", "h2", f"{_NETNS}-h2", "eth0", "10.95.0.2", "plain")


@contextmanager
def plain_bridges(site: FaultSite) -> Iterator[tuple[Endpoint, Endpoint]]:
    for end, other in ((FROM, TO), (TO, FROM)):
        _add(site, end, site.lab.host(other.host).vtep)
    try:
        yield FROM, TO
    finally:
        for end in (FROM, TO):
            _remove(site, end)


def _add(site: FaultSite, end: Endpoint, far: str) -> None:
    switch = site.lab.switches[end.host]
    add_workload_netns(end.netns)
    host = switch.host.netns
    ip_batch([f"link add plain0 mtu 1450 type veth peer name eth0 netns {end.netns}"], host)
    ip_batch(["link set plain0 up"], host)
    ip_batch(["link set eth0 mtu 1450 up", f"address add {end.address}/24 dev eth0"], end.netns)
    in_netns(end.netns, "ethtool", "-K", "eth0", "tx", "off")
    switch.vsctl_line(
        f"add-br br-plain -- set bridge br-plain datapath_type={switch.datapath_type} "
        "-- add-port br-plain plain0 -- add-port br-plain plain-tunnel "
        f"-- set interface plain-tunnel type=vxlan options:remote_ip={far} options:key={_KEY} "
    )


def _remove(site: FaultSite, end: Endpoint) -> None:
    switch = site.lab.switches[end.host]
    switch.vsctl_line("--if-exists del-br br-plain")
    run("ip", "-n", switch.host.netns, "link", "delete", "plain0", check=False)
    run("ip", "netns", "delete", end.netns, check=False)
