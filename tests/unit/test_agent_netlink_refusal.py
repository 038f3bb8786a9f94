"""The kernel's error numbers in words: what no test machine refuses."""

from __future__ import annotations

import errno
import os

import pytest

from agent.errors import ErrorKind
from agent.netlink import refusal
from agent.observed import Vxlan
from agent.planner.plan import CreateLinuxBridge, CreateVeth, CreateVxlan

MAC = "0a:00:00:00:00:01"


@pytest.mark.parametrize(
    ("step", "module"),
    [
        (CreateVxlan("s", "kx1", "a", Vxlan(1, "192.0.2.1", 8472), MAC, 1450), "vxlan"),
        (CreateVeth("p", "w1", "a", 1450, "ns", "eth0", MAC), "veth"),
        (CreateLinuxBridge("s", "br-v1", "a", MAC, 1450), "bridge"),
    ],
)
def test_a_missing_kernel_module_is_named(
    step: CreateVxlan | CreateVeth | CreateLinuxBridge, module: str
) -> None:
    failure = refusal.decode(step, errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
    assert (failure.kind, failure.reason) == (ErrorKind.UNSUPPORTED, "NotSupported")
    assert f"kernel module {module}" in failure.message
