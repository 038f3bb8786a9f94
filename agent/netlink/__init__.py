"""Kernel network devices: the only package that touches pyroute2.

:class:`agent.netlink.link.Netlink` is what the rest of the agent sees. Nothing here decides what
should be; it reads devices and addresses, and executes the steps that the planner chose.
"""

from agent.netlink.link import Netlink
from agent.netlink.snapshot import NetlinkSnapshot

__all__ = ["Netlink", "NetlinkSnapshot"]
