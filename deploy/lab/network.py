"""The lab's wiring: namespaces, an underlay switch, a management link per host.

        this machine's namespace: controller, dashboard
                 |  ovsf-mgmt (bridge, 198.18.77.1)
   +-------------+-------------+-------------+
 mgmt0         mgmt0         mgmt0         mgmt0
ovsf-h1       ovsf-h2       ovsf-h3       ovsf-h4     one namespace per host,
 under0        under0        under0        under0     h4 without Open vSwitch
   +-------------+-------------+-------------+
        ovsf-underlay (bridge, 192.0.2.0/24, MTU 1500)
"""

from __future__ import annotations

import json
from pathlib import Path

from deploy.lab.shell import in_netns, ip_batch, run
from deploy.lab.topology import (
    CONTROLLER_ADDRESS,
    MANAGEMENT_BRIDGE,
    PREFIX,
    UNDERLAY_MTU,
    UNDERLAY_NETNS,
    HostPlan,
    LabPlan,
)

_NETNS_DIR = Path("/run/netns")


def has_kernel_datapath() -> bool:
    """Whether this kernel has, or can load, the openvswitch module."""
    run("modprobe", "-q", "openvswitch", check=False)
    return Path("/sys/module/openvswitch").exists()


def create(plan: LabPlan) -> None:
    """Builds the underlay switch and the management bridge, then wires every host to both."""
    ip_batch(
        [
            f"netns add {UNDERLAY_NETNS}",
            f"link add {MANAGEMENT_BRIDGE} type bridge",
            f"addr add {CONTROLLER_ADDRESS}/24 dev {MANAGEMENT_BRIDGE}",
            f"link set {MANAGEMENT_BRIDGE} up",
        ]
    )
    ip_batch(
        [
            f"link add underlay mtu {UNDERLAY_MTU} type bridge mcast_snooping 0",
            "link set underlay up",
        ],
        UNDERLAY_NETNS,
    )
    for host in plan.hosts:
        _wire(host)


def _wire(host: HostPlan) -> None:
    ip_batch(
        [
            f"netns add {host.netns}",
            f"link add {host.management_link} type veth peer name mgmt0 netns {host.netns}",
            f"link set {host.management_link} master {MANAGEMENT_BRIDGE} up",
            (
                f"link add {host.underlay_link} netns {UNDERLAY_NETNS} "
                f"type veth peer name under0 netns {host.netns}"
            ),
        ]
    )
    ip_batch([f"link set {host.underlay_link} master underlay up"], UNDERLAY_NETNS)
    ip_batch(
        [
            "link set lo up",
            f"addr add {host.management_address}/24 dev mgmt0",
            "link set mgmt0 up",
            f"link set under0 mtu {UNDERLAY_MTU} up",
        ],
        host.netns,
    )
    # A host must not answer ARP on one segment for an address it has on another, and userspace
    # switching sees checksums that a veth left for hardware that does not exist.
    for setting in ("arp_ignore=1", "arp_announce=2", "rp_filter=0"):
        in_netns(host.netns, "sysctl", "-qw", f"net.ipv4.conf.all.{setting}")
    in_netns(host.netns, "ethtool", "-K", "under0", "tx", "off")
    in_netns(UNDERLAY_NETNS, "ethtool", "-K", host.underlay_link, "tx", "off")


def address_vteps(host: HostPlan, device: str) -> None:
    """Gives the host its tunnel end points: the underlay link's own addresses where the kernel
    encapsulates."""
    ip_batch(
        [
            f"addr add {host.vtep}/24 dev {device}",
            f"addr add {host.vtep_ipv6}/64 dev {device} nodad",
            f"link set {device} up",
        ],
        host.netns,
    )


def add_foreign_devices(host: HostPlan) -> None:
    """What another tool would leave on a host without Open vSwitch: a bridge with a vxlan device
    and a forwarding entry of its own."""
    ip_batch(
        [
            "link add br-other type bridge",
            "link add vx-other type vxlan id 77 local 192.0.2.250 dstport 4799 nolearning",
            "link set vx-other master br-other",
            "link set br-other up",
        ],
        host.netns,
    )
    entry = ("02:00:00:00:00:77", "dev", "vx-other", "dst", "192.0.2.251")
    in_netns(host.netns, "bridge", "fdb", "append", *entry)


def add_workload_netns(name: str) -> None:
    """A namespace that stands for a workload (a VM or container) on a lab host."""
    run("ip", "netns", "add", name)
    run("ip", "-n", name, "link", "set", "lo", "up")


def delete(workloads: list[str]) -> None:
    """Removes every namespace and device of the lab; what is not there is fine."""
    for name in [*workloads, *(p.name for p in _netns_names() if p.name.startswith(f"{PREFIX}-"))]:
        if (_NETNS_DIR / name).exists():
            run("ip", "netns", "delete", name, check=False)
    for link in json.loads(run("ip", "-json", "link", "show") or "[]"):
        if link["ifname"].startswith(f"{PREFIX}-"):
            run("ip", "link", "delete", link["ifname"], check=False)


def _netns_names() -> list[Path]:
    return sorted(_NETNS_DIR.iterdir()) if _NETNS_DIR.is_dir() else []
